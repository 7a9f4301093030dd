#![doc = include_str!("../README.md")]

mod archive;
mod decode;
mod encode;
mod encoding;
mod error;
mod event;
pub mod foundation;
mod header;
mod input;
mod limits;
mod number;
mod output;
mod reader;
mod tag;

pub use archive::{
    Archive, CStringId, Class, ClassId, Group, Object, ObjectId, Octets, SharedString, Value,
    Values,
};
pub use encoding::EncodingFault;
pub use error::{DecodeError, EncodeError, Expected, GroupPlace, Referent};
pub use event::{Event, EventKind, Shared};
pub use header::{ByteOrder, Header};
pub use limits::Limits;
pub use number::Number;
pub use reader::Reader;
