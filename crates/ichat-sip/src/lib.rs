#![doc = include_str!("../README.md")]

mod agent;
pub mod message;
mod peek;
mod route;
pub mod sdp;
mod stray;
mod transaction;

pub use self::{
    agent::{Config, Event, Failure, Output, SipError, StateError, UserAgent},
    peek::{Peek, PeekKind, peek},
    route::Route,
    stray::{stray_reply, stray_reply_with},
};
