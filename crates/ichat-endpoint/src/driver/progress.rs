//! What a call that had begun tells, and how it is put away.

use std::time::Instant;

use ichat_sip::Route;

use super::links::Leg;
use super::outgoing::no_path;
use super::pace::STATS_INTERVAL;
use super::{Driver, Stage};
use crate::event::{CallNumber, Event, Reason, Summary};

impl Driver {
    pub(super) fn handle_call_event(&mut self, now: Instant, event: Event) {
        match &event {
            Event::Path { local, remote, .. } => {
                // Media begins with the path: frames from now on.
                self.next_frame = now;
                self.next_stats = now + STATS_INTERVAL;
                let (local, remote) = (*local, *remote);
                if self.settle_path(now, Route { local, remote }) {
                    return;
                }
            }
            Event::Connected { .. } => {
                self.next_stats = now + STATS_INTERVAL;
                if let Some(audio) = &mut self.audio {
                    audio.start();
                }
                if let Stage::Talking { leg: Some(leg), .. } = self.stage
                    && let Some(session) = self.links.session(leg.link)
                {
                    session.connected(now, leg.id);
                }
                self.show_availability(false);
                self.settle_connection();
            }
            Event::Incoming {
                call,
                from,
                ask: true,
                ..
            } => {
                let (number, from) = (*call, from.clone());
                self.tell_sip_incoming(now, number, &from, event);
                return;
            }
            // No packet of ours gets through: that is what the user should know.
            Event::Warning {
                call,
                code: "no-sip-answer",
                ..
            } if self.has_no_path() => {
                let call = *call;
                return self.tell(no_path(call));
            }
            Event::Ended { call, summary } => {
                let (number, summary) = (*call, *summary);
                self.finish_call(now, number, summary);
                return;
            }
            Event::Online { .. }
            | Event::Listening { .. }
            | Event::Ringing { .. }
            | Event::Incoming { .. }
            | Event::Accepted { .. }
            | Event::Media { .. }
            | Event::Stats { .. }
            | Event::Message { .. }
            | Event::SubscriptionRequest { .. }
            | Event::Warning { .. }
            | Event::Error { .. } => {}
        }
        self.tell(event);
    }

    /// A call that had begun is over.
    pub(super) fn finish_call(&mut self, now: Instant, number: CallNumber, summary: Summary) {
        if let Stage::Talking { call, leg } = std::mem::replace(&mut self.stage, Stage::Idle) {
            if let Some(leg) = leg {
                if summary.duration.is_zero() {
                    // It never was connected: the other side may still wait for an INVITE.
                    self.cancel_leg(now, leg);
                } else if let Some(session) = self.links.session(leg.link) {
                    session.finished(now, leg.id);
                }
            }
            self.note_last_word(now, &summary, call.has_dialog());
            self.previous = Some(call);
            self.disconnect(now);
            self.show_availability(true);
        }
        self.put_audio_away(number, !summary.duration.is_zero());
        self.flush_pcap();
        self.told_end(number, summary);
    }

    /// Takes a request back, or an acceptance that came to nothing.
    pub(super) fn cancel_leg(&mut self, now: Instant, leg: Leg) {
        if let Some(session) = self.links.session(leg.link) {
            session.cancel(now, leg.id);
        }
    }

    /// One call at a time: while one is up, no stream and no announcement says that we are free
    /// (docs/protocol/xmpp.md, busy [G]).
    fn show_availability(&mut self, available: bool) {
        for session in self.links.sessions() {
            session.set_available(available);
        }
        if let Some(neighbours) = &mut self.neighbours {
            neighbours.show(available);
        }
    }

    /// A call is over before there was one.
    pub(super) fn end_ringing(&mut self, number: CallNumber, reason: Reason) {
        self.stage = Stage::Idle;
        self.disconnect(Instant::now());
        self.put_audio_away(number, false);
        self.told_end(number, Summary::without_media(reason));
    }

    /// Closes devices and completes files. A call that never was connected leaves its files'
    /// names to the next.
    fn put_audio_away(&mut self, number: CallNumber, used: bool) {
        let Some(audio) = self.audio.take() else {
            return;
        };
        if let Err(error) = audio.finish() {
            self.warn(Some(number), error.code(), error.to_string());
        }
        if !used {
            self.takes = self.takes.saturating_sub(1);
        }
    }

    pub(super) fn told_end(&mut self, number: CallNumber, summary: Summary) {
        self.outcome.reason = Some(summary.reason);
        self.finished_calls += 1;
        self.tell(Event::Ended {
            call: number,
            summary,
        });
    }
}
