#![doc = include_str!("../README.md")]

mod classify;
mod clock;
mod emodel;
mod packet;
mod playout;
mod random;
pub mod rtcp;
mod session;

pub use classify::{DatagramKind, classify};
pub use emodel::{CodecImpairment, mos};
pub use packet::{RtpError, RtpPacket};
pub use playout::{Inserted, PlayoutBuffer, PlayoutStatistics, Pulled};
pub use rtcp::RtcpError;
pub use session::{RtcpReport, Session, SessionConfig, Statistics};
