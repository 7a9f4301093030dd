//! Prints an archive, event by event: `cargo run -p typedstream --example dump -- [FILE]`.
//!
//! Each line has the offset, the octets themselves as far as they fit, and what they are. `A7` is
//! shared string 7, `B3` is object, class or C string 3.

use typedstream::{EventKind, Reader, Shared};

/// Octets of an event that are shown.
const SHOWN: usize = 12;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let default = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/vcicedata-intel.typedstream"
    );
    let path = std::env::args().nth(1);
    let octets = std::fs::read(path.as_deref().unwrap_or(default))?;
    let mut reader = Reader::new(&octets)?;
    println!("{:?}", reader.header());
    let mut depth: usize = 0;
    while let Some(event) = reader.next_event()? {
        let (change, text) = describe(event.kind);
        depth = depth.saturating_sub(usize::from(change == Change::Ends));
        let own = octets.get(event.offset..event.offset + event.length);
        let own = own.unwrap_or_default();
        let mut shown: String = own.iter().take(SHOWN).map(|o| format!("{o:02x}")).collect();
        if own.len() > SHOWN {
            shown.push('…');
        }
        println!(
            "{:6}  {shown:25}  {:depth$}{text}",
            event.offset,
            "",
            depth = depth * 2
        );
        depth += usize::from(change == Change::Begins);
    }
    Ok(())
}

/// What an event does to the indentation.
#[derive(PartialEq)]
enum Change {
    Begins,
    Ends,
    None,
}

fn describe(kind: EventKind<'_>) -> (Change, String) {
    match kind {
        EventKind::GroupBegin { encoding } => {
            (Change::Begins, format!("group {}", shared(encoding)))
        }
        EventKind::GroupEnd => (Change::Ends, "end of group".into()),
        EventKind::ObjectBegin { index } => (Change::Begins, format!("object B{index}")),
        EventKind::ObjectEnd { index } => (Change::Ends, format!("end of object B{index}")),
        EventKind::ArrayBegin { length, element } => (
            Change::Begins,
            format!("array of {length} {}", element.escape_ascii()),
        ),
        EventKind::ArrayEnd => (Change::Ends, "end of array".into()),
        EventKind::StructBegin { name, fields } => {
            let name = name.unwrap_or_default().escape_ascii();
            (
                Change::Begins,
                format!("struct {name} of {}", fields.escape_ascii()),
            )
        }
        EventKind::StructEnd => (Change::Ends, "end of struct".into()),
        EventKind::ObjectReference { .. }
        | EventKind::NilObject
        | EventKind::Class { .. }
        | EventKind::ClassReference { .. }
        | EventKind::NilClass
        | EventKind::CString { .. }
        | EventKind::CStringReference { .. }
        | EventKind::NilCString
        | EventKind::Selector(_)
        | EventKind::Atom(_)
        | EventKind::ByteString(_)
        | EventKind::Number(_)
        | EventKind::Ignored
        | EventKind::Octets { .. } => (Change::None, value(kind)),
    }
}

fn value(kind: EventKind<'_>) -> String {
    match kind {
        EventKind::ObjectReference { index } => format!("object B{index} again"),
        EventKind::Class {
            index,
            name,
            version,
        } => format!("class B{index} {}, version {version}", shared(name)),
        EventKind::ClassReference { index } => format!("class B{index}"),
        EventKind::CString { index, text } => format!("C string B{index} {}", shared(text)),
        EventKind::CStringReference { index } => format!("C string B{index} again"),
        EventKind::Selector(Some(name)) => format!("selector {}", shared(name)),
        EventKind::Atom(Some(text)) => format!("atom {}", shared(text)),
        EventKind::ByteString(Some(octets)) => match std::str::from_utf8(octets) {
            Ok(text) => format!("{text:?}"),
            Err(_) => format!("{} octets", octets.len()),
        },
        EventKind::Number(number) => format!("{number} ({})", char::from(number.type_code())),
        EventKind::Octets { octets, .. } => format!("{} octets", octets.len()),
        EventKind::NilClass => "no class".into(),
        EventKind::NilObject
        | EventKind::NilCString
        | EventKind::Selector(None)
        | EventKind::Atom(None)
        | EventKind::ByteString(None) => "nil".into(),
        EventKind::Ignored
        | EventKind::GroupBegin { .. }
        | EventKind::GroupEnd
        | EventKind::ObjectBegin { .. }
        | EventKind::ObjectEnd { .. }
        | EventKind::ArrayBegin { .. }
        | EventKind::ArrayEnd
        | EventKind::StructBegin { .. }
        | EventKind::StructEnd => "nothing written".into(),
    }
}

fn shared(shared: Shared<'_>) -> String {
    format!("A{} \"{}\"", shared.index, shared.text.escape_ascii())
}
