//! From what is meant to an archive's objects.

use std::collections::BTreeMap;

use super::{Mutability, Run};
use crate::{
    Archive, ByteOrder, CStringId, Class, ClassId, Group, Header, Number, Object, ObjectId, Octets,
    SharedString, Value,
};

/// Makes Foundation objects, as a Mac writes them.
///
/// Make what is inside first. To name an object twice is to share it. Only what the root leads to is
/// written, in the order in which the writer meets it, whatever the order of the calls.
///
/// ```
/// use typedstream::ByteOrder;
/// use typedstream::foundation::{Builder, Mutability};
///
/// let mut builder = Builder::new(ByteOrder::Big);
/// let text = builder.string("hello", Mutability::Immutable);
/// let root = builder.array(&[text, text], Mutability::Immutable);
/// let octets = builder.finish(root).encode()?;
/// assert!(octets.starts_with(b"\x04\x0btypedstream"));
/// # Ok::<(), typedstream::EncodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    archive: Archive,
    /// Strings that were made already, so that there is one of each.
    strings: BTreeMap<Vec<u8>, SharedString>,
}

impl Builder {
    /// Begins an archive with the head that a Mac of this byte order writes.
    pub fn new(byte_order: ByteOrder) -> Self {
        Self::with_archive(Archive::new(Header::new(byte_order)))
    }

    /// Goes on with an archive: its objects keep their names.
    pub fn with_archive(archive: Archive) -> Self {
        Self {
            archive,
            strings: BTreeMap::new(),
        }
    }

    /// The archive so far.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// A `NSString` or `NSMutableString`.
    pub fn string(&mut self, text: &str, mutability: Mutability) -> ObjectId {
        let groups = vec![Group::new(
            self.shared("+"),
            [Value::ByteString(Some(text.as_bytes().into()))],
        )];
        match mutability {
            Mutability::Immutable => self.object(&[("NSString", 1), NSOBJECT], groups),
            Mutability::Mutable => {
                self.object(&[("NSMutableString", 1), ("NSString", 1), NSOBJECT], groups)
            }
        }
    }

    /// A `NSNumber`. Macs have no boolean of their own: a `BOOL` is a [`Number::Char`].
    pub fn number(&mut self, number: Number) -> ObjectId {
        let encoding = char::from(number.type_code()).to_string();
        let groups = self.value_groups(&encoding, vec![number.into()]);
        self.object(&[("NSNumber", 0), ("NSValue", 0), NSOBJECT], groups)
    }

    /// A `NSValue` of any type, for example `{_NSPoint=ff}` with a struct of two floats.
    pub fn value(&mut self, encoding: &str, value: Value) -> ObjectId {
        let groups = self.value_groups(encoding, vec![value]);
        self.object(&[("NSValue", 0), NSOBJECT], groups)
    }

    /// A `NSData` or `NSMutableData`, of at most 2 GiB.
    pub fn data(&mut self, octets: &[u8], mutability: Mutability) -> ObjectId {
        let octets = match usize::try_from(i32::MAX) {
            Ok(longest) => octets.get(..longest).unwrap_or(octets),
            Err(_) => octets,
        };
        let groups = vec![
            self.count(octets.len()),
            Group::new(
                format!("[{}c]", octets.len()),
                [Value::Octets(Octets::from(octets))],
            ),
        ];
        self.one_of_two("NSData", "NSMutableData", mutability, groups)
    }

    /// A `NSArray` or `NSMutableArray`.
    pub fn array(&mut self, elements: &[ObjectId], mutability: Mutability) -> ObjectId {
        let mut groups = vec![self.count(elements.len())];
        self.add_objects(&mut groups, elements.iter());
        self.one_of_two("NSArray", "NSMutableArray", mutability, groups)
    }

    /// A `NSDictionary` or `NSMutableDictionary`; the order of the entries is kept.
    pub fn dictionary(
        &mut self,
        entries: &[(ObjectId, ObjectId)],
        mutability: Mutability,
    ) -> ObjectId {
        let mut groups = vec![self.count(entries.len())];
        self.add_objects(
            &mut groups,
            entries.iter().flat_map(|(key, value)| [key, value]),
        );
        self.one_of_two("NSDictionary", "NSMutableDictionary", mutability, groups)
    }

    /// A `NSSet` or `NSMutableSet`; the order of the elements is kept.
    pub fn set(&mut self, elements: &[ObjectId], mutability: Mutability) -> ObjectId {
        let count = Number::UnsignedInt(u32::try_from(elements.len()).unwrap_or(u32::MAX));
        let mut groups = vec![Group::new(self.shared("I"), [count.into()])];
        self.add_objects(&mut groups, elements.iter());
        self.one_of_two("NSSet", "NSMutableSet", mutability, groups)
    }

    /// A `NSDate`: seconds since the beginning of 2001, UTC.
    pub fn date(&mut self, seconds: f64) -> ObjectId {
        let groups = vec![Group::new(
            self.shared("d"),
            [Number::Double(seconds).into()],
        )];
        self.object(&[("NSDate", 0), NSOBJECT], groups)
    }

    /// A `NSNull`.
    pub fn null(&mut self) -> ObjectId {
        self.object(&[("NSNull", 0), NSOBJECT], Vec::new())
    }

    /// A `NSURL`; its text is a string.
    pub fn url(&mut self, base: Option<ObjectId>, text: ObjectId) -> ObjectId {
        let is_relative = Number::Char(base.is_some().into());
        let mut groups = vec![Group::new(self.shared("c"), [is_relative.into()])];
        self.add_objects(&mut groups, base.iter().chain([&text]));
        self.object(&[("NSURL", 0), NSOBJECT], groups)
    }

    /// A `NSAttributedString` or `NSMutableAttributedString`. Its text is a string, mutable if it
    /// is itself; each run's attributes are a dictionary.
    pub fn attributed_string(
        &mut self,
        text: ObjectId,
        runs: &[Run],
        mutability: Mutability,
    ) -> ObjectId {
        let encoding = self.shared("iI");
        let mut groups = Vec::new();
        self.add_objects(&mut groups, [&text]);
        let mut numbers = BTreeMap::new();
        for run in runs {
            let next = i32::try_from(numbers.len() + 1).unwrap_or(i32::MAX);
            let number = *numbers.entry(run.attributes).or_insert(next);
            groups.push(Group::new(
                encoding.clone(),
                [
                    Number::Int(number).into(),
                    Number::UnsignedInt(run.length).into(),
                ],
            ));
            if number == next {
                self.add_objects(&mut groups, [&run.attributes]);
            }
        }
        let (immutable, mutable) = ("NSAttributedString", "NSMutableAttributedString");
        self.one_of_two(immutable, mutable, mutability, groups)
    }

    /// An object of any class. `classes` are names and versions: its own class, its superclass and
    /// so on, to the root class.
    pub fn object(&mut self, classes: &[(&str, i32)], groups: Vec<Group>) -> ObjectId {
        let mut superclass = None;
        for (name, version) in classes.iter().rev() {
            superclass = Some(self.class(name, *version, superclass));
        }
        // An object without a class cannot be written; `encode` says so.
        let class = superclass.unwrap_or(ClassId(u32::MAX));
        let id = ObjectId(number(self.archive.objects.len()));
        self.archive.objects.push(Object { class, groups });
        id
    }

    /// Makes one object stand for what another one is, wherever it is named. The other one stays.
    pub fn replace(&mut self, old: ObjectId, new: ObjectId) {
        if let Some(new) = self.archive.object(new).cloned()
            && let Some(old) = self.archive.object_mut(old)
        {
            *old = new;
        }
    }

    /// The archive, with this object as its root in place of what was there.
    pub fn finish(mut self, root: ObjectId) -> Archive {
        self.archive.groups = vec![Group::new(self.shared("@"), [root.into()])];
        self.archive
    }

    /// The archive as it is: for one that [`with_archive`](Self::with_archive) went on with.
    pub fn into_archive(self) -> Archive {
        self.archive
    }

    fn one_of_two(
        &mut self,
        immutable: &str,
        mutable: &str,
        mutability: Mutability,
        groups: Vec<Group>,
    ) -> ObjectId {
        match mutability {
            Mutability::Immutable => self.object(&[(immutable, 0), NSOBJECT], groups),
            Mutability::Mutable => self.object(&[(mutable, 0), (immutable, 0), NSOBJECT], groups),
        }
    }

    fn class(&mut self, name: &str, version: i32, superclass: Option<ClassId>) -> ClassId {
        let found = self.archive.classes.iter().position(|class| {
            class.name == *name && class.version == version && class.superclass == superclass
        });
        if let Some(found) = found {
            return ClassId(number(found));
        }
        let id = ClassId(number(self.archive.classes.len()));
        let name = self.shared(name);
        self.archive.classes.push(Class {
            name,
            version,
            superclass,
        });
        id
    }

    /// The type of a value as a C string, one for all values of this type; then the value.
    fn value_groups(&mut self, encoding: &str, values: Vec<Value>) -> Vec<Group> {
        let found = self
            .archive
            .c_strings
            .iter()
            .position(|text| *text == *encoding);
        let shared = self.shared(encoding);
        let index = found.unwrap_or_else(|| {
            self.archive.c_strings.push(shared.clone());
            self.archive.c_strings.len() - 1
        });
        let c_string = CStringId(number(index));
        vec![
            Group::new(self.shared("*"), [Value::CString(Some(c_string))]),
            Group::new(shared, values),
        ]
    }

    fn count(&mut self, count: usize) -> Group {
        let count = Number::Int(i32::try_from(count).unwrap_or(i32::MAX));
        Group::new(self.shared("i"), [count.into()])
    }

    fn add_objects<'a>(
        &mut self,
        groups: &mut Vec<Group>,
        objects: impl IntoIterator<Item = &'a ObjectId>,
    ) {
        let encoding = self.shared("@");
        groups.extend(
            objects
                .into_iter()
                .map(|object| Group::new(encoding.clone(), [(*object).into()])),
        );
    }

    fn shared(&mut self, text: &str) -> SharedString {
        if let Some(string) = self.strings.get(text.as_bytes()) {
            return string.clone();
        }
        let string = SharedString::from(text);
        self.strings.insert(text.into(), string.clone());
        string
    }
}

/// The root class, as every class here has it.
const NSOBJECT: (&str, i32) = ("NSObject", 0);

/// The place of an entry in a table; 2³² entries do not fit into memory.
fn number(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}
