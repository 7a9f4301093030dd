//! CSeq: RFC 3261 §20.16.

use std::fmt;

use super::{HeaderError, HeaderName, Headers};
use crate::message::Method;

/// The number of a request in its call, and its method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Rises by one from request to request; ACK and CANCEL repeat their INVITE's.
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

impl CSeq {
    /// Reads `1 INVITE`; `None` where it says something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let number = words.next()?.parse().ok()?;
        let method = Method::parse(words.next()?)?;
        words.next().is_none().then_some(Self { number, method })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

impl Headers {
    /// CSeq.
    ///
    /// # Errors
    /// Where it is missing or no number and method.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        let text = self.required(HeaderName::CSeq)?;
        CSeq::parse(text)
            .ok_or_else(|| HeaderError::malformed(HeaderName::CSeq, "a number and a method"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cseq_reads_and_prints_alike() {
        let cseq = CSeq::parse("  0009 \t INVITE ").unwrap();
        assert_eq!(
            cseq,
            CSeq {
                number: 9,
                method: Method::Invite
            }
        );
        assert_eq!(cseq.to_string(), "9 INVITE");
    }

    #[test]
    fn what_is_no_cseq_is_refused() {
        for text in [
            "",
            "1",
            "INVITE 1",
            "36893488147419103232 INVITE",
            "1 INVITE 2",
            "-1 BYE",
        ] {
            assert_eq!(CSeq::parse(text), None, "{text}");
        }
    }
}
