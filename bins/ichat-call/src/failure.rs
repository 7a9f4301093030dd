//! Errors that end the program, with the word for scripts and the exit status.

use std::fmt;

/// Why the program ends without having done what it was told.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) status: u8,
}

impl Failure {
    /// Usage or configuration: status 2.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self {
            code: "usage",
            message: message.to_string(),
            status: 2,
        }
    }

    /// Something that a later version will do: status 2.
    pub(crate) fn not_yet(what: impl fmt::Display) -> Self {
        Self {
            code: "not-yet",
            message: format!("{what} is not built yet"),
            status: 2,
        }
    }

    /// The system refused what should always be possible: status 1.
    pub(crate) fn system(error: std::io::Error) -> Self {
        Self::new("system", format!("the system refused: {error}"))
    }

    /// The world did not play along: status 1.
    pub(crate) fn new(code: &'static str, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            status: 1,
        }
    }
}

impl From<ichat_endpoint::RunError> for Failure {
    fn from(error: ichat_endpoint::RunError) -> Self {
        let status = if error.is_usage() { 2 } else { 1 };
        Self {
            code: error.code(),
            message: error.to_string(),
            status,
        }
    }
}
