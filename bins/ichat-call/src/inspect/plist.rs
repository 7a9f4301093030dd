//! Property lists: `docs/protocol/invitation.md`. An invitation is one.

mod cut;
mod known;
mod other;

use ichat_invitation::Invitation;
use std::collections::BTreeMap;

use ichat_invitation::bplist::{self, Integer, Limits, Object, ObjectKind, Objects, Reference};

use super::budget::{Budget, not_shown};
use super::field::{Document, Field};
use super::ipport::counted;
use super::text::beginning;
use super::{archive, content};
use crate::failure::Failure;
use known::Place;

pub(super) use other::{is_keyed, is_xml, keyed, xml};

/// The page of its facts.
const PAGE: &str = "docs/protocol/invitation.md";

/// Octets of `VCSessionID` in the capture.
const SESSION_ID_WIDTH: u8 = 4;

/// A binary property list as a whole input.
pub(super) fn document(raw: Vec<u8>, form: &'static str) -> Document {
    match bplist::decode(&raw) {
        Ok(value) if is_keyed(&value) => keyed(raw, form),
        Ok(value) => {
            let is_invitation = is_invitation(|key| value.get(key).is_some());
            let content = content::property_list(&value);
            let content = Some(content).filter(content::is_shallow).into();
            let fields = fields(&raw, is_invitation);
            let notes = if is_invitation {
                deviations(&raw)
            } else {
                Vec::new()
            };
            drop(value);
            Document {
                kind: kind(is_invitation),
                title: title(is_invitation, "binary property list", form, raw.len()),
                page: PAGE,
                form,
                notes,
                fault: None,
                content,
                fields,
                raw,
            }
        }
        Err(error) => cut::document(raw, form, &error),
    }
}

/// Whether a dictionary with these keys is an invitation.
fn is_invitation(has: impl Fn(&str) -> bool) -> bool {
    ["VCSessionID", "VCICEData", "VCInviteesList"]
        .into_iter()
        .any(has)
}

fn kind(is_invitation: bool) -> &'static str {
    if is_invitation {
        "invitation"
    } else {
        "property-list"
    }
}

fn title(is_invitation: bool, what: &str, form: &str, length: usize) -> String {
    let octets = counted(length, "octet");
    if is_invitation {
        format!("Invitation: {what} in {form}, {octets}")
    } else {
        format!("Property list: {what} in {form}, {octets}")
    }
}

/// How an invitation differs from the captured form.
fn deviations(raw: &[u8]) -> Vec<String> {
    match Invitation::decode(raw) {
        Ok(invitation) => invitation
            .deviations()
            .iter()
            .map(ToString::to_string)
            .collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// The fields of a list that was decoded whole.
fn fields(raw: &[u8], is_invitation: bool) -> Vec<Field> {
    let Ok(objects) = Objects::open(raw) else {
        return Vec::new();
    };
    let trailer = objects.trailer();
    let place = if is_invitation {
        Place::Top
    } else {
        Place::Elsewhere
    };
    let head = Field::new("head")
        .at(0, 8)
        .text("bplist00")
        .means("a binary property list of version 00")
        .graded("C");
    let mut budget = Budget::default();
    let top = value("top", &objects, objects.top(), place, &mut budget);
    let count = trailer.object_count;
    let width = trailer.offset_width;
    let table = Field::new("offset table")
        .at(trailer.table_offset, count * width)
        .means(format!(
            "where each of the {count} objects begins, {} each",
            counted(width, "octet")
        ));
    let number = |name: &str, offset: usize, length: usize, value: usize| {
        Field::new(name)
            .at(trailer.offset + offset, length)
            .integer(value as i128)
    };
    let end = Field::new("trailer").at(trailer.offset, 32).with([
        number("offset width", 6, 1, width).means("octets of an entry of the offset table"),
        number("reference width", 7, 1, trailer.reference_width).means("octets of a reference"),
        number("objects", 8, 8, count),
        number("top object", 16, 8, trailer.top_object).note_if(
            trailer.top_object != 0,
            "expected 0: CoreFoundation begins with the top object",
        ),
        number("table offset", 24, 8, trailer.table_offset),
    ]);
    vec![head, top, keys(&objects, &mut budget), table, end]
}

/// The texts that are keys, each of which is stored once.
fn keys(objects: &Objects<'_>, budget: &mut Budget) -> Field {
    let dictionaries = objects
        .iter()
        .flatten()
        .filter_map(|object| match object.kind {
            ObjectKind::Dictionary { keys, .. } => Some(keys),
            ObjectKind::Null
            | ObjectKind::Fill
            | ObjectKind::Boolean(_)
            | ObjectKind::Integer(_)
            | ObjectKind::Real(_)
            | ObjectKind::Date(_)
            | ObjectKind::Data(_)
            | ObjectKind::Ascii(_)
            | ObjectKind::Utf16(_)
            | ObjectKind::Uid(_)
            | ObjectKind::Array(_)
            | ObjectKind::Set(_)
            | ObjectKind::OrderedSet(_) => None,
        });
    // Objects may overlap in a hostile list, which must not multiply the work.
    let references = dictionaries
        .flat_map(|keys| keys.iter())
        .take(Limits::default().objects);
    let seen: BTreeMap<u64, Reference> = references.map(|key| (key.number, key)).collect();
    let all = seen.len();
    let fields: Vec<Field> = seen
        .into_values()
        .filter_map(|reference| objects.object(reference).ok())
        // They may overlap too.
        .take_while(|key| budget.octets(key.end - key.offset))
        .map(|key| {
            let text = key.text().map(|text| text.to_str_lossy().into_owned());
            let field = Field::new("key").at(key.offset, key.end - key.offset);
            field.text(text.unwrap_or_default())
        })
        .collect();
    let more = (fields.len() < all).then(|| not_shown("other keys"));
    let shown = counted(fields.len(), "text");
    Field::new("keys")
        .shown(shown)
        .means("each is stored once")
        .with(fields)
        .with(more)
}

/// A value and what is in it. The whole list was decoded before, so that this ends soon.
fn value(
    name: &str,
    objects: &Objects<'_>,
    reference: Reference,
    place: Place,
    budget: &mut Budget,
) -> Field {
    match objects.object(reference) {
        Ok(object) => {
            let field = Field::new(name).at(object.offset, object.end - object.offset);
            let field = scalar(field, name, &object, place, budget);
            with_members(field, objects, &object, place, budget)
        }
        Err(error) => Field::new(name).note(error.to_string()),
    }
}

fn with_members(
    field: Field,
    objects: &Objects<'_>,
    object: &Object<'_>,
    place: Place,
    budget: &mut Budget,
) -> Field {
    match object.kind {
        ObjectKind::Array(members) | ObjectKind::Set(members) | ObjectKind::OrderedSet(members) => {
            let members = members.iter().enumerate().map(|(index, member)| {
                value(
                    &format!("member {}", index + 1),
                    objects,
                    member,
                    place.member(),
                    budget,
                )
            });
            field.with(members)
        }
        ObjectKind::Dictionary { keys, values } => {
            let entries = keys.iter().zip(values.iter()).map(|(key, reference)| {
                let name = key_text(objects, key);
                let below = value(&name, objects, reference, place.below(&name), budget);
                explained(below, &name, place)
            });
            field.with(entries.collect::<Vec<_>>())
        }
        ObjectKind::Null
        | ObjectKind::Fill
        | ObjectKind::Boolean(_)
        | ObjectKind::Integer(_)
        | ObjectKind::Real(_)
        | ObjectKind::Date(_)
        | ObjectKind::Data(_)
        | ObjectKind::Ascii(_)
        | ObjectKind::Utf16(_)
        | ObjectKind::Uid(_) => field,
    }
}

fn key_text(objects: &Objects<'_>, key: Reference) -> String {
    let object = objects.object(key).ok();
    let text = object.and_then(|object| object.text());
    text.map_or_else(|| "?".to_owned(), |text| text.to_str_lossy().into_owned())
}

/// Adds what is known of a key.
fn explained(mut field: Field, key: &str, place: Place) -> Field {
    match place.known(key) {
        Some(known) => {
            field.meaning = match field.meaning.as_str() {
                "" => known.meaning.to_owned(),
                own => format!("{}; {own}", known.meaning),
            };
            field.graded(known.grade)
        }
        None => field.note_if(
            matches!(place, Place::Top | Place::Invitee),
            "not among the known keys: kept",
        ),
    }
}

/// What is to be seen of an object, apart from its members.
fn scalar(
    field: Field,
    name: &str,
    object: &Object<'_>,
    place: Place,
    budget: &mut Budget,
) -> Field {
    match object.kind {
        ObjectKind::Null => field.shown("null"),
        ObjectKind::Fill => field
            .shown("fill")
            .note("padding where a value was expected"),
        ObjectKind::Boolean(flag) => field.boolean(flag),
        ObjectKind::Integer(number) => integer(field, name, number, place),
        ObjectKind::Real(real) => {
            let octets = usize::from(real.width());
            field
                .text(real.value().to_string())
                .means(format!("a real of {}", counted(octets, "octet")))
        }
        ObjectKind::Date(seconds) => field
            .text(seconds.to_string())
            .means("seconds from the begin of 2001, UTC"),
        ObjectKind::Data(octets) => data(field, name, octets, budget),
        ObjectKind::Ascii(_) | ObjectKind::Utf16(_) => {
            let text = object.text();
            let text = text.map(|text| text.to_str_lossy().into_owned());
            field.text(text.unwrap_or_default())
        }
        ObjectKind::Uid(uid) => field
            .integer(uid.value().into())
            .means("the number of an object"),
        ObjectKind::Array(members) | ObjectKind::Set(members) | ObjectKind::OrderedSet(members) => {
            field.shown(format!(
                "{} of {}",
                object.kind(),
                counted(members.len(), "member")
            ))
        }
        ObjectKind::Dictionary { keys, .. } => {
            field.shown(format!("dictionary of {}", counted(keys.len(), "key")))
        }
    }
}

fn integer(field: Field, name: &str, number: Integer, place: Place) -> Field {
    let width = number.width();
    let field = field.integer(number.value());
    if place != Place::Elsewhere || name != "VCSessionID" {
        return field;
    }
    let octets = counted(width.into(), "octet");
    let hexadecimal = format!("{:#x}, in {octets}", number.value());
    let wrong = width != SESSION_ID_WIDTH;
    field
        .means(hexadecimal)
        .note_if(wrong, "the captured one takes 4 octets")
}

/// Data; of `VCICEData` the archive inside.
fn data(field: Field, name: &str, octets: &[u8], budget: &mut Budget) -> Field {
    let field = field.shown(counted(octets.len(), "octet"));
    if archive::is_archive(octets) {
        let (fields, fault) = archive::fields(octets, budget);
        let mut field = field.with(fields);
        field.notes.extend(fault);
        field.raw = Some(octets.to_vec());
        return field;
    }
    let mut field = field.note_if(
        name == "VCICEData",
        format!("expected a typedstream, found {}", beginning(octets)),
    );
    field.value = Some(super::field::Value::Text(hex::encode(octets)));
    field
}

/// A fault as the error that ends the program.
fn fault(error: &impl std::fmt::Display) -> Failure {
    Failure::new(
        "bad-property-list",
        format!("no whole property list: {error}"),
    )
}
