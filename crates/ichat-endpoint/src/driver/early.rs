//! What comes while our ring is not answered: a Mac's pinhole may overtake its acceptance, and shows
//! where its INVITE gets through.

use std::time::Instant;

use ichat_rtp::DatagramKind;
use ichat_sip::Route;

use super::{Driver, Stage};

/// So many sources are remembered; more would only be somebody's mischief.
const CAPACITY: usize = 8;

/// Who sent something before our INVITE was out, first come first.
#[derive(Debug, Default)]
pub(super) struct Early(Vec<Route>);

impl Early {
    fn note(&mut self, route: Route) {
        if self.0.len() < CAPACITY && !self.0.contains(&route) {
            self.0.push(route);
        }
    }
}

impl Driver {
    /// Remembers the source of a pinhole or keepalive that comes too early
    /// (docs/protocol/connectivity.md, which datagram is what \[G\]).
    pub(super) fn note_early(&mut self, route: Route, octets: &[u8]) {
        let rings = matches!(self.stage, Stage::Calling { .. } | Stage::Checking(_));
        let kind = ichat_rtp::classify(octets);
        let is_hint = matches!(kind, DatagramKind::Keepalive | DatagramKind::Unknown);
        if let Some(connection) = self.connection.as_mut().filter(|_| rings && is_hint) {
            connection.early.note(route);
        }
    }

    /// Our INVITE is out: it goes where something came from, too.
    pub(super) fn hint_early(&mut self, now: Instant) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let early = std::mem::take(&mut connection.early);
        if let Some(call) = self.stage.call_mut() {
            for route in early.0 {
                call.hint(now, route);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_is_remembered_once_and_few_are() {
        let local = "192.0.2.1:16402".parse().unwrap();
        let mut early = Early::default();
        for port in [5000, 5000, 5001].into_iter().chain(6000..6100) {
            let remote = std::net::SocketAddr::from(([192, 0, 2, 2], port));
            early.note(Route { local, remote });
        }
        let ports: Vec<u16> = early.0.iter().map(|route| route.remote.port()).collect();
        assert_eq!(ports, [5000, 5001, 6000, 6001, 6002, 6003, 6004, 6005]);
    }
}
