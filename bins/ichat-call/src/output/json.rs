//! Events as JSON objects, as `docs/contract.md` has them.

use std::time::Duration;

use ichat_endpoint::{Acceptance, CallStatistics, Direction, Drops, Event, Summary};
use serde_json::{Map, Value, json};

/// Makes an object of fields in their order.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// One event with the time since the program started.
pub(crate) fn event(event: &Event, since: Duration) -> Value {
    let (name, call, fields) = parts(event);
    named(name, call, fields, since)
}

/// An event of this name.
pub(super) fn named(
    name: &str,
    call: Option<u32>,
    fields: Map<String, Value>,
    since: Duration,
) -> Value {
    let mut all = object([
        ("event", name.into()),
        ("t", rounded(since.as_secs_f64(), 6)),
    ]);
    if let Some(call) = call {
        all.insert("call".into(), call.into());
    }
    all.extend(fields);
    Value::Object(all)
}

fn parts(event: &Event) -> (&'static str, Option<u32>, Map<String, Value>) {
    match event {
        Event::Online { jid } => ("online", None, object([("jid", json!(jid))])),
        Event::Listening { address, .. } => (
            "listening",
            None,
            object([("address", json!(address.to_string()))]),
        ),
        Event::Ringing { call, to } => ("ringing", Some(*call), object([("to", json!(to))])),
        Event::Incoming {
            call,
            from,
            dialect,
            audio_only,
            ..
        } => (
            "incoming",
            Some(*call),
            object([
                ("from", json!(from)),
                ("dialect", json!(dialect.as_str())),
                ("audio_only", json!(audio_only)),
            ]),
        ),
        Event::Accepted {
            call,
            acceptance,
            dialect,
            candidates,
        } => {
            let (way, who) = match acceptance {
                Acceptance::By(who) => ("by", who),
                Acceptance::From(who) => ("from", who),
            };
            let candidates: Vec<Value> = candidates
                .iter()
                .map(|candidate| {
                    json!({
                        "address": candidate.address.ip().to_string(),
                        "port": candidate.address.port(),
                        "kind": candidate.kind,
                    })
                })
                .collect();
            let dialect = json!(dialect.as_str());
            let fields = object([
                (way, json!(who)),
                ("dialect", dialect),
                ("candidates", json!(candidates)),
            ]);
            ("accepted", Some(*call), fields)
        }
        Event::Path {
            call,
            local,
            remote,
            kind,
            checks,
        } => (
            "path",
            Some(*call),
            object([
                ("local", json!(local.to_string())),
                ("remote", json!(remote.to_string())),
                ("kind", json!(kind)),
                ("checks_ms", milliseconds(*checks)),
            ]),
        ),
        Event::Connected {
            call,
            codec,
            setup,
            remote,
        } => (
            "connected",
            Some(*call),
            object([
                ("codec", json!(codec)),
                ("setup_ms", milliseconds(*setup)),
                ("remote", json!(remote.to_string())),
            ]),
        ),
        Event::Media { call, direction } => {
            let direction = match direction {
                Direction::In => "in",
                Direction::Out => "out",
            };
            (
                "media",
                Some(*call),
                object([("direction", json!(direction))]),
            )
        }
        Event::Stats { call, statistics } => ("stats", Some(*call), stats(statistics)),
        Event::Message { from, body } => (
            "message",
            None,
            object([("from", json!(from)), ("body", json!(body))]),
        ),
        Event::SubscriptionRequest { from } => {
            ("subscription", None, object([("from", json!(from))]))
        }
        Event::Warning {
            call,
            code,
            message,
        } => ("warning", *call, problem(code, message)),
        Event::Error {
            call,
            code,
            message,
        } => ("error", *call, problem(code, message)),
        Event::Ended { call, summary } => ("ended", Some(*call), ended(summary)),
    }
}

fn problem(code: &str, message: &str) -> Map<String, Value> {
    object([("message", json!(message)), ("code", json!(code))])
}

fn stats(statistics: &CallStatistics) -> Map<String, Value> {
    object([
        ("sent", json!(statistics.sent)),
        ("received", json!(statistics.received)),
        ("lost", json!(statistics.lost)),
        ("late", json!(statistics.late)),
        ("concealed_ms", milliseconds(statistics.concealed)),
        ("jitter_ms", milliseconds(statistics.jitter)),
        ("buffer_ms", milliseconds(statistics.buffer)),
        (
            "rtt_ms",
            statistics.round_trip.map_or(Value::Null, milliseconds),
        ),
        ("level_in", rounded(statistics.level_in_dbov, 1)),
        ("level_out", rounded(statistics.level_out_dbov, 1)),
        ("dropped", json!(statistics.drops.total())),
    ])
}

fn ended(summary: &Summary) -> Map<String, Value> {
    object([
        ("reason", json!(summary.reason.as_str())),
        ("duration_s", rounded(summary.duration.as_secs_f64(), 3)),
        ("received", json!(summary.received)),
        ("lost", json!(summary.lost)),
        (
            "jitter_ms",
            summary.jitter.map_or(Value::Null, milliseconds),
        ),
        (
            "mos",
            summary.mos.map_or(Value::Null, |mos| rounded(mos, 2)),
        ),
        ("dropped", json!(summary.drops.total())),
        ("drops", Value::Object(drops(&summary.drops))),
    ])
}

/// How much was dropped, by reason: all of them, so that a script need not ask which there are.
fn drops(drops: &Drops) -> Map<String, Value> {
    let reasons = drops.by_reason().into_iter();
    reasons
        .map(|(reason, count)| (reason.to_owned(), json!(count)))
        .collect()
}

/// Milliseconds with microseconds behind the point.
pub(crate) fn milliseconds(duration: Duration) -> Value {
    rounded(duration.as_secs_f64() * 1000.0, 3)
}

fn rounded(number: f64, places: i32) -> Value {
    let scale = 10f64.powi(places);
    let rounded = (number * scale).round() / scale;
    // −0.0 would print its sign.
    json!(rounded + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ichat_endpoint::Reason;

    #[test]
    fn an_event_has_its_name_its_time_and_its_call_first() {
        let summary = Summary::without_media(Reason::Declined);
        let text = event(
            &Event::Ended { call: 2, summary },
            Duration::from_millis(1500),
        )
        .to_string();
        assert_eq!(
            text,
            r#"{"event":"ended","t":1.5,"call":2,"reason":"declined","duration_s":0.0,"received":0,"lost":0,"jitter_ms":null,"mos":null,"dropped":0,"drops":{"unknown_source":0,"malformed":0,"payload_type":0,"duplicate":0,"unknown_kind":0,"no_media":0,"sip":0,"probe":0,"stun":0,"snatmap":0,"relay":0,"overflow":0,"unsent":0}}"#
        );
    }

    #[test]
    fn what_was_dropped_is_a_sum_in_figures_and_at_the_end_told_by_reason() {
        let drops = Drops {
            unknown_source: 4,
            no_media: 3,
            ..Drops::default()
        };
        let statistics = CallStatistics {
            drops,
            ..CallStatistics::default()
        };
        let stats = event(
            &Event::Stats {
                call: 1,
                statistics,
            },
            Duration::ZERO,
        );
        assert_eq!(stats["dropped"], 7);
        assert!(stats.get("drops").is_none());
        let summary = Summary {
            drops,
            ..Summary::without_media(Reason::Hangup)
        };
        let ended = event(&Event::Ended { call: 1, summary }, Duration::ZERO);
        assert_eq!(ended["dropped"], 7);
        assert_eq!(ended["drops"]["unknown_source"], 4);
        assert_eq!(ended["drops"]["no_media"], 3);
        let reasons = ended["drops"].as_object().unwrap();
        let sum: u64 = reasons.values().filter_map(Value::as_u64).sum();
        assert_eq!(sum, 7);
    }

    #[test]
    fn a_warning_outside_a_call_has_no_call() {
        let warning = Event::Warning {
            call: None,
            code: "device",
            message: "gone".into(),
        };
        let value = event(&warning, Duration::ZERO);
        assert_eq!(value["code"], "device");
        assert!(value.get("call").is_none());
    }
}
