//! The archive behind a value: kept as it came, changed where a field was, or made anew.

use std::fmt;
use std::mem;
use std::ops::Range;

use typedstream::foundation::{Builder, Foundation, Mutability};
use typedstream::{Archive, Group, Number, ObjectId};

use super::scan::Scan;
use super::{
    ByteOrder, ConnectionHelper, IceData, IceDataEncodeError, KEY_CANDIDATES, KEY_COMM_NAT,
    KEY_HELPER, KEY_VERSION,
};
use crate::candidate::{Candidate, encode_candidates};

/// The archive that a value was decoded from, and what it says.
#[derive(Clone)]
pub(super) struct Form {
    octets: Box<[u8]>,
    byte_order: Option<ByteOrder>,
    helper: Option<ConnectionHelper>,
    version: Option<i64>,
    /// Where the candidates are; `None` if there is no `SIP-ICE`.
    blob: Option<Range<usize>>,
}

impl Form {
    pub(super) fn new(octets: &[u8], scan: &Scan<'_>) -> Self {
        Self {
            octets: octets.into(),
            byte_order: scan.byte_order,
            helper: scan.helper,
            version: scan.version,
            blob: scan
                .blob
                .map(|blob| blob.offset..blob.offset + blob.octets.len()),
        }
    }

    /// The archive, with the fields in it that were changed and everything else as it was.
    pub(super) fn encode(&self, data: &IceData) -> Result<Vec<u8>, IceDataEncodeError> {
        let says_candidates = self.says_candidates(&data.candidates);
        if says_candidates
            && self.byte_order == Some(data.byte_order)
            && self.helper == data.helper
            && self.version == data.version
        {
            return Ok(self.octets.to_vec());
        }
        let mut archive = Archive::decode(&self.octets).map_err(IceDataEncodeError::Form)?;
        archive.header.byte_order = data.byte_order;
        let root = archive.root().ok_or(IceDataEncodeError::NoDictionary)?;
        let mut editor = Editor { archive };
        if self.helper != data.helper {
            editor.set_helper(root, data.helper)?;
        }
        if self.version != data.version {
            editor.set_number(root, KEY_VERSION, data.version)?;
        }
        if !says_candidates {
            editor.set_data(root, KEY_CANDIDATES, &encode_candidates(&data.candidates))?;
        }
        Ok(editor.archive.encode()?)
    }

    pub(super) fn unknown_keys(&self) -> Vec<String> {
        let Ok(archive) = Archive::decode(&self.octets) else {
            return Vec::new();
        };
        let root = archive.root();
        let helper = root.and_then(|root| archive.entry(root, KEY_HELPER));
        let known = [KEY_HELPER, KEY_VERSION, KEY_CANDIDATES];
        let mut unknown = unknown_of(&archive, root, &known, "");
        unknown.extend(unknown_of(
            &archive,
            helper,
            &[KEY_COMM_NAT],
            "connection helper/",
        ));
        unknown
    }

    fn says_candidates(&self, candidates: &[Candidate]) -> bool {
        let blob = self
            .blob
            .clone()
            .and_then(|blob| self.octets.get(blob))
            .unwrap_or_default();
        blob.len() == candidates.len() * Candidate::LEN
            && blob
                .chunks(Candidate::LEN)
                .zip(candidates)
                .all(|(octets, candidate)| octets == candidate.encode())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} octets)", self.octets.len())
    }
}

/// The captured form, without the entries that are `None`.
pub(super) fn build(data: &IceData) -> Result<Vec<u8>, IceDataEncodeError> {
    let mut builder = Builder::new(data.byte_order);
    let mut entries = Vec::with_capacity(3);
    if let Some(helper) = data.helper {
        let key = builder.string(KEY_HELPER, Mutability::Immutable);
        entries.push((key, build_helper(&mut builder, helper)));
    }
    if let Some(version) = data.version {
        let key = builder.string(KEY_VERSION, Mutability::Immutable);
        entries.push((key, builder.number(int(version))));
    }
    let key = builder.string(KEY_CANDIDATES, Mutability::Immutable);
    let blob = encode_candidates(&data.candidates);
    entries.push((key, builder.data(&blob, Mutability::Immutable)));
    let root = builder.dictionary(&entries, Mutability::Mutable);
    Ok(builder.finish(root).encode()?)
}

fn build_helper(builder: &mut Builder, helper: ConnectionHelper) -> ObjectId {
    let entries: Vec<_> = helper
        .comm_nat
        .map(|comm_nat| {
            let key = builder.string(KEY_COMM_NAT, Mutability::Immutable);
            (key, builder.number(int(comm_nat)))
        })
        .into_iter()
        .collect();
    builder.dictionary(&entries, Mutability::Mutable)
}

/// A number of the captured type, or of the next longer one that holds it.
fn int(value: i64) -> Number {
    i32::try_from(value).map_or(Number::LongLong(value), Number::Int)
}

/// A number of the type that another one has, if that type holds it.
fn alike(old: Option<Number>, value: i64) -> Number {
    let alike = match old {
        Some(Number::Char(_)) => value.try_into().ok().map(Number::Char),
        Some(Number::UnsignedChar(_)) => value.try_into().ok().map(Number::UnsignedChar),
        Some(Number::Short(_)) => value.try_into().ok().map(Number::Short),
        Some(Number::UnsignedShort(_)) => value.try_into().ok().map(Number::UnsignedShort),
        Some(Number::UnsignedInt(_)) => value.try_into().ok().map(Number::UnsignedInt),
        Some(Number::Long(_)) => value.try_into().ok().map(Number::Long),
        Some(Number::UnsignedLong(_)) => value.try_into().ok().map(Number::UnsignedLong),
        Some(Number::LongLong(_)) => Some(Number::LongLong(value)),
        Some(Number::UnsignedLongLong(_)) => value.try_into().ok().map(Number::UnsignedLongLong),
        Some(Number::Int(_) | Number::Boolean(_) | Number::Float(_) | Number::Double(_)) | None => {
            None
        }
    };
    alike.unwrap_or_else(|| int(value))
}

/// Changes an archive, entry by entry. An entry that is changed gets an object of its own: the one
/// that it had may stand elsewhere too.
struct Editor {
    archive: Archive,
}

impl Editor {
    fn set_helper(
        &mut self,
        root: ObjectId,
        helper: Option<ConnectionHelper>,
    ) -> Result<(), IceDataEncodeError> {
        let old = self.archive.entry(root, KEY_HELPER);
        match (helper, old.filter(|old| self.is_dictionary(*old))) {
            (Some(helper), Some(old)) => self.set_number(old, KEY_COMM_NAT, helper.comm_nat),
            (Some(helper), None) => {
                let new = self.make(|builder| build_helper(builder, helper));
                self.set(root, KEY_HELPER, Some(new))
            }
            (None, _) => self.set(root, KEY_HELPER, None),
        }
    }

    fn set_number(
        &mut self,
        dictionary: ObjectId,
        key: &str,
        value: Option<i64>,
    ) -> Result<(), IceDataEncodeError> {
        let old = self.archive.entry(dictionary, key);
        let old = old.and_then(|old| self.archive.number(old));
        let new = value.map(|value| self.make(|builder| builder.number(alike(old, value))));
        self.set(dictionary, key, new)
    }

    fn set_data(
        &mut self,
        dictionary: ObjectId,
        key: &str,
        octets: &[u8],
    ) -> Result<(), IceDataEncodeError> {
        let old = self.archive.entry(dictionary, key);
        let mutability = match old.map(|old| self.archive.foundation(old)) {
            Some(Ok(Foundation::Data { mutability, .. })) => mutability,
            _ => Mutability::Immutable,
        };
        let new = self.make(|builder| builder.data(octets, mutability));
        self.set(dictionary, key, Some(new))
    }

    /// Gives an entry another value, adds it behind all others, or takes it out.
    fn set(
        &mut self,
        dictionary: ObjectId,
        key: &str,
        value: Option<ObjectId>,
    ) -> Result<(), IceDataEncodeError> {
        let Ok(Foundation::Dictionary { entries, .. }) = self.archive.foundation(dictionary) else {
            return Err(IceDataEncodeError::NoDictionary);
        };
        let count = entries.len();
        let place = entries
            .iter()
            .position(|(found, _)| self.archive.text(*found) == Some(key));
        // The count is the first group, each key and each value is one more.
        match (place, value) {
            (Some(place), Some(value)) => {
                let group = self.groups(dictionary)?.get_mut(2 * place + 2);
                *group.ok_or(IceDataEncodeError::NoDictionary)? = object_group(value);
            }
            (Some(place), None) => {
                let groups = self.groups(dictionary)?;
                groups.drain(2 * place + 1..2 * place + 3);
                set_count(groups, count - 1);
            }
            (None, Some(value)) => {
                let key = self.make(|builder| builder.string(key, Mutability::Immutable));
                let groups = self.groups(dictionary)?;
                groups.extend([object_group(key), object_group(value)]);
                set_count(groups, count + 1);
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn make(&mut self, make: impl FnOnce(&mut Builder) -> ObjectId) -> ObjectId {
        let mut builder = Builder::with_archive(mem::take(&mut self.archive));
        let id = make(&mut builder);
        self.archive = builder.into_archive();
        id
    }

    fn is_dictionary(&self, id: ObjectId) -> bool {
        matches!(
            self.archive.foundation(id),
            Ok(Foundation::Dictionary { .. })
        )
    }

    fn groups(&mut self, id: ObjectId) -> Result<&mut Vec<Group>, IceDataEncodeError> {
        let object = self.archive.object_mut(id);
        let object = object.ok_or(IceDataEncodeError::NoDictionary)?;
        Ok(&mut object.groups)
    }
}

fn object_group(object: ObjectId) -> Group {
    Group::new("@", [object.into()])
}

fn set_count(groups: &mut [Group], count: usize) {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    if let Some(group) = groups.first_mut() {
        *group = Group::new("i", [Number::Int(count).into()]);
    }
}

/// The keys of a dictionary that are none of these.
fn unknown_of(
    archive: &Archive,
    dictionary: Option<ObjectId>,
    known: &[&str],
    prefix: &str,
) -> Vec<String> {
    let Some(Ok(Foundation::Dictionary { entries, .. })) =
        dictionary.map(|dictionary| archive.foundation(dictionary))
    else {
        return Vec::new();
    };
    entries
        .into_iter()
        .filter_map(|(key, _)| archive.text(key))
        .filter(|key| !known.contains(key))
        .map(|key| format!("{prefix}{key}"))
        .collect()
}
