//! Interfaces that come and go during a call.

use std::time::Instant;

use super::{Agent, ChangeCause, Event};
use crate::LocalCandidate;

impl Agent {
    /// Takes our candidates anew, all of them: some may be new, some gone.
    ///
    /// New ones are checked against all that is known of the peer, at once; the peer sees addresses
    /// that it never heard of, and checks back. Where its NAT lets in only what it sent to, it must
    /// hear of them by the signalling (a counter-proposal). If the path in use began at an address
    /// that is gone, one in reserve takes over now; without one all pairs are checked again, the
    /// peer's last address first and in haste, and [`Event::PathChanged`] follows.
    pub fn set_local(&mut self, now: Instant, local: Vec<LocalCandidate>) {
        self.locals = local;
        let locals = &self.locals;
        let has_base = |base| locals.iter().any(|local| local.base == base);
        self.routes.retain(|route| has_base(route.id.base));
        self.checks.retain(|check| {
            let ours = |local: &LocalCandidate| local.candidate.id == check.key.local_id;
            has_base(check.key.base) && locals.iter().any(ours)
        });
        self.form_pairs();
        self.try_anew(now);
        self.next_start = now;
        self.leave_gone(now);
        self.handle_timeout(now);
    }

    /// Leaves the path in use if its address is gone.
    fn leave_gone(&mut self, now: Instant) {
        let Some(selected) = &self.selected else {
            return;
        };
        if self.route(selected.id).is_some() {
            return;
        }
        let path = selected.path;
        let heir = self
            .routes
            .iter()
            .filter(|route| route.is_ready())
            .min_by_key(|route| (route.relayed, route.validated))
            .map(|route| route.id);
        match heir {
            Some(heir) => {
                self.move_to(now, heir, ChangeCause::LocalGone);
                self.ask_path(now);
            }
            None => {
                self.selected = None;
                self.previous = Some(path);
                self.event(Event::PathLost { path });
                self.check_again(now);
            }
        }
    }
}
