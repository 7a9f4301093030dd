//! How a call ended.

/// The reason of the `ended` event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// One of the README's words.
    pub(crate) reason: &'static str,
    /// Response code or SIP status.
    pub(crate) code: Option<u16>,
}

impl Ending {
    /// Without a code.
    pub(crate) fn new(reason: &'static str) -> Self {
        Self { reason, code: None }
    }

    /// With one.
    pub(crate) fn with_code(reason: &'static str, code: u16) -> Self {
        Self {
            reason,
            code: Some(code),
        }
    }

    /// What the peer's `vc:response` says.
    pub(crate) fn of_response(code: u16) -> Self {
        let reason = match code {
            0 | 1 | 11 => "declined",
            2 => "busy",
            7 => "no-answer",
            _ => "failed",
        };
        Self::with_code(reason, code)
    }

    /// What the peer's final answer to the INVITE says.
    pub(crate) fn of_status(status: u16) -> Self {
        let reason = match status {
            486 => "busy",
            487 => "cancelled",
            603 => "declined",
            _ => "rejected",
        };
        Self::with_code(reason, status)
    }
}
