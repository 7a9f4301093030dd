//! A hexdump in which every octet has a name: the drawing of `docs/protocol/invitation.md`.
//!
//! Each line holds octets of one field: offset, octets, then the field with what it is in, and its
//! value. Octets that are an object of a property list which several keys share name them all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::field::{Document, Field, Value};
use super::text::{clip, printable, visible};

/// Octets of a line.
const ROW: usize = 16;
/// Columns of a line, as of the tree.
const COLUMNS: usize = 100;
/// Where the names begin: behind the offset and the octets.
const LABEL: usize = 6 + 3 * ROW + 1;

/// So many octets are named, each counted as often as it is: objects of a hostile list may overlap.
const WORK: usize = 16 << 20;

/// Names by the octets that they are for: where those begin, how many they are, and how deep in
/// the tree the name is. The deepest counts.
type Names = BTreeMap<(usize, usize, usize), Vec<String>>;

/// The document as a hexdump.
pub(super) fn render(document: &Document) -> String {
    let mut names = Names::new();
    for field in &document.fields {
        collect(field, "", 0, 0, &document.raw, &mut names);
    }
    let mut lines = vec![clip(&printable(&document.title), COLUMNS), String::new()];
    let mut offset = 0;
    for (length, label) in stretches(&names, document.raw.len()) {
        let octets = document
            .raw
            .get(offset..offset + length)
            .unwrap_or_default();
        for (index, row) in octets.chunks(ROW).enumerate() {
            let mut line = format!("{:04x} ", offset + index * ROW);
            for octet in row {
                // What is written into a string is always taken.
                let _ = write!(line, " {octet:02x}");
            }
            if index == 0 && !label.is_empty() {
                line = format!("{line:LABEL$}{}", clip(&label, COLUMNS - LABEL));
            }
            lines.push(line);
        }
        offset += length;
    }
    lines.join("\n")
}

/// Lengths of the stretches of octets with one name, and the name, from the first octet to the last.
fn stretches(names: &Names, octets: usize) -> Vec<(usize, String)> {
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_by_key(|((_, _, depth), _)| *depth);
    let mut owners: Vec<Option<usize>> = vec![None; octets];
    let mut work = WORK;
    for (index, ((offset, length, _), _)) in sorted.iter().enumerate() {
        if work < *length {
            break;
        }
        work -= length;
        for owner in owners.iter_mut().skip(*offset).take(*length) {
            *owner = Some(index);
        }
    }
    let same = owners.chunk_by(|one, other| one == other);
    same.map(|stretch| {
        let owner = stretch
            .first()
            .copied()
            .flatten()
            .and_then(|index| sorted.get(index));
        let label = owner.map_or_else(String::new, |(_, labels)| labels.join(", "));
        (stretch.len(), label)
    })
    .collect()
}

/// Adds a field and what is in it. `base` is where the octets begin that its place counts in.
fn collect(
    field: &Field,
    parent: &str,
    base: usize,
    depth: usize,
    octets: &[u8],
    names: &mut Names,
) {
    if let Some(place) = field.place {
        let labels = names
            .entry((base + place.offset, place.length, depth))
            .or_default();
        let label = label(field, parent);
        // As many as a line can show.
        if labels.len() < ROW && !labels.contains(&label) {
            labels.push(label);
        }
    }
    let inner = match (&field.raw, field.place) {
        (Some(raw), Some(place)) => {
            // What is inside stands at the end of its field, unless it is there in another form.
            let begin = (base + place.offset + place.length).checked_sub(raw.len());
            let is_there = |begin: &usize| octets.get(*begin..begin + raw.len()) == Some(raw);
            match begin.filter(is_there) {
                Some(begin) => begin,
                None => return,
            }
        }
        (None, _) => base,
        (Some(_), None) => return,
    };
    for child in &field.children {
        collect(child, &field.name, inner, depth + 1, octets, names);
    }
}

fn label(field: &Field, parent: &str) -> String {
    let name = printable(&field.name);
    let name = match parent {
        "" | "top" => name,
        parent => format!("{}: {name}", printable(parent)),
    };
    match (&field.shown, &field.value) {
        (Some(shown), _) => format!("{name} = {}", printable(shown)),
        (None, Some(Value::Text(text))) => format!("{name} = {}", visible(text)),
        (None, Some(Value::Number(number))) => format!("{name} = {number}"),
        (None, Some(Value::Negative(number))) => format!("{name} = {number}"),
        (None, Some(Value::Boolean(flag))) => format!("{name} = {flag}"),
        (None, None) => name,
    }
}
