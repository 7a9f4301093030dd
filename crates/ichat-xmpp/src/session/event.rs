//! What a session says.

use std::fmt;
use std::net::SocketAddr;

use minidom::Element;
use xmpp_parsers::jid::{BareJid, Jid};

use crate::dialect::Dialect;
use crate::fault::StanzaFault;
use crate::vc::ResponseCode;

/// A call's number: 1, 2, … in the order of their beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What comes out of [`Session::poll_output`](super::Session::poll_output).
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To be sent, in this order.
    Stanza(Element),
    /// To be acted upon.
    Event(Event),
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The roster is known: it came, or the server has none for us.
    Roster,
    /// Something about this person changed: their presence, or their place on the roster.
    ContactChanged {
        /// Who.
        jid: BareJid,
    },
    /// Our request is out; again whenever one more device rings.
    Ringing {
        /// Which call.
        call: CallId,
        /// All that were rung so far, best first; full addresses, except on a link-local stream and
        /// toward gateways.
        to: Vec<Jid>,
    },
    /// Somebody calls.
    Incoming {
        /// Its number.
        call: CallId,
        /// Who, with the device; a gateway's caller may have none.
        from: Jid,
        /// In which dialect; the answer is given in the same.
        dialect: Dialect,
        /// No video was offered.
        audio_only: bool,
        /// The caller's address list, or its invitation in the conference dialect: hex text as it
        /// came. Empty when there was neither.
        connect_data: String,
        /// The caller's mapped address, if it named a real one.
        external: Option<SocketAddr>,
    },
    /// Our call was accepted; the INVITE is ours to send.
    Accepted {
        /// Which call.
        call: CallId,
        /// By which device.
        by: Jid,
        /// In which dialect it answered, which need not be the one that it was rung in.
        dialect: Dialect,
        /// The callee's address list, or its invitation in the conference dialect: hex text as it
        /// came, never blank.
        connect_data: String,
    },
    /// The peer names more addresses; toward our own call never before `Accepted`.
    CounterProposal {
        /// Which call.
        call: CallId,
        /// In which dialect.
        dialect: Dialect,
        /// An address list or an invitation, hex text as it came, never blank.
        connect_data: String,
    },
    /// The call is over before it was connected, and its number is forgotten.
    /// A call that ends by a command of ours is forgotten without this event.
    Over {
        /// Which call.
        call: CallId,
        /// Why.
        reason: Over,
    },
    /// Somebody asks to see our presence; only with
    /// [`AcceptPolicy::Ask`](super::AcceptPolicy::Ask).
    SubscriptionRequest {
        /// Who.
        from: BareJid,
    },
    /// We asked a peer to let us see its presence, and a human there has to accept.
    /// This is the warning `subscription-pending`; no [`Event::Warning`] comes with it.
    SubscriptionPending {
        /// Whom.
        to: BareJid,
    },
    /// Chat text arrived.
    Message {
        /// From whom; our own bare address for a notice of the server.
        from: Jid,
        /// The text.
        body: String,
    },
    /// Something that the user ought to know.
    Warning {
        /// A word for programs: `busy`, `long-name`, `roster`, `subscription-request`.
        code: &'static str,
        /// A line for people.
        message: String,
    },
    /// Another session took our resource; do not sign in again by yourself (docs/protocol/field.md,
    /// resource conflict).
    Conflict,
    /// The server ends the stream.
    StreamError {
        /// Its condition (RFC 6120 §4.9.3).
        condition: String,
        /// Its explanation.
        text: Option<String>,
    },
}

/// Why a call ended before it was connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// Caller: response 1 or 11, or an acceptance without addresses.
    Declined(ResponseCode),
    /// Caller: response 2.
    Busy,
    /// Caller: it rang until our time was over, or response 7. Callee: nobody answered.
    NoAnswer,
    /// Caller: nobody there can be rung.
    NotCallable {
        /// Why not.
        why: NotCallable,
    },
    /// Caller: the request came back, or the peer or the server went away. Callee: our acceptance
    /// came back, since nobody is there any more.
    Unreachable {
        /// The error that came with it, or would have.
        condition: StanzaFault,
    },
    /// Caller: any other response.
    Failed {
        /// Which.
        code: ResponseCode,
    },
    /// Callee: the caller gave up.
    Cancelled,
    /// Caller: the peer called us at the same time and stays the caller; its call follows as
    /// `Incoming` and wants to be accepted.
    Glare {
        /// The number under which it follows.
        incoming: CallId,
    },
}

/// Why nobody can be rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotCallable {
    /// We do not see their presence, and were told not to ask.
    NotAContact,
    /// We asked to see their presence, and nobody answered in time.
    SubscriptionPending,
    /// We asked to see their presence, and they refused.
    SubscriptionRefused,
    /// Nobody is online there.
    Offline,
    /// Somebody is online, but no iChat.
    NoIChat,
    /// An iChat is online, but not free for a call: in another one.
    NotAvailable,
    /// An iChat is online and announces no calls at all: no microphone and no camera, or it has only
    /// just signed in.
    NotCapable,
    /// That is our own address.
    Ourselves,
}

impl fmt::Display for NotCallable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAContact => "no contact, and not asked to become one",
            Self::SubscriptionPending => "the request to become a contact was not answered",
            Self::SubscriptionRefused => "the request to become a contact was refused",
            Self::Offline => "not online",
            Self::NoIChat => "online, but not with iChat",
            Self::NotAvailable => {
                "online with iChat, but not free for a call: in another one, perhaps"
            }
            Self::NotCapable => {
                "online with iChat, but without audio: no microphone, or it has only just signed in"
            }
            Self::Ourselves => "this is the address of this program itself",
        })
    }
}

/// A command that the call's state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is over, or never was.
    #[error("there is no call {call}")]
    UnknownCall {
        /// The number given.
        call: CallId,
    },
    /// Only an incoming call that rings can be accepted or refused.
    #[error("call {call} is not an incoming call that rings")]
    NotRinging {
        /// The number given.
        call: CallId,
    },
    /// An acceptance with a blank address list is a decline to the peer, and a counter-proposal with
    /// one is nothing.
    #[error("expected addresses for call {call}, found a blank text")]
    NoAddresses {
        /// The number given.
        call: CallId,
    },
    /// Addresses can be added only to a call that was accepted, by either side.
    #[error("call {call} has not been accepted")]
    NotAccepted {
        /// The number given.
        call: CallId,
    },
    /// Code 0 is no refusal.
    #[error("call {call} cannot be refused with the code that accepts")]
    NotARefusal {
        /// The number given.
        call: CallId,
    },
}
