//! What a run of `ichat-call` came to, and what the contract says of it.

use std::path::PathBuf;

use serde_json::Value;

use crate::scratch::Scratch;

/// The exit status of the contract for the reason of an `ended` event.
pub(crate) fn status_of(ended: &Value) -> Option<i32> {
    Some(match ended["reason"].as_str()? {
        "hangup" | "remote-hangup" => 0,
        "failed" | "media-timeout" => 1,
        "declined" | "busy" => 3,
        "no-answer" | "not-callable" | "unreachable" | "cancelled" => 4,
        _ => return None,
    })
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// The exit status, as a shell shows it.
    pub status: i32,
    /// All events.
    pub events: Vec<Value>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
    /// Everything, with times.
    pub transcript: String,
    pub(crate) scratch: Scratch,
}

impl Finished {
    /// A path in the folder of the run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// The last `ended`.
    pub fn ended(&self) -> &Value {
        self.last("ended")
    }

    /// The last event of this name.
    ///
    /// # Panics
    /// With the transcript, if there is none.
    pub fn last(&self, name: &str) -> &Value {
        self.all(name)
            .pop()
            .unwrap_or_else(|| panic!("no event {name}\n{}", self.transcript))
    }

    /// All events of this name.
    pub fn all(&self, name: &str) -> Vec<&Value> {
        self.events
            .iter()
            .filter(|event| event["event"] == name)
            .collect()
    }

    /// It ended for this reason, with the exit status that belongs to it.
    pub fn assert_reason(&self, reason: &str) -> &Self {
        assert_eq!(self.ended()["reason"], reason, "{}", self.transcript);
        assert_eq!(
            Some(self.status),
            status_of(self.ended()),
            "{}",
            self.transcript
        );
        self
    }

    /// It ended for this reason, with another exit status.
    pub fn assert_reason_and_status(&self, reason: &str, status: i32) -> &Self {
        assert_eq!(self.ended()["reason"], reason, "{}", self.transcript);
        self.assert_status(status)
    }

    /// It ended with this exit status.
    pub fn assert_status(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "{}", self.transcript);
        self
    }

    /// There was a `warning` or `error` with this code and a message of one line.
    pub fn assert_code(&self, code: &str) -> &Self {
        let found = self.events.iter().find(|event| event["code"] == code);
        let Some(found) = found else {
            panic!("no event with code {code}\n{}", self.transcript)
        };
        let message = found["message"].as_str().unwrap_or_default();
        assert!(
            !message.is_empty() && !message.contains('\n'),
            "{}",
            self.transcript
        );
        self
    }

    /// There was no sign-in, for this reason: an `error`, no `ended`, status 1.
    pub fn assert_no_sign_in(&self, code: &str) -> &Self {
        assert_eq!(self.last("error")["code"], code, "{}", self.transcript);
        self.assert_code(code)
            .assert_no("online")
            .assert_no("ended")
            .assert_status(1)
    }

    /// There was no `error` at all.
    pub fn assert_no_error(&self) -> &Self {
        assert!(self.all("error").is_empty(), "{}", self.transcript);
        self
    }

    /// There was no event of this name.
    pub fn assert_no(&self, name: &str) -> &Self {
        assert!(self.all(name).is_empty(), "{}", self.transcript);
        self
    }

    /// Nothing was lost on the way to us, and something came.
    pub fn assert_nothing_lost(&self) -> &Self {
        assert_eq!(self.ended()["lost"], 0, "{}", self.transcript);
        assert!(
            self.ended()["received"].as_u64() > Some(0),
            "{}",
            self.transcript
        );
        self
    }

    /// What was sent, or received, over the media port: the datagrams of the capture.
    ///
    /// # Panics
    /// If nothing was captured.
    pub fn captured(&self, direction: Direction) -> Vec<crate::pcap::Datagram> {
        let path = self.last("path");
        let ours = text(path, "local").parse().expect("local is an address");
        let mut datagrams = crate::pcap::read(&self.scratch.join("media.pcap"));
        datagrams.retain(|datagram| match direction {
            Direction::Sent => datagram.source == ours,
            Direction::Received => datagram.destination == ours,
        });
        datagrams
    }
}

/// Seen from the program that captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From it.
    Sent,
    /// To it.
    Received,
}

/// A text field of an event.
///
/// # Panics
/// If it is missing.
pub fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {event}"))
}
