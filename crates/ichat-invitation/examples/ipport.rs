//! Prints what a legacy address list says: `cargo run --example ipport -- HEX`.

use std::process::ExitCode;

use ichat_invitation::IpPortList;

/// Two records as a Mac sends them, taken when no list is given.
const SAMPLE: &str = "\n00000000656e3100000000000000000000000000cb007107000000000000000000000000\
                      c3cb000000000000656e3100000000000000000000000000c0a80114000000000000000000\
                      00000040120000";

fn main() -> ExitCode {
    let text = std::env::args().nth(1).unwrap_or_else(|| SAMPLE.to_owned());
    let list = match IpPortList::parse_hex(&text) {
        Ok(list) => list,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for record in &list.records {
        println!(
            "{:<16} flags {:08x}  {}",
            record.interface, record.flags, record.address
        );
    }
    println!(
        "left out: {} guards, {} link-local, {} not to be sent to, {} too many; {} octets of a \
         broken tail",
        list.guards, list.link_local, list.unsendable, list.surplus, list.trailing
    );
    ExitCode::SUCCESS
}
