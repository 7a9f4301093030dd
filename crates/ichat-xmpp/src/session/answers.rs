//! What others ask of us: every request gets an answer, "service unavailable" when we do not know
//! it (RFC 6120 §8.4).

use std::time::Instant;

use minidom::Element;
use xmpp_parsers::disco::DiscoItemsResult;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::ns as standard;

use super::Session;
use crate::{disco, ns};

impl Session {
    /// Answers a request that is neither a call's nor the roster's.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        from: Option<&Jid>,
        id: Option<&str>,
        payload: &Element,
    ) {
        let clock = self.wire.config.wall_clock;
        let result = match (payload.name(), payload.ns().as_str()) {
            ("query", standard::DISCO_INFO) => {
                let config = &self.wire.config;
                let info = disco::info(
                    payload.attr("node"),
                    &config.caps_version,
                    &config.caps(self.wire.is_available()).tokens,
                    &config.software,
                    clock.is_some(),
                );
                let Some(info) = info else {
                    self.wire.refuse(from, id, "item-not-found");
                    return;
                };
                Some(info)
            }
            ("query", standard::DISCO_ITEMS) => {
                let node = payload.attr("node").map(str::to_owned);
                Some(
                    DiscoItemsResult {
                        node,
                        items: Vec::new(),
                        rsm: None,
                    }
                    .into(),
                )
            }
            ("query", standard::VERSION) => Some(self.wire.config.software.to_element()),
            ("ping", standard::PING) => None,
            ("time", standard::TIME) if clock.is_some() => clock.map(|clock| clock.to_element(now)),
            ("query", ns::TIME_OLD) if clock.is_some() => {
                clock.map(|clock| clock.to_old_element(now))
            }
            (name, namespace) => {
                tracing::debug!(name, namespace, "a request that we do not know");
                self.wire.refuse(from, id, "service-unavailable");
                return;
            }
        };
        self.wire.answer(from, id, result);
    }
}
