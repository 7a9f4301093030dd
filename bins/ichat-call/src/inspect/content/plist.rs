//! Property lists.
//!
//! Beside what all forms share: `{"$real": 1.5, "width": 4}`, `{"$date": seconds}`, `{"$uid": 1}`,
//! `{"$set": […]}`, `{"$ordered-set": […]}`, `{"$dictionary": [[key, value], …]}` where a key begins
//! with `$`, occurs twice or has odd characters, `{"$narrow": "hex"}` and `{"$wide": "hex"}` for
//! strings with something in them that is no character, `{"$fill": true}`.

use std::borrow::Cow;

use ichat_invitation::bplist::{self, Integer, PlistValue, Real, Text, Uid};
use serde_json::{Map, Value as Json, json};
use typedstream::Archive;

use super::parts::{ContentError, MAX_DEPTH, expected, list, marked, number, octets, part};

/// A property list that was read, and is no deeper than those are.
pub(in crate::inspect) fn property_list(value: &PlistValue<'_>) -> Json {
    match value {
        PlistValue::Null => Json::Null,
        PlistValue::Fill => json!({ "$fill": true }),
        PlistValue::Boolean(flag) => json!(flag),
        PlistValue::Integer(number) => integer(*number),
        PlistValue::Real(real) => self::real(*real),
        PlistValue::Date(seconds) => bits("$date", *seconds),
        PlistValue::Data(octets) => data(octets),
        PlistValue::String(text) => self::text(text),
        PlistValue::Uid(uid) => json!({ "$uid": uid.value(), "width": uid.width() }),
        PlistValue::Array(members) => members.iter().map(property_list).collect(),
        PlistValue::OrderedSet(members) => json!({ "$ordered-set": all(members) }),
        PlistValue::Set(members) => json!({ "$set": all(members) }),
        PlistValue::Dictionary(entries) => dictionary(entries),
    }
}

fn all(members: &[PlistValue<'_>]) -> Json {
    members.iter().map(property_list).collect()
}

fn integer(number: Integer) -> Json {
    let value = number.value();
    let short = i64::try_from(value)
        .ok()
        .filter(|_| Integer::new(value).width() == number.width());
    match short {
        Some(value) => json!(value),
        None => json!({ "$integer": value.to_string(), "width": number.width() }),
    }
}

fn real(real: Real) -> Json {
    let mut json = bits("$real", real.value());
    if let (Real::Single(_), Some(object)) = (real, json.as_object_mut()) {
        object.insert("width".into(), json!(4));
    }
    json
}

/// A real by its value, or where JSON has no number for it, by its bits.
fn bits(name: &str, value: f64) -> Json {
    if value.is_finite() {
        json!({ name: value })
    } else {
        json!({ name: format!("{:016x}", value.to_bits()) })
    }
}

/// Data; of an archive what it says, if that says all of it.
fn data(octets: &[u8]) -> Json {
    let archive = super::super::archive::is_archive(octets)
        .then(|| Archive::decode(octets).ok())
        .flatten();
    let said = archive
        .and_then(|archive| super::archive(&archive))
        .filter(|said| super::archive_octets(said).is_ok_and(|written| written == octets));
    match said {
        Some(said) => json!({ "$typedstream": said }),
        None => json!({ "$data": hex::encode(octets) }),
    }
}

fn text(text: &Text<'_>) -> Json {
    match text {
        Text::Str(text) => json!(text),
        Text::Narrow(octets) => json!({ "$narrow": hex::encode(octets) }),
        Text::Wide(octets) => json!({ "$wide": hex::encode(octets) }),
    }
}

fn dictionary(entries: &[(Text<'_>, PlistValue<'_>)]) -> Json {
    let mut object = Map::new();
    for (key, value) in entries {
        let plain = key
            .as_str()
            .filter(|key| !key.starts_with('$') && !object.contains_key(*key));
        let Some(key) = plain else {
            let pairs = entries
                .iter()
                .map(|(key, value)| json!([text(key), property_list(value)]));
            return json!({ "$dictionary": pairs.collect::<Json>() });
        };
        object.insert(key.to_owned(), property_list(value));
    }
    Json::Object(object)
}

/// The octets of a changed property list.
pub(in crate::inspect) fn to_octets(content: &Json) -> Result<Vec<u8>, ContentError> {
    let value = value(content, MAX_DEPTH)?;
    bplist::encode(&value).map_err(ContentError::new)
}

fn value(json: &Json, depth: usize) -> Result<PlistValue<'static>, ContentError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(ContentError::new(format!("nested deeper than {MAX_DEPTH}")));
    };
    Ok(match json {
        Json::Null => PlistValue::Null,
        Json::Bool(flag) => PlistValue::Boolean(*flag),
        Json::Number(_) if json.is_f64() => PlistValue::Real(Real::Double(float(json)?)),
        Json::Number(_) => PlistValue::Integer(Integer::new(number(json, "an integer")?)),
        Json::String(text) => PlistValue::String(text.clone().into()),
        Json::Array(members) => PlistValue::Array(values(members, depth)?),
        Json::Object(object) => match marked(json) {
            Some((mark, inner)) => special(json, mark, inner, depth)?,
            None => {
                let mut entries = Vec::with_capacity(object.len());
                for (key, inner) in object {
                    let inner = value(inner, depth).map_err(|error| error.below(key))?;
                    entries.push((key.clone().into(), inner));
                }
                PlistValue::Dictionary(entries)
            }
        },
    })
}

fn values(members: &[Json], depth: usize) -> Result<Vec<PlistValue<'static>>, ContentError> {
    let members = members.iter().enumerate();
    members
        .map(|(index, member)| value(member, depth).map_err(|error| error.below(index + 1)))
        .collect()
}

/// A value whose kind is named.
fn special(
    json: &Json,
    mark: &str,
    inner: &Json,
    depth: usize,
) -> Result<PlistValue<'static>, ContentError> {
    let named = |error: ContentError| error.below(mark);
    let octets = || octets(inner).map_err(named);
    let members = || {
        list(inner)
            .and_then(|members| values(members, depth))
            .map_err(named)
    };
    Ok(match mark {
        "$fill" => PlistValue::Fill,
        "$data" => PlistValue::Data(Cow::Owned(octets()?)),
        "$typedstream" => {
            PlistValue::Data(Cow::Owned(super::archive_octets(inner).map_err(named)?))
        }
        "$narrow" => PlistValue::String(Text::Narrow(Cow::Owned(octets()?))),
        "$wide" => PlistValue::String(Text::Wide(Cow::Owned(octets()?))),
        "$set" => PlistValue::Set(members()?),
        "$ordered-set" => PlistValue::OrderedSet(members()?),
        "$date" => PlistValue::Date(float(inner).map_err(named)?),
        "$real" => {
            let value = float(inner).map_err(named)?;
            match json.get("width") {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a real of 4 octets was asked for"
                )]
                Some(width) if *width == 4 => PlistValue::Real(Real::Single(value as f32)),
                Some(_) | None => PlistValue::Real(Real::Double(value)),
            }
        }
        "$integer" => {
            let value = number(inner, "an integer").map_err(named)?;
            let width =
                number(part(json, "width")?, "a width").map_err(|error| error.below("width"))?;
            let fitting = Integer::with_width(value, width);
            PlistValue::Integer(fitting.ok_or_else(|| {
                ContentError::new(format!(
                    "{value} does not fit into {width} octets: expected 1, 2, 4, 8 or 16 octets that hold it"
                ))
            })?)
        }
        "$uid" => {
            let value = number(inner, "a number").map_err(named)?;
            let width = json
                .get("width")
                .map(|width| number(width, "a width"))
                .transpose()?;
            let uid = match width {
                Some(width) => Uid::with_width(value, width),
                None => Some(Uid::new(value)),
            };
            PlistValue::Uid(uid.ok_or_else(|| ContentError::new("the UID does not fit its width"))?)
        }
        "$dictionary" => PlistValue::Dictionary(pairs(inner, depth).map_err(named)?),
        other => {
            return Err(ContentError::new(format!(
                "{other} is no kind of value that is known; a key that begins with $ goes into $dictionary"
            )));
        }
    })
}

fn pairs(
    inner: &Json,
    depth: usize,
) -> Result<Vec<(Text<'static>, PlistValue<'static>)>, ContentError> {
    let mut entries = Vec::new();
    for (index, pair) in list(inner)?.iter().enumerate() {
        let [key, inner] = list(pair)? else {
            return Err(expected("a key and a value", pair).below(index + 1));
        };
        let PlistValue::String(key) = value(key, depth)? else {
            return Err(expected("a string as key", key).below(index + 1));
        };
        entries.push((
            key,
            value(inner, depth).map_err(|error| error.below(index + 1))?,
        ));
    }
    Ok(entries)
}

/// A number, or the bits of one in hex.
pub(super) fn float(json: &Json) -> Result<f64, ContentError> {
    let bits = json
        .as_str()
        .and_then(|text| u64::from_str_radix(text, 16).ok());
    let value = json.as_f64().or_else(|| bits.map(f64::from_bits));
    value.ok_or_else(|| expected("a number", json))
}
