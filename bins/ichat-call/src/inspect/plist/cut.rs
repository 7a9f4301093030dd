//! A property list that has lost its end, or was never whole: what a scan of its objects finds.

use ichat_invitation::bplist::{
    DecodeError, Partial, PlistValue, Salvaged, SalvagedEntry, SalvagedValue, salvage,
};
use serde_json::Value as Json;

use super::known::Place;
use super::{PAGE, data, explained, fault, integer, is_invitation, kind, title};
use crate::inspect::archive;
use crate::inspect::field::{Document, Field};
use crate::inspect::ipport::counted;

/// The document of a list that cannot be decoded.
pub(super) fn document(raw: Vec<u8>, form: &'static str, error: &DecodeError) -> Document {
    let mut fields = Vec::new();
    let mut invitation = false;
    let mut notes = Vec::new();
    let mut message = fault(error);
    if let Ok(salvaged) = salvage(&raw)
        && !salvaged.is_empty()
    {
        let entries = salvaged.entries();
        invitation = is_invitation(|key| {
            let mut keys = entries.iter().filter_map(|entry| entry.key.as_ref());
            keys.any(|found| found == key)
        });
        notes.push(told(&salvaged));
        // The end of a list that was cut says nothing; where its objects end does.
        if let Some(cut) = salvaged.fault() {
            message = fault(&cut);
        }
        let place = if invitation {
            Place::Top
        } else {
            Place::Elsewhere
        };
        fields = if entries.is_empty() {
            salvaged
                .objects()
                .map(|object| {
                    let name = format!("object {}", object.number);
                    let field =
                        Field::new(name.clone()).at(object.offset, object.end - object.offset);
                    super::scalar(field, &name, &object, Place::Elsewhere)
                })
                .collect()
        } else {
            entries
                .iter()
                .map(|entry| field(&salvaged, entry, place))
                .collect()
        };
    }
    Document {
        kind: kind(invitation),
        title: title(invitation, "broken binary property list", form, raw.len()),
        page: PAGE,
        form,
        notes,
        fault: Some(message),
        content: Json::Null,
        fields,
        raw,
    }
}

/// How much was found.
fn told(salvaged: &Salvaged<'_>) -> String {
    format!(
        "read from the front: {}",
        counted(salvaged.len(), "whole object")
    )
}

fn field(salvaged: &Salvaged<'_>, entry: &SalvagedEntry<'_>, place: Place) -> Field {
    let number = entry.value_reference.number;
    let key = entry
        .key
        .as_ref()
        .map(|key| key.to_str_lossy().into_owned());
    let name = key.clone().unwrap_or_else(|| "?".to_owned());
    let mut field = Field::new(name.clone());
    if let Some(object) = usize::try_from(number)
        .ok()
        .and_then(|number| salvaged.object(number))
    {
        field = field.at(object.offset, object.end - object.offset);
    }
    field = match &entry.value {
        SalvagedValue::Whole(value) => self::value(field, &name, value, place.below(&name)),
        SalvagedValue::Incomplete(value) => self::value(field, &name, value, place.below(&name))
            .note("incomplete: the rest is cut off"),
        SalvagedValue::Cut(partial) => cut(field, &name, partial),
        SalvagedValue::Missing => field
            .shown("cut off")
            .means(format!("object {number}, behind the cut")),
    };
    let field = explained(field, &name, place);
    field.note_if(key.is_none(), "its key is cut off")
}

/// An object that has begun.
fn cut(field: Field, name: &str, partial: &Partial<'_>) -> Field {
    let begin = partial.content_offset - partial.offset;
    let found = partial.octets.len();
    let field = field
        .at(partial.offset, begin + found)
        .shown(format!("{} of {} octets", found, partial.expected))
        .note(format!(
            "cut: expected {} octets at offset {}, found {found}",
            partial.expected, partial.content_offset
        ));
    if archive::is_archive(partial.octets) {
        let (fields, fault) = archive::fields(partial.octets);
        let mut field = field.with(fields);
        field.notes.extend(fault);
        field.raw = Some(partial.octets.to_vec());
        return field;
    }
    let field = field.text(hex::encode(partial.octets));
    field.note_if(name == "VCICEData", "expected a typedstream")
}

/// A value without the places of what is in it.
pub(super) fn value(field: Field, name: &str, found: &PlistValue<'_>, place: Place) -> Field {
    let inner = |name: &str, found: &PlistValue<'_>, place: Place| {
        value(Field::new(name), name, found, place)
    };
    match found {
        PlistValue::Null => field.shown("null"),
        PlistValue::Fill => field.shown("fill"),
        PlistValue::Boolean(flag) => field.boolean(*flag),
        PlistValue::Integer(number) => integer(field, name, *number, place),
        PlistValue::Real(real) => field.text(real.value().to_string()),
        PlistValue::Date(seconds) => field
            .text(seconds.to_string())
            .means("seconds from the begin of 2001, UTC"),
        PlistValue::Data(octets) => data(field, name, octets),
        PlistValue::String(text) => field.text(text.to_str_lossy().into_owned()),
        PlistValue::Uid(uid) => field.integer(uid.value().into()),
        PlistValue::Array(members) | PlistValue::OrderedSet(members) | PlistValue::Set(members) => {
            let shown = format!("{} of {}", found.kind(), counted(members.len(), "member"));
            let members = members.iter().enumerate().map(|(index, member)| {
                inner(&format!("member {}", index + 1), member, place.member())
            });
            field.shown(shown).with(members)
        }
        PlistValue::Dictionary(entries) => {
            let shown = format!("dictionary of {}", counted(entries.len(), "key"));
            let entries = entries.iter().map(|(key, found)| {
                let key = key.to_str_lossy();
                explained(inner(&key, found, place.below(&key)), &key, place)
            });
            field.shown(shown).with(entries)
        }
    }
}
