//! The devices that ring for one call.

use xmpp_parsers::jid::Jid;

use super::event::Over;
use super::same_device;
use crate::dialect::Dialect;
use crate::fault::StanzaFault;
use crate::vc::{Offer, ResponseCode};

/// How many devices are rung for one call.
const RING_LIMIT: usize = 16;
/// How many counter-proposals are kept until the acceptance.
const HELD_LIMIT: usize = 8;

/// One device that was rung.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) device: Jid,
    /// The request's id, by which an error is matched.
    pub(super) id: String,
    /// The form in which it was rung.
    pub(super) form: Dialect,
    pub(super) state: RingState,
}

#[derive(Debug)]
pub(super) enum RingState {
    /// It rings; with what it has told before its answer.
    Ringing { held: Vec<Offer> },
    /// It has refused.
    Refused(ResponseCode),
    /// The request came back.
    Failed(StanzaFault),
    /// It went offline while it rang; it rings again when it returns.
    Gone,
    /// Our stream broke while it rang: what it answered meanwhile is lost, and it is rung anew.
    Interrupted,
}

impl Ring {
    pub(super) fn new(device: Jid, id: String, form: Dialect) -> Self {
        Self {
            device,
            id,
            form,
            state: RingState::Ringing { held: Vec::new() },
        }
    }

    fn is_ringing(&self) -> bool {
        matches!(self.state, RingState::Ringing { .. })
    }

    /// Whether it may still show our call to somebody.
    fn is_open(&self) -> bool {
        matches!(
            self.state,
            RingState::Ringing { .. } | RingState::Interrupted
        )
    }
}

/// All devices of one call, in the order in which they were rung first.
#[derive(Debug, Default)]
pub(super) struct Rings(Vec<Ring>);

impl Rings {
    /// Whether that device is to be rung: it is new here, or it was away.
    pub(super) fn admits(&self, device: &Jid) -> bool {
        match self.exact(device).map(|ring| &ring.state) {
            Some(RingState::Gone | RingState::Interrupted) => true,
            Some(RingState::Ringing { .. } | RingState::Refused(_) | RingState::Failed(_)) => false,
            None => self.0.len() < RING_LIMIT,
        }
    }

    /// Whether that device may still show an older ring of this call.
    pub(super) fn is_interrupted(&self, device: &Jid) -> bool {
        let ring = self.exact(device);
        ring.is_some_and(|ring| matches!(ring.state, RingState::Interrupted))
    }

    /// Notes a ring, in the place of an older one.
    pub(super) fn put(&mut self, ring: Ring) {
        match self.0.iter_mut().find(|old| old.device == ring.device) {
            Some(old) => *old = ring,
            None => self.0.push(ring),
        }
    }

    /// All that were rung.
    pub(super) fn devices(&self) -> Vec<Jid> {
        self.0.iter().map(|ring| ring.device.clone()).collect()
    }

    /// Whether that device was ever rung.
    pub(super) fn knows(&self, device: &Jid) -> bool {
        self.0.iter().any(|ring| same_device(&ring.device, device))
    }

    /// Whether it rings at that device now.
    pub(super) fn rings_at(&self, device: &Jid) -> bool {
        self.0
            .iter()
            .any(|ring| ring.is_ringing() && same_device(&ring.device, device))
    }

    /// Whether anybody rings.
    pub(super) fn is_ringing(&self) -> bool {
        self.0.iter().any(Ring::is_ringing)
    }

    /// Those that may show our call to somebody, and have to hear when it is over.
    pub(super) fn open(&self) -> Vec<Jid> {
        let open = self.0.iter().filter(|ring| ring.is_open());
        open.map(|ring| ring.device.clone()).collect()
    }

    /// The same, when `by` has accepted. A gateway accepts from its bare address what was rung at a
    /// full one.
    pub(super) fn others(&self, by: &Jid) -> Vec<Jid> {
        let mut open = self.open();
        match open.as_slice() {
            [only] if same_device(only, by) => Vec::new(),
            _ => {
                open.retain(|device| device != by);
                open
            }
        }
    }

    fn exact(&self, device: &Jid) -> Option<&Ring> {
        self.0.iter().find(|ring| ring.device == *device)
    }

    /// The ring of that device, while it rings: by its full address, or the only one when a bare
    /// one answers.
    pub(super) fn find(&mut self, from: &Jid) -> Option<&mut Ring> {
        let position = |rings: &[Ring]| {
            let exact = rings
                .iter()
                .position(|ring| ring.is_ringing() && ring.device == *from);
            exact.or_else(|| {
                let mut ringing = rings
                    .iter()
                    .enumerate()
                    .filter(|(_, ring)| ring.is_ringing());
                match (ringing.next(), ringing.next()) {
                    (Some((index, ring)), None) if same_device(&ring.device, from) => Some(index),
                    _ => None,
                }
            })
        };
        let index = position(&self.0)?;
        self.0.get_mut(index)
    }

    /// The ring of that request, while it rings.
    pub(super) fn find_id(&mut self, id: &str) -> Option<&mut Ring> {
        self.0
            .iter_mut()
            .find(|ring| ring.is_ringing() && ring.id == id)
    }

    /// The form in which that device was rung.
    pub(super) fn form(&self, device: &Jid) -> Option<Dialect> {
        let ring = self
            .exact(device)
            .or_else(|| self.0.iter().find(|ring| same_device(&ring.device, device)));
        ring.map(|ring| ring.form)
    }

    /// Notes that a device is away; true if it rang there.
    pub(super) fn gone(&mut self, gone: &Jid) -> bool {
        let bare = gone.is_bare();
        let mut any = false;
        for ring in &mut self.0 {
            let is_it = ring.device == *gone || (bare && ring.device.to_bare() == gone.to_bare());
            if is_it && ring.is_ringing() {
                ring.state = RingState::Gone;
                any = true;
            }
        }
        any
    }

    /// Notes that nothing is known any more of those that ring.
    pub(super) fn interrupt(&mut self) {
        for ring in &mut self.0 {
            if ring.is_ringing() {
                ring.state = RingState::Interrupted;
            }
        }
    }

    /// Keeps addresses for the acceptance to come.
    pub(super) fn hold(&mut self, from: &Jid, addresses: Offer) {
        if let Some(Ring {
            state: RingState::Ringing { held },
            ..
        }) = self.find(from)
            && held.len() < HELD_LIMIT
        {
            held.push(addresses);
        }
    }

    /// What was kept of that device.
    pub(super) fn take_held(&mut self, from: &Jid) -> Vec<Offer> {
        match self.find(from).map(|ring| &mut ring.state) {
            Some(RingState::Ringing { held }) => std::mem::take(held),
            Some(
                RingState::Refused(_)
                | RingState::Failed(_)
                | RingState::Gone
                | RingState::Interrupted,
            )
            | None => Vec::new(),
        }
    }

    /// How the call ends, once nothing rings any more: the most human of the answers counts. `None`
    /// without any answer.
    pub(super) fn verdict(&self) -> Option<Over> {
        if self.is_ringing() {
            return None;
        }
        let overs = self.0.iter().filter_map(|ring| match &ring.state {
            RingState::Ringing { .. } | RingState::Gone | RingState::Interrupted => None,
            RingState::Refused(code) => Some(over(*code)),
            RingState::Failed(fault) => Some(Over::Unreachable {
                condition: fault.clone(),
            }),
        });
        overs.min_by_key(rank)
    }
}

fn over(code: ResponseCode) -> Over {
    match code {
        ResponseCode::Accept | ResponseCode::Decline | ResponseCode::Filtered => {
            Over::Declined(code)
        }
        ResponseCode::Busy => Over::Busy,
        ResponseCode::NoAnswer => Over::NoAnswer,
        ResponseCode::Failure | ResponseCode::BadNetwork | ResponseCode::Other(_) => {
            Over::Failed { code }
        }
    }
}

fn rank(over: &Over) -> u8 {
    match over {
        Over::Declined(_) => 0,
        Over::Busy => 1,
        Over::NoAnswer => 2,
        Over::Failed { .. } => 3,
        Over::Unreachable { .. } => 4,
        Over::NotCallable { .. } | Over::Cancelled | Over::Glare { .. } => 5,
    }
}
