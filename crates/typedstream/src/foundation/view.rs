//! From an archive's objects to what they mean.

use std::slice;

use super::{Foundation, FoundationError, Mutability, Run};
use crate::{Archive, Group, Number, Object, ObjectId, SharedString, Value};

use Mutability::{Immutable, Mutable};

impl Archive {
    /// One object as what its class makes of it.
    ///
    /// Source: `docs/protocol/invitation.md`, grammar \[C\]; the classes that do not occur there from
    /// what Macs write elsewhere.
    ///
    /// # Errors
    /// There is no such object, or it does not hold what objects of its class do.
    pub fn foundation(&self, id: ObjectId) -> Result<Foundation<'_>, FoundationError> {
        let object = self.object(id).ok_or(FoundationError::NoObject(id))?;
        let mut classes = self.classes_of(id);
        let is_subclass = match classes.next().map(|class| known(&class.name)) {
            Some(Some(known)) => return self.known(id, object, known),
            Some(None) | None => classes.find_map(|class| known(&class.name)),
        };
        // A subclass may write more than its superclass, or something else.
        let seen = is_subclass.and_then(|known| self.known(id, object, known).ok());
        Ok(seen.unwrap_or(Foundation::Unknown(object)))
    }

    /// The text of a string.
    pub fn text(&self, id: ObjectId) -> Option<&str> {
        match self.foundation(id) {
            Ok(Foundation::String { text, .. }) => Some(text),
            Ok(_) | Err(_) => None,
        }
    }

    /// The number that a `NSNumber` holds.
    pub fn number(&self, id: ObjectId) -> Option<Number> {
        match self.foundation(id) {
            Ok(Foundation::Number(number)) => Some(number),
            Ok(_) | Err(_) => None,
        }
    }

    /// The octets of data.
    pub fn data(&self, id: ObjectId) -> Option<&[u8]> {
        match self.foundation(id) {
            Ok(Foundation::Data { octets, .. }) => Some(octets),
            Ok(_) | Err(_) => None,
        }
    }

    /// The value of the first entry of a dictionary whose key is this text.
    pub fn entry(&self, dictionary: ObjectId, key: &str) -> Option<ObjectId> {
        match self.foundation(dictionary) {
            Ok(Foundation::Dictionary { entries, .. }) => entries
                .into_iter()
                .find(|(found, _)| self.text(*found) == Some(key))
                .map(|(_, value)| value),
            Ok(_) | Err(_) => None,
        }
    }

    fn known<'a>(
        &'a self,
        id: ObjectId,
        object: &'a Object,
        (class, mutability): (Known, Mutability),
    ) -> Result<Foundation<'a>, FoundationError> {
        let mut content = Content {
            groups: object.groups.iter(),
        };
        let seen = self.read(class, mutability, &mut content);
        let left = content.groups.len();
        seen.filter(|_| left == 0)
            .ok_or_else(|| FoundationError::Content {
                object: id,
                class: class.name(),
                group: object.groups.len() - left,
            })
    }

    fn read<'a>(
        &'a self,
        class: Known,
        mutability: Mutability,
        content: &mut Content<'a>,
    ) -> Option<Foundation<'a>> {
        Some(match class {
            Known::String => Foundation::String {
                text: content.string()?,
                mutability,
            },
            Known::Number => match self.value(content)? {
                (_, [Value::Number(number)]) => Foundation::Number(*number),
                _ => return None,
            },
            Known::Value => {
                let (encoding, values) = self.value(content)?;
                Foundation::Value { encoding, values }
            }
            Known::Data => Foundation::Data {
                octets: content.data()?,
                mutability,
            },
            Known::Array => Foundation::Array {
                elements: content.objects(Number::Int)?,
                mutability,
            },
            Known::Set => Foundation::Set {
                elements: content.objects(|count| Number::UnsignedInt(count.cast_unsigned()))?,
                mutability,
            },
            Known::Dictionary => Foundation::Dictionary {
                entries: content.entries()?,
                mutability,
            },
            Known::Date => Foundation::Date {
                seconds: content.take(|values| match values {
                    [Value::Number(Number::Double(seconds))] => Some(*seconds),
                    _ => None,
                })?,
            },
            Known::Null => Foundation::Null,
            Known::Url => {
                let is_relative = content.take(|values| match values {
                    [Value::Number(Number::Char(flag @ 0..=1))] => Some(*flag == 1),
                    _ => None,
                })?;
                let base = if is_relative {
                    Some(content.object()?)
                } else {
                    None
                };
                let text = content.object()?;
                Foundation::Url { base, text }
            }
            Known::AttributedString => Foundation::AttributedString {
                text: content.object()?,
                runs: content.runs()?,
                mutability,
            },
        })
    }

    /// What a `NSValue` holds: the encoding as a C string, then a group of that encoding.
    fn value<'a>(&'a self, content: &mut Content<'a>) -> Option<(&'a SharedString, &'a [Value])> {
        let encoding = content.take(|values| match values {
            [Value::CString(encoding)] => *encoding,
            _ => None,
        })?;
        let encoding = self.c_string(encoding)?;
        let group = content.groups.as_slice().first()?;
        if group.encoding != *encoding {
            return None;
        }
        content.groups.next();
        Some((encoding, &group.values))
    }
}

/// A class that is known, or two: the mutable one is its subclass and writes alike.
#[derive(Debug, Clone, Copy)]
enum Known {
    String,
    Number,
    Value,
    Data,
    Array,
    Dictionary,
    Set,
    Date,
    Null,
    Url,
    AttributedString,
}

impl Known {
    fn name(self) -> &'static str {
        match self {
            Self::String => "NSString",
            Self::Number => "NSNumber",
            Self::Value => "NSValue",
            Self::Data => "NSData",
            Self::Array => "NSArray",
            Self::Dictionary => "NSDictionary",
            Self::Set => "NSSet",
            Self::Date => "NSDate",
            Self::Null => "NSNull",
            Self::Url => "NSURL",
            Self::AttributedString => "NSAttributedString",
        }
    }
}

fn known(name: &[u8]) -> Option<(Known, Mutability)> {
    Some(match name {
        b"NSString" => (Known::String, Immutable),
        b"NSMutableString" => (Known::String, Mutable),
        b"NSNumber" => (Known::Number, Immutable),
        b"NSValue" => (Known::Value, Immutable),
        b"NSData" => (Known::Data, Immutable),
        b"NSMutableData" => (Known::Data, Mutable),
        b"NSArray" => (Known::Array, Immutable),
        b"NSMutableArray" => (Known::Array, Mutable),
        b"NSDictionary" => (Known::Dictionary, Immutable),
        b"NSMutableDictionary" => (Known::Dictionary, Mutable),
        b"NSSet" => (Known::Set, Immutable),
        b"NSMutableSet" => (Known::Set, Mutable),
        b"NSDate" => (Known::Date, Immutable),
        b"NSNull" => (Known::Null, Immutable),
        b"NSURL" => (Known::Url, Immutable),
        b"NSAttributedString" => (Known::AttributedString, Immutable),
        b"NSMutableAttributedString" => (Known::AttributedString, Mutable),
        _ => return None,
    })
}

/// What is left of an object's groups. A group that does not fit is not taken.
struct Content<'a> {
    groups: slice::Iter<'a, Group>,
}

impl<'a> Content<'a> {
    /// What `read` makes of the values of the next group; taken if it makes something of them.
    fn take<T>(&mut self, read: impl FnOnce(&'a [Value]) -> Option<T>) -> Option<T> {
        let found = read(&self.groups.as_slice().first()?.values)?;
        self.groups.next();
        Some(found)
    }

    fn object(&mut self) -> Option<ObjectId> {
        self.take(|values| match values {
            [Value::Object(object)] => *object,
            _ => None,
        })
    }

    fn string(&mut self) -> Option<&'a str> {
        self.take(|values| match values {
            [Value::ByteString(Some(octets))] => std::str::from_utf8(octets).ok(),
            _ => None,
        })
    }

    /// A count in the type that `number` makes.
    fn count(&mut self, number: fn(i32) -> Number) -> Option<usize> {
        self.take(|values| {
            let [Value::Number(found)] = values else {
                return None;
            };
            let count = i32::try_from(found.as_i64()?).ok()?;
            if *found != number(count) {
                return None;
            }
            usize::try_from(count).ok()
        })
    }

    /// A count, then that many objects, each in a group of its own.
    fn objects(&mut self, number: fn(i32) -> Number) -> Option<Vec<ObjectId>> {
        let count = self.count(number)?;
        // Each element takes a group: so many are there, or none is read.
        if count > self.groups.len() {
            return None;
        }
        (0..count).map(|_| self.object()).collect()
    }

    fn entries(&mut self) -> Option<Vec<(ObjectId, ObjectId)>> {
        let count = self.count(Number::Int)?;
        if count > self.groups.len() / 2 {
            return None;
        }
        (0..count)
            .map(|_| Some((self.object()?, self.object()?)))
            .collect()
    }

    fn data(&mut self) -> Option<&'a [u8]> {
        let count = self.count(Number::Int)?;
        self.take(|values| match values {
            [Value::Octets(octets)] if octets.len() == count => Some(octets.as_slice()),
            _ => None,
        })
    }

    /// Runs: the number of a dictionary and a length; a dictionary that is new follows.
    fn runs(&mut self) -> Option<Vec<Run>> {
        let mut dictionaries: Vec<ObjectId> = Vec::new();
        let mut runs = Vec::new();
        while self.groups.len() > 0 {
            let (number, length) = self.take(|values| match values {
                [
                    Value::Number(Number::Int(number)),
                    Value::Number(Number::UnsignedInt(length)),
                ] => Some((*number, *length)),
                _ => None,
            })?;
            let index = usize::try_from(number).ok()?.checked_sub(1)?;
            if index == dictionaries.len() {
                dictionaries.push(self.object()?);
            }
            runs.push(Run {
                length,
                attributes: *dictionaries.get(index)?,
            });
        }
        Some(runs)
    }
}

/// Cuts the text of an attributed string into its runs.
///
/// Lengths are UTF-16 units. A run that would end inside of a character ends behind it; text that no
/// run reaches is left out, as are runs behind the end of the text.
pub fn split_runs<'a>(text: &'a str, runs: &[Run]) -> Vec<(&'a str, ObjectId)> {
    let mut rest = text;
    let mut pieces = Vec::new();
    // Units of the run before that went into this one.
    let mut surplus = 0;
    for run in runs {
        let wanted = u64::from(run.length);
        let mut units = surplus;
        let mut end = 0;
        for character in rest.chars() {
            if units >= wanted {
                break;
            }
            units += u64::from(u8::from(u32::from(character) > 0xffff)) + 1;
            end += character.len_utf8();
        }
        surplus = units.saturating_sub(wanted);
        let Some((piece, after)) = rest.split_at_checked(end) else {
            break;
        };
        if !piece.is_empty() {
            pieces.push((piece, run.attributes));
        }
        rest = after;
    }
    pieces
}
