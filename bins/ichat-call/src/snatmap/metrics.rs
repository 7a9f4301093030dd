//! Counters in the text format 0.0.4 of Prometheus.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::desk::Tally;
use super::site::Requests;

/// The format, as a Content-Type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is told.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) uptime: Duration,
    pub(super) tally: Tally,
    pub(super) requests: Requests,
}

/// The page. All values in it are numbers, and all labels ours.
pub(super) fn text(figures: &Figures) -> String {
    let mut text = String::new();
    let datagrams = &figures.tally.datagrams;
    let version = env!("CARGO_PKG_VERSION");
    family(
        &mut text,
        "ichat_call_build_info",
        "gauge",
        "The program that runs, by its version.",
        [(format!("{{version=\"{version}\"}}"), 1)],
    );
    family(
        &mut text,
        "ichat_call_snatmap_uptime_seconds",
        "gauge",
        "Seconds since the server started.",
        [(
            String::new(),
            format!("{:.3}", figures.uptime.as_secs_f64()),
        )],
    );
    family(
        &mut text,
        "ichat_call_snatmap_datagrams_total",
        "counter",
        "Datagrams that came, by what became of them.",
        [
            ("answered", datagrams.answered),
            ("limited", datagrams.limited),
            ("wrong_length", datagrams.wrong_length),
            ("wrong_kind", datagrams.wrong_kind),
            ("response", datagrams.responses),
            ("unanswerable", datagrams.unanswerable),
        ]
        .map(|(outcome, count)| (format!("{{outcome=\"{outcome}\"}}"), count)),
    );
    family(
        &mut text,
        "ichat_call_snatmap_octets_total",
        "counter",
        "Octets of datagrams that came, and of answers.",
        [("in", datagrams.octets_in), ("out", datagrams.octets_out)]
            .map(|(direction, count)| (format!("{{direction=\"{direction}\"}}"), count)),
    );
    family(
        &mut text,
        "ichat_call_snatmap_send_failures_total",
        "counter",
        "Answers that the system did not take.",
        [(String::new(), figures.tally.send_failures)],
    );
    family(
        &mut text,
        "ichat_call_snatmap_http_requests_total",
        "counter",
        "HTTP requests, by page and status.",
        figures.requests.iter().map(|((page, status), count)| {
            let labels = format!("{{page=\"{}\",code=\"{}\"}}", page.as_str(), status.code());
            (labels, count)
        }),
    );
    text
}

/// Appends a family of samples.
fn family<V: Display>(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl IntoIterator<Item = (String, V)>,
) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snatmap::http::Status;
    use crate::snatmap::site::Page;
    use ichat_ice::snatmap::Counters;

    #[test]
    fn counters_are_told_in_prometheus_form() {
        let figures = Figures {
            uptime: Duration::from_millis(90_061_500),
            tally: Tally {
                datagrams: Counters {
                    answered: 1,
                    limited: 2,
                    wrong_length: 3,
                    wrong_kind: 4,
                    responses: 5,
                    unanswerable: 6,
                    octets_in: u64::MAX,
                    octets_out: 16,
                },
                send_failures: 7,
            },
            requests: [
                ((Page::Snatmap, Status::Ok), 8),
                ((Page::None, Status::NotFound), 9),
            ]
            .into(),
        };
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            r#"# HELP ichat_call_build_info The program that runs, by its version.
# TYPE ichat_call_build_info gauge
ichat_call_build_info{{version="{version}"}} 1
# HELP ichat_call_snatmap_uptime_seconds Seconds since the server started.
# TYPE ichat_call_snatmap_uptime_seconds gauge
ichat_call_snatmap_uptime_seconds 90061.500
# HELP ichat_call_snatmap_datagrams_total Datagrams that came, by what became of them.
# TYPE ichat_call_snatmap_datagrams_total counter
ichat_call_snatmap_datagrams_total{{outcome="answered"}} 1
ichat_call_snatmap_datagrams_total{{outcome="limited"}} 2
ichat_call_snatmap_datagrams_total{{outcome="wrong_length"}} 3
ichat_call_snatmap_datagrams_total{{outcome="wrong_kind"}} 4
ichat_call_snatmap_datagrams_total{{outcome="response"}} 5
ichat_call_snatmap_datagrams_total{{outcome="unanswerable"}} 6
# HELP ichat_call_snatmap_octets_total Octets of datagrams that came, and of answers.
# TYPE ichat_call_snatmap_octets_total counter
ichat_call_snatmap_octets_total{{direction="in"}} 18446744073709551615
ichat_call_snatmap_octets_total{{direction="out"}} 16
# HELP ichat_call_snatmap_send_failures_total Answers that the system did not take.
# TYPE ichat_call_snatmap_send_failures_total counter
ichat_call_snatmap_send_failures_total 7
# HELP ichat_call_snatmap_http_requests_total HTTP requests, by page and status.
# TYPE ichat_call_snatmap_http_requests_total counter
ichat_call_snatmap_http_requests_total{{page="snatmap",code="200"}} 8
ichat_call_snatmap_http_requests_total{{page="none",code="404"}} 9
"#
        );
        assert_eq!(text(&figures), expected);
    }
}
