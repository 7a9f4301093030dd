//! What was said at each layer, rung by rung.

use std::time::{Duration, Instant};

use ichat_endpoint::Tapped;
use ichat_rtp::{DatagramKind, classify};

/// One message between the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rung {
    pub(super) at: Duration,
    pub(super) from_caller: bool,
    pub(super) layer: &'static str,
    pub(super) what: String,
}

/// The ladder as the caller saw it; of RTP and RTCP the first packet each way.
pub(super) fn ladder(started: Instant, wire: &[(Instant, Tapped)]) -> Vec<Rung> {
    let mut rungs = Vec::new();
    let mut seen: Vec<(bool, DatagramKind)> = Vec::new();
    for (at, tapped) in wire {
        let at = at.saturating_duration_since(started);
        match tapped {
            Tapped::Stanza { sent, xml } => {
                let what = stanza(xml);
                rungs.push(Rung {
                    at,
                    from_caller: *sent,
                    layer: "XMPP",
                    what,
                });
            }
            Tapped::Datagram { sent, octets, .. } => {
                let kind = classify(octets);
                let (layer, what) = match kind {
                    DatagramKind::Sip => ("SIP", first_line(octets)),
                    DatagramKind::Rtp if !seen.contains(&(*sent, kind)) => (
                        "RTP",
                        format!(
                            "first packet, {} octets of sound",
                            octets.len().saturating_sub(12)
                        ),
                    ),
                    DatagramKind::Rtcp if !seen.contains(&(*sent, kind)) => {
                        ("RTCP", "first report".to_owned())
                    }
                    DatagramKind::Rtp
                    | DatagramKind::Rtcp
                    | DatagramKind::Keepalive
                    | DatagramKind::Probe
                    | DatagramKind::Snatmap
                    | DatagramKind::Stun
                    | DatagramKind::Unknown => continue,
                };
                seen.push((*sent, kind));
                rungs.push(Rung {
                    at,
                    from_caller: *sent,
                    layer,
                    what,
                });
            }
        }
    }
    rungs
}

fn first_line(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.lines().next().unwrap_or_default().to_owned()
}

/// A stanza in a few words: its kind, what it carries, and the answer it gives.
fn stanza(xml: &str) -> String {
    let Ok(element) = xml.parse::<minidom::Element>() else {
        return "a stanza".into();
    };
    let kind = element.attr("type").unwrap_or("");
    let Some(payload) = element.children().next() else {
        return format!("{} {kind}", element.name()).trim_end().to_owned();
    };
    let namespace = payload.ns();
    let short = namespace.strip_prefix("apple:iq:").unwrap_or(&namespace);
    let answer = match payload.children().find(|child| child.name() == "response") {
        Some(response) if response.text().trim() == "0" => ", accepted",
        Some(_) => ", refused",
        None => "",
    };
    format!("{} {kind} {short}{answer}", element.name())
}
