//! From numbers of objects to values.

use std::borrow::Cow;

use super::{KeyedContent, KeyedError, KeyedValue};
use crate::bplist::{Limits, PlistValue, Text};

/// Most parts of the description of a class, and most classes in a line, that are looked at.
const MAX_CLASS_LEN: usize = 8;
/// The string that stands for nil at place 0.
const NULL: &str = "$null";

/// Follows references and counts what is built.
pub(super) struct Resolver<'v> {
    objects: &'v [PlistValue<'v>],
    limits: Limits,
    /// Values that were or will be built; members count before room for them is reserved.
    visited: usize,
    /// Octets of strings and data.
    content: usize,
    /// What the present value is in: the numbers of objects, `None` for containers without one.
    path: Vec<Option<u64>>,
}

impl<'v> Resolver<'v> {
    pub(super) fn new(objects: &'v [PlistValue<'v>], limits: Limits) -> Self {
        Self {
            objects,
            limits,
            visited: 0,
            content: 0,
            path: Vec::new(),
        }
    }

    /// A value, or what it refers to. Calls itself no deeper than the limit of depth.
    pub(super) fn value(
        &mut self,
        value: &'v PlistValue<'v>,
    ) -> Result<KeyedValue<'v>, KeyedError> {
        match value {
            PlistValue::Uid(uid) => self.object(uid.value()),
            PlistValue::Array(members)
            | PlistValue::OrderedSet(members)
            | PlistValue::Set(members) => {
                self.enter(None)?;
                let members = self.list(members)?;
                self.path.pop();
                Ok(plain(KeyedContent::List(members)))
            }
            PlistValue::Dictionary(entries) => {
                self.enter(None)?;
                let fields = self.fields(entries)?;
                self.path.pop();
                Ok(plain(KeyedContent::Fields(fields)))
            }
            PlistValue::String(text) => {
                self.charge(text_len(text))?;
                Ok(plain(KeyedContent::Plain(value.borrowed())))
            }
            PlistValue::Data(octets) => {
                self.charge(octets.len())?;
                Ok(plain(KeyedContent::Plain(value.borrowed())))
            }
            PlistValue::Null
            | PlistValue::Fill
            | PlistValue::Boolean(_)
            | PlistValue::Integer(_)
            | PlistValue::Real(_)
            | PlistValue::Date(_) => Ok(plain(KeyedContent::Plain(value.borrowed()))),
        }
    }

    /// The object with a number.
    fn object(&mut self, number: u64) -> Result<KeyedValue<'v>, KeyedError> {
        let object = self.entry(number)?;
        if number == 0 && matches!(object, PlistValue::String(text) if text == NULL) {
            return Ok(plain(KeyedContent::Nil));
        }
        let PlistValue::Dictionary(entries) = object else {
            // A reference to a reference would be no container, and so be missed below.
            if let PlistValue::Uid(_) = object {
                return Err(KeyedError::Object {
                    number,
                    found: object.kind(),
                });
            }
            return self.value(object);
        };
        self.enter(Some(number))?;
        // What is looked for in the object costs as many steps as it has entries.
        self.count(entries.len())?;
        let class = self.class(object)?;
        let content = match class {
            Some(class) => self.foundation(class, object)?,
            None => None,
        };
        let content = match content {
            Some(content) => content,
            None => KeyedContent::Fields(self.fields(entries)?),
        };
        self.path.pop();
        Ok(KeyedValue {
            class: class.map(|class| class.name),
            content,
        })
    }

    /// What stands at a number.
    fn entry(&self, number: u64) -> Result<&'v PlistValue<'v>, KeyedError> {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        self.objects.get(index).ok_or(KeyedError::Reference {
            limit: self.objects.len(),
            found: number,
        })
    }

    /// The class of an object.
    fn class(&self, object: &'v PlistValue<'v>) -> Result<Option<Class<'v>>, KeyedError> {
        let Some(PlistValue::Uid(uid)) = object.get("$class") else {
            return Ok(None);
        };
        let description = self.entry(uid.value())?;
        let parts = description.as_dictionary().unwrap_or_default().iter();
        let parts = parts.take(MAX_CLASS_LEN);
        let part = |name| parts.clone().find(|(key, _)| key == name);
        let Some((_, PlistValue::String(name))) = part("$classname") else {
            return Err(KeyedError::Class {
                number: uid.value(),
                found: description.kind(),
            });
        };
        let chain = match part("$classes") {
            Some((_, PlistValue::Array(chain))) => chain.as_slice(),
            Some(_) | None => &[],
        };
        Ok(Some(Class { name, chain }))
    }

    /// The content of an object of one of Foundation's classes, if it has the form that they have.
    fn foundation(
        &mut self,
        class: Class<'v>,
        object: &'v PlistValue<'v>,
    ) -> Result<Option<KeyedContent<'v>>, KeyedError> {
        let list = |key| match object.get(key) {
            Some(PlistValue::Array(members)) => Some(members.as_slice()),
            Some(_) | None => None,
        };
        if class.is("NSDictionary") {
            let (Some(keys), Some(values)) = (list("NS.keys"), list("NS.objects")) else {
                return Ok(None);
            };
            if keys.len() != values.len() {
                return Ok(None);
            }
            self.count(2 * keys.len())?;
            let mut entries = Vec::with_capacity(keys.len());
            for (key, value) in keys.iter().zip(values) {
                entries.push((self.value(key)?, self.value(value)?));
            }
            return Ok(Some(KeyedContent::Dictionary(entries)));
        }
        if class.is("NSArray") || class.is("NSSet") || class.is("NSOrderedSet") {
            return match list("NS.objects") {
                Some(members) => Ok(Some(KeyedContent::List(self.list(members)?))),
                None => Ok(None),
            };
        }
        if class.is("NSNull") {
            return Ok(Some(KeyedContent::Plain(PlistValue::Null)));
        }
        let field = [
            ("NSString", "NS.string"),
            ("NSString", "NS.bytes"),
            ("NSData", "NS.data"),
            ("NSDate", "NS.time"),
        ]
        .into_iter()
        .filter(|(name, _)| class.is(name))
        .find_map(|(_, key)| object.get(key));
        let Some(field) = field else {
            return Ok(None);
        };
        let content = self.value(field)?.content;
        Ok(Some(match content {
            // A date is a real number of seconds.
            KeyedContent::Plain(PlistValue::Real(seconds)) if class.is("NSDate") => {
                KeyedContent::Plain(PlistValue::Date(seconds.value()))
            }
            // A string may stand there as its octets.
            KeyedContent::Plain(PlistValue::Data(octets)) if class.is("NSString") => {
                KeyedContent::Plain(match octets {
                    Cow::Borrowed(octets) => match std::str::from_utf8(octets) {
                        Ok(text) => PlistValue::String(text.into()),
                        Err(_) => PlistValue::Data(octets.into()),
                    },
                    Cow::Owned(_) => PlistValue::Data(octets),
                })
            }
            content @ (KeyedContent::Nil
            | KeyedContent::Plain(_)
            | KeyedContent::List(_)
            | KeyedContent::Dictionary(_)
            | KeyedContent::Fields(_)) => content,
        }))
    }

    fn list(&mut self, members: &'v [PlistValue<'v>]) -> Result<Vec<KeyedValue<'v>>, KeyedError> {
        self.count(members.len())?;
        let mut resolved = Vec::with_capacity(members.len());
        for member in members {
            resolved.push(self.value(member)?);
        }
        Ok(resolved)
    }

    /// The fields of an object, without its class.
    fn fields(
        &mut self,
        entries: &'v [(Text<'v>, PlistValue<'v>)],
    ) -> Result<Vec<(&'v Text<'v>, KeyedValue<'v>)>, KeyedError> {
        self.count(entries.len())?;
        let mut fields = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if key != "$class" {
                fields.push((key, self.value(value)?));
            }
        }
        Ok(fields)
    }

    /// Goes into an object or container.
    fn enter(&mut self, number: Option<u64>) -> Result<(), KeyedError> {
        if let Some(number) = number
            && self.path.contains(&Some(number))
        {
            return Err(KeyedError::Cycle { number });
        }
        if self.path.len() >= self.limits.depth {
            let limit = self.limits.depth;
            return Err(KeyedError::Depth { limit });
        }
        self.path.push(number);
        Ok(())
    }

    pub(super) fn count(&mut self, values: usize) -> Result<(), KeyedError> {
        self.visited = self.visited.saturating_add(values);
        if self.visited > self.limits.objects {
            let limit = self.limits.objects;
            return Err(KeyedError::Objects { limit });
        }
        Ok(())
    }

    fn charge(&mut self, octets: usize) -> Result<(), KeyedError> {
        self.content = self.content.saturating_add(octets);
        if self.content > self.limits.octets {
            let limit = self.limits.octets;
            return Err(KeyedError::Expanded { limit });
        }
        Ok(())
    }
}

/// The class of an object: its name, and the names of it and all it is derived from.
#[derive(Clone, Copy)]
struct Class<'v> {
    name: &'v Text<'v>,
    chain: &'v [PlistValue<'v>],
}

impl Class<'_> {
    /// Whether it is that class of Foundation's, the mutable form of it, or derived from it.
    fn is(self, name: &str) -> bool {
        let own = self.name.as_str().unwrap_or_default();
        let mutable = own.strip_prefix("NSMutable");
        let named =
            |class: &PlistValue<'_>| matches!(class, PlistValue::String(text) if text == name);
        own == name
            || (mutable.is_some() && mutable == name.strip_prefix("NS"))
            || self.chain.iter().take(MAX_CLASS_LEN).any(named)
    }
}

fn plain(content: KeyedContent<'_>) -> KeyedValue<'_> {
    KeyedValue {
        class: None,
        content,
    }
}

/// Octets that a string takes in memory.
fn text_len(text: &Text<'_>) -> usize {
    match text {
        Text::Str(text) => text.len(),
        Text::Narrow(octets) | Text::Wide(octets) => octets.len(),
    }
}
