//! What a peer was told of our addresses.

use xmpp_parsers::jid::Jid;

use super::wire::Wire;
use crate::dialect::Dialect;
use crate::vc::{CounterProposal, Offer};

/// What we told the peer of our addresses, and whether we have told it again in answer to a
/// counter-proposal.
#[derive(Debug)]
pub(super) struct OurAddresses {
    offer: Offer,
    /// In which the two have agreed to talk.
    dialect: Dialect,
    repeated: bool,
}

impl OurAddresses {
    pub(super) fn new(offer: Offer, dialect: Dialect) -> Self {
        Self {
            offer,
            dialect,
            repeated: false,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Answers a counter-proposal in kind, once: two sides that both did it for ever would never
    /// stop.
    pub(super) fn repeat(&mut self, wire: &mut Wire, to: &Jid, dialect: Dialect) {
        if self.repeated {
            return;
        }
        self.repeated = true;
        if let Some((dialect, text)) = self.offer.prefer(dialect) {
            let addresses = Offer::of(dialect, text.to_owned());
            wire.set(to, CounterProposal { addresses }.to_element());
        }
    }

    /// Tells more addresses. The peer's in answer to them need none of ours again.
    pub(super) fn propose(&mut self, wire: &mut Wire, to: &Jid, text: String) {
        self.repeated = true;
        self.offer.set(self.dialect, text.clone());
        let addresses = Offer::of(self.dialect, text);
        wire.set(to, CounterProposal { addresses }.to_element());
    }
}
