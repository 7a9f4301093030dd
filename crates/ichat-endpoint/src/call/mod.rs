//! One call from the INVITE to the hang-up, as a machine without I/O.
//!
//! It begins where ringing is over: the callee has accepted by XMPP and its addresses are known,
//! or a plain SIP peer is dialled or calls. It owns the SIP user agent and the media and joins
//! them; datagrams and frames go in, datagrams, frames and events come out. After every call of a
//! `&mut` method, [`Call::poll_output`] is drained until it gives `None`.
//!
//! ```text
//!   dial ────────> Dialing ──200──────────┐
//!   await_invite ─> Awaiting ──INVITE/200─┤
//!   offered ─> Offered ──answer/200───────┴─> Active ──bye──> Ending ──> Ended
//! ```

mod endings;
mod frames;
mod intake;
mod negotiation;
mod silence;
mod state;
mod transitions;
mod ways;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use ichat_audio::CodecName;
use ichat_sip::{Config, Route, SipError, UserAgent};

use crate::drops::Drops;
use crate::event::{CallNumber, Event, Reason, Summary};
use crate::media::MediaSeeds;
use crate::seed::Seed;
use crate::sources::Sources;
pub use intake::STRANGER_WAITS;
pub use silence::{LONG_SILENCE_LIMIT, SILENCE_LIMIT};
use state::State;

/// How long an accepted caller may take to send its INVITE (docs/protocol/xmpp.md, while it rings).
pub const INVITE_PATIENCE: Duration = Duration::from_secs(30);

/// How long the answer to a good-bye is waited for before the call counts as over.
pub const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);

/// At most this many addresses are tried, hints of pinhole datagrams included.
pub const MAX_ROUTES: usize = 16;

/// What a call needs to know before it begins.
#[derive(Debug, Clone)]
pub struct CallConfig {
    /// Its number in events.
    pub number: CallNumber,
    /// Our name in SIP display names: a bare JID.
    pub local_name: String,
    /// The peer's, the same.
    pub remote_name: String,
    /// The user agent that we call ourselves.
    pub user_agent: String,
    /// Whether connectivity checks say where the peer is, as in the conference dialect: then nothing
    /// that it describes is heard unless [checks](Call::follow_checks) went through there, and what it
    /// lists only where the dialog takes that way.
    pub checked: bool,
    /// Codecs in the order of preference; empty: the best common one.
    pub codecs: Vec<CodecName>,
    /// Hang up after this long connected.
    pub duration: Option<Duration>,
    /// Source of all randomness.
    pub seed: u64,
    /// The wall clock at the start.
    pub wall: SystemTime,
}

/// What a call wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this datagram.
    Transmit {
        /// From where to where.
        route: Route,
        /// The datagram.
        octets: Vec<u8>,
    },
    /// Tell the program.
    Event(Event),
}

/// One call.
#[derive(Debug)]
pub struct Call {
    config: CallConfig,
    seed: Seed,
    state: State,
    outputs: VecDeque<Output>,
    /// When it was requested, or answered: set-up time counts from here.
    since: Instant,
    /// When the machine was made: [`CallConfig::wall`] is the wall clock of this moment.
    since_start: Instant,
    /// Our SSRC, which the description names before the media begins.
    ssrc: u32,
    /// Our version in `o=`.
    sdp_version: u64,
    /// The peer calls itself Viceroy: an iChat.
    viceroy: bool,
    /// The user knows of an INVITE that cannot be read.
    warned_of_invite: bool,
    /// What came and was of no use.
    drops: Drops,
}

impl Call {
    /// Calls: sends an INVITE to the first of `routes`, and after a second without any reply also
    /// to the next (docs/protocol/sip.md, which address \[I\]).
    ///
    /// `uri_user` is the user part of the URI, `since` the time of the request; `ring_for` ends a
    /// call that only rings (plain SIP; `None` for an iChat, which answers at once).
    #[must_use]
    pub fn dial(
        now: Instant,
        config: CallConfig,
        routes: &[Route],
        uri_user: &str,
        since: Instant,
        ring_for: Option<Duration>,
    ) -> Self {
        let mut call = Self::with_state(now, config, since, State::Ended { ua: None });
        let Some(first) = routes.first() else {
            call.end(Summary::without_media(Reason::Unreachable));
            return call;
        };
        let body = call.offer(*first);
        let mut ua = call.user_agent();
        let routes = routes.get(..MAX_ROUTES).unwrap_or(routes);
        if let Err(error) = ua.invite(now, routes, uri_user, body) {
            tracing::error!(%error, "a fresh user agent refused to invite");
            call.end(Summary::without_media(Reason::Failed));
            return call;
        }
        let listed: Vec<SocketAddr> = routes.iter().map(|route| route.remote).collect();
        call.state = State::Dialing {
            ua,
            sources: call.sources(&listed),
            hints: Vec::new(),
            deadline: ring_for.map(|patience| now + patience),
        };
        call.drain(now);
        call
    }

    /// Is called: waits for the INVITE of a caller whose request was accepted just now.
    /// `listed` are the addresses that it named.
    #[must_use]
    pub fn await_invite(now: Instant, config: CallConfig, listed: &[SocketAddr]) -> Self {
        let mut call = Self::with_state(now, config, now, State::Ended { ua: None });
        call.state = State::Awaiting {
            ua: call.user_agent(),
            sources: call.sources(listed),
            held: None,
            deadline: now + INVITE_PATIENCE,
        };
        call
    }

    /// Is called by a plain SIP peer: takes its INVITE, rings, and waits for [`Self::answer`] or
    /// [`Self::refuse`]. Ends as `no-answer` after `ring_for`.
    #[must_use]
    pub fn offered(
        now: Instant,
        config: CallConfig,
        route: Route,
        invite: &[u8],
        ring_for: Duration,
    ) -> Self {
        let mut call = Self::with_state(now, config, now, State::Ended { ua: None });
        call.state = State::Offered {
            ua: call.user_agent(),
            offer: None,
            deadline: now + ring_for,
        };
        call.handle_datagram(now, route, invite);
        call
    }

    fn with_state(now: Instant, config: CallConfig, since: Instant, state: State) -> Self {
        let mut seed = Seed::new(config.seed);
        let ssrc = seed.next_u32();
        Self {
            config,
            seed,
            state,
            outputs: VecDeque::new(),
            since,
            since_start: now,
            ssrc,
            sdp_version: 1,
            viceroy: false,
            warned_of_invite: false,
            drops: Drops::default(),
        }
    }

    fn sources(&self, listed: &[SocketAddr]) -> Sources {
        if self.config.checked {
            Sources::checked(listed)
        } else {
            Sources::new(listed)
        }
    }

    /// The call's number in events.
    #[must_use]
    pub fn number(&self) -> CallNumber {
        self.config.number
    }

    /// Whether frames are wanted: from the 200 on, on either side.
    #[must_use]
    pub fn has_media(&self) -> bool {
        matches!(self.state, State::Active { .. })
    }

    /// Whether it has been connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(
            self.state,
            State::Active {
                connected: Some(_),
                ..
            }
        )
    }

    /// Whether an INVITE has begun a dialog.
    #[must_use]
    pub fn has_dialog(&self) -> bool {
        let call_id = self.state.user_agent().and_then(UserAgent::call_id);
        call_id.is_some()
    }

    /// Whether it is over and nothing is left to send.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Answers the plain SIP caller that rings.
    pub fn answer(&mut self, now: Instant) {
        self.since = now;
        self.accept_offer(now);
        self.drain(now);
    }

    /// Refuses the plain SIP caller that rings, or gives up waiting for an INVITE.
    pub fn refuse(&mut self, now: Instant, reason: Reason) {
        let status = match reason {
            Reason::Busy => 486,
            Reason::Failed => 606,
            Reason::Hangup
            | Reason::RemoteHangup
            | Reason::MediaTimeout
            | Reason::Declined
            | Reason::NoAnswer
            | Reason::NotCallable
            | Reason::Unreachable
            | Reason::Cancelled => 603,
        };
        self.reject(now, status, reason);
        self.drain(now);
    }

    /// Hangs up: BYE, or CANCEL while the other side has not answered.
    pub fn hang_up(&mut self, now: Instant) {
        match &self.state {
            State::Awaiting { .. } => self.end(Summary::without_media(Reason::Hangup)),
            State::Offered { .. } => self.reject(now, 603, Reason::Declined),
            State::Dialing { .. } => self.give_up(now, Reason::Cancelled),
            State::Active { .. } => self.say_goodbye(now, Reason::Hangup),
            State::Ending { .. } | State::Ended { .. } => {}
        }
        self.drain(now);
    }

    /// Takes a SIP message that may be a late one of this call, which is over: a BYE or INVITE
    /// sent again. False when it belongs to another.
    pub fn handle_late_sip(&mut self, now: Instant, route: Route, octets: &[u8]) -> bool {
        let taken = self
            .state
            .user_agent_mut()
            .map(|ua| ua.handle_datagram(now, route, octets));
        self.drain(now);
        // To one of another dialog it has said 481.
        matches!(taken, Some(Ok(()) | Err(SipError::OtherDialog)))
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn user_agent(&mut self) -> UserAgent {
        UserAgent::new(Config {
            local_name: self.config.local_name.clone(),
            remote_name: self.config.remote_name.clone(),
            user: "user".into(),
            user_agent: self.config.user_agent.clone(),
            seed: self.seed.next_u64(),
        })
    }

    fn media_seeds(&mut self, now: Instant) -> MediaSeeds {
        MediaSeeds {
            ssrc: self.ssrc,
            sequence: self.seed.next_u16(),
            timestamp: self.seed.next_u32(),
            seed: self.seed.next_u64(),
            cname: format!("{:016x}", self.seed.next_u64()),
            wall: self.config.wall + now.saturating_duration_since(self.since_start),
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn warn(&mut self, code: &'static str, message: String) {
        let call = Some(self.config.number);
        self.event(Event::Warning {
            call,
            code,
            message,
        });
    }
}
