//! How stanzas travel, and what comes from outside.

use crate::agent::Agent;
use crate::lan::{Lan, LanInput};
use crate::offered::Offered;
use crate::options::Options;
use crate::random::Random;
use crate::sockets::Datagram;
use crate::xml::Element;
use crate::xmpp::Stream;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

/// What the threads bring.
pub(crate) enum Input {
    Stanza(Element),
    StreamLost(String),
    Datagram(Datagram),
    Lan(LanInput),
}

/// To a server, or to the neighbours.
pub(crate) enum Link {
    Server(Stream),
    Lan(Box<Lan>),
}

/// Signs in, and passes on what the server sends.
///
/// # Errors
/// One line on what went wrong.
pub(crate) fn sign_in(
    options: &Rc<Options>,
    offered: Offered,
    random: Random,
    inputs: Sender<Input>,
) -> Result<(Agent, Link), String> {
    let mut stream = Stream::sign_in(options).map_err(|error| format!("sign-in: {error}"))?;
    let sender = stream.sender()?;
    let jid = stream.jid.clone();
    thread::spawn(move || {
        loop {
            let input = match stream.receive() {
                Ok(stanza) => Input::Stanza(stanza),
                Err(error) => Input::StreamLost(error),
            };
            let lost = matches!(input, Input::StreamLost(_));
            if inputs.send(input).is_err() || lost {
                return;
            }
        }
    });
    Ok((
        Agent::new(Instant::now(), options.clone(), jid, offered, random),
        Link::Server(sender),
    ))
}

/// Joins the neighbours, and passes on what they send.
///
/// # Errors
/// One line on what went wrong.
pub(crate) fn join(
    options: &Rc<Options>,
    tokens: String,
    inputs: Sender<Input>,
) -> Result<Lan, String> {
    let (sender, received) = channel();
    thread::spawn(move || {
        while let Ok(input) = received.recv() {
            if inputs.send(Input::Lan(input)).is_err() {
                return;
            }
        }
    });
    Lan::start(options.clone(), tokens, sender)
}
