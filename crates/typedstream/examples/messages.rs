//! Reads an attributed string, as iChat and Messages store them:
//! `cargo run -p typedstream --example messages -- [FILE]`.
//!
//! A message's text, its links, mentions and formats are an archived `NSAttributedString`: the column
//! `attributedBody` of Messages' database. FILE is such a blob; without one the example makes one.

use typedstream::foundation::{Builder, Foundation, Mutability, Run, split_runs};
use typedstream::{Archive, ByteOrder, Number, ObjectId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let octets = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => sample()?,
    };
    let archive = Archive::decode(&octets)?;
    let root = archive.root().ok_or("the archive has no root object")?;
    let Foundation::AttributedString { text, runs, .. } = archive.foundation(root)? else {
        return Err("the root object is no attributed string".into());
    };
    let text = archive.text(text).ok_or("its text is no string")?;
    println!("{text}");
    for (piece, attributes) in split_runs(text, &runs) {
        println!("  {piece:?}");
        if let Foundation::Dictionary { entries, .. } = archive.foundation(attributes)? {
            for (key, value) in entries {
                println!("    {} = {}", show(&archive, key), show(&archive, value));
            }
        }
    }
    Ok(())
}

/// One object in a line; what it holds is only counted.
fn show(archive: &Archive, object: ObjectId) -> String {
    match archive.foundation(object) {
        Ok(Foundation::String { text, .. }) => text.to_owned(),
        Ok(Foundation::Number(number)) => number.to_string(),
        Ok(Foundation::Value { encoding, .. }) => format!("a value of type {encoding}"),
        Ok(Foundation::Data { octets, .. }) => format!("{} octets", octets.len()),
        Ok(Foundation::Array { elements, .. } | Foundation::Set { elements, .. }) => {
            format!("{} elements", elements.len())
        }
        Ok(Foundation::Dictionary { entries, .. }) => format!("{} entries", entries.len()),
        Ok(Foundation::Date { seconds }) => format!("{seconds} s after the beginning of 2001"),
        Ok(Foundation::Null) => "null".to_owned(),
        Ok(Foundation::Url { text, .. }) => show(archive, text),
        Ok(Foundation::AttributedString { runs, .. }) => format!("text with {} runs", runs.len()),
        Ok(Foundation::Unknown(_)) => match archive.classes_of(object).next() {
            Some(class) => format!("an object of the class {}", class.name),
            None => "an object of no class".to_owned(),
        },
        Err(error) => error.to_string(),
    }
}

/// A message with a link in it.
fn sample() -> Result<Vec<u8>, typedstream::EncodeError> {
    let mut builder = Builder::new(ByteOrder::Little);
    let text = builder.string("Look 👀: example.org", Mutability::Mutable);
    let part = builder.string("__kIMMessagePartAttributeName", Mutability::Immutable);
    let link = builder.string("__kIMLinkAttributeName", Mutability::Immutable);
    let first = builder.number(Number::Int(0));
    let url = builder.string("http://example.org/", Mutability::Immutable);
    let url = builder.url(None, url);
    let plain = builder.dictionary(&[(part, first)], Mutability::Immutable);
    let linked = builder.dictionary(&[(part, first), (link, url)], Mutability::Immutable);
    let runs = [
        Run {
            length: 9,
            attributes: plain,
        },
        Run {
            length: 11,
            attributes: linked,
        },
    ];
    let root = builder.attributed_string(text, &runs, Mutability::Mutable);
    builder.finish(root).encode()
}
