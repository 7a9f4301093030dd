//! The captured form, ready made but for its candidates.
//!
//! All that differs between two values of this form stands at the end of the archive: how many octets
//! of candidates there are, that number again in the type of their array, and the octets.

use std::sync::LazyLock;

use super::{ByteOrder, ConnectionHelper, IceData, form};

/// The end of an archive without candidates: `i` 0, the new encoding `[0c]`, the ends of the data and
/// of the dictionary.
const END_WITHOUT_CANDIDATES: &[u8] = b"\x00\x84\x04[0c]\x86\x86";
/// The ends of the data and of the dictionary.
const END: &[u8] = b"\x86\x86";
/// What comes before something that has not occurred yet.
const NEW: u8 = 0x84;
/// What comes before an integer of two octets.
const INT16: u8 = 0x81;

static LITTLE: LazyLock<Option<Skeleton>> = LazyLock::new(|| Skeleton::new(ByteOrder::Little));
static BIG: LazyLock<Option<Skeleton>> = LazyLock::new(|| Skeleton::new(ByteOrder::Big));

/// The captured form up to the number of octets of its candidates.
#[derive(Debug)]
struct Skeleton {
    head: Vec<u8>,
}

impl Skeleton {
    fn new(byte_order: ByteOrder) -> Option<Self> {
        let mut empty = IceData::new(Vec::new());
        empty.byte_order = byte_order;
        let octets = form::build(&empty).ok()?;
        let head = octets.strip_suffix(END_WITHOUT_CANDIDATES)?.to_vec();
        Some(Self { head })
    }
}

/// The candidates' octets in an archive of the captured form, where they begin, and the order of
/// octets; `None` if the archive is not octet for octet what [`encode`] would write.
pub(super) fn split(octets: &[u8]) -> Option<(ByteOrder, usize, &[u8])> {
    let begins = |skeleton: &Option<Skeleton>| {
        let head = &skeleton.as_ref()?.head;
        octets.strip_prefix(head.as_slice())
    };
    let (byte_order, rest) = match begins(&LITTLE) {
        Some(rest) => (ByteOrder::Little, rest),
        None => (ByteOrder::Big, begins(&BIG)?),
    };
    let (count, rest) = match rest.split_first_chunk::<3>() {
        Some(([INT16, wide @ ..], rest)) => {
            let count = match byte_order {
                ByteOrder::Little => i16::from_le_bytes(*wide),
                ByteOrder::Big => i16::from_be_bytes(*wide),
            };
            // A smaller one takes one octet.
            (
                usize::try_from(count).ok().filter(|count| *count > 127)?,
                rest,
            )
        }
        Some(_) | None => {
            let (short, rest) = rest.split_first()?;
            (
                Some(usize::from(*short)).filter(|count| *count < 128)?,
                rest,
            )
        }
    };
    let rest = rest.strip_prefix(&[NEW])?;
    let (length, rest) = rest.split_first()?;
    let (encoding, rest) = rest.split_at_checked(usize::from(*length))?;
    let digits = encoding.strip_prefix(b"[")?.strip_suffix(b"c]")?;
    let is_count = !digits.starts_with(b"0") || digits == b"0";
    let said = std::str::from_utf8(digits).ok()?.parse::<usize>().ok()?;
    let blob = rest.strip_suffix(END)?;
    if !is_count || digits.starts_with(b"+") || said != count || blob.len() != count {
        return None;
    }
    Some((byte_order, octets.len() - END.len() - blob.len(), blob))
}

/// The archive of the captured form with these candidates; `None` if the form is another one.
///
/// Source: `docs/protocol/invitation.md`, grammar \[C\].
pub(super) fn encode(
    byte_order: ByteOrder,
    helper: Option<ConnectionHelper>,
    version: Option<i64>,
    blob: &[u8],
) -> Option<Vec<u8>> {
    if helper != Some(ConnectionHelper::CAPTURED) || version != Some(super::VERSION) {
        return None;
    }
    let skeleton = match byte_order {
        ByteOrder::Little => LITTLE.as_ref()?,
        ByteOrder::Big => BIG.as_ref()?,
    };
    let count = i16::try_from(blob.len()).ok()?;
    let encoding = format!("[{count}c]");
    let mut octets = Vec::with_capacity(skeleton.head.len() + blob.len() + 16);
    octets.extend_from_slice(&skeleton.head);
    match i8::try_from(count) {
        Ok(short) => octets.extend(short.to_be_bytes()),
        Err(_) => {
            octets.push(INT16);
            octets.extend(match byte_order {
                ByteOrder::Little => count.to_le_bytes(),
                ByteOrder::Big => count.to_be_bytes(),
            });
        }
    }
    octets.push(NEW);
    octets.push(u8::try_from(encoding.len()).ok()?);
    octets.extend_from_slice(encoding.as_bytes());
    octets.extend_from_slice(blob);
    octets.extend_from_slice(END);
    Some(octets)
}
