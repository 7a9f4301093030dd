//! Keyed archives (NSKeyedArchiver): property lists whose values refer to each other by number.
//!
//! ```text
//! $archiver  "NSKeyedArchiver"
//! $version   100000
//! $top       { root: UID 1 }
//! $objects   [ "$null", { NS.keys: [UID 2], NS.objects: [UID 3], $class: UID 4 }, … ]
//! ```
//!
//! Nobody has seen an iChat send an invitation as one; some day a peer may \[I\]. The objects may
//! refer to each other in a circle or be referred to often, so that what is built is counted against
//! [`Limits`].

mod error;
mod resolve;
mod value;

use crate::bplist::{Integer, Limits, PlistValue, Text};

pub use error::KeyedError;
use resolve::Resolver;
pub use value::{KeyedContent, KeyedValue};

/// What a keyed archive holds.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedArchive<'v> {
    /// Who wrote it: `NSKeyedArchiver`, or a class derived from it.
    pub archiver: &'v Text<'v>,
    /// Version of the archiver, 100000 for all that are known.
    pub version: Option<Integer>,
    /// The values by their names; most archives have one, `root`.
    pub top: Vec<(&'v Text<'v>, KeyedValue<'v>)>,
}

/// Whether a property list is a keyed archive.
pub fn is_keyed_archive(value: &PlistValue<'_>) -> bool {
    ["$archiver", "$objects", "$top"]
        .iter()
        .all(|key| value.get(key).is_some())
}

impl<'v> KeyedArchive<'v> {
    /// Resolves a keyed archive with the default [`Limits`].
    ///
    /// # Errors
    ///
    /// Where the property list is none, or it would cost more than the limits allow.
    pub fn decode(value: &'v PlistValue<'v>) -> Result<Self, KeyedError> {
        Self::decode_with(value, Limits::default())
    }

    /// Resolves a keyed archive with limits of one's own.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_with(value: &'v PlistValue<'v>, limits: Limits) -> Result<Self, KeyedError> {
        let part = |key: &'static str| value.get(key).ok_or(KeyedError::Missing { key });
        let (archiver, objects, top) = (part("$archiver")?, part("$objects")?, part("$top")?);
        let PlistValue::String(archiver) = archiver else {
            return Err(wrong_part("$archiver", archiver));
        };
        let PlistValue::Array(objects) = objects else {
            return Err(wrong_part("$objects", objects));
        };
        let PlistValue::Dictionary(top) = top else {
            return Err(wrong_part("$top", top));
        };
        let version = match value.get("$version") {
            Some(PlistValue::Integer(version)) => Some(*version),
            Some(_) | None => None,
        };
        let mut resolver = Resolver::new(objects, limits);
        resolver.count(top.len())?;
        let mut resolved = Vec::with_capacity(top.len());
        for (name, value) in top {
            resolved.push((name, resolver.value(value)?));
        }
        Ok(Self {
            archiver,
            version,
            top: resolved,
        })
    }

    /// The value that is meant: the one named `root`, or the only one.
    pub fn root(&self) -> Option<&KeyedValue<'v>> {
        let root = self.top.iter().find(|(name, _)| *name == "root");
        let only = || match self.top.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        root.or_else(only).map(|(_, value)| value)
    }
}

fn wrong_part(key: &'static str, found: &PlistValue<'_>) -> KeyedError {
    KeyedError::Part {
        key,
        found: found.kind(),
    }
}
