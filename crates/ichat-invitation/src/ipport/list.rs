//! The legacy list: IPPORT records one after the other, in hex.

use std::net::SocketAddr;

use thiserror::Error;

use super::IpPort;
use crate::hex_text::{self, HexTextError};

/// Longest hex text that is read, in octets, white space included.
pub const MAX_TEXT_LEN: usize = 64 * 1024;

/// Most addresses of one list that are used; the rest is counted.
pub const MAX_RECORDS: usize = 64;

/// The addresses of a legacy request, response or counter-proposal, in the sender's order.
///
/// The order means something: the first IPv4 record of an iChat is its mapped address, the next
/// the local one (`docs/protocol/addresses.md`, lists \[G\]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IpPortList {
    /// What can be sent to: no guard, no fe80::/10 address, no port 0, at most [`MAX_RECORDS`].
    /// Empty only if the text was blank, which is a decline.
    pub records: Vec<IpPort>,
    /// Records left out because they are guards ([`IpPort::is_guard`]).
    pub guards: usize,
    /// Records left out because their address is link-local IPv6.
    pub link_local: usize,
    /// Records left out because nothing can be sent to them ([`IpPort::is_sendable`]).
    pub unsendable: usize,
    /// Records left out because the list has more than [`MAX_RECORDS`].
    pub surplus: usize,
    /// Octets of a broken tail: from the end of the last whole record to the end of the text, a
    /// lone hex digit or anything that is none counted as well. 0 for a list in order.
    pub trailing: usize,
}

impl IpPortList {
    /// Reads the hex text of a legacy stanza.
    ///
    /// White space is skipped everywhere (a Mac puts a line feed before the digits) and upper-case
    /// digits are read. A tail that is no whole record, or no hex, is left out and counted in
    /// [`trailing`](Self::trailing), as long as a whole record stands before it.
    ///
    /// Source: `docs/protocol/xmpp.md`, legacy stanzas \[G\];
    /// `docs/protocol/addresses.md`, lists.
    ///
    /// # Errors
    ///
    /// [`IpPortError`] if the text is not blank and gives no address to send to: the call has
    /// failed, and was not declined.
    pub fn parse_hex(text: &str) -> Result<Self, IpPortError> {
        if text.len() > MAX_TEXT_LEN {
            return Err(IpPortError::TooLong {
                limit: MAX_TEXT_LEN,
                found: text.len(),
            });
        }
        // An odd digit at the end belongs to the tail.
        let (octets, fault) = hex_text::decode_lossy(text);
        if octets.len() < IpPort::LEN
            && let Some(HexTextError::NotHex { offset, found }) = fault
        {
            return Err(IpPortError::NotHex { offset, found });
        }
        if octets.is_empty() && fault.is_some() {
            return Err(IpPortError::NoWholeRecord {
                expected: IpPort::LEN,
                found: 1,
            });
        }
        let mut list = Self::decode(&octets)?;
        if fault.is_some() {
            let characters = text.chars().filter(|c| !c.is_whitespace()).count();
            list.trailing += characters.saturating_sub(octets.len() * 2).div_ceil(2);
        }
        Ok(list)
    }

    /// Reads the octets of a list, hex already removed. No octets are an empty list.
    ///
    /// # Errors
    ///
    /// [`IpPortError`] if there are octets and none of them gives an address to send to.
    pub fn decode(octets: &[u8]) -> Result<Self, IpPortError> {
        let (records, tail) = octets.as_chunks::<{ IpPort::LEN }>();
        let mut list = Self {
            trailing: tail.len(),
            ..Self::default()
        };
        if octets.is_empty() {
            return Ok(list);
        }
        if records.is_empty() {
            return Err(IpPortError::NoWholeRecord {
                expected: IpPort::LEN,
                found: octets.len(),
            });
        }
        for record in records.iter().map(IpPort::decode) {
            list.take(record);
        }
        if list.records.is_empty() {
            return Err(IpPortError::NoUsableAddress {
                guards: list.guards,
                link_local: list.link_local,
                unsendable: list.unsendable,
            });
        }
        Ok(list)
    }

    /// The addresses alone, in the sender's order, each once.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = Vec::with_capacity(self.records.len());
        for record in &self.records {
            if !addresses.contains(&record.address) {
                addresses.push(record.address);
            }
        }
        addresses
    }

    fn take(&mut self, record: IpPort) {
        if record.is_guard() {
            self.guards += 1;
        } else if record.is_ipv6_link_local() {
            self.link_local += 1;
        } else if !record.is_sendable() {
            self.unsendable += 1;
        } else if self.records.len() >= MAX_RECORDS {
            self.surplus += 1;
        } else {
            self.records.push(record);
        }
    }
}

/// The hex text of a list to send: 80 lower-case digits a record, no white space.
///
/// Source: `docs/protocol/addresses.md`, lists [C, G].
pub fn encode_hex(records: &[IpPort]) -> String {
    records
        .iter()
        .map(|record| hex_text::encode(&record.encode()))
        .collect()
}

/// Why a text that should list addresses gives none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IpPortError {
    /// The text is longer than we read.
    #[error("address list too long: expected at most {limit} octets of text, found {found}")]
    TooLong {
        /// Most octets of text that are read.
        limit: usize,
        /// Octets of the text.
        found: usize,
    },
    /// The text is no hex, and no whole record stands before the place where that shows.
    #[error("address list is no hex at offset {offset}: expected a hex digit, found {found:?}")]
    NotHex {
        /// Offset in the text as it came, in octets.
        offset: usize,
        /// What stands there.
        found: char,
    },
    /// Less than one record.
    #[error(
        "address list too short at offset 0: expected {expected} octets a record, found {found}"
    )]
    NoWholeRecord {
        /// Octets of a record.
        expected: usize,
        /// Octets that came, a lone hex digit counted as one.
        found: usize,
    },
    /// Whole records, but no address among them to send to.
    #[error(
        "address list without a usable address: found {guards} guards, {link_local} link-local and \
         {unsendable} with no port or no host address"
    )]
    NoUsableAddress {
        /// Records that are guards.
        guards: usize,
        /// Records with a link-local IPv6 address.
        link_local: usize,
        /// Records with port 0, or an unspecified, multicast or broadcast address.
        unsendable: usize,
    },
}
