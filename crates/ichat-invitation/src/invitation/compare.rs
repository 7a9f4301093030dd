//! An invitation held against the captured form.

use super::deviation::{Deviation, Place};
use super::fields::{FieldInfo, INVITATION_FIELDS, INVITEE_FIELDS};
use super::layout::{Fields, Layout};
use super::{Form, Invitation, Invitee, InviteeState};
use crate::bplist::{Integer, Kind, PlistValue};

/// Most differences that are told.
const MAX_DEVIATIONS: usize = 256;
/// Octets of `VCSessionID` in the capture.
const SESSION_ID_WIDTH: u8 = 4;
/// Octets of all other integers.
const OTHER_WIDTH: u8 = 1;

impl Invitation {
    /// What differs from the captured form. What is in `VCICEData` is not looked at.
    pub fn deviations(&self) -> Vec<Deviation> {
        let mut found = Vec::new();
        if self.form != Form::Binary {
            found.push(Deviation::Form(self.form));
        }
        let place = Place::Invitation;
        self.layout
            .deviations(self, place, INVITATION_FIELDS, &mut found);
        let mut value = |field: &FieldInfo, value: Option<bool>| {
            expect(place, field, value, false, &mut found);
        };
        if let [_, _, _, security_enabled, order_is_final] = INVITATION_FIELDS {
            value(security_enabled, self.security_enabled);
            value(order_is_final, self.order_is_final);
        }
        let members = self.invitees.len() + self.surplus.len();
        if members != 2 {
            found.push(Deviation::Members { found: members });
        }
        if !self.surplus.is_empty() {
            let surplus = self.surplus.len();
            found.push(Deviation::Surplus { found: surplus });
        }
        let caller = self.invitees.first();
        for (index, invitee) in self.invitees.iter().enumerate() {
            invitee.deviations(index, caller, &mut found);
        }
        if found.len() > MAX_DEVIATIONS {
            found.truncate(MAX_DEVIATIONS);
            found.push(Deviation::More);
        }
        found
    }
}

impl Invitee {
    fn deviations(&self, index: usize, caller: Option<&Self>, found: &mut Vec<Deviation>) {
        if let Some(other) = &self.other {
            let other = other.kind();
            found.push(Deviation::Member {
                index,
                found: other,
            });
            return;
        }
        let place = Place::Invitee(index);
        self.layout.deviations(self, place, INVITEE_FIELDS, found);
        let [
            ard_role,
            error,
            state,
            invited_by,
            presentity_id,
            _,
            sending_audio,
            _,
            party_id,
            using_ice,
        ] = INVITEE_FIELDS
        else {
            return;
        };
        let is_caller = index == 0;
        expect(place, ard_role, self.ard_role, 0, found);
        expect(place, error, self.error, 0, found);
        let expected = if is_caller {
            InviteeState::None
        } else {
            InviteeState::Waiting
        };
        let number = self.state.map(i64::from);
        expect(place, state, number, expected.into(), found);
        expect(place, sending_audio, self.sending_audio, true, found);
        expect(place, using_ice, self.using_ice, !is_caller, found);
        if let Some(own) = self.presentity_id.as_deref() {
            let bare = bare(own).to_owned();
            let party = format!("{bare}{}", index + 1);
            expect(place, presentity_id, Some(own.to_owned()), bare, found);
            expect(place, party_id, self.party_id.clone(), party, found);
        }
        let by = self.invited_by.as_deref();
        let caller = caller.and_then(|caller| caller.presentity_id.as_deref());
        if let (Some(by), Some(caller)) = (by, caller)
            && (bare(by) != caller || by == caller)
        {
            found.push(Deviation::Value {
                place,
                key: invited_by.key,
                expected: format!("{caller}/…"),
                found: by.to_owned(),
            });
        }
    }
}

/// Tells of a value that is there and another one than it should be.
fn expect<T: PartialEq + ToString>(
    place: Place,
    field: &FieldInfo,
    value: Option<T>,
    expected: T,
    found: &mut Vec<Deviation>,
) {
    if let Some(value) = value
        && value != expected
    {
        found.push(Deviation::Value {
            place,
            key: field.key,
            expected: expected.to_string(),
            found: value.to_string(),
        });
    }
}

/// A JID without its resource.
pub(super) fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

impl Layout {
    /// What can be said of keys and kinds alone.
    fn deviations<T: Fields>(
        &self,
        source: &T,
        place: Place,
        fields: &'static [FieldInfo],
        found: &mut Vec<Deviation>,
    ) {
        let mut last = 0;
        let mut ordered = true;
        for entry in self.entries.iter().take(MAX_DEVIATIONS) {
            let Some((known, field)) = entry
                .known
                .and_then(|known| Some((known, fields.get(known)?)))
            else {
                let repeated = fields.iter().find(|field| entry.key == field.key);
                found.push(match repeated {
                    Some(field) => Deviation::Repeated {
                        place,
                        key: field.key,
                    },
                    None => Deviation::Unknown {
                        place,
                        key: entry.key.to_str_lossy().into_owned(),
                        found: entry.value.as_ref().map_or(Kind::Null, PlistValue::kind),
                    },
                });
                continue;
            };
            ordered &= last <= known;
            last = known;
            let canonical = T::KEYS.get(known).and_then(|key| source.canonical(*key));
            let value = entry.value.as_ref().or(canonical.as_ref());
            found.extend(value.and_then(|value| differs(place, field, value)));
        }
        if !ordered {
            found.push(Deviation::Order { place });
        }
        for (known, field) in fields.iter().enumerate() {
            let absent = T::KEYS.get(known).is_none_or(|key| source.is_absent(*key));
            if absent && !self.has(known) {
                found.push(Deviation::Missing {
                    place,
                    key: field.key,
                });
            }
        }
    }
}

/// How the form of a value differs from the captured one.
fn differs(place: Place, field: &FieldInfo, value: &PlistValue<'_>) -> Option<Deviation> {
    let key = field.key;
    let kind = value.kind();
    if kind != field.kind {
        return Some(Deviation::Kind {
            place,
            key,
            expected: field.kind,
            found: kind,
        });
    }
    let expected = match place {
        Place::Invitation => SESSION_ID_WIDTH,
        Place::Invitee(_) => OTHER_WIDTH,
    };
    if let PlistValue::Integer(integer) = value {
        let found = Integer::width(*integer);
        (found != expected).then_some(Deviation::Width {
            place,
            key,
            expected,
            found,
        })
    } else if let PlistValue::String(text) = value {
        let malformed = text.as_str().is_none();
        malformed.then_some(Deviation::Text { place, key })
    } else {
        None
    }
}
