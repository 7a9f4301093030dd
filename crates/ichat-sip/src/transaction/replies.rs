//! Answers to requests other than INVITE, kept for repetitions: RFC 3261 §17.2.2, §17.2.3.

use std::{collections::VecDeque, time::Instant};

use super::timer::TRANSACTION_TIMEOUT;
use crate::message::{CSeq, HeaderError, Request};

/// No more answers than this are kept; the oldest goes first.
const MAX_REPLIES: usize = 32;

/// What makes two requests of a call one and the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestKey {
    cseq: CSeq,
    branch: Option<String>,
    from_tag: Option<String>,
}

impl RequestKey {
    /// Reads it from a request.
    pub(crate) fn of(request: &Request) -> Result<Self, HeaderError> {
        let from = request.headers.from()?;
        Ok(Self {
            cseq: request.headers.cseq()?,
            branch: request.headers.via()?.branch().map(str::to_owned),
            from_tag: from.tag().map(str::to_owned),
        })
    }
}

/// Answers that were sent, for timer J.
#[derive(Debug, Default)]
pub(crate) struct Replies(VecDeque<Reply>);

#[derive(Debug)]
struct Reply {
    key: RequestKey,
    octets: Vec<u8>,
    until: Instant,
}

impl Replies {
    /// The answer that this request got already.
    pub(crate) fn find(&self, now: Instant, key: &RequestKey) -> Option<&[u8]> {
        let found = self
            .0
            .iter()
            .find(|reply| reply.until > now && reply.key == *key);
        found.map(|reply| reply.octets.as_slice())
    }

    /// Keeps an answer.
    pub(crate) fn keep(&mut self, now: Instant, key: RequestKey, octets: Vec<u8>) {
        while self.0.len() >= MAX_REPLIES || self.0.front().is_some_and(|r| r.until <= now) {
            self.0.pop_front();
        }
        self.0.push_back(Reply {
            key,
            octets,
            until: now + TRANSACTION_TIMEOUT,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn key(cseq: u32, branch: &str) -> RequestKey {
        let text = format!(
            "MESSAGE sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch={branch}\r\nFrom: <sip:a>;tag=1\r\nCSeq: {cseq} MESSAGE\r\n\r\n"
        );
        let Message::Request(request) = Message::parse(text.as_bytes()).unwrap() else {
            panic!()
        };
        RequestKey::of(&request).unwrap()
    }

    #[test]
    fn a_repetition_finds_its_answer_for_32_seconds() {
        let now = Instant::now();
        let mut replies = Replies::default();
        replies.keep(now, key(1, "a"), vec![1]);
        assert_eq!(replies.find(now, &key(1, "a")), Some(&[1][..]));
        assert_eq!(replies.find(now, &key(1, "b")), None);
        assert_eq!(replies.find(now, &key(2, "a")), None);
        assert_eq!(replies.find(now + TRANSACTION_TIMEOUT, &key(1, "a")), None);
    }

    #[test]
    fn the_store_is_bounded() {
        let now = Instant::now();
        let mut replies = Replies::default();
        for cseq in 0..1000 {
            replies.keep(now, key(cseq, "a"), Vec::new());
        }
        assert_eq!(replies.0.len(), MAX_REPLIES);
        assert!(replies.find(now, &key(999, "a")).is_some());
    }
}
