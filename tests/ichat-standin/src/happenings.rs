//! What the machines tell each other: a ring that becomes a call, a path that is found, an end.

use crate::agent::AgentEvent;
use crate::agree::Reach;
use crate::connectivity::{Connectivity, PathEvent};
use crate::driver::Driver;
use crate::leg::{Leg, LegEvent};
use crate::link::Link;
use crate::options::Dialect;
use crate::rtp::{Kind, classify};
use crate::sockets::Datagram;
use crate::verdict::emit;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Instant;

impl Driver {
    /// Lets everything happen that the machines have told.
    pub(crate) fn drain(&mut self, now: Instant) {
        while let Some(event) = self.leg.as_mut().and_then(Leg::poll_event) {
            self.leg_event(now, event);
        }
        while let Some(event) = self
            .agent
            .as_mut()
            .and_then(|(agent, _)| agent.events.pop_front())
        {
            self.agent_event(now, event);
        }
        while let Some(event) = self
            .connectivity
            .as_mut()
            .and_then(Connectivity::poll_event)
        {
            self.path_event(now, event);
        }
    }

    fn leg_event(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Begun => {
                if let Some((agent, _)) = &mut self.agent {
                    agent.peers.begun();
                }
            }
            LegEvent::Connected { remote, setup } => {
                if let Some((agent, _)) = &mut self.agent {
                    agent.connected(now);
                }
                let tally = &mut self.book.tally;
                tally.path.get_or_insert(remote);
                tally.path_kind.get_or_insert("direct");
                let setup = setup.as_micros() as f64 / 1000.0;
                let fields = json!({ "remote": remote.to_string(), "setup_ms": setup });
                emit(self.start, "connected", fields);
            }
            LegEvent::Ended(ending) => {
                if let Some((agent, _)) = &mut self.agent {
                    agent.finished();
                }
                self.end(now, ending);
            }
        }
    }

    fn agent_event(&mut self, now: Instant, event: AgentEvent) {
        match event {
            AgentEvent::Told(name, fields) => emit(self.start, name, fields),
            AgentEvent::ConferenceRings => {
                if let Some(connectivity) = &mut self.connectivity {
                    connectivity.open(now);
                }
            }
            AgentEvent::Early(candidates) => {
                if let Some(connectivity) = &mut self.connectivity {
                    connectivity.start(now, &candidates);
                }
            }
            AgentEvent::Proposed(candidates) => {
                if let Some(connectivity) = &mut self.connectivity {
                    connectivity.add_ours(now, &candidates);
                }
            }
            AgentEvent::Agreed { peer, reach } => self.agreed(now, peer, &reach),
            AgentEvent::Announce(tokens) => {
                if let Some((_, Link::Lan(lan))) = &mut self.agent
                    && let Err(error) = lan.announce(tokens)
                {
                    self.book.faults.add(error);
                }
            }
            AgentEvent::More(reach) => {
                if let (Some(connectivity), Reach::Conference(candidates)) =
                    (&mut self.connectivity, &reach)
                {
                    connectivity.add(now, candidates);
                }
                if let Some(leg) = &mut self.leg {
                    let has_checks = reach.dialect() == Dialect::Conference;
                    leg.more_addresses(&reach.addresses(), !has_checks || self.path.is_none());
                }
            }
            AgentEvent::Over(ending) => {
                match &mut self.leg {
                    Some(leg) => leg.abandon(now, ending.clone(), &mut self.book),
                    None => self.end(now, ending),
                }
                if let Some((agent, _)) = &mut self.agent {
                    agent.finished();
                }
            }
        }
    }

    /// Both have accepted.
    fn agreed(&mut self, now: Instant, peer: String, reach: &Reach) {
        let addresses = reach.addresses();
        let listed = self.listed(reach.dialect());
        let caller = self.options.mode.is_caller() && !self.is_glare_callee(&peer);
        let pinholes = self.options.list.pinholes;
        let checks = match reach {
            Reach::Legacy(_) => false,
            Reach::Conference(candidates) => {
                if let Some(connectivity) = &mut self.connectivity {
                    connectivity.start(now, candidates);
                }
                self.direct_at = self.options.checks.direct.map(|after| now + after);
                true
            }
        };
        let leg = self.new_leg(now, peer);
        match (caller, checks) {
            (true, false) => leg.call(now, "user", addresses.clone()),
            (true, true) => leg.wait_for_path(now, addresses.clone()),
            (false, false) => leg.await_call(now, listed, addresses.clone()),
            (false, true) => {
                leg.await_call(now, listed, addresses.clone());
                leg.await_path(now);
            }
        }
        if pinholes {
            leg.open_pinholes(now, addresses);
        }
        if let Some(remote) = self.path {
            self.take_path(now, remote);
        }
    }

    /// What the request URI of an INVITE may name.
    fn listed(&self, dialect: Dialect) -> Vec<SocketAddr> {
        let Some((agent, _)) = &self.agent else {
            return Vec::new();
        };
        let mut listed = match dialect {
            Dialect::Legacy => agent.offered.addresses(&self.options),
            Dialect::Conference => agent.offered.all().map(|c| c.address()).collect(),
        };
        // A counter-proposal, or a pinhole's source, is as good as a listed address.
        listed.push(self.local.sip);
        listed
    }

    fn is_glare_callee(&self, peer: &str) -> bool {
        let agent = self.agent.as_ref();
        agent.is_some_and(|(agent, _)| agent.answered.as_deref() == Some(peer))
    }

    fn path_event(&mut self, now: Instant, event: PathEvent) {
        match event {
            PathEvent::Found { remote, after } => {
                let ms = after.as_micros() as f64 / 1000.0;
                let fields = json!({ "remote": remote.to_string(), "checks_ms": ms });
                emit(self.start, "path", fields);
                self.path = Some(remote);
                self.book.tally.path_ms = Some(ms);
                self.take_path(now, remote);
            }
            PathEvent::Another(remote) => {
                self.prove(remote);
                if let Some(leg) = &mut self.leg {
                    leg.allow(remote);
                }
            }
            PathEvent::NotFound => emit(self.start, "no-path", json!({})),
        }
    }

    /// The call takes this way.
    fn take_path(&mut self, now: Instant, remote: SocketAddr) {
        let Some(leg) = &mut self.leg else { return };
        leg.allow(remote);
        if !leg.is_begun() {
            self.direct_at = None;
            self.book.tally.path = Some(remote);
            leg.path_found(now, remote);
        }
        self.prove(remote);
    }

    /// This way works in both directions.
    fn prove(&mut self, remote: SocketAddr) {
        let tally = &mut self.book.tally;
        if tally.path == Some(remote) {
            tally.path_kind = Some("checked");
        }
    }

    /// The time for a path is over: the listed addresses will do.
    pub(crate) fn path_timeout(&mut self, now: Instant) {
        if self.direct_at.is_some_and(|at| at <= now) {
            self.direct_at = None;
            if let Some(leg) = &mut self.leg {
                leg.go_direct(now);
            }
        }
    }

    /// In the conference dialect nothing but checks comes in before the peer can know that its
    /// way works.
    pub(crate) fn admits(&mut self, datagram: &Datagram) -> bool {
        let Some(leg) = self.leg.as_mut().filter(|leg| leg.is_checked()) else {
            return true;
        };
        let from = datagram.from;
        let Some(connectivity) = &self.connectivity else {
            return true;
        };
        if leg.is_begun() {
            for remote in connectivity.proven() {
                leg.allow(remote);
            }
            return true;
        }
        leg.also_listed(connectivity.mapped());
        if connectivity.has_answered(from) {
            if classify(&datagram.octets) == Kind::Sip && !leg.is_caller() {
                // What is not proven yet may be: a later answer says so.
                let proven = connectivity.proven().contains(&from);
                let tally = &mut self.book.tally;
                tally.path = Some(from);
                tally.path_kind = Some(if proven { "checked" } else { "direct" });
                leg.allow(from);
            }
            return true;
        }
        let direct = self.options.checks.direct.is_some();
        self.book.faults.expect(direct, || {
            format!("a datagram from {from}, where no check of the peer's was answered")
        });
        direct
    }
}
