//! Takes a SIP message apart: `cargo run -p ichat-sip --example inspect FILE`.

use ichat_sip::{message::Message, sdp::Description};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let default = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/viceroy-1.4.1-invite.sip"
    );
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| default.to_owned());
    let message = Message::parse(&std::fs::read(&path)?)?;
    match &message {
        Message::Request(request) => println!("request {} for {}", request.method, request.uri),
        Message::Response(response) => println!("response {} {}", response.status, response.reason),
    }
    for header in message.headers().iter() {
        println!("  {}: {}", header.name, header.value);
    }
    if message.body().is_empty() {
        return Ok(());
    }
    let description = Description::parse(message.body())?;
    println!(
        "description {:?}, {} media lines",
        description.session_name(),
        description.media_count()
    );
    match description.audio() {
        Some(audio) => println!("  {audio:#?}"),
        None => println!("  no audio with an address"),
    }
    Ok(())
}
