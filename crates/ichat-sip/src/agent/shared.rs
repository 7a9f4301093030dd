//! What every part of a user agent writes to.

use std::collections::VecDeque;

use super::{
    Config,
    event::{Event, Output},
    random::Random,
};
use crate::Route;

/// Datagrams and events that wait to be polled.
#[derive(Debug, Default)]
pub(crate) struct Outbox(VecDeque<Output>);

impl Outbox {
    pub(crate) fn transmit(&mut self, route: Route, octets: Vec<u8>) {
        self.0.push_back(Output::Transmit { route, octets });
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}

/// Configuration, identities, outputs, and whether the last event has gone out.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) out: Outbox,
    concluded: bool,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let random = Random::new(config.seed);
        Self {
            config,
            random,
            out: Outbox::default(),
            concluded: false,
        }
    }

    /// Tells something, unless the call's last event has gone out.
    pub(crate) fn tell(&mut self, event: Event) {
        if !self.concluded {
            self.out.0.push_back(Output::Event(event));
        }
    }

    /// Tells the call's last event, once.
    pub(crate) fn conclude(&mut self, event: Event) {
        if !self.concluded {
            tracing::debug!(?event, "the call is over");
        }
        self.tell(event);
        self.concluded = true;
    }

    pub(crate) fn is_concluded(&self) -> bool {
        self.concluded
    }
}
