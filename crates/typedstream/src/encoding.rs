//! Type encodings: the letters of Objective-C that say what a group of values is.

/// Deepest nesting of arrays and structs in one type encoding.
pub(crate) const MAX_DEPTH: usize = 32;

/// What is wrong with a type encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EncodingFault {
    /// The encoding says nothing.
    #[error("it is empty")]
    Empty,
    /// An array or struct is not closed.
    #[error("it ends too early")]
    Incomplete,
    /// A bracket that closes nothing.
    #[error("an unexpected closing bracket")]
    Bracket,
    /// An array has no length, or one that is too large.
    #[error("an array without a length that can be read")]
    ArrayLength,
    /// An array has no element type, or more than one.
    #[error("an array without exactly one element type")]
    ArrayElement,
    /// An array of elements that take no octets: nothing bounds it.
    #[error("an array of elements that take no octets")]
    ElementsWithoutOctets,
    /// Arrays and structs are nested deeper than 32.
    #[error("arrays and structs are nested too deeply")]
    TooDeep,
    /// A union, `(`: which of its members was written is not in the archive.
    #[error("a union: which member was written cannot be known")]
    Union,
    /// A pointer, `^`: how one is written is not known.
    #[error("a pointer: how one is written is not known")]
    Pointer,
    /// A bit-field, `b`: how one is written is not known.
    #[error("a bit-field: how one is written is not known")]
    BitField,
    /// Any other letter, `?` (an unknown type) and `v` (`void`) among them.
    #[error("the type `{}` is not known", .0.escape_ascii())]
    Unknown(u8),
}

/// A fault, and the octet of the encoding where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EncodingError {
    pub(crate) position: usize,
    pub(crate) fault: EncodingFault,
}

/// A type that is no array and no struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Char,
    UnsignedChar,
    Short,
    UnsignedShort,
    Int,
    UnsignedInt,
    Long,
    UnsignedLong,
    LongLong,
    UnsignedLongLong,
    Boolean,
    Float,
    Double,
    /// `*`
    CString,
    /// `:`
    Selector,
    /// `%`
    Atom,
    /// `+`
    ByteString,
    /// `@`
    Object,
    /// `#`
    Class,
    /// `!`: named in the encoding, but nothing of it is written.
    Ignored,
}

impl Scalar {
    pub(crate) fn new(letter: u8) -> Result<Self, EncodingFault> {
        Ok(match letter {
            b'c' => Self::Char,
            b'C' => Self::UnsignedChar,
            b's' => Self::Short,
            b'S' => Self::UnsignedShort,
            b'i' => Self::Int,
            b'I' => Self::UnsignedInt,
            b'l' => Self::Long,
            b'L' => Self::UnsignedLong,
            b'q' => Self::LongLong,
            b'Q' => Self::UnsignedLongLong,
            b'B' => Self::Boolean,
            b'f' => Self::Float,
            b'd' => Self::Double,
            b'*' => Self::CString,
            b':' => Self::Selector,
            b'%' => Self::Atom,
            b'+' => Self::ByteString,
            b'@' => Self::Object,
            b'#' => Self::Class,
            b'!' => Self::Ignored,
            b'(' => return Err(EncodingFault::Union),
            b'^' => return Err(EncodingFault::Pointer),
            b'b' => return Err(EncodingFault::BitField),
            b']' | b'}' | b')' => return Err(EncodingFault::Bracket),
            _ => return Err(EncodingFault::Unknown(letter)),
        })
    }

    pub(crate) fn letter(self) -> u8 {
        match self {
            Self::Char => b'c',
            Self::UnsignedChar => b'C',
            Self::Short => b's',
            Self::UnsignedShort => b'S',
            Self::Int => b'i',
            Self::UnsignedInt => b'I',
            Self::Long => b'l',
            Self::UnsignedLong => b'L',
            Self::LongLong => b'q',
            Self::UnsignedLongLong => b'Q',
            Self::Boolean => b'B',
            Self::Float => b'f',
            Self::Double => b'd',
            Self::CString => b'*',
            Self::Selector => b':',
            Self::Atom => b'%',
            Self::ByteString => b'+',
            Self::Object => b'@',
            Self::Class => b'#',
            Self::Ignored => b'!',
        }
    }
}

/// One type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type<'a> {
    Scalar(Scalar),
    /// `[N…]` of `c`, `C` or `B`, which are written as they are.
    Octets {
        length: usize,
        element: u8,
    },
    Array {
        length: usize,
        element: &'a [u8],
    },
    Struct {
        name: Option<&'a [u8]>,
        fields: &'a [u8],
    },
}

/// The types of an encoding, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Types<'a> {
    rest: &'a [u8],
}

impl<'a> Types<'a> {
    pub(crate) fn new(encoding: &'a [u8]) -> Self {
        Self { rest: encoding }
    }

    /// The next type, and how many octets of the encoding it takes; `None` at the end.
    ///
    /// # Errors
    /// None, if the encoding was [`check`]ed.
    pub(crate) fn next(&mut self) -> Result<Option<(Type<'a>, usize)>, EncodingError> {
        let Some((first, after)) = self.rest.split_first() else {
            return Ok(None);
        };
        let at_start = |fault| EncodingError { position: 0, fault };
        if !matches!(first, b'[' | b'{') {
            let scalar = Scalar::new(*first).map_err(at_start)?;
            self.rest = after;
            return Ok(Some((Type::Scalar(scalar), 1)));
        }
        let end = end_of_type(self.rest)?;
        let (text, rest) = self
            .rest
            .split_at_checked(end)
            .ok_or(at_start(EncodingFault::Incomplete))?;
        self.rest = rest;
        let inside = text.get(1..end - 1).unwrap_or_default();
        let found = if *first == b'[' {
            let (length, element) = array_length(inside).map_err(at_start)?;
            match element {
                [octet @ (b'c' | b'C' | b'B')] => Type::Octets {
                    length,
                    element: *octet,
                },
                _ => Type::Array { length, element },
            }
        } else {
            let (name, fields) = struct_name(inside);
            Type::Struct { name, fields }
        };
        Ok(Some((found, end)))
    }
}

/// Checks a whole encoding, so that [`Types`] finds no fault in it or in a part of it.
pub(crate) fn check(encoding: &[u8]) -> Result<(), EncodingError> {
    if encoding.is_empty() {
        return Err(EncodingError {
            position: 0,
            fault: EncodingFault::Empty,
        });
    }
    let mut position = 0;
    while let Some(rest) = encoding.get(position..).filter(|rest| !rest.is_empty()) {
        let length = end_of_type(rest).map_err(|error| EncodingError {
            position: position + error.position,
            ..error
        })?;
        position += length;
    }
    Ok(())
}

/// An array or struct that is not closed yet.
#[derive(Clone, Copy, Default)]
struct Open {
    /// For an array its length; `None` for a struct.
    array_length: Option<usize>,
    types: usize,
    /// Whether its types take any octets.
    has_octets: bool,
}

/// How many octets the first type of a text takes. Looks at each of them once.
fn end_of_type(text: &[u8]) -> Result<usize, EncodingError> {
    let mut open = [Open::default(); MAX_DEPTH];
    let mut depth = 0;
    let mut position = 0;
    loop {
        let at = |fault| EncodingError { position, fault };
        let rest = text.get(position..).unwrap_or_default();
        let (letter, after) = rest.split_first().ok_or(at(EncodingFault::Incomplete))?;
        // Whether a type ends here, and whether it takes octets.
        let ended = match letter {
            b'[' | b'{' => {
                let array_length = if *letter == b'[' {
                    Some(array_length(after).map_err(at)?)
                } else {
                    None
                };
                let inside = match array_length {
                    Some((_, element)) => element,
                    None => struct_name(after).1,
                };
                let slot = open.get_mut(depth).ok_or(at(EncodingFault::TooDeep))?;
                *slot = Open {
                    array_length: array_length.map(|(length, _)| length),
                    ..Open::default()
                };
                depth += 1;
                position += rest.len() - inside.len();
                continue;
            }
            b']' | b'}' => {
                depth = usize::checked_sub(depth, 1).ok_or(at(EncodingFault::Bracket))?;
                let closed = open.get(depth).copied().unwrap_or_default();
                match (letter, closed.array_length) {
                    (b']', Some(_)) if closed.types != 1 => {
                        return Err(at(EncodingFault::ArrayElement));
                    }
                    (b']', Some(length)) => {
                        if length > 0 && !closed.has_octets {
                            return Err(at(EncodingFault::ElementsWithoutOctets));
                        }
                        length > 0
                    }
                    (b'}', None) => closed.has_octets,
                    (_, Some(_) | None) => return Err(at(EncodingFault::Bracket)),
                }
            }
            _ => Scalar::new(*letter).map_err(at)? != Scalar::Ignored,
        };
        position += 1;
        let Some(outer) = depth.checked_sub(1) else {
            return Ok(position);
        };
        if let Some(outer) = open.get_mut(outer) {
            outer.types += 1;
            outer.has_octets |= ended;
        }
    }
}

/// Parts the digits after a `[` from what follows them.
fn array_length(text: &[u8]) -> Result<(usize, &[u8]), EncodingFault> {
    let digits = text
        .iter()
        .position(|octet| !octet.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, element) = text
        .split_at_checked(digits)
        .ok_or(EncodingFault::ArrayLength)?;
    let length = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(EncodingFault::ArrayLength)?;
    Ok((length, element))
}

/// Parts the name after a `{` from the fields. There is one if a `=` comes before the next brace.
fn struct_name(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let found = text
        .iter()
        .position(|octet| matches!(octet, b'=' | b'{' | b'}'));
    match found.map(|position| (text.get(position), position)) {
        Some((Some(b'='), position)) => (
            text.get(..position),
            text.get(position + 1..).unwrap_or_default(),
        ),
        Some(_) | None => (None, text),
    }
}
