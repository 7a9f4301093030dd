//! Lists of IPPORT records: `docs/protocol/addresses.md`, the address record and lists [C, G, P].

mod record;

pub(super) use record::{parts, scope};

use ichat_invitation::ipport::{MAX_RECORDS, MAX_TEXT_LEN};
use ichat_invitation::{IpPort, IpPortList};

use super::field::{Document, Field};
use super::hexadecimal::{Hex, Stop};

/// The page of its facts.
const PAGE: &str = "docs/protocol/addresses.md";

/// Whether octets begin with what looks like a record: a printable name, ended by NUL.
///
/// `strict`, for octets that may be anything: there is a name, and nothing but NUL behind it.
pub(super) fn is_plausible(octets: &[u8], strict: bool) -> bool {
    let record = octets.first_chunk::<{ IpPort::LEN }>();
    let Some(name) = record.and_then(|octets| octets.get(4..20)) else {
        return false;
    };
    let end = name
        .iter()
        .position(|octet| *octet == 0)
        .unwrap_or(name.len());
    let (name, rest) = name.split_at_checked(end).unwrap_or((name, &[]));
    let is_padded = rest.iter().all(|octet| *octet == 0);
    match (name, strict) {
        ([], true) => false,
        ([], false) => is_padded,
        (name, strict) => name.iter().all(u8::is_ascii_graphic) && (is_padded || !strict),
    }
}

/// A list as a whole input, in hex.
pub(super) fn from_hex(hex: &Hex<'_>) -> Document {
    let mut document = document(hex.octets.clone(), "hex");
    document.notes.extend(hex.oddities());
    if hex.text.len() > MAX_TEXT_LEN {
        document.notes.push(too_long(hex.text.len()));
    }
    document.fields.extend(tail_of_text(hex));
    document
}

/// A list as a whole input, in octets.
pub(super) fn from_octets(octets: Vec<u8>) -> Document {
    document(octets, "octets")
}

fn document(octets: Vec<u8>, form: &'static str) -> Document {
    let title = format!(
        "IPPORT list in {form}: {}, {}",
        counted(octets.len(), "octet"),
        counted(octets.len() / IpPort::LEN, "record"),
    );
    let fields = fields(&octets);
    let notes = unusable(&octets).into_iter().collect();
    Document {
        kind: "ipport-list",
        title,
        page: PAGE,
        form,
        notes,
        fault: None,
        content: super::content::records(&octets),
        raw: octets,
        fields,
    }
}

/// Completes the field of an element whose text is a list in hex.
///
/// A blank text, or none, is a decline (`docs/protocol/xmpp.md`, legacy stanzas \[G\]).
pub(super) fn in_element(field: Field, text: &str) -> Field {
    if text.trim().is_empty() {
        return field
            .shown("blank")
            .means("no addresses: a decline")
            .graded("G");
    }
    let hex = Hex::read(text);
    let field = field.note_if(text.len() > MAX_TEXT_LEN, too_long(text.len()));
    if hex.octets.len() < IpPort::LEN {
        let octets = counted(hex.octets.len(), "octet");
        return match hex.stop {
            Some(Stop { offset, found }) => field.note(format!(
                "no address list: expected a hex digit at offset {offset} of the text, found {found:?}"
            )),
            None => {
                field.note(format!("no address list: expected 40 octets a record, found {octets}"))
            }
        };
    }
    let digits = counted(hex.digits, "hex digit");
    let records = counted(hex.octets.len() / IpPort::LEN, "record");
    let feed = if hex.leading_line_feed {
        "after one line feed, as iChat writes it [G]: "
    } else {
        ""
    };
    let mut field = field
        .shown(digits)
        .means(format!("{feed}{records} of 40 octets"))
        .graded("G")
        .with(fields(&hex.octets))
        .with(tail_of_text(&hex));
    field.notes.extend(hex.oddities());
    field.notes.extend(unusable(&hex.octets));
    field.raw = Some(hex.octets);
    field
}

/// The records and what is left of a broken one.
fn fields(octets: &[u8]) -> Vec<Field> {
    let (records, tail) = octets.as_chunks::<{ IpPort::LEN }>();
    let mut fields: Vec<Field> = (0..records.len())
        .filter_map(|index| record::field(records, index))
        .collect();
    if !tail.is_empty() {
        let (offset, length) = (octets.len() - tail.len(), tail.len());
        let tail = Field::new("broken tail")
            .at(offset, length)
            .text(hex::encode(tail))
            .note(format!(
                "a record is cut: expected {} octets, found {length}; left out",
                IpPort::LEN
            ));
        fields.push(tail);
    }
    fields
}

/// What stands behind the last whole octet of a hex text.
fn tail_of_text(hex: &Hex<'_>) -> Option<Field> {
    let tail = hex.tail()?;
    let note = match hex.stop {
        Some(Stop { offset, found }) => {
            format!(
                "expected a hex digit at offset {offset} of the text, found {found:?}; left out"
            )
        }
        None => "expected two hex digits an octet, found one; left out".to_owned(),
    };
    Some(Field::new("rest of the text").text(tail).note(note))
}

/// What an endpoint cannot use of this list.
fn unusable(octets: &[u8]) -> Option<String> {
    match IpPortList::decode(octets) {
        Err(error) => Some(format!(
            "{error}; whoever is sent this list has no one to talk to"
        )),
        Ok(list) => (list.surplus > 0).then(|| {
            format!(
                "an endpoint uses {MAX_RECORDS} addresses; {} more are left out",
                list.surplus
            )
        }),
    }
}

fn too_long(found: usize) -> String {
    format!(
        "longer than an endpoint reads: expected at most {MAX_TEXT_LEN} octets of text, found {found}"
    )
}

/// `1 octet`, `2 octets`.
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
