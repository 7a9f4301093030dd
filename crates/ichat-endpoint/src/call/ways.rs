//! The ways to the peer, as they are told from outside: more of them, hints, paths that checks found.

use std::net::SocketAddr;
use std::time::Instant;

use ichat_sip::Route;

use super::state::State;
use super::{Call, MAX_ROUTES};

/// At most this many pinhole hints are followed in one call.
const MAX_HINTS: usize = 4;

impl Call {
    /// A datagram of no known kind. While an INVITE is out without any reply, its source is a
    /// hint: iChat sends such "pinhole" datagrams (docs/protocol/connectivity.md, which datagram is
    /// what \[G\]; docs/protocol/field.md, 3).
    pub(super) fn handle_unknown(&mut self, now: Instant, route: Route) {
        match &mut self.state {
            State::Dialing { .. } => self.follow_hint(now, route),
            State::Active { media, .. } => media.count_dropped(),
            State::Awaiting { .. }
            | State::Offered { .. }
            | State::Ending { .. }
            | State::Ended { .. } => {}
        }
    }

    fn follow_hint(&mut self, now: Instant, route: Route) {
        if let State::Dialing { ua, hints, .. } = &mut self.state
            && ua.route().is_none()
            && hints.len() < MAX_HINTS
            && !hints.contains(&route)
        {
            hints.push(route);
            tracing::info!("a datagram opened a way to the peer; the INVITE goes there too");
            ua.add_route(now, route, true);
        }
    }

    /// Something of the peer's came through here, so that our INVITE may go there as well, at once.
    /// At most 4 such hints are followed, and whoever gave one is not heard for it.
    pub fn hint(&mut self, now: Instant, route: Route) {
        self.follow_hint(now, route);
        self.drain(now);
    }

    /// Our own addresses have changed: an INVITE that nobody has answered leaves from the new ones at
    /// once, along these ways.
    pub fn dial_from(&mut self, now: Instant, routes: &[Route]) {
        if let State::Dialing { ua, .. } = &mut self.state
            && ua.route().is_none()
        {
            for route in routes.iter().take(MAX_ROUTES) {
                ua.add_route(now, *route, true);
            }
        }
        self.drain(now);
    }

    /// Checks went through both ways to there: media from there is heard.
    pub fn trust(&mut self, source: SocketAddr) {
        match &mut self.state {
            State::Awaiting { sources, .. } | State::Dialing { sources, .. } => {
                sources.trust(source);
            }
            State::Active { media, .. } => media.trust(source),
            State::Offered { .. } | State::Ending { .. } | State::Ended { .. } => {}
        }
    }

    /// Checks found a path, the first or another one: what is to be sent takes it, our INVITE at
    /// once if it has no answer yet.
    pub fn move_to(&mut self, now: Instant, route: Route) {
        self.trust(route.remote);
        match &mut self.state {
            State::Dialing { ua, .. } if ua.route().is_none() => ua.add_route(now, route, true),
            State::Dialing { ua, .. } | State::Ending { ua, .. } => ua.move_to(route),
            State::Active { ua, media, .. } => {
                ua.move_to(route);
                media.move_to(route);
            }
            State::Awaiting { .. } | State::Offered { .. } | State::Ended { .. } => {}
        }
        self.drain(now);
    }

    /// Where media goes, or the INVITE of which an answer came.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        match &self.state {
            State::Active { media, .. } => Some(media.route()),
            State::Dialing { ua, .. } => ua.route(),
            State::Awaiting { .. }
            | State::Offered { .. }
            | State::Ending { .. }
            | State::Ended { .. } => None,
        }
    }

    /// More addresses of the peer, from a counter-proposal: tried like the others.
    pub fn add_routes(&mut self, now: Instant, routes: &[Route]) {
        match &mut self.state {
            State::Dialing { ua, sources, .. } => {
                for route in routes.iter().take(MAX_ROUTES) {
                    if sources.list(route.remote) {
                        ua.add_route(now, *route, false);
                    }
                }
            }
            State::Awaiting { sources, .. } => {
                for route in routes.iter().take(MAX_ROUTES) {
                    sources.list(route.remote);
                }
            }
            State::Offered { .. }
            | State::Active { .. }
            | State::Ending { .. }
            | State::Ended { .. } => {}
        }
        self.drain(now);
    }
}
