//! Random archives, and whether two archives mean the same.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers may fail the test, and not every test needs all of them"
)]

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use typedstream::{
    Archive, ByteOrder, CStringId, Class, ClassId, Group, Header, Number, Object, ObjectId,
    SharedString, Value,
};

/// Which values a random archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// All of them.
    Whole,
    /// None that takes an integer of eight octets, which pytypedstream 0.1.0 does not know, and no
    /// NaN.
    Old,
}

/// How many objects, classes and C strings there are to refer to.
#[derive(Debug, Clone, Copy)]
struct Counts {
    objects: u32,
    classes: u32,
    c_strings: u32,
    range: Range,
}

/// A type, as a tree.
#[derive(Debug, Clone)]
enum Type {
    Scalar(char),
    Octets(char, usize),
    Array(usize, Box<Type>),
    Struct(Option<String>, Vec<Type>),
}

impl Type {
    fn encoding(&self) -> String {
        match self {
            Self::Scalar(letter) => letter.to_string(),
            Self::Octets(letter, length) => format!("[{length}{letter}]"),
            Self::Array(length, element) => format!("[{length}{}]", element.encoding()),
            Self::Struct(name, fields) => {
                let name = name.as_ref().map(|name| format!("{name}="));
                let fields: String = fields.iter().map(Self::encoding).collect();
                format!("{{{}{fields}}}", name.unwrap_or_default())
            }
        }
    }

    fn has_octets(&self) -> bool {
        match self {
            Self::Scalar(letter) => *letter != '!',
            Self::Octets(_, length) => *length > 0,
            Self::Array(length, element) => *length > 0 && element.has_octets(),
            Self::Struct(_, fields) => fields.iter().any(Self::has_octets),
        }
    }
}

fn a_type() -> impl Strategy<Value = Type> {
    let scalar = proptest::sample::select("cCsSiIlLqQBfd*:%+@#!@@@".chars().collect::<Vec<_>>())
        .prop_map(Type::Scalar);
    let octets = (prop_oneof![Just('c'), Just('C'), Just('B')], 0_usize..40)
        .prop_map(|(letter, length)| Type::Octets(letter, length));
    let leaf = prop_oneof![6 => scalar, 1 => octets];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let array = (0_usize..5, inner.clone()).prop_map(|(length, element)| match element {
            Type::Scalar(letter @ ('c' | 'C' | 'B')) => Type::Octets(letter, length),
            element if !element.has_octets() => Type::Array(0, Box::new(element)),
            element => Type::Array(length, Box::new(element)),
        });
        let name = proptest::option::of("[?A-Za-z_][A-Za-z0-9_]{0,6}");
        let a_struct =
            (name, vec(inner, 0..4)).prop_map(|(name, fields)| Type::Struct(name, fields));
        prop_oneof![array, a_struct]
    })
}

fn a_value(a_type: &Type, counts: Counts) -> BoxedStrategy<Value> {
    match a_type {
        Type::Scalar(letter) => a_scalar(*letter, counts),
        Type::Octets('B', length) => vec(0_u8..2, *length)
            .prop_map(|octets| Value::Octets(octets.into()))
            .boxed(),
        Type::Octets(_, length) => vec(any::<u8>(), *length)
            .prop_map(|octets| Value::Octets(octets.into()))
            .boxed(),
        Type::Array(length, element) => vec(a_value(element, counts), *length)
            .prop_map(|values| Value::Array(values.into()))
            .boxed(),
        Type::Struct(_, fields) => fields
            .iter()
            .map(|field| a_value(field, counts))
            .collect::<Vec<_>>()
            .prop_map(|values| Value::Struct(values.into()))
            .boxed(),
    }
}

fn a_scalar(letter: char, counts: Counts) -> BoxedStrategy<Value> {
    let old = counts.range == Range::Old;
    let signed = prop_oneof![-130_i64..140, -40_000_i64..70_000, any::<i64>()];
    match letter {
        'c' => any::<i8>().prop_map(|n| Number::Char(n).into()).boxed(),
        'C' => any::<u8>()
            .prop_map(|n| Number::UnsignedChar(n).into())
            .boxed(),
        's' => signed.prop_map(|n| Number::Short(n as i16).into()).boxed(),
        'S' => signed
            .prop_map(|n| Number::UnsignedShort(n as u16).into())
            .boxed(),
        'i' => signed.prop_map(|n| Number::Int(n as i32).into()).boxed(),
        'I' => signed
            .prop_map(|n| Number::UnsignedInt(n as u32).into())
            .boxed(),
        'l' => signed.prop_map(|n| Number::Long(n as i32).into()).boxed(),
        'L' => signed
            .prop_map(|n| Number::UnsignedLong(n as u32).into())
            .boxed(),
        'q' => signed
            .prop_map(move |n| Number::LongLong(if old { (n as i32).into() } else { n }).into())
            .boxed(),
        'Q' => signed
            .prop_map(move |n| {
                let n = if old { (n as i32 & i32::MAX).into() } else { n };
                Number::UnsignedLongLong(n as u64).into()
            })
            .boxed(),
        'B' => any::<bool>()
            .prop_map(|n| Number::Boolean(n).into())
            .boxed(),
        'f' => prop_oneof![
            any::<f32>(),
            (-300_i16..300).prop_map(f32::from),
            Just(-0.0),
            Just(2_147_483_648.0),
            Just(-2_147_483_648.0)
        ]
        .prop_filter("no NaN", move |n| !(old && n.is_nan()))
        .prop_map(|n| Number::Float(n).into())
        .boxed(),
        'd' => prop_oneof![
            any::<f64>(),
            any::<i32>().prop_map(f64::from),
            any::<i64>().prop_map(|n| n as f64),
            Just(-0.0),
            Just(2_147_483_647.0),
            Just(2_147_483_648.0)
        ]
        .prop_filter("no NaN", move |n| !(old && n.is_nan()))
        .prop_map(|n| Number::Double(n).into())
        .boxed(),
        '*' => proptest::option::of(0..counts.c_strings)
            .prop_map(|id| Value::CString(id.map(CStringId)))
            .boxed(),
        ':' => proptest::option::of(a_string())
            .prop_map(Value::Selector)
            .boxed(),
        '%' => proptest::option::of(a_string())
            .prop_map(Value::Atom)
            .boxed(),
        '+' => proptest::option::of(vec(any::<u8>(), 0..200))
            .prop_map(|octets| Value::ByteString(octets.map(Into::into)))
            .boxed(),
        '@' => proptest::option::weighted(0.9, 0..counts.objects)
            .prop_map(|id| Value::Object(id.map(ObjectId)))
            .boxed(),
        '#' => proptest::option::weighted(0.9, 0..counts.classes)
            .prop_map(|id| Value::Class(id.map(ClassId)))
            .boxed(),
        '!' => Just(Value::Ignored).boxed(),
        letter => panic!("no strategy for {letter}"),
    }
}

/// A few strings occur often, so that they are shared.
fn a_string() -> impl Strategy<Value = SharedString> {
    prop_oneof![
        "[a-c@i]".prop_map(SharedString::from),
        vec(1_u8..=255, 0..12).prop_map(|octets| SharedString::from(octets.as_slice())),
    ]
}

fn a_group(counts: Counts) -> impl Strategy<Value = Group> {
    vec(a_type(), 1..4).prop_flat_map(move |types| {
        let encoding: String = types.iter().map(Type::encoding).collect();
        types
            .iter()
            .map(|each| a_value(each, counts))
            .collect::<Vec<_>>()
            .prop_map(move |values| Group::new(encoding.as_str(), values))
    })
}

/// An archive of any shape: shared objects, rings of objects, nested arrays and structs.
pub(crate) fn an_archive(range: Range) -> impl Strategy<Value = Archive> {
    let order = prop_oneof![Just(ByteOrder::Little), Just(ByteOrder::Big)];
    (order, 1_u32..8, 1_u32..6, 1_u32..5).prop_flat_map(
        move |(order, objects, classes, c_strings)| {
            let counts = Counts {
                objects,
                classes,
                c_strings,
                range,
            };
            let object =
                (0..classes, vec(a_group(counts), 0..4)).prop_map(|(class, groups)| Object {
                    class: ClassId(class),
                    groups,
                });
            let class = (a_string(), any::<i16>(), any::<proptest::sample::Index>());
            (
                vec(object, objects as usize),
                vec(class, classes as usize),
                vec(a_string(), c_strings as usize),
                vec(a_group(counts), 1..5),
            )
                .prop_map(move |(objects, classes, c_strings, groups)| Archive {
                    header: Header::new(order),
                    groups,
                    objects,
                    classes: classes
                        .into_iter()
                        .enumerate()
                        .map(|(place, (name, version, superclass))| Class {
                            name,
                            version: version.into(),
                            // Only a class before it, so that there is no ring.
                            superclass: (place > 0 && version % 3 != 0)
                                .then(|| ClassId(superclass.index(place) as u32)),
                        })
                        .collect(),
                    c_strings,
                })
        },
    )
}

/// Fails unless the archives have the same values, and the same things are the same in both.
pub(crate) fn assert_same(left: &Archive, right: &Archive) {
    assert_eq!(left.header, right.header);
    let mut pairs = Pairs::default();
    pairs.groups(&left.groups, &right.groups);
    while let Some((one, other)) = pairs.todo.pop() {
        let (one, other) = (left.object(one).unwrap(), right.object(other).unwrap());
        pairs.classes(left, right, one.class, other.class);
        pairs.groups(&one.groups, &other.groups);
    }
    for (one, other) in pairs.class_values.clone() {
        pairs.classes(left, right, one, other);
    }
    for (one, other) in &pairs.c_strings.there {
        assert_eq!(
            left.c_string(CStringId(*one)),
            right.c_string(CStringId(*other))
        );
    }
}

/// Names in one archive and in the other, one for one.
#[derive(Default)]
struct Names {
    there: BTreeMap<u32, u32>,
    back: BTreeMap<u32, u32>,
}

impl Names {
    /// True if the pair is new.
    fn pair(&mut self, one: u32, other: u32) -> bool {
        let known = self.there.insert(one, other);
        let back = self.back.insert(other, one);
        assert!(known.is_none_or(|known| known == other), "{one} split");
        assert!(back.is_none_or(|back| back == one), "{other} merged");
        known.is_none()
    }
}

#[derive(Default)]
struct Pairs {
    objects: Names,
    classes: Names,
    c_strings: Names,
    todo: Vec<(ObjectId, ObjectId)>,
    class_values: Vec<(ClassId, ClassId)>,
}

impl Pairs {
    fn groups(&mut self, left: &[Group], right: &[Group]) {
        assert_eq!(left.len(), right.len());
        for (one, other) in left.iter().zip(right) {
            assert_eq!(one.encoding, other.encoding);
            self.values(&one.values, &other.values);
        }
    }

    fn values(&mut self, left: &[Value], right: &[Value]) {
        assert_eq!(left.len(), right.len());
        for (one, other) in left.iter().zip(right) {
            match (one, other) {
                (Value::Number(Number::Float(one)), Value::Number(Number::Float(other))) => {
                    assert_eq!(one.to_bits(), other.to_bits());
                }
                (Value::Number(Number::Double(one)), Value::Number(Number::Double(other))) => {
                    assert_eq!(one.to_bits(), other.to_bits());
                }
                (Value::Object(Some(one)), Value::Object(Some(other))) => {
                    if self.objects.pair(one.0, other.0) {
                        self.todo.push((*one, *other));
                    }
                }
                (Value::Class(Some(one)), Value::Class(Some(other))) => {
                    self.class_values.push((*one, *other));
                }
                (Value::CString(Some(one)), Value::CString(Some(other))) => {
                    self.c_strings.pair(one.0, other.0);
                }
                (Value::Array(one), Value::Array(other))
                | (Value::Struct(one), Value::Struct(other)) => self.values(one, other),
                (one, other) => assert_eq!(one, other),
            }
        }
    }

    fn classes(&mut self, left: &Archive, right: &Archive, one: ClassId, other: ClassId) {
        let mut next = Some((one, other));
        while let Some((one, other)) = next {
            self.classes.pair(one.0, other.0);
            let (one, other) = (left.class(one).unwrap(), right.class(other).unwrap());
            assert_eq!((&one.name, one.version), (&other.name, other.version));
            assert_eq!(one.superclass.is_some(), other.superclass.is_some());
            next = one.superclass.zip(other.superclass);
        }
    }
}
