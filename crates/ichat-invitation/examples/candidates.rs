//! Prints the candidates of a `SIP-ICE` blob, and what their guards tell:
//! `cargo run --example candidates -- HEX`.

use std::process::ExitCode;

use ichat_invitation::candidate::ICHAT_HOST_PRIORITY;
use ichat_invitation::{
    Candidate, CandidateId, CandidateKind, IpPort, decode_candidates, encode_candidates, hex_text,
};

fn main() -> ExitCode {
    let text = std::env::args().nth(1).unwrap_or_else(sample);
    let octets = match hex_text::decode(&text) {
        Ok(octets) => octets,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let candidates = match decode_candidates(&octets) {
        Ok(candidates) => candidates,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for candidate in candidates {
        let (restored, tampering) = candidate.restored();
        println!(
            "{}  {:<19} priority {:>3}  {} on {}  base {}  tampering: {tampering:?}",
            restored.id,
            restored.kind.to_string(),
            restored.priority,
            restored.address.address(),
            restored.address.ip_port().interface,
            restored.base.address(),
        );
    }
    ExitCode::SUCCESS
}

/// A host and a mapped candidate as we would send them; a middlebox forged the second one's base.
fn sample() -> String {
    let local = IpPort::new("en1", ([192, 168, 1, 132], 16402).into());
    let mapped = IpPort::new("en1", ([203, 0, 113, 7], 50123).into());
    let host = Candidate::host(CandidateId::new(0x15f9_ddce), ICHAT_HOST_PRIORITY, &local);
    let mut reflexive = Candidate::with_base(
        CandidateKind::ServerReflexive,
        CandidateId::new(0x2b11_0c5a),
        30,
        &mapped,
        &local,
    );
    reflexive.base = (&IpPort::new("en1", ([198, 51, 100, 1], 16402).into())).into();
    hex_text::encode(&encode_candidates(&[host, reflexive]))
}
