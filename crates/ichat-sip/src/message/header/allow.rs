//! Allow: RFC 3261 §20.5.

/// The methods that a [`UserAgent`](crate::UserAgent) understands, as its Allow header says.
pub const ALLOWED_METHODS: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE";
