#![doc = include_str!("../README.md")]

pub mod caps;
#[cfg(feature = "client")]
pub mod client;
mod clock;
pub mod contacts;
mod dialect;
pub mod disco;
pub mod extdisco;
mod fault;
pub mod lan;
mod message;
pub mod ns;
mod presence;
mod roster;
pub mod session;
mod stanza;
pub mod vc;

pub use caps::{Caps, CapsNode, ExtToken};
pub use clock::WallClock;
pub use contacts::{Contact, ResourceInfo};
pub use dialect::{CallDialect, Dialect};
pub use disco::Software;
pub use fault::StanzaFault;
pub use lan::{LanAvailability, LanPresence, VcLetters};
pub use presence::{Availability, Show};
pub use roster::Subscription;
pub use session::{
    AcceptPolicy, CAPS_VERSION, CallId, Event, Mode, NotCallable, Output, Over, Session,
    SessionConfig, StateError,
};
pub use stanza::StanzaError;
pub use vc::{Offer, ResponseCode};
pub use xmpp_parsers::jid::{BareJid, FullJid, Jid};
pub use {minidom::Element, xmpp_parsers::jid};
