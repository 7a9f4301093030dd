//! The other forms of a property list: XML, and keyed archives.

use ichat_invitation::bplist::{self, PlistValue};
use ichat_invitation::keyed_archive::{KeyedArchive, is_keyed_archive};
use ichat_invitation::xml_plist;
use serde_json::Value as Json;

use super::known::Place;
use super::{PAGE, cut, deviations, is_invitation, kind};
use crate::failure::Failure;
use crate::inspect::field::{Document, Field};
use crate::inspect::ipport::counted;

/// Whether octets are a property list in XML: its first element is a `plist`.
pub(in crate::inspect) fn is_xml(octets: &[u8]) -> bool {
    let text = String::from_utf8_lossy(octets);
    let mut rest = text.trim_start();
    loop {
        let end = match rest.strip_prefix('<') {
            Some(inner) if inner.starts_with('?') => "?>",
            Some(inner) if inner.starts_with("!--") => "-->",
            Some(inner) if inner.starts_with('!') => ">",
            Some(inner) => {
                let name = inner.strip_prefix("plist");
                return name.is_some_and(|behind| {
                    behind.starts_with(|c: char| c.is_whitespace() || c == '>' || c == '/')
                });
            }
            None => return false,
        };
        let Some((_, behind)) = rest.split_once(end) else {
            return false;
        };
        rest = behind.trim_start();
    }
}

/// Whether a property list is a keyed archive.
pub(in crate::inspect) fn is_keyed(value: &PlistValue<'_>) -> bool {
    is_keyed_archive(value)
}

/// A property list in XML.
pub(in crate::inspect) fn xml(raw: Vec<u8>) -> Result<Document, Failure> {
    let value = xml_plist::decode(&raw).map_err(|error| {
        Failure::new(
            "bad-property-list",
            format!("no property list in XML: {error}"),
        )
    })?;
    if is_keyed(&value) {
        return Ok(archived(
            &value,
            raw.clone(),
            "keyed archive in XML",
            "text",
        ));
    }
    let (invitation, field) = seen(&value);
    Ok(document(
        raw.clone(),
        "property list in XML",
        "text",
        invitation,
        vec![field],
    ))
}

/// A keyed archive in a binary property list.
pub(in crate::inspect) fn keyed(raw: Vec<u8>, form: &'static str) -> Document {
    match bplist::decode(&raw) {
        Ok(value) => archived(&value, raw.clone(), "keyed archive", form),
        Err(error) => cut::document(raw.clone(), form, &error),
    }
}

fn archived(value: &PlistValue<'_>, raw: Vec<u8>, what: &str, form: &'static str) -> Document {
    let archive = match KeyedArchive::decode(value) {
        Ok(archive) => archive,
        Err(error) => {
            let (_, field) = seen(value);
            let mut document = document(raw, what, form, false, vec![field]);
            let message = format!("no whole keyed archive: {error}");
            document.fault = Some(Failure::new("bad-property-list", message));
            return document;
        }
    };
    let mut invitation = false;
    let mut fields =
        vec![Field::new("archiver").text(archive.archiver.to_str_lossy().into_owned())];
    for (name, content) in &archive.top {
        let name = name.to_str_lossy();
        let field = match content.to_plist() {
            Ok(value) => {
                let (is_one, field) = seen(&value);
                invitation |= is_one;
                Field {
                    name: name.into_owned(),
                    ..field
                }
            }
            Err(error) => Field::new(name.into_owned()).note(error.to_string()),
        };
        fields.push(field);
    }
    document(raw, what, form, invitation, fields)
}

/// The rows of a value, without places: its octets are those of another form.
fn seen(value: &PlistValue<'_>) -> (bool, Field) {
    let invitation = is_invitation(|key| value.get(key).is_some());
    let place = if invitation {
        Place::Top
    } else {
        Place::Elsewhere
    };
    (
        invitation,
        cut::value(Field::new("top"), "top", value, place),
    )
}

fn document(
    raw: Vec<u8>,
    what: &str,
    form: &'static str,
    invitation: bool,
    fields: Vec<Field>,
) -> Document {
    let octets = counted(raw.len(), "octet");
    let mut notes = Vec::new();
    if invitation {
        notes.extend(deviations(&raw));
    }
    let what = if form == "text" {
        what.to_owned()
    } else {
        format!("{what} in {form}")
    };
    let mut first = what.chars();
    let upper: String = first
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    Document {
        kind: kind(invitation),
        title: if invitation {
            format!("Invitation: {what}, {octets}")
        } else {
            format!("{upper}{}, {octets}", first.as_str())
        },
        page: PAGE,
        form,
        notes,
        fault: None,
        content: Json::Null,
        fields,
        raw,
    }
}
