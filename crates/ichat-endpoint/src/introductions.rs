//! What the two sides tell each other of their addresses, as the text of a stanza: an address list
//! in the legacy dialect, an invitation in the conference dialect.

use std::net::SocketAddr;

use ichat_invitation::invitation::InvitationParams;
use ichat_invitation::{
    Candidate as Record, CandidateKind, IceData, Invitation, InvitationError, IpPortList, SessionId,
};
use ichat_xmpp::Dialect;

use crate::event::Candidate;

/// What a peer told us of its addresses.
#[derive(Debug, Clone, Default)]
pub struct Introduction {
    /// Where it says that it is, and as what.
    pub listed: Vec<Candidate>,
    /// In the conference dialect the candidates for checks, and the whole invitation; `None` in the
    /// legacy dialect.
    pub conference: Option<Box<Conference>>,
    /// What was wrong with it, though it is of use.
    pub complaint: Option<Complaint>,
}

/// The conference dialect's part.
#[derive(Debug, Clone)]
pub struct Conference {
    /// Everything, for the answer.
    pub invitation: Invitation,
    /// The candidates as they came, guards and all.
    pub candidates: Vec<Record>,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// A word for scripts: `bad-address-list`, `bad-invitation`.
    pub code: &'static str,
    /// A line for people.
    pub message: String,
}

impl Introduction {
    /// Reads a text that came in a dialect's place. What is of the other dialect is taken as that.
    ///
    /// # Errors
    /// [`Complaint`] when there is nothing in it that can be used.
    pub fn read(dialect: Dialect, text: &str) -> Result<Self, Complaint> {
        if is_property_list(text) {
            return invitation(text);
        }
        match dialect {
            Dialect::Legacy => list(text),
            Dialect::Conference => match list(text) {
                Ok(list) if !list.listed.is_empty() => Ok(list),
                Ok(_) | Err(_) => invitation(text),
            },
        }
    }

    /// In which dialect it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.conference {
            Some(_) => Dialect::Conference,
            None => Dialect::Legacy,
        }
    }

    /// Where the peer says that it is.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let listed = self.listed.iter();
        listed.map(|candidate| candidate.address).collect()
    }
}

/// Whether the hex text is a property list, binary or XML: what an address list begins with, flags,
/// looks like neither.
fn is_property_list(text: &str) -> bool {
    let digits = text.chars().filter(|digit| !digit.is_whitespace());
    let begin: String = digits.take(12).collect::<String>().to_ascii_lowercase();
    let begins = |octets: &[u8]| {
        let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        begin.starts_with(&hex)
    };
    begins(b"bplist")
        || begins(b"<?xml")
        || begins(b"<!")
        || begins(b"<plist")
        || begins(b"\xef\xbb\xbf<")
}

fn list(text: &str) -> Result<Introduction, Complaint> {
    let complaint = |message| Complaint {
        code: "bad-address-list",
        message,
    };
    let list = IpPortList::parse_hex(text)
        .map_err(|error| complaint(format!("the peer's address list cannot be read: {error}")))?;
    let broken = (list.trailing > 0).then(|| {
        complaint(format!(
            "the peer's address list ends in {} octets of a broken record; its {} whole ones are used",
            list.trailing,
            list.records.len()
        ))
    });
    let addresses = list.addresses().into_iter();
    Ok(Introduction {
        listed: addresses
            .map(|address| Candidate {
                address,
                kind: "host",
            })
            .collect(),
        conference: None,
        complaint: broken,
    })
}

fn invitation(text: &str) -> Result<Introduction, Complaint> {
    let unreadable = |error: &dyn std::fmt::Display| {
        bad_invitation(format!("the peer's invitation cannot be read: {error}"))
    };
    match Invitation::decode_hex(text) {
        Ok(whole) => {
            for deviation in whole.deviations() {
                tracing::debug!(%deviation, "the peer's invitation is not as a Mac was seen to write it");
            }
            conference(whole, None)
        }
        Err(error @ InvitationError::Cut(_)) => {
            let salvaged = Invitation::salvage_hex(text).map_err(|_| unreadable(&error))?;
            let cut = salvaged.ice_data.map(|cut| cut.octets);
            let mut read = conference(salvaged.invitation, cut)?;
            read.complaint = Some(bad_invitation(format!(
                "the peer's invitation is cut short: {error}; its {} whole candidates are used",
                read.listed.len()
            )));
            Ok(read)
        }
        Err(error) => Err(unreadable(&error)),
    }
}

/// The candidates of an invitation, or of the begin of its `VCICEData` if that is cut.
fn conference(invitation: Invitation, cut: Option<Vec<u8>>) -> Result<Introduction, Complaint> {
    let octets = cut.as_ref().or(invitation.ice_data.as_ref());
    let Some(octets) = octets else {
        let message = "the peer's invitation says nothing of its addresses: expected VCICEData";
        return Err(bad_invitation(message.to_owned()));
    };
    let (candidates, fault) = match IceData::decode(octets) {
        Ok(data) => (data.candidates, None),
        Err(error) => (IceData::salvage(octets).candidates, Some(error)),
    };
    if candidates.is_empty() {
        let why = fault.map(|fault| format!(": {fault}")).unwrap_or_default();
        let message = format!("the peer's invitation lists no candidate{why}");
        return Err(bad_invitation(message));
    }
    let complaint = fault.map(|fault| {
        bad_invitation(format!(
            "the peer's candidates end in something unreadable: {fault}; the {} whole ones are used",
            candidates.len()
        ))
    });
    let listed = candidates.iter().map(|candidate| Candidate {
        // Where a middlebox rewrote an address, the guard tells the true one.
        address: candidate.restored().0.address.address(),
        kind: kind_word(candidate.kind),
    });
    Ok(Introduction {
        listed: listed.collect(),
        complaint,
        conference: Some(Box::new(Conference {
            invitation,
            candidates,
        })),
    })
}

fn bad_invitation(message: String) -> Complaint {
    Complaint {
        code: "bad-invitation",
        message,
    }
}

fn kind_word(kind: CandidateKind) -> &'static str {
    match kind {
        CandidateKind::Host | CandidateKind::HostPointToPoint => "host",
        CandidateKind::ServerReflexive => "srflx",
        CandidateKind::PeerReflexive => "prflx",
        CandidateKind::Relay => "relay",
        CandidateKind::Unknown(_) => "unknown",
    }
}

/// Who invites whom.
#[derive(Debug, Clone, Copy)]
pub struct Parties<'a> {
    /// The caller's full JID and name.
    pub caller: ichat_invitation::Party<'a>,
    /// The callee's JID and name.
    pub callee: ichat_invitation::Party<'a>,
}

/// Our invitation, to a request or in answer to theirs, in the captured form.
pub fn invite(
    parties: Parties<'_>,
    theirs: Option<&Invitation>,
    random: u32,
    candidates: Vec<Record>,
) -> Option<Invitation> {
    let ice_data = ice_octets(candidates)?;
    let params = InvitationParams {
        caller: parties.caller,
        callee: parties.callee,
        video: false,
        ice_data: &ice_data,
    };
    Some(match theirs {
        Some(theirs) => theirs.answer(&params),
        None => Invitation::build(SessionId::new(random), &params),
    })
}

/// The same invitation with other candidates.
pub fn with_candidates(invitation: &Invitation, candidates: Vec<Record>) -> Option<Invitation> {
    let mut changed = invitation.clone();
    changed.ice_data = Some(ice_octets(candidates)?);
    Some(changed)
}

/// The text of a stanza.
pub fn text(invitation: &Invitation) -> Option<String> {
    match invitation.encode_hex() {
        Ok(text) => Some(text),
        Err(error) => {
            tracing::error!(%error, "an invitation of ours cannot be written");
            None
        }
    }
}

fn ice_octets(candidates: Vec<Record>) -> Option<Vec<u8>> {
    match IceData::new(candidates).encode() {
        Ok(octets) => Some(octets),
        Err(error) => {
            tracing::error!(%error, "candidates of ours cannot be written");
            None
        }
    }
}
