//! The values of a keyed archive.

use super::KeyedError;
use crate::bplist::{PlistValue, Text};

/// A value with its class.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedValue<'v> {
    /// The name of its class; numbers, strings and data often stand there without one.
    pub class: Option<&'v Text<'v>>,
    /// What it holds.
    pub content: KeyedContent<'v>,
}

/// What a value of a keyed archive holds.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyedContent<'v> {
    /// No object.
    Nil,
    /// A string, number, boolean, date, data or NSNull.
    Plain(PlistValue<'v>),
    /// The members of an array or set.
    List(Vec<KeyedValue<'v>>),
    /// Keys and values of a dictionary.
    Dictionary(Vec<(KeyedValue<'v>, KeyedValue<'v>)>),
    /// The fields of an object of a class that we do not know.
    Fields(Vec<(&'v Text<'v>, KeyedValue<'v>)>),
}

impl<'v> KeyedValue<'v> {
    /// The value as a plain property list: classes forgotten, nil as null, objects of unknown
    /// classes as dictionaries with the class's name as `$class`.
    ///
    /// # Errors
    ///
    /// Where a dictionary has a key that is no string.
    pub fn to_plist(&self) -> Result<PlistValue<'v>, KeyedError> {
        Ok(match &self.content {
            KeyedContent::Nil => PlistValue::Null,
            KeyedContent::Plain(value) => value.clone(),
            KeyedContent::List(members) => {
                let mut list = Vec::with_capacity(members.len());
                for member in members {
                    list.push(member.to_plist()?);
                }
                self.list(list)
            }
            KeyedContent::Dictionary(entries) => {
                let mut dictionary = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let PlistValue::String(key) = key.to_plist()? else {
                        return Err(KeyedError::Key);
                    };
                    dictionary.push((key, value.to_plist()?));
                }
                PlistValue::Dictionary(dictionary)
            }
            KeyedContent::Fields(fields) => {
                let mut dictionary = Vec::with_capacity(fields.len() + 1);
                for (key, value) in fields {
                    dictionary.push((key.borrowed(), value.to_plist()?));
                }
                let class = self.class.map(Text::borrowed);
                dictionary.extend(class.map(|class| ("$class".into(), PlistValue::String(class))));
                PlistValue::Dictionary(dictionary)
            }
        })
    }

    /// Members as an array, or as the set that the class's name says.
    fn list(&self, members: Vec<PlistValue<'v>>) -> PlistValue<'v> {
        let class = self.class.and_then(Text::as_str).unwrap_or_default();
        if class.ends_with("OrderedSet") {
            PlistValue::OrderedSet(members)
        } else if class.ends_with("Set") {
            PlistValue::Set(members)
        } else {
            PlistValue::Array(members)
        }
    }
}
