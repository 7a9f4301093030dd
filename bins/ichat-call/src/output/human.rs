//! Events as lines for people.

use std::time::Duration;

use ichat_endpoint::{Acceptance, Event, Reason, Service, Summary};

/// One line, or nothing for what only scripts want to know. What peers wrote is made safe for a
/// terminal.
pub(crate) fn event(event: &Event) -> Option<String> {
    text(event).map(|text| safe(&text))
}

/// No control character reaches the terminal: it could set its title or clear its screen.
pub(crate) fn safe(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            line.chars()
                .map(|c| {
                    if c.is_control() {
                        char::REPLACEMENT_CHARACTER
                    } else {
                        c
                    }
                })
                .collect()
        })
        .collect();
    lines.join(" ⏎ ")
}

fn text(event: &Event) -> Option<String> {
    Some(match event {
        Event::Online { jid } => format!("Online as {jid}"),
        Event::Listening {
            service: Service::Sip,
            address,
        } => {
            format!("Waiting for SIP calls at sip:user@{address}")
        }
        Event::Listening {
            service: Service::Lan,
            address,
        } => {
            format!("Waiting for neighbours at {address}")
        }
        Event::Ringing { to, .. } => format!("Ringing {}", to.join(", ")),
        Event::Incoming { from, .. } => format!("{from} calls"),
        Event::Accepted {
            acceptance: Acceptance::By(who),
            ..
        } => format!("{who} answers"),
        Event::Accepted {
            acceptance: Acceptance::From(who),
            ..
        } => format!("Answering {who}"),
        Event::Connected {
            codec,
            setup,
            remote,
            ..
        } => format!(
            "Connected with {remote} ({}, set up in {} ms). Not encrypted. q hangs up, m mutes",
            codec.to_uppercase(),
            setup.as_millis()
        ),
        Event::Stats { statistics, .. } => {
            tracing::info!(?statistics, "figures");
            return None;
        }
        Event::Message { from, body } => format!("{from}: {body}"),
        Event::SubscriptionRequest { from } => format!("{from} wants to see when you are online"),
        Event::Warning { message, .. } => format!("Warning: {message}"),
        Event::Error { message, .. } => format!("Error: {message}"),
        Event::Ended { summary, .. } => {
            if summary.drops.total() > 0 {
                tracing::info!(drops = %summary.drops, "of no use, and dropped");
            }
            ended(summary)
        }
        Event::Path { kind: "relay", .. } => "The call goes through a relay".to_owned(),
        Event::Path { .. } | Event::Media { .. } => return None,
    })
}

fn ended(summary: &Summary) -> String {
    let why = match summary.reason {
        Reason::Hangup => "You hung up",
        Reason::RemoteHangup => "The other side hung up",
        Reason::Failed => "The call could not be set up",
        Reason::MediaTimeout => "Nothing came from the other side any more",
        Reason::Declined => "Declined",
        Reason::Busy => "Busy",
        Reason::NoAnswer => "No answer",
        Reason::NotCallable => "Nobody there who can take a call",
        Reason::Unreachable => "Not reachable",
        Reason::Cancelled => "Cancelled",
    };
    if summary.duration.is_zero() {
        return format!("{why}.");
    }
    let mut line = format!(
        "{why} after {}: {} packets received, {} lost",
        seconds(summary.duration),
        summary.received,
        summary.lost
    );
    if let Some(jitter) = summary.jitter {
        line.push_str(&format!(", jitter {:.1} ms", jitter.as_secs_f64() * 1000.0));
    }
    if let Some(mos) = summary.mos {
        line.push_str(&format!(", quality {mos:.1} of 4.5"));
    }
    line.push('.');
    line
}

/// `12.3 s`, `4:05` for minutes.
pub(crate) fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else if whole < 3600 {
        format!("{}:{:02}", whole / 60, whole % 60)
    } else {
        format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_text_cannot_steer_the_terminal() {
        let event = Event::Message {
            from: "mac@im.test/iChat".into(),
            body: "a\u{1b}]0;title\u{7}b\nc\u{9b}2J".into(),
        };
        let line = super::event(&event).unwrap_or_default();
        assert_eq!(
            line,
            "mac@im.test/iChat: a\u{fffd}]0;title\u{fffd}b ⏎ c\u{fffd}2J"
        );
    }
}
