//! What connectivity gives out.

use std::net::SocketAddr;
use std::time::Duration;

use ichat_ice::{ChangeCause, Path};
use ichat_sip::Route;

/// What a [`Connectivity`](super::Connectivity) wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectivityOutput {
    /// Send this datagram from a socket of ours.
    Transmit {
        /// From where to where.
        route: Route,
        /// The datagram.
        octets: Vec<u8>,
    },
    /// News.
    Event(ConnectivityEvent),
}

/// News of the ways to the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectivityEvent {
    /// Every server that knows addresses of ours has answered, or will not.
    Gathered,
    /// Our candidates are not those any more that the peer was told.
    OursChanged {
        /// Whether servers see us at another address: what else went out through our NAT is dead.
        renumbered: bool,
    },
    /// The first path that works: dial there.
    PathFound {
        /// The path.
        path: Path,
        /// From both lists known to now.
        checks: Duration,
    },
    /// Another path took over.
    PathMoved {
        /// The path until now.
        from: Path,
        /// The path from now on.
        to: Path,
        /// Why.
        cause: ChangeCause,
    },
    /// The path in use is dead, and another is looked for. Ends no call.
    PathLost {
        /// The path.
        path: Path,
    },
    /// The path that was lost works again.
    PathRestored {
        /// The path.
        path: Path,
    },
    /// No pair works.
    NoPath {
        /// Whether any check of the peer's came.
        heard: bool,
    },
    /// Without checks: something of the peer's came through here.
    Hint(Route),
    /// A server of ours is of no use.
    Fault {
        /// Which.
        server: SocketAddr,
        /// A word for scripts: `reflector`, `relay`.
        code: &'static str,
        /// Why, for people.
        message: String,
    },
}

/// What a datagram was to connectivity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Its own; nothing is left to do.
    Taken,
    /// A call's, as it came.
    Call {
        /// Whether checks went through both ways between these two addresses.
        validated: bool,
    },
    /// A call's, which a relay passed on.
    Relayed {
        /// The relayed address, and the peer.
        route: Route,
        /// What the peer sent.
        octets: Vec<u8>,
        /// As for [`Received::Call`].
        validated: bool,
    },
}
