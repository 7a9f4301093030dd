//! Transactions: RFC 3261 §17, RFC 6026. They know messages and timers, and no dialog.

mod client;
mod hunt;
mod invite_client;
mod invite_server;
mod replies;
mod timer;

pub(crate) use self::{
    client::{Client, Outcome},
    hunt::Hunt,
    invite_client::{Expired, Heard, InviteClient},
    invite_server::{Acknowledged, InviteServer, ServerTimeout},
    replies::{Replies, RequestKey},
    timer::TRANSACTION_TIMEOUT,
};
