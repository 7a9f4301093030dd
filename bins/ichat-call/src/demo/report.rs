//! What the demo tells when the call is over.

use std::time::{Duration, Instant};

use ichat_audio::SinkSpec;
use ichat_endpoint::{Event, Summary, Tapped};
use ichat_rtp::{DatagramKind, classify};
use serde_json::{Value, json};

use super::ladder::{Rung, ladder};
use super::{ALICE, BOB, Side};
use crate::output::{json_object, seconds};

/// One direction of sound.
#[derive(Debug)]
struct Flow {
    from: &'static str,
    to: &'static str,
    sent: usize,
    received: usize,
    /// Whether the octets that arrived are those that were sent, in the order of their timestamps.
    identical: bool,
    summary: Option<Summary>,
}

/// The report.
#[derive(Debug)]
pub(super) struct Report {
    rungs: Vec<Rung>,
    path: Option<(String, String)>,
    codec: Option<&'static str>,
    setup: Option<Duration>,
    flows: [Flow; 2],
    output: String,
}

impl Report {
    pub(super) fn new(started: Instant, alice: &Side, bob: &Side, output: &SinkSpec) -> Self {
        let mut report = Self {
            rungs: ladder(started, &alice.wire),
            path: None,
            codec: None,
            setup: None,
            flows: [flow(ALICE, BOB, alice, bob), flow(BOB, ALICE, bob, alice)],
            output: output.to_string(),
        };
        for event in &alice.events {
            if let Event::Path { local, remote, .. } = event {
                report.path = Some((local.to_string(), remote.to_string()));
            }
            if let Event::Connected { codec, setup, .. } = event {
                report.codec = Some(codec);
                report.setup = Some(*setup);
            }
        }
        report
    }

    /// Whether every octet of sound arrived, both ways.
    pub(super) fn is_good(&self) -> bool {
        self.codec.is_some() && self.flows.iter().all(|flow| flow.identical)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        for rung in &self.rungs {
            let at = rung.at.as_secs_f64() * 1000.0;
            let arrow = if rung.from_caller {
                "──▶"
            } else {
                "◀──"
            };
            lines.push(format!(
                "{at:>8.1} ms  alice {arrow} bob  {:<4}  {}",
                rung.layer, rung.what
            ));
        }
        lines.push(String::new());
        if let (Some((local, remote)), Some(codec), Some(setup)) =
            (&self.path, self.codec, self.setup)
        {
            lines.push(format!("path     {local} to {remote}, direct"));
            lines.push(format!("codec    {}, 20 ms a packet", codec.to_uppercase()));
            lines.push(format!(
                "set-up   {:.1} ms from request to connected",
                setup.as_secs_f64() * 1000.0
            ));
        }
        for flow in &self.flows {
            lines.push(flow.line());
        }
        if self.output != "null" {
            lines.push(format!("heard    {}", self.output));
        }
        let verdict = if self.is_good() {
            "Every octet that was said was heard."
        } else {
            "Not every octet that was said was heard."
        };
        lines.push(String::new());
        lines.push(verdict.into());
        lines
    }

    pub(super) fn json(&self) -> Value {
        let ladder: Vec<Value> = self
            .rungs
            .iter()
            .map(|rung| {
                let (from, to) = if rung.from_caller {
                    (ALICE, BOB)
                } else {
                    (BOB, ALICE)
                };
                json!({
                    "t_ms": rung.at.as_secs_f64() * 1000.0,
                    "from": from, "to": to, "layer": rung.layer, "what": rung.what,
                })
            })
            .collect();
        let flows: Vec<Value> = self.flows.iter().map(Flow::json).collect();
        let path = self.path.as_ref().map_or(
            Value::Null,
            |(local, remote)| json!({ "local": local, "remote": remote, "kind": "direct" }),
        );
        let setup = self
            .setup
            .map_or(Value::Null, |setup| json!(setup.as_secs_f64() * 1000.0));
        Value::Object(json_object([
            ("ok", json!(self.is_good())),
            ("ladder", json!(ladder)),
            ("path", path),
            ("codec", json!(self.codec)),
            ("setup_ms", setup),
            ("directions", json!(flows)),
            ("output", json!(self.output)),
        ]))
    }
}

impl Flow {
    fn line(&self) -> String {
        let name = |jid: &str| jid.split('@').next().unwrap_or(jid).to_owned();
        let mut line = format!(
            "sound    {} to {}: {} packets sent, {} received",
            name(self.from),
            name(self.to),
            self.sent,
            self.received
        );
        if let Some(summary) = &self.summary {
            line.push_str(&format!(", {} lost", summary.lost));
            if let Some(jitter) = summary.jitter {
                line.push_str(&format!(", jitter {:.2} ms", jitter.as_secs_f64() * 1000.0));
            }
            if let Some(mos) = summary.mos {
                line.push_str(&format!(", quality {mos:.1} of 4.5"));
            }
            line.push_str(&format!(", {}", seconds(summary.duration)));
        }
        line
    }

    fn json(&self) -> Value {
        let summary = self.summary;
        json!({
            "from": self.from,
            "to": self.to,
            "sent": self.sent,
            "received": self.received,
            "identical": self.identical,
            "lost": summary.map(|summary| summary.lost),
            "jitter_ms": summary
                .and_then(|summary| summary.jitter)
                .map(|jitter| jitter.as_secs_f64() * 1000.0),
            "mos": summary.and_then(|summary| summary.mos),
        })
    }
}

fn flow(from: &'static str, to: &'static str, sender: &Side, receiver: &Side) -> Flow {
    let sent = sound(sender, true);
    let received = sound(receiver, false);
    let summary = receiver.events.iter().find_map(|event| match event {
        Event::Ended { summary, .. } => Some(*summary),
        Event::Online { .. }
        | Event::Listening { .. }
        | Event::Ringing { .. }
        | Event::Incoming { .. }
        | Event::Accepted { .. }
        | Event::Path { .. }
        | Event::Connected { .. }
        | Event::Media { .. }
        | Event::Stats { .. }
        | Event::Message { .. }
        | Event::SubscriptionRequest { .. }
        | Event::Warning { .. }
        | Event::Error { .. } => None,
    });
    let identical = !received.is_empty() && sent == received;
    Flow {
        from,
        to,
        sent: sent.len(),
        received: received.len(),
        identical,
        summary,
    }
}

/// The RTP payloads of one side and direction, in the order of their timestamps.
fn sound(side: &Side, wanted: bool) -> Vec<(u32, Vec<u8>)> {
    let mut packets: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut first = None;
    for (_, tapped) in &side.wire {
        let Tapped::Datagram { sent, octets, .. } = tapped else {
            continue;
        };
        if *sent != wanted || classify(octets) != DatagramKind::Rtp {
            continue;
        }
        let (Some(&[a, b, c, d]), Some(payload)) = (
            octets.get(4..8).and_then(|t| t.first_chunk()),
            octets.get(12..),
        ) else {
            continue;
        };
        let timestamp = u32::from_be_bytes([a, b, c, d]);
        let first = *first.get_or_insert(timestamp);
        packets.push((timestamp.wrapping_sub(first), payload.to_vec()));
    }
    packets.sort_by_key(|(timestamp, _)| *timestamp);
    packets
}
