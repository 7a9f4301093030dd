//! Typedstreams: `docs/protocol/invitation.md`, grammar \[C\].
//!
//! The events of a reader become rows: a group of one value is that value's row, and an object's
//! chain of classes is one row.

mod chain;
mod known;
mod rows;
mod texts;

use typedstream::{Archive, ByteOrder, DecodeError, EventKind, Reader};

use super::budget::Budget;
use super::content;
use super::field::{Document, Field};
use super::ipport::counted;
use super::text::printable;
use crate::failure::Failure;
use rows::Rows;

/// The page of its facts.
const PAGE: &str = "docs/protocol/invitation.md";

/// Octets of the head up to the system version.
const SIGNATURE_END: usize = 13;

/// Whether octets begin as an archive of either byte order.
pub(super) fn is_archive(octets: &[u8]) -> bool {
    let signature = octets.strip_prefix(b"\x04\x0b");
    signature.is_some_and(|rest| {
        [ByteOrder::Little, ByteOrder::Big]
            .iter()
            .any(|order| rest.starts_with(order.signature()))
    })
}

/// An archive as a whole input.
pub(super) fn document(raw: Vec<u8>, form: &'static str) -> Document {
    let (fields, broken) = fields(&raw, &mut Budget::default());
    let octets = counted(raw.len(), "octet");
    let what = match Reader::new(&raw).map(|reader| reader.header().byte_order) {
        Ok(ByteOrder::Little) => "Typedstream of an Intel Mac",
        Ok(ByteOrder::Big) => "Typedstream of a PowerPC Mac",
        Err(_) => "Typedstream",
    };
    let archive = Archive::decode(&raw);
    let fault = archive.as_ref().err().map(fault);
    Document {
        kind: "typedstream",
        title: format!("{what} in {form}: {octets}"),
        page: PAGE,
        form,
        notes: broken.into_iter().filter(|_| fault.is_none()).collect(),
        fault,
        content: archive
            .ok()
            .and_then(|archive| content::archive(&archive))
            .filter(content::is_shallow)
            .into(),
        fields,
        raw,
    }
}

fn fault(error: &DecodeError) -> Failure {
    Failure::new("bad-typedstream", format!("no whole typedstream: {error}"))
}

/// Everything that can be read, and why the rest cannot.
pub(super) fn fields(octets: &[u8], budget: &mut Budget) -> (Vec<Field>, Option<String>) {
    let mut reader = match Reader::new(octets) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    let header = reader.header();
    // The big-endian form is published, but not captured.
    let (order, grade) = match header.byte_order {
        ByteOrder::Little => ("streamtyped: little-endian, as an Intel Mac writes", "C"),
        ByteOrder::Big => ("typedstream: big-endian, as a PowerPC Mac writes", "P"),
    };
    let end = reader.offset();
    let head = Field::new("head")
        .at(0, end)
        .graded(grade)
        .means(order)
        .with([
            Field::new("streamer version")
                .at(0, 1)
                .number(header.streamer_version)
                .graded("C"),
            Field::new("signature")
                .at(1, SIGNATURE_END - 1)
                .text(printable(&String::from_utf8_lossy(
                    header.byte_order.signature(),
                )))
                .graded(grade),
            Field::new("system version")
                .at(SIGNATURE_END, end.saturating_sub(SIGNATURE_END))
                .integer(header.system_version.into())
                .graded("C")
                .note_if(
                    header.system_version != 1000,
                    "expected 1000, as every Mac writes",
                ),
        ]);
    let mut rows = Rows::new(octets, budget);
    let fault = loop {
        match reader.next_event() {
            Ok(Some(event)) => {
                rows.take(event);
                if rows.is_full() {
                    // The rest is read, but not shown.
                    break Archive::decode(octets).err().map(|error| error.to_string());
                }
            }
            Ok(None) => break None,
            Err(error) => {
                rows.cut(&error);
                break Some(error.to_string());
            }
        }
    };
    let mut fields = vec![head];
    fields.extend(rows.finish(octets.len()));
    (fields, fault)
}

/// Whether a value ends with this event, so that it is a row of its own.
fn is_end(kind: &EventKind<'_>) -> bool {
    matches!(
        kind,
        EventKind::GroupEnd
            | EventKind::ObjectEnd { .. }
            | EventKind::ArrayEnd
            | EventKind::StructEnd
    )
}
