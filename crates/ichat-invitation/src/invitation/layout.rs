//! What a dictionary says beyond its typed fields: the order of its keys, unknown keys, and values
//! that are written in another way than we would write them.

use std::borrow::Cow;

use super::{InviteeState, SessionId};
use crate::bplist::{Integer, PlistValue, Text};

/// A dictionary with typed fields.
pub(super) trait Fields: Sized {
    /// The keys that are known.
    type Key: Copy + PartialEq + 'static;

    /// All of them, in the captured order.
    const KEYS: &'static [Self::Key];

    /// The name of a key.
    fn name(key: Self::Key) -> &'static str;

    /// Takes a value into its field. Gives it back if the field alone would be written otherwise.
    fn take(&mut self, key: Self::Key, value: PlistValue<'_>) -> Option<PlistValue<'static>>;

    /// The value that we would write for a field, if there is one.
    fn canonical(&self, key: Self::Key) -> Option<PlistValue<'_>>;

    /// Whether a value that was given back still says what the field does.
    fn says(&self, key: Self::Key, value: &PlistValue<'_>) -> bool;

    /// Whether nothing is to be written for a key that was not there.
    fn is_absent(&self, key: Self::Key) -> bool;
}

/// One key of a dictionary.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: Text<'static>,
    /// Place among the known keys; none if it is unknown or occurs again.
    pub(super) known: Option<usize>,
    /// The value as it came, where no field says it.
    pub(super) value: Option<PlistValue<'static>>,
}

/// The keys of a dictionary in the order found.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Layout {
    pub(super) entries: Vec<Entry>,
}

impl Layout {
    /// Puts the values of a dictionary into the fields of `target`; what is left is the layout.
    pub(super) fn read<T: Fields>(
        target: &mut T,
        entries: Vec<(Text<'_>, PlistValue<'_>)>,
    ) -> Self {
        let mut layout = Self {
            entries: Vec::with_capacity(entries.len()),
        };
        // A bit for each known key that occurred.
        let mut seen = 0_u32;
        for (place, (key, value)) in entries.into_iter().enumerate() {
            let known = known::<T>(&key, place).filter(|known| seen & (1 << known) == 0);
            seen |= known.map_or(0, |known| 1 << known);
            let entry = match known.and_then(|known| T::KEYS.get(known)) {
                Some(field) => Entry {
                    key: Text::Str(Cow::Borrowed(T::name(*field))),
                    known,
                    value: target.take(*field, value),
                },
                None => Entry {
                    key: key.into_owned(),
                    known: None,
                    value: Some(value.into_owned()),
                },
            };
            layout.entries.push(entry);
        }
        layout
    }

    /// The dictionary again: every key in its place, and behind them the fields that were added.
    pub(super) fn write<'v, T: Fields>(&'v self, source: &'v T) -> PlistValue<'v> {
        let mut entries = Vec::with_capacity(self.entries.len().max(T::KEYS.len()));
        // A bit for each known key that was there.
        let mut seen = 0_u32;
        for entry in &self.entries {
            seen |= entry.known.map_or(0, |known| 1 << known);
            let field = entry.known.and_then(|known| T::KEYS.get(known));
            let value = match (field, &entry.value) {
                (Some(field), Some(value)) if source.says(*field, value) => Some(value.borrowed()),
                (Some(field), _) => source.canonical(*field),
                (None, value) => value.as_ref().map(PlistValue::borrowed),
            };
            if let Some(value) = value {
                entries.push((entry.key.borrowed(), value));
            }
        }
        for (known, field) in T::KEYS.iter().enumerate() {
            if seen & (1 << known) == 0
                && !source.is_absent(*field)
                && let Some(value) = source.canonical(*field)
            {
                entries.push((Text::from(T::name(*field)), value));
            }
        }
        PlistValue::Dictionary(entries)
    }

    /// Whether a known key was there.
    pub(super) fn has(&self, known: usize) -> bool {
        self.entries.iter().any(|entry| entry.known == Some(known))
    }

    /// Keys without a field and their values.
    pub(super) fn unknown(&self) -> impl Iterator<Item = (Cow<'_, str>, &PlistValue<'static>)> {
        let unknown = self.entries.iter().filter(|entry| entry.known.is_none());
        unknown.filter_map(|entry| Some((entry.key.to_str_lossy(), entry.value.as_ref()?)))
    }
}

/// Which of the known keys this is. Most dictionaries have the captured order, so that the key at
/// the same place is tried first.
fn known<T: Fields>(key: &Text<'_>, place: usize) -> Option<usize> {
    let key = key.as_str()?;
    let is = |field: &T::Key| T::name(*field) == key;
    if T::KEYS.get(place).is_some_and(is) {
        return Some(place);
    }
    T::KEYS.iter().position(is)
}

/// What can be read from and written as one value of a property list.
pub(super) trait FieldValue: Sized + PartialEq {
    /// Reads a value, leniently.
    fn read(value: &PlistValue<'_>) -> Option<Self>;
    /// The value that we would write.
    fn write(&self) -> PlistValue<'_>;
}

/// Takes a value into a field. Gives it back if the field alone would be written otherwise.
pub(super) fn take<T: FieldValue>(
    field: &mut Option<T>,
    value: PlistValue<'_>,
) -> Option<PlistValue<'static>> {
    *field = T::read(&value);
    let same = canonical(field).is_some_and(|canonical| canonical == value);
    (!same).then(|| value.into_owned())
}

/// The value that we would write for a field.
pub(super) fn canonical<T: FieldValue>(field: &Option<T>) -> Option<PlistValue<'_>> {
    field.as_ref().map(T::write)
}

/// Whether reading a value gives what the field holds.
pub(super) fn says<T: FieldValue>(field: &Option<T>, value: &PlistValue<'_>) -> bool {
    T::read(value) == *field
}

impl FieldValue for SessionId {
    fn read(value: &PlistValue<'_>) -> Option<Self> {
        if let PlistValue::Integer(integer) = value {
            Some(Self::from(*integer))
        } else {
            None
        }
    }

    fn write(&self) -> PlistValue<'_> {
        PlistValue::Integer(self.integer())
    }
}

impl FieldValue for bool {
    /// A boolean, or a number: everything but 0 is true.
    fn read(value: &PlistValue<'_>) -> Option<Self> {
        if let PlistValue::Boolean(boolean) = value {
            Some(*boolean)
        } else {
            i64::read(value).map(|number| number != 0)
        }
    }

    fn write(&self) -> PlistValue<'_> {
        PlistValue::Boolean(*self)
    }
}

impl FieldValue for i64 {
    /// An integer, a boolean, or a real number without a fraction.
    fn read(value: &PlistValue<'_>) -> Option<Self> {
        if let PlistValue::Integer(integer) = value {
            integer.to_i64()
        } else if let PlistValue::Boolean(boolean) = value {
            Some((*boolean).into())
        } else if let PlistValue::Real(real) = value {
            whole(real.value())
        } else {
            None
        }
    }

    fn write(&self) -> PlistValue<'_> {
        PlistValue::Integer(Integer::from(*self))
    }
}

/// The whole number that a real number is, if it is one of at most 53 bits.
fn whole(real: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number of at most 53 bits"
    )]
    let number = real as i64;
    (real.fract() == 0.0 && real.abs() <= LARGEST).then_some(number)
}

impl FieldValue for InviteeState {
    fn read(value: &PlistValue<'_>) -> Option<Self> {
        i64::read(value).map(Self::from)
    }

    fn write(&self) -> PlistValue<'_> {
        PlistValue::Integer(Integer::from(i64::from(*self)))
    }
}

impl FieldValue for String {
    /// A string, with U+FFFD for what is no character.
    fn read(value: &PlistValue<'_>) -> Option<Self> {
        if let PlistValue::String(text) = value {
            Some(text.to_str_lossy().into_owned())
        } else {
            None
        }
    }

    fn write(&self) -> PlistValue<'_> {
        PlistValue::String(Text::from(self.as_str()))
    }
}
