//! Datagrams that nobody waits for.

use std::time::Instant;

use ichat_rtp::DatagramKind;
use ichat_sip::Route;

use super::{Driver, Stage};
use crate::drops::Drops;

/// What the driver itself has dropped.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// Since the call at hand was begun, and not counted by the call itself.
    pub(super) of_call: Drops,
    /// While there was no call at all: in no event, for no call shall answer for it.
    idle: Drops,
}

impl Strays {
    /// Where to count what is dropped now.
    pub(super) fn now(&mut self, stage: &Stage) -> &mut Drops {
        if matches!(stage, Stage::Idle) {
            &mut self.idle
        } else {
            &mut self.of_call
        }
    }

    /// Tells the user who wants to know all.
    pub(super) fn log(&self) {
        if self.idle != Drops::default() {
            tracing::info!(drops = %self.idle, "of no use, while there was no call");
        }
    }
}

impl Driver {
    /// Takes a datagram of which there is no call to take it: SIP may begin one.
    pub(super) fn handle_stray(&mut self, now: Instant, route: Route, octets: &[u8]) {
        let kind = ichat_rtp::classify(octets);
        if kind == DatagramKind::Sip {
            self.handle_idle_sip(now, route, octets);
            return;
        }
        if self.note_early(route, kind) {
            return;
        }
        let drops = self.strays.now(&self.stage);
        match kind {
            DatagramKind::Sip | DatagramKind::Keepalive => {}
            DatagramKind::Rtp | DatagramKind::Rtcp => drops.no_media += 1,
            DatagramKind::Probe => drops.probe += 1,
            DatagramKind::Snatmap => drops.snatmap += 1,
            DatagramKind::Stun => drops.stun += 1,
            DatagramKind::Unknown => drops.unknown_kind += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_there_is_no_call_burdens_none() {
        let mut strays = Strays::default();
        strays.now(&Stage::Idle).sip += 1;
        assert_eq!(strays.of_call, Drops::default());
        assert_eq!(strays.idle.sip, 1);
    }
}
