//! The devices that ring for one call.

use xmpp_parsers::jid::Jid;

use super::event::Over;
use super::same_device;
use crate::fault::StanzaFault;
use crate::vc::ResponseCode;

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
    pub(super) state: RingState,
    crossing: Crossing,
}

#[derive(Debug)]
pub(super) enum RingState {
    Ringing { held: Vec<String> },
    Refused(ResponseCode),
    Failed(StanzaFault),
}

/// Whether the device has called us meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crossing {
    No,
    Crossed,
    RungAgain,
}

impl Ring {
    pub(super) fn new(device: Jid, id: String) -> Self {
        Self {
            device,
            id,
            state: RingState::Ringing { held: Vec::new() },
            crossing: Crossing::No,
        }
    }

    fn is_ringing(&self) -> bool {
        matches!(self.state, RingState::Ringing { .. })
    }

    /// Whether a refusal only says that the device was calling us at that moment; true once.
    pub(super) fn rings_again_after(&mut self, code: ResponseCode) -> bool {
        let again =
            self.is_ringing() && self.crossing == Crossing::Crossed && code == ResponseCode::Busy;
        if again {
            self.crossing = Crossing::RungAgain;
        }
        again
    }
}

/// All devices of one call, in the order in which they were rung.
#[derive(Debug, Default)]
pub(super) struct Rings(Vec<Ring>);

impl Rings {
    /// Whether that device is new here.
    pub(super) fn admits(&self, device: &Jid) -> bool {
        self.0.len() < RING_LIMIT && !self.0.iter().any(|ring| ring.device == *device)
    }

    pub(super) fn add(&mut self, ring: Ring) {
        self.0.push(ring);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that were rung.
    pub(super) fn devices(&self) -> Vec<Jid> {
        self.0.iter().map(|ring| ring.device.clone()).collect()
    }

    /// Those that still ring.
    pub(super) fn ringing(&self) -> Vec<Jid> {
        self.0
            .iter()
            .filter(|ring| ring.is_ringing())
            .map(|ring| ring.device.clone())
            .collect()
    }

    /// Those that still ring when `by` has accepted. A gateway accepts from its bare address what
    /// was rung at a full one.
    pub(super) fn others(&self, by: &Jid) -> Vec<Jid> {
        let mut ringing = self.ringing();
        match ringing.as_slice() {
            [only] if same_device(only, by) => Vec::new(),
            _ => {
                ringing.retain(|device| device != by);
                ringing
            }
        }
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

    /// Forgets a device that rings and is gone, so that it may ring again when it returns; true if
    /// it was there.
    pub(super) fn remove(&mut self, gone: &Jid) -> bool {
        let before = self.0.len();
        let bare = gone.is_bare();
        self.0.retain(|ring| {
            let is_it = ring.device == *gone || (bare && ring.device.to_bare() == gone.to_bare());
            !(is_it && ring.is_ringing())
        });
        self.0.len() < before
    }

    /// Keeps addresses for the acceptance to come.
    pub(super) fn hold(&mut self, from: &Jid, connect_data: String) {
        if let Some(Ring {
            state: RingState::Ringing { held },
            ..
        }) = self.find(from)
            && held.len() < HELD_LIMIT
        {
            held.push(connect_data);
        }
    }

    /// What was kept of that device.
    pub(super) fn take_held(&mut self, from: &Jid) -> Vec<String> {
        match self.find(from) {
            Some(Ring {
                state: RingState::Ringing { held },
                ..
            }) => std::mem::take(held),
            Some(Ring {
                state: RingState::Refused(_) | RingState::Failed(_),
                ..
            })
            | None => Vec::new(),
        }
    }

    /// Notes that the device has called us.
    pub(super) fn cross(&mut self, from: &Jid) {
        for ring in &mut self.0 {
            if same_device(&ring.device, from) && ring.crossing == Crossing::No {
                ring.crossing = Crossing::Crossed;
            }
        }
    }

    /// How the call ends, once nothing rings any more: the most human of the answers counts.
    pub(super) fn verdict(&self) -> Option<Over> {
        if self.0.iter().any(Ring::is_ringing) {
            return None;
        }
        let overs = self.0.iter().filter_map(|ring| match &ring.state {
            RingState::Ringing { .. } => None,
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
