//! The value level: a whole archive in memory, with the identity of everything in it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::{Header, Number};

/// A whole archive.
///
/// Objects, classes and C strings lie in tables and are named by their place, so that shared
/// objects stay shared and cycles stay cycles. [`decode`](Self::decode) and
/// [`encode`](Self::encode) are each other's inverse on everything that a Mac wrote.
///
/// After `decode` the tables are in the order of the archive. `encode` does not mind their order: it
/// numbers anew, in the order in which it meets things, and leaves out what nothing refers to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Archive {
    /// The head.
    pub header: Header,
    /// The values of the archive itself; usually one group `@` with the root object.
    pub groups: Vec<Group>,
    /// The objects.
    pub objects: Vec<Object>,
    /// The classes.
    pub classes: Vec<Class>,
    /// The C strings. Two of them may have the same content, and yet not be the same.
    pub c_strings: Vec<SharedString>,
}

impl Archive {
    /// An archive without anything in it.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            ..Self::default()
        }
    }

    /// The object with this name.
    pub fn object(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(usize::try_from(id.0).ok()?)
    }

    /// The object with this name, to be changed.
    pub fn object_mut(&mut self, id: ObjectId) -> Option<&mut Object> {
        self.objects.get_mut(usize::try_from(id.0).ok()?)
    }

    /// The class with this name.
    pub fn class(&self, id: ClassId) -> Option<&Class> {
        self.classes.get(usize::try_from(id.0).ok()?)
    }

    /// The C string with this name.
    pub fn c_string(&self, id: CStringId) -> Option<&SharedString> {
        self.c_strings.get(usize::try_from(id.0).ok()?)
    }

    /// The root object: the value of the first group, if that is an object and nothing else.
    pub fn root(&self) -> Option<ObjectId> {
        match self.groups.first()?.values.as_slice() {
            [Value::Object(root)] => *root,
            _ => None,
        }
    }

    /// The classes of an object: its own, its superclass, and so on to the root class.
    pub fn classes_of(&self, object: ObjectId) -> impl Iterator<Item = &Class> {
        let mut next = self.object(object).map(|object| object.class);
        // A chain that was built by hand may be a ring.
        (0..self.classes.len()).map_while(move |_| {
            let class = self.class(next?)?;
            next = class.superclass;
            Some(class)
        })
    }
}

/// The name of an object: its place in [`Archive::objects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u32);

/// The name of a class: its place in [`Archive::classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// The name of a C string: its place in [`Archive::c_strings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CStringId(pub u32);

/// An object: its class, and what its class wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its class.
    pub class: ClassId,
    /// What its class and its superclasses wrote, in their order.
    pub groups: Vec<Group>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name, for example `NSString`.
    pub name: SharedString,
    /// Its version, which tells its objects what to expect.
    pub version: i32,
    /// Its superclass; `None` for a root class.
    pub superclass: Option<ClassId>,
}

/// Values that were written together.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Their types, one after the other, for example `iI` or `{_NSPoint=ff}`.
    pub encoding: SharedString,
    /// The values, one for each type.
    pub values: Vec<Value>,
}

impl Group {
    /// A group.
    pub fn new(encoding: impl Into<SharedString>, values: impl Into<Vec<Value>>) -> Self {
        Self {
            encoding: encoding.into(),
            values: values.into(),
        }
    }
}

/// A value. Its type is in the encoding of its group.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number, a `char` or a boolean.
    Number(Number),
    /// `@`
    Object(Option<ObjectId>),
    /// `#`
    Class(Option<ClassId>),
    /// `*`
    CString(Option<CStringId>),
    /// `:`
    Selector(Option<SharedString>),
    /// `%`
    Atom(Option<SharedString>),
    /// `+`
    ByteString(Option<Octets>),
    /// `!`, of which nothing is written.
    Ignored,
    /// `[N…]` of `c`, `C` or `B`.
    Octets(Octets),
    /// `[N…]` of another type.
    Array(Values),
    /// `{…}`
    Struct(Values),
}

impl Value {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "another number",
            Self::Object(_) => "an object",
            Self::Class(_) => "a class",
            Self::CString(_) => "a C string",
            Self::Selector(_) => "a selector",
            Self::Atom(_) => "an atom",
            Self::ByteString(_) => "a byte string",
            Self::Ignored => "an ignored value",
            Self::Octets(_) => "an array of octets",
            Self::Array(_) => "an array",
            Self::Struct(_) => "a struct",
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<ObjectId> for Value {
    fn from(object: ObjectId) -> Self {
        Self::Object(Some(object))
    }
}

/// A string that an archive writes once and refers to from then on. Cheap to clone.
///
/// Its octets are usually ASCII. Two strings with the same octets are the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedString(
    // Thin, so that a `Value` is 16 octets.
    Arc<Box<[u8]>>,
);

impl Deref for SharedString {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for SharedString {
    fn from(octets: &[u8]) -> Self {
        Self(Arc::new(octets.into()))
    }
}

impl From<&str> for SharedString {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for SharedString {
    fn from(text: String) -> Self {
        Self(Arc::new(text.into_bytes().into()))
    }
}

impl PartialEq<str> for SharedString {
    fn eq(&self, other: &str) -> bool {
        **self == *other.as_bytes()
    }
}

impl PartialEq<&str> for SharedString {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Debug for SharedString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.escape_ascii())
    }
}

impl fmt::Display for SharedString {
    /// What is no printable ASCII is escaped as in a string literal.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.escape_ascii().fmt(formatter)
    }
}

macro_rules! thin_list {
    ($(#[$doc:meta])* $name:ident of $element:ty) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Default)]
        pub struct $name(
            // Thin, so that a `Value` is 16 octets.
            Box<Vec<$element>>,
        );

        impl Deref for $name {
            type Target = Vec<$element>;

            fn deref(&self) -> &Vec<$element> {
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut Vec<$element> {
                &mut self.0
            }
        }

        impl From<Vec<$element>> for $name {
            fn from(elements: Vec<$element>) -> Self {
                Self(Box::new(elements))
            }
        }

        impl From<&[$element]> for $name {
            fn from(elements: &[$element]) -> Self {
                elements.to_vec().into()
            }
        }

        impl<const N: usize> From<[$element; N]> for $name {
            fn from(elements: [$element; N]) -> Self {
                elements.to_vec().into()
            }
        }

        impl FromIterator<$element> for $name {
            fn from_iter<I: IntoIterator<Item = $element>>(elements: I) -> Self {
                elements.into_iter().collect::<Vec<_>>().into()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

thin_list! {
    /// Octets of a [`Value`]; behaves as the `Vec` that it holds.
    Octets of u8
}
thin_list! {
    /// The elements of an array or the fields of a struct; behaves as the `Vec` that it holds.
    Values of Value
}
