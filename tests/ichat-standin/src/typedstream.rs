//! `VCICEData`: an archive of exactly the captured shape, in either byte order
//! (`docs/protocol/invitation.md`, `VCICEData` `[C]`).

/// Which Mac wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Processor {
    /// `streamtyped`, little-endian.
    #[default]
    Intel,
    /// `typedstream`, big-endian.
    PowerPc,
}

impl Processor {
    /// Its word in the output.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Intel => "intel",
            Self::PowerPc => "powerpc",
        }
    }
}

/// What stands between the system version and the count of the candidates' octets: no integer of
/// it takes more than one octet, so it is the same in both byte orders.
const SHAPE: [&[u8]; 17] = [
    // A group `@`: a new NSMutableDictionary, its class and its superclasses.
    b"\x84\x01@\x84\x84\x84\x13NSMutableDictionary\x00",
    b"\x84\x84\x0cNSDictionary\x00",
    b"\x84\x84\x08NSObject\x00\x85",
    // A group `i`: three entries.
    b"\x84\x01i\x03",
    // The first key, a new NSString: a group `+`.
    b"\x92\x84\x84\x84\x08NSString\x01\x95",
    b"\x84\x01+\x11connection helper\x86",
    // Its value: another NSMutableDictionary, of one entry.
    b"\x92\x84\x93\x96\x01",
    b"\x92\x84\x97\x98\x07CommNAT\x86",
    // NSNumber: a C string that names the type, then the value.
    b"\x92\x84\x84\x84\x08NSNumber\x00",
    b"\x84\x84\x07NSValue\x00\x95",
    b"\x84\x01*\x84\x96",
    b"\x96\x00\x86\x86",
    b"\x92\x84\x97\x98\x07version\x86",
    b"\x92\x84\x9b\x9b\x9d\x96\x02\x86",
    b"\x92\x84\x97\x98\x07SIP-ICE\x86",
    b"\x92\x84\x84\x84\x06NSData\x00\x95",
    // The group `i` of the count.
    b"\x96",
];
/// The ends of the data and of the dictionary.
const END: &[u8] = b"\x86\x86";
/// Integers from here up take one octet.
const SMALLEST: i32 = -110;
/// More than what stands around the candidates' octets.
const MAX_HEAD: usize = 300;
/// What NSArchiver of Mac OS X writes.
const SYSTEM_VERSION: i32 = 1000;

fn integer(value: i32, processor: Processor) -> Vec<u8> {
    let order = |mut octets: Vec<u8>| {
        if processor == Processor::Intel {
            octets.reverse();
        }
        octets
    };
    if let Ok(small) = i8::try_from(value)
        && value >= SMALLEST
    {
        return small.to_be_bytes().to_vec();
    }
    match i16::try_from(value) {
        Ok(short) => [vec![0x81], order(short.to_be_bytes().to_vec())].concat(),
        Err(_) => [vec![0x82], order(value.to_be_bytes().to_vec())].concat(),
    }
}

/// What stands before the candidates' octets.
fn head(length: usize, processor: Processor) -> Vec<u8> {
    let signature: &[u8] = match processor {
        Processor::Intel => b"\x04\x0bstreamtyped",
        Processor::PowerPc => b"\x04\x0btypedstream",
    };
    let mut octets = signature.to_vec();
    octets.extend(integer(SYSTEM_VERSION, processor));
    octets.extend(SHAPE.concat());
    octets.extend(integer(length as i32, processor));
    let encoding = format!("[{length}c]");
    octets.push(0x84);
    octets.extend(integer(encoding.len() as i32, processor));
    octets.extend_from_slice(encoding.as_bytes());
    octets
}

/// Writes the archive around the octets of some candidates.
pub(crate) fn encode(candidates: &[u8], processor: Processor) -> Vec<u8> {
    [&head(candidates.len(), processor), candidates, END].concat()
}

/// Whose archive it is, and the octets of the candidates in it.
///
/// # Errors
/// The first octet that is not as captured.
pub(crate) fn decode(octets: &[u8]) -> Result<(Processor, &[u8]), String> {
    let processor = match octets.get(2..13) {
        Some(b"streamtyped") => Processor::Intel,
        Some(b"typedstream") => Processor::PowerPc,
        Some(_) | None => return Err("VCICEData: no typedstream".into()),
    };
    // The length decides how long the head is.
    let fits = |length: usize| {
        let head = head(length, processor);
        (octets.len() == head.len() + length + END.len()).then_some((head, length))
    };
    let (head, length) = (octets.len().saturating_sub(MAX_HEAD)..=octets.len())
        .rev()
        .find_map(fits)
        .ok_or_else(|| format!("VCICEData: {} octets are none of its sizes", octets.len()))?;
    let inner = &octets[head.len()..head.len() + length];
    let expected = [&head, inner, END].concat();
    match octets
        .iter()
        .zip(&expected)
        .position(|(one, other)| one != other)
    {
        None => Ok((processor, inner)),
        Some(at) => Err(format!(
            "VCICEData: octet {at} is {:02x}, {:02x} in the captured form",
            octets[at], expected[at]
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTEL: &[u8] = include_bytes!("../tests/vectors/vcicedata-intel.typedstream");
    const POWERPC: &[u8] = include_bytes!("../tests/vectors/vcicedata-powerpc.typedstream");
    const CANDIDATES: &[u8] = include_bytes!("../tests/vectors/sip-ice.candidates");

    #[test]
    fn both_vectors_are_read_and_written_octet_for_octet() {
        for (vector, processor) in [(INTEL, Processor::Intel), (POWERPC, Processor::PowerPc)] {
            assert_eq!(decode(vector).unwrap(), (processor, CANDIDATES));
            assert_eq!(encode(CANDIDATES, processor), vector);
        }
    }

    #[test]
    fn any_number_of_candidates_goes_both_ways() {
        for count in [0, 1, 2, 7, 8, 221, 222, 500] {
            let candidates = vec![7; 148 * count];
            for processor in [Processor::Intel, Processor::PowerPc] {
                let octets = encode(&candidates, processor);
                assert_eq!(decode(&octets).unwrap(), (processor, &candidates[..]));
            }
        }
    }

    #[test]
    fn each_octet_that_differs_is_told() {
        for vector in [INTEL, POWERPC] {
            let content = vector.len() - END.len() - CANDIDATES.len();
            for at in (13..content).chain(vector.len() - 2..vector.len()) {
                let mut broken = vector.to_vec();
                broken[at] ^= 1;
                let error = decode(&broken).unwrap_err();
                assert!(error.contains(&format!("octet {at} is")), "{at}: {error}");
            }
            assert!(decode(&vector[..vector.len() - 1]).is_err());
            assert!(decode(&vector[1..]).is_err());
        }
    }
}
