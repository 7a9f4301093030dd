//! Stanzas that come, and streams that break.

use std::time::Instant;

use minidom::Element;

use super::config::RunError;
use super::links::{Kind, Leg, LinkId};
use super::{Driver, Stage};
use crate::event::Reason;

impl Driver {
    pub(super) fn handle_stanza(&mut self, now: Instant, link: LinkId, stanza: &Element) {
        self.tap_stanza(false, stanza);
        if let Some(session) = self.links.session(link)
            && let Err(error) = session.handle_stanza(now, stanza)
        {
            tracing::debug!(%error, "a stanza that cannot be used");
        }
    }

    /// A stream has broken. A call that is up goes on: its packets do not go through the server.
    pub(super) fn handle_stream_loss(
        &mut self,
        link: LinkId,
        error: String,
    ) -> Result<(), RunError> {
        let was_server = matches!(self.links.remove(link), Some(Kind::Server));
        let lost = |leg: &Leg| leg.link == link;
        match &self.stage {
            // A neighbour that leaves while its call rings here has given up.
            Stage::Asked { number, leg, .. } if lost(leg) && !was_server => {
                let number = *number;
                self.end_ringing(number, Reason::Cancelled);
            }
            Stage::Calling { number, leg, .. } if lost(leg) && !was_server => {
                let number = *number;
                let message = format!("the connection to the peer is lost: {error}");
                self.warn(Some(number), "unreachable", message);
                self.end_ringing(number, Reason::Unreachable);
            }
            Stage::Calling { number, leg, .. } if lost(leg) => {
                let number = *number;
                self.warn(Some(number), "server-unreachable", error);
                self.end_ringing(number, Reason::Unreachable);
            }
            Stage::Asked { number, leg, .. } if lost(leg) => {
                let number = *number;
                self.warn(Some(number), "server-unreachable", error.clone());
                self.end_ringing(number, Reason::Failed);
                self.lost = was_server.then_some(error);
            }
            Stage::Glare {
                number,
                link: glaring,
            } if *glaring == link => {
                let number = *number;
                self.warn(Some(number), "server-unreachable", error);
                self.end_ringing(number, Reason::Unreachable);
            }
            Stage::Talking { call, .. } if was_server => {
                let number = call.number();
                let message =
                    format!("the connection to the server is lost; the call goes on: {error}");
                self.warn(Some(number), "server-unreachable", message);
                self.lost = Some(error);
            }
            Stage::Idle if was_server => return Err(RunError::StreamLost(error)),
            Stage::Calling { .. }
            | Stage::Asked { .. }
            | Stage::Glare { .. }
            | Stage::Talking { .. }
            | Stage::Idle => {
                tracing::debug!(error, "a stream that no call needs has ended");
                if was_server {
                    self.lost = Some(error);
                }
            }
        }
        Ok(())
    }
}
