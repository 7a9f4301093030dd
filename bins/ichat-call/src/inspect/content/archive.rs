//! Typedstream archives.
//!
//! `{"byte_order": "little", "root": …}`. Beside what all forms share: `{"$mutable-string": "…"}`,
//! `{"$mutable-data": "hex"}`, `{"$immutable-array": […]}`, `{"$immutable-dictionary": {…}}`,
//! `{"$set": […]}`, `{"$mutable-set": […]}`, `{"$date": seconds}`. An archive with anything else in
//! it, or with an object that occurs twice, is given as octets.

use ichat_invitation::{decode_candidates, encode_candidates};
use serde_json::{Map, Value as Json, json};
use typedstream::foundation::{Builder, Foundation, Mutability};
use typedstream::{Archive, ByteOrder, Header, Number, ObjectId};

use super::parts::{ContentError, MAX_DEPTH, expected, list, marked, number, octets, part};
use super::plist::float;

/// Objects that are looked at before the archive is given as octets.
const MAX_OBJECTS: usize = 10_000;

/// What an archive says, if it is all in the table above.
pub(in crate::inspect) fn archive(archive: &Archive) -> Option<Json> {
    let Header { byte_order, .. } = archive.header;
    if archive.header != Header::new(byte_order) {
        return None;
    }
    let order = match byte_order {
        ByteOrder::Little => "little",
        ByteOrder::Big => "big",
    };
    let mut left = MAX_OBJECTS;
    let root = object(archive, archive.root()?, MAX_DEPTH, &mut left)?;
    Some(json!({ "byte_order": order, "root": root }))
}

fn object(archive: &Archive, id: ObjectId, depth: usize, left: &mut usize) -> Option<Json> {
    let depth = depth.checked_sub(1)?;
    *left = left.checked_sub(1)?;
    let all = |members: &[ObjectId], left: &mut usize| -> Option<Json> {
        members
            .iter()
            .map(|member| object(archive, *member, depth, left))
            .collect()
    };
    Some(match archive.foundation(id).ok()? {
        Foundation::String {
            text,
            mutability: Mutability::Immutable,
        } => json!(text),
        Foundation::String {
            text,
            mutability: Mutability::Mutable,
        } => {
            json!({ "$mutable-string": text })
        }
        Foundation::Number(Number::Int(value)) => json!(value),
        Foundation::Number(number) => {
            let letter = char::from(number.type_code()).to_string();
            match number.as_i64() {
                Some(value) => json!({ "$number": value, "type": letter }),
                None if matches!(number, Number::UnsignedLongLong(_)) => {
                    json!({ "$number": number.to_string(), "type": letter })
                }
                None if number.as_f64().is_finite() => {
                    json!({ "$number": number.as_f64(), "type": letter })
                }
                None => {
                    json!({ "$number": format!("{:016x}", number.as_f64().to_bits()), "type": letter })
                }
            }
        }
        Foundation::Data { octets, mutability } => data(octets, mutability),
        Foundation::Array {
            elements,
            mutability,
        } => {
            let elements = all(&elements, left)?;
            match mutability {
                Mutability::Mutable => elements,
                Mutability::Immutable => json!({ "$immutable-array": elements }),
            }
        }
        Foundation::Set {
            elements,
            mutability,
        } => {
            let elements = all(&elements, left)?;
            match mutability {
                Mutability::Mutable => json!({ "$mutable-set": elements }),
                Mutability::Immutable => json!({ "$set": elements }),
            }
        }
        Foundation::Dictionary {
            entries,
            mutability,
        } => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = archive.text(key).filter(|key| !key.starts_with('$'))?;
                let value = object(archive, value, depth, left)?;
                if map.insert(key.to_owned(), value).is_some() {
                    return None;
                }
            }
            match mutability {
                Mutability::Mutable => Json::Object(map),
                Mutability::Immutable => json!({ "$immutable-dictionary": map }),
            }
        }
        Foundation::Date { seconds } if seconds.is_finite() => json!({ "$date": seconds }),
        Foundation::Null => Json::Null,
        Foundation::Date { .. }
        | Foundation::Value { .. }
        | Foundation::Url { .. }
        | Foundation::AttributedString { .. }
        | Foundation::Unknown(_) => return None,
    })
}

fn data(octets: &[u8], mutability: Mutability) -> Json {
    if mutability == Mutability::Mutable {
        return json!({ "$mutable-data": hex::encode(octets) });
    }
    match decode_candidates(octets) {
        Ok(candidates) if !candidates.is_empty() && encode_candidates(&candidates) == octets => {
            json!({ "$candidates": super::candidates(&candidates) })
        }
        Ok(_) | Err(_) => json!({ "$data": hex::encode(octets) }),
    }
}

/// The octets of a changed archive.
pub(in crate::inspect) fn to_octets(content: &Json) -> Result<Vec<u8>, ContentError> {
    let order = part(content, "byte_order")?;
    let order = match order.as_str() {
        Some("little") => ByteOrder::Little,
        Some("big") => ByteOrder::Big,
        Some(_) | None => return Err(expected("little or big", order).below("byte_order")),
    };
    let mut builder = Builder::new(order);
    let root = part(content, "root")?;
    let root = build(&mut builder, root, MAX_DEPTH).map_err(|error| error.below("root"))?;
    builder.finish(root).encode().map_err(ContentError::new)
}

fn build(builder: &mut Builder, json: &Json, depth: usize) -> Result<ObjectId, ContentError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(ContentError::new(format!("nested deeper than {MAX_DEPTH}")));
    };
    Ok(match json {
        Json::Null => builder.null(),
        Json::Bool(_) => return Err(expected("a number (0 or 1 for a flag)", json)),
        Json::Number(_) => builder.number(Number::Int(number(json, "an integer of 32 bits")?)),
        Json::String(text) => builder.string(text, Mutability::Immutable),
        Json::Array(members) => {
            let members = build_all(builder, members, depth)?;
            builder.array(&members, Mutability::Mutable)
        }
        Json::Object(_) => match marked(json) {
            Some((mark, inner)) => {
                special(builder, json, mark, inner, depth).map_err(|error| error.below(mark))?
            }
            None => dictionary(builder, json, Mutability::Mutable, depth)?,
        },
    })
}

fn build_all(
    builder: &mut Builder,
    members: &[Json],
    depth: usize,
) -> Result<Vec<ObjectId>, ContentError> {
    let members = members.iter().enumerate();
    members
        .map(|(index, member)| {
            build(builder, member, depth).map_err(|error| error.below(index + 1))
        })
        .collect()
}

fn dictionary(
    builder: &mut Builder,
    json: &Json,
    mutability: Mutability,
    depth: usize,
) -> Result<ObjectId, ContentError> {
    let object = json
        .as_object()
        .ok_or_else(|| expected("an object", json))?;
    let mut entries = Vec::with_capacity(object.len());
    for (key, value) in object {
        let value = build(builder, value, depth).map_err(|error| error.below(key))?;
        entries.push((builder.string(key, Mutability::Immutable), value));
    }
    Ok(builder.dictionary(&entries, mutability))
}

fn special(
    builder: &mut Builder,
    json: &Json,
    mark: &str,
    inner: &Json,
    depth: usize,
) -> Result<ObjectId, ContentError> {
    Ok(match mark {
        "$mutable-string" => {
            let text = inner.as_str().ok_or_else(|| expected("a text", inner))?;
            builder.string(text, Mutability::Mutable)
        }
        "$number" => builder.number(typed(inner, part(json, "type")?)?),
        "$data" => builder.data(&octets(inner)?, Mutability::Immutable),
        "$mutable-data" => builder.data(&octets(inner)?, Mutability::Mutable),
        "$candidates" => builder.data(&super::candidate_octets(inner)?, Mutability::Immutable),
        "$immutable-array" => {
            let members = build_all(builder, list(inner)?, depth)?;
            builder.array(&members, Mutability::Immutable)
        }
        "$set" | "$mutable-set" => {
            let members = build_all(builder, list(inner)?, depth)?;
            let mutable = mark == "$mutable-set";
            builder.set(
                &members,
                if mutable {
                    Mutability::Mutable
                } else {
                    Mutability::Immutable
                },
            )
        }
        "$immutable-dictionary" => dictionary(builder, inner, Mutability::Immutable, depth)?,
        "$date" => builder.date(float(inner)?),
        other => {
            return Err(ContentError::new(format!(
                "{other} is no kind of value that is known"
            )));
        }
    })
}

/// A number of a type.
fn typed(value: &Json, letter: &Json) -> Result<Number, ContentError> {
    let whole = "a number that fits its type";
    Ok(match letter.as_str() {
        Some("c") => Number::Char(number(value, whole)?),
        Some("C") => Number::UnsignedChar(number(value, whole)?),
        Some("s") => Number::Short(number(value, whole)?),
        Some("S") => Number::UnsignedShort(number(value, whole)?),
        Some("i") => Number::Int(number(value, whole)?),
        Some("I") => Number::UnsignedInt(number(value, whole)?),
        Some("l") => Number::Long(number(value, whole)?),
        Some("L") => Number::UnsignedLong(number(value, whole)?),
        Some("q") => Number::LongLong(number(value, whole)?),
        Some("Q") => Number::UnsignedLongLong(number(value, whole)?),
        Some("B") => Number::Boolean(number::<u8>(value, "0 or 1")? != 0),
        #[expect(clippy::cast_possible_truncation, reason = "a float was asked for")]
        Some("f") => Number::Float(float(value)? as f32),
        Some("d") => Number::Double(float(value)?),
        Some(_) | None => return Err(expected("a type: one of cCsSiIlLqQBfd", letter)),
    })
}
