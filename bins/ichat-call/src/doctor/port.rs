//! Our own end: addresses, and the UDP port of calls.

use std::net::IpAddr;

use ichat_endpoint::PortChoice;
use ichat_endpoint::addresses::{LocalAddress, usable_addresses};
use ichat_endpoint::sockets::{BindError, ICHAT_PORTS, Sockets};

use super::check::{Check, Topic};
use super::network::Network;

/// What was found.
pub(super) struct Port {
    pub(super) checks: Vec<Check>,
    pub(super) locals: Vec<LocalAddress>,
    /// The sockets that a call would have now.
    pub(super) network: Option<Network>,
}

/// Looks at the addresses that are named, or all usable ones, and opens the port as a call would.
pub(super) fn look(bind: &[IpAddr], port: Option<u16>) -> Port {
    let locals = match usable_addresses(bind) {
        Ok(locals) => locals,
        Err(error) => {
            let check = Check::problem(
                Topic::LocalAddresses,
                format!("the system does not tell its addresses: {error}"),
            );
            return nothing(check.advise("name one with --bind"));
        }
    };
    if locals.is_empty() {
        let check = Check::problem(Topic::LocalAddresses, "none that a Mac could reach");
        return nothing(check.advise("connect this machine to a network, or name one with --bind"));
    }
    let (check, bound) = udp_port(&locals, port, bind.is_empty());
    let network = bound.map(|(_, sockets)| Network::new(sockets));
    Port {
        checks: vec![addresses(&locals), ipv6(&locals), check],
        locals,
        network,
    }
}

fn nothing(check: Check) -> Port {
    let skipped = |topic| Check::skipped(topic, "without an address");
    Port {
        checks: vec![check, skipped(Topic::Ipv6), skipped(Topic::UdpPort)],
        locals: Vec::new(),
        network: None,
    }
}

fn addresses(locals: &[LocalAddress]) -> Check {
    let list: Vec<String> = locals
        .iter()
        .map(|local| match local.interface.as_str() {
            "" => local.address.to_string(),
            interface => format!("{} ({interface})", local.address),
        })
        .collect();
    let addresses: Vec<String> = locals
        .iter()
        .map(|local| local.address.to_string())
        .collect();
    let topic = Topic::LocalAddresses;
    let check = if locals.iter().any(|local| local.address.is_ipv4()) {
        Check::ok(topic, list.join(", "))
    } else {
        Check::warning(topic, format!("{}: no IPv4 address", list.join(", ")))
            .advise("most old Macs have IPv4 only, and SNATMAP knows nothing else")
    };
    check.with("addresses", addresses)
}

fn ipv6(locals: &[LocalAddress]) -> Check {
    let count = locals.iter().filter(|local| local.address.is_ipv6());
    match count.count() {
        0 => Check::ok(Topic::Ipv6, "none, and none is needed"),
        count => Check::ok(
            Topic::Ipv6,
            format!("used for peers that have it too ({count} of the addresses)"),
        ),
    }
}

type Bound = (Vec<LocalAddress>, Sockets);

fn udp_port(
    locals: &[LocalAddress],
    wanted: Option<u16>,
    automatic: bool,
) -> (Check, Option<Bound>) {
    let open = |choice| Sockets::bind_usable(locals.to_vec(), choice, automatic);
    match wanted {
        None => preferred(open),
        Some(0) => match open(PortChoice::Any) {
            Ok(bound) => {
                let check = Check::ok(Topic::UdpPort, "any, as --port 0 says");
                (check, Some(bound))
            }
            Err(error) => (refused(&error), None),
        },
        Some(port) => match open(PortChoice::Exactly(port)) {
            Ok(bound) => {
                let check = Check::ok(Topic::UdpPort, format!("{port} is free"));
                (check.with("port", port), Some(bound))
            }
            Err(error) => (refused(&error).with("port", port), None),
        },
    }
}

/// The first that is free is kept; of the others it is only told whether they are.
fn preferred(open: impl Fn(PortChoice) -> Result<Bound, BindError>) -> (Check, Option<Bound>) {
    let mut busy = Vec::new();
    let mut kept = None;
    for port in ICHAT_PORTS.rev() {
        match open(PortChoice::Exactly(port)) {
            Ok(bound) => {
                kept.get_or_insert((port, bound));
            }
            Err(BindError::PortBusy { .. }) => busy.push(port),
            Err(error) => return (refused(&error), None),
        }
    }
    let (first, last) = (*ICHAT_PORTS.end(), *ICHAT_PORTS.start());
    let topic = Topic::UdpPort;
    let Some((port, bound)) = kept else {
        let check = Check::warning(topic, format!("{first} down to {last} are all in use"))
            .advise("any other is taken, which a router with fixed rules may not let through: end a program that has one of these")
            .with("busy", busy);
        return match open(PortChoice::Any) {
            Ok(bound) => (check, Some(bound)),
            Err(error) => (refused(&error), None),
        };
    };
    let check = if port == first {
        Check::ok(topic, format!("{first}, iChat's own, is free"))
    } else {
        Check::warning(
            topic,
            format!("{first} is in use, so calls take {port}, as an iChat would"),
        )
        .advise(format!(
            "nothing, unless the router forwards {first} only: then end the program that has it \
             (another ichat-call?)"
        ))
    };
    (check.with("port", port).with("busy", busy), Some(bound))
}

fn refused(error: &BindError) -> Check {
    let text = error.to_string();
    match text.split_once(": ") {
        Some((what, advice)) if matches!(error, BindError::PortBusy { .. }) => {
            Check::problem(Topic::UdpPort, what).advise(advice)
        }
        Some(_) | None => Check::problem(Topic::UdpPort, text),
    }
}
