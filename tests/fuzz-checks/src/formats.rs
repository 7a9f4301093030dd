//! The formats of an invitation: hex, property lists, typedstreams, candidates, addresses.

use ichat_invitation::bplist;
use ichat_invitation::{
    IceData, Invitation, IpPortList, decode_candidates, decode_candidates_lossy, encode_candidates,
    encode_hex, hex_text,
};

/// Hex text: what is read is written back, the digits alone, in lower case.
pub fn hex(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let (read, fault) = hex_text::decode_lossy(&text);
    assert_eq!(hex_text::decode(&text).is_ok(), fault.is_none());
    let written = hex_text::encode(&read);
    let digits = text.chars().filter(|character| !character.is_whitespace());
    let digits: String = digits.take(written.len()).collect();
    assert_eq!(written, digits.to_ascii_lowercase());
    assert_eq!(hex_text::decode(&written).as_deref(), Ok(read.as_slice()));
}

/// Binary property lists: a value that was read is written, and read again it is the same.
pub fn property_list(octets: &[u8]) {
    if let Ok(value) = bplist::decode(octets)
        && let Ok(written) = bplist::encode(&value)
    {
        let again = bplist::decode(&written).expect("what was written can be read");
        // By their octets: a real may be no number, which equals nothing.
        assert_eq!(bplist::encode(&again).as_deref(), Ok(written.as_slice()));
    }
    if let Ok(salvaged) = bplist::salvage(octets) {
        let _ = (salvaged.entries(), salvaged.objects().count());
    }
    if let Ok(objects) = bplist::Objects::open(octets) {
        for object in objects.iter().flatten() {
            assert!(object.offset < object.end && object.end <= octets.len());
        }
    }
}

/// Typedstreams: an archive that was read is written; read again it is the same.
pub fn typedstream(octets: &[u8]) {
    if let Ok(mut reader) = typedstream::Reader::new(octets) {
        while let Ok(Some(event)) = reader.next_event() {
            assert!(event.offset + event.length <= octets.len());
        }
    }
    let archive = typedstream::Archive::decode(octets);
    if let Ok(archive) = &archive {
        for id in (0..).take(archive.objects.len()).map(typedstream::ObjectId) {
            let _ = archive.foundation(id);
        }
    }
    if let Ok(archive) = archive
        && let Ok(written) = archive.encode()
    {
        let again = typedstream::Archive::decode(&written).expect("what was written can be read");
        assert_eq!(again.encode().as_deref(), Ok(written.as_slice()));
    }
}

/// Candidates: whole ones are written back octet for octet, and restoring one twice changes nothing.
pub fn candidates(octets: &[u8]) {
    let (whole, rest) = decode_candidates_lossy(octets);
    assert!(whole.len() * 148 + rest <= octets.len());
    let written = encode_candidates(&whole);
    assert!(octets.starts_with(&written));
    if let Ok(all) = decode_candidates(octets) {
        assert_eq!(all, whole);
    }
    for candidate in whole {
        let (restored, _) = candidate.restored();
        assert_eq!(restored.restored().0, restored);
    }
}

/// IPPORT lists: what an endpoint uses is written, and read again it is the same.
pub fn ipport_list(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    if let Ok(list) = IpPortList::parse_hex(&text) {
        let written = encode_hex(&list.records);
        let again = IpPortList::parse_hex(&written).expect("what was written can be read");
        assert_eq!(again.addresses(), list.addresses());
    }
    let _ = IpPortList::decode(octets);
}

/// Whole invitations, as text of a stanza and as octets, with the archive inside.
pub fn invitation(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    for invitation in [Invitation::decode_hex(&text), Invitation::decode(octets)] {
        let Ok(invitation) = invitation else { continue };
        let _ = (invitation.deviations(), invitation.unknown().count());
        if let Some(Ok(data)) = invitation.ice_data()
            && let Ok(written) = data.encode()
        {
            let again = IceData::decode(&written).expect("what was written can be read");
            assert_eq!(again.candidates, data.candidates);
        }
        if let Ok(written) = invitation.encode() {
            let again = Invitation::decode(&written).expect("what was written can be read");
            assert_eq!(again.encode().as_deref(), Ok(written.as_slice()));
        }
    }
    // Wherever it is cut, what is there is told.
    if let Ok(salvaged) = Invitation::salvage_hex(&text) {
        let cut = salvaged.ice_data.as_ref().map(|cut| cut.octets.as_slice());
        let whole = salvaged.invitation.ice_data.as_deref();
        let _ = cut.or(whole).map(IceData::salvage);
        let _ = salvaged.invitation.deviations();
    }
}
