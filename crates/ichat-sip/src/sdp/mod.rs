//! Session descriptions: RFC 8866 with Apple's attributes, read leniently, and offer and answer
//! (RFC 3264) for one audio stream.

mod answer;
mod audio;
mod clean;
mod description;
mod format;
mod local;

pub use self::{
    answer::{answer, answer_in_our_order},
    audio::{Audio, Direction},
    description::{Description, MAX_SDP_OCTETS, SdpError},
    format::Format,
    local::{Local, offer},
};
