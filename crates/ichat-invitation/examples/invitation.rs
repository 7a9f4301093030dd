//! Prints what an invitation says: `cargo run --example invitation -- HEX`.

use std::process::ExitCode;

use ichat_invitation::{
    IceData, Invitation, InvitationParams, Invitee, Party, SalvagedInvitation, SessionId,
};

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1).or_else(sample) else {
        return ExitCode::FAILURE;
    };
    let salvaged = match Invitation::salvage_hex(&text) {
        Ok(salvaged) => salvaged,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    print(&salvaged);
    match salvaged.fault {
        Some(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn print(salvaged: &SalvagedInvitation) {
    let invitation = &salvaged.invitation;
    println!("keys: {}", salvaged.keys.join(" "));
    if let Some(id) = invitation.session_id {
        println!("session id: {id}");
    }
    match invitation.ice_data() {
        Some(Ok(ice_data)) => {
            for candidate in &ice_data.candidates {
                println!(
                    "candidate: {} {}",
                    candidate.id,
                    candidate.address.address()
                );
            }
        }
        Some(Err(error)) => println!("candidates: {error}"),
        None => {}
    }
    if let Some(cut) = &salvaged.ice_data {
        let there = cut.octets.len();
        println!("candidates: {there} octets of {} are there", cut.expected);
    }
    for (index, invitee) in invitation.invitees.iter().enumerate() {
        println!("invitee {}: {}", index + 1, told(invitee));
    }
    for (key, value) in invitation.unknown() {
        println!("unknown: {key:?}, {}", value.kind());
    }
    for deviation in invitation.deviations() {
        println!("unlike the capture: {deviation}");
    }
}

fn told(invitee: &Invitee) -> String {
    let text = |text: &Option<String>| format!("{:?}", text.as_deref().unwrap_or("?"));
    let flag = |flag: Option<bool>| flag.map_or("?", |flag| if flag { "yes" } else { "no" });
    format!(
        "{} {}, state {}, audio {}, video {}, ICE {}",
        text(&invitee.presentity_name),
        text(&invitee.presentity_id),
        invitee
            .state
            .map_or("?".to_owned(), |state| state.to_string()),
        flag(invitee.sending_audio),
        flag(invitee.sending_video),
        flag(invitee.using_ice),
    )
}

/// An invitation to an audio call, without candidates.
fn sample() -> Option<String> {
    let ice_data = IceData::new(vec![]).encode().ok()?;
    let params = InvitationParams {
        caller: Party {
            jid: "juliet@example.org/Mac",
            name: "Juliet",
        },
        callee: Party {
            jid: "romeo@example.org",
            name: "Romeo",
        },
        video: false,
        ice_data: &ice_data,
    };
    let request = Invitation::build(SessionId::new(0x1234_5678), &params);
    request.encode_hex().ok()
}
