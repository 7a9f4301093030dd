//! What the machines below give, and what becomes of it.

use std::net::SocketAddr;
use std::time::Instant;

use ichat_ice::{
    Event as CheckEvent, GatherEvent, GatherOutput, LocalCandidate, Output as CheckOutput,
    PinholeOutput, RelayFailure, Transmit,
};
use ichat_invitation::CandidateKind;
use ichat_sip::Route;

use super::{Connectivity, ConnectivityEvent, ConnectivityOutput, Ways};

impl Connectivity {
    /// Takes what the machines give, until they give nothing.
    pub(super) fn pump(&mut self, now: Instant) {
        loop {
            self.pump_gatherer(now);
            match &mut self.ways {
                Ways::Gathering => return,
                Ways::Checking(agent) => match agent.poll_output() {
                    Some(CheckOutput::Transmit(transmit)) => {
                        // What a relay makes of it comes out of the gatherer.
                        if !self.gatherer.send_relayed(now, &transmit) {
                            self.transmit(transmit);
                        }
                    }
                    Some(CheckOutput::Event(event)) => self.handle_check_event(now, event),
                    None => return,
                },
                Ways::Pinholes(pinholes) => match pinholes.poll_output() {
                    Some(PinholeOutput::Transmit(transmit)) => self.transmit(transmit),
                    Some(PinholeOutput::Heard { local, remote, .. }) => {
                        self.event(ConnectivityEvent::Hint(Route { local, remote }));
                    }
                    None => return,
                },
            }
        }
    }

    fn pump_gatherer(&mut self, now: Instant) {
        let mut changed = false;
        let mut gone = Vec::new();
        while let Some(output) = self.gatherer.poll_output() {
            match output {
                GatherOutput::Transmit(transmit) => self.transmit(transmit),
                GatherOutput::Event(GatherEvent::Candidate(_)) => changed = true,
                GatherOutput::Event(GatherEvent::Gone(candidate)) => {
                    changed = true;
                    gone.push(candidate);
                }
                GatherOutput::Event(event) => self.handle_gather_event(event),
            }
        }
        if !changed {
            return;
        }
        if let Ways::Checking(agent) = &mut self.ways {
            agent.set_local(now, self.gatherer.local_candidates());
        }
        let renumbered = gone.iter().any(|gone| self.is_renumbered(gone));
        if renumbered || self.told {
            self.told = false;
            self.event(ConnectivityEvent::OursChanged { renumbered });
        }
    }

    /// Whether a socket that we still have is seen at another address than this one, which is gone.
    fn is_renumbered(&self, gone: &LocalCandidate) -> bool {
        let ip = |candidate: &LocalCandidate| candidate.candidate.address.address().ip();
        let locals = self.gatherer.local_candidates();
        let of_same = || locals.iter().filter(|local| local.base == gone.base);
        gone.candidate.kind == CandidateKind::ServerReflexive
            && !gone.relayed
            && of_same().any(|local| local.candidate.kind == CandidateKind::ServerReflexive)
            && of_same().all(|local| ip(local) != ip(gone))
    }

    fn handle_gather_event(&mut self, event: GatherEvent) {
        match event {
            GatherEvent::Mapped { server, .. } => {
                self.answering.insert(server);
            }
            GatherEvent::NoAnswer { server, .. } => {
                self.silent.insert(server);
            }
            GatherEvent::RelayFailed { server, cause } => {
                let message = relay_failure(server, cause);
                self.fault(server, "relay", message);
            }
            GatherEvent::RelayRefused { server, peer } => {
                tracing::info!(%server, %peer, "the relay does not lead to this address");
            }
            GatherEvent::Complete => {
                for server in std::mem::take(&mut self.silent) {
                    if self.answering.insert(server) {
                        let message = format!("{server} did not say where it sees us");
                        self.fault(server, "reflector", message);
                    }
                }
                self.event(ConnectivityEvent::Gathered);
            }
            GatherEvent::Candidate(_) | GatherEvent::Gone(_) => {}
        }
    }

    fn handle_check_event(&mut self, now: Instant, event: CheckEvent) {
        let event = match event {
            CheckEvent::PathFound { path, checks } => ConnectivityEvent::PathFound { path, checks },
            CheckEvent::PathChanged { from, to, cause } => {
                ConnectivityEvent::PathMoved { from, to, cause }
            }
            CheckEvent::PathLost { path } => {
                // Perhaps our NAT has forgotten us, and sees us somewhere else now.
                self.gatherer.ask_again(now);
                ConnectivityEvent::PathLost { path }
            }
            CheckEvent::PathRestored { path } => ConnectivityEvent::PathRestored { path },
            CheckEvent::Failed { counters } => ConnectivityEvent::NoPath {
                heard: counters.answered > 0,
            },
            CheckEvent::PeerReflexive { local, remote, id } => {
                tracing::debug!(%local, %remote, %id, "the peer checks from an address that it did not list");
                let route = Route { local, remote };
                for early in &mut self.early {
                    if early.route == route {
                        early.id.get_or_insert(id);
                    }
                }
                return;
            }
        };
        self.event(event);
    }

    fn transmit(&mut self, transmit: Transmit) {
        let Transmit {
            local,
            remote,
            octets,
        } = transmit;
        let route = Route { local, remote };
        self.outputs
            .push_back(ConnectivityOutput::Transmit { route, octets });
    }

    /// Told once for each server: it may be asked again and again.
    fn fault(&mut self, server: SocketAddr, code: &'static str, message: String) {
        if !self.faulty.insert((server, code)) {
            return;
        }
        self.event(ConnectivityEvent::Fault {
            server,
            code,
            message,
        });
    }

    fn event(&mut self, event: ConnectivityEvent) {
        self.outputs.push_back(ConnectivityOutput::Event(event));
    }
}

fn relay_failure(server: SocketAddr, cause: RelayFailure) -> String {
    match cause {
        RelayFailure::NoAnswer => format!("the relay {server} does not answer"),
        RelayFailure::Unauthorized => {
            format!("the relay {server} does not take our user name and password")
        }
        RelayFailure::Refused(code) => {
            format!("the relay {server} lends no address (code {code})")
        }
        RelayFailure::Expired => format!("the relay {server} has taken its address back"),
    }
}
