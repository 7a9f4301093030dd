//! Lines of output, and the last of them: what was counted and what was wrong.

use crate::checks::Book;
use crate::ending::Ending;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) vc_responses: u64,
    pub(crate) vc_cancels: u64,
    pub(crate) counter_proposals: u64,
    pub(crate) errors: u64,
    pub(crate) peer_ext: Option<String>,
    pub(crate) peer_show: Option<String>,
    pub(crate) invites: u64,
    pub(crate) responses: u64,
    pub(crate) last_status: Option<u16>,
    pub(crate) acks: u64,
    pub(crate) byes: u64,
    pub(crate) cancels: u64,
    pub(crate) messages: u64,
    pub(crate) pings_sent: u64,
    pub(crate) pings_answered: u64,
    pub(crate) keepalives: u64,
    pub(crate) unknown_datagrams: u64,
    pub(crate) sent: u64,
    pub(crate) octets_sent: u64,
    pub(crate) received: u64,
    pub(crate) octets_received: u64,
    pub(crate) lost: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) ssrcs: u64,
    pub(crate) timestamps_ok: bool,
    pub(crate) max_gap_ms: u64,
    pub(crate) reports: u64,
    pub(crate) user_agent: Option<String>,
    pub(crate) streams_in: u64,
    pub(crate) streams_out: u64,
    pub(crate) silent_closed_ms: Option<u64>,
    pub(crate) endless_octets: Option<u64>,
    pub(crate) dialect: Option<&'static str>,
    pub(crate) checks_sent: u64,
    pub(crate) checks_succeeded: u64,
    pub(crate) checks_received: u64,
    pub(crate) checks_answered: u64,
    pub(crate) peer_reflexive: u64,
    pub(crate) path: Option<SocketAddr>,
    pub(crate) path_kind: Option<&'static str>,
    pub(crate) path_ms: Option<f64>,
    pub(crate) candidates: Vec<Value>,
    pub(crate) mapped: Option<SocketAddr>,
    pub(crate) connected: bool,
    pub(crate) duration: Duration,
}

/// One line of output; a closed output is no reason to stop.
pub(crate) fn emit(start: Instant, event: &str, fields: Value) {
    let mut line = json!({ "event": event, "t": start.elapsed().as_millis() as f64 / 1000.0 });
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields);
    }
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The verdict's fields.
pub(crate) fn verdict(book: &Book, ending: &Ending) -> Value {
    let t = &book.tally;
    let mut fields = json!({
        "dialect": t.dialect,
        "checks_sent": t.checks_sent,
        "checks_succeeded": t.checks_succeeded,
        "checks_received": t.checks_received,
        "checks_answered": t.checks_answered,
        "peer_reflexive": t.peer_reflexive,
        "path": t.path.map(|path| path.to_string()),
        "path_kind": t.path_kind,
        "path_ms": t.path_ms,
        "candidates": t.candidates,
        "mapped": t.mapped.map(|mapped| mapped.to_string()),
    });
    let call = json!({
        "ok": book.faults.is_empty(),
        "faults": book.faults.lines(),
        "ended": ending.reason,
        "code": ending.code,
        "connected": t.connected,
        "duration_s": t.duration.as_secs_f64(),
        "sent": t.sent,
        "received": t.received,
        "lost": t.lost,
        "duplicates": t.duplicates,
        "reordered": t.reordered,
        "ssrcs": t.ssrcs,
        "timestamps_ok": t.timestamps_ok,
        "octets_sent": t.octets_sent,
        "octets_received": t.octets_received,
        "max_gap_ms": t.max_gap_ms,
        "reports": t.reports,
        "requests": t.requests,
        "vc_responses": t.vc_responses,
        "vc_cancels": t.vc_cancels,
        "counter_proposals": t.counter_proposals,
        "errors": t.errors,
        "peer_ext": t.peer_ext,
        "peer_show": t.peer_show,
        "invites": t.invites,
        "responses": t.responses,
        "last_status": t.last_status,
        "acks": t.acks,
        "byes": t.byes,
        "cancels": t.cancels,
        "messages": t.messages,
        "pings_sent": t.pings_sent,
        "pings_answered": t.pings_answered,
        "keepalives": t.keepalives,
        "unknown_datagrams": t.unknown_datagrams,
        "user_agent": t.user_agent,
        "streams_in": t.streams_in,
        "streams_out": t.streams_out,
        "silent_closed_ms": t.silent_closed_ms,
        "endless_octets": t.endless_octets,
    });
    if let (Some(fields), Value::Object(call)) = (fields.as_object_mut(), call) {
        fields.extend(call);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_is_enough_for_not_ok() {
        let mut book = Book::default();
        let ending = Ending::new("hangup");
        assert_eq!(verdict(&book, &ending)["ok"], true);
        book.faults.add("SSRC changed");
        let verdict = verdict(&book, &ending);
        assert_eq!(verdict["ok"], false);
        assert_eq!(verdict["faults"][0], "SSRC changed");
        assert_eq!(verdict["ended"], "hangup");
    }
}
