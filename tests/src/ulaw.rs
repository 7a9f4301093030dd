//! G.711 µ-law (ITU-T G.711, table 2), and octets that are easy to find again.

/// What µ-law silence looks like.
pub const SILENCE: u8 = 0xff;

/// One octet as a 16-bit sample.
pub fn decode(octet: u8) -> i16 {
    let octet = !octet;
    let magnitude = ((i32::from(octet & 0x0f) << 3) + 0x84) << ((octet >> 4) & 7);
    let sample = magnitude - 0x84;
    i16::try_from(if octet & 0x80 == 0 { sample } else { -sample }).expect("14 bits, shifted by 2")
}

/// One 16-bit sample as the octet whose value is nearest.
pub fn encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let biased = (i32::from(sample).abs() + 0x84).min(0x7fff);
    let exponent = (7..15).rev().find(|bit| biased >> bit == 1).unwrap_or(7) - 7;
    let mantissa = (biased >> (exponent + 3)) & 0x0f;
    !u8::try_from(sign | (exponent << 4) | mantissa).expect("8 bits")
}

/// So many octets of noise, the same for the same seed. No octet of silence is among them, and
/// no pair of octets that a decoder and an encoder could exchange: decoded and encoded again, by
/// whomever, they come back.
pub fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut octets = Vec::with_capacity(count);
    while octets.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let octet = state.to_be_bytes()[0];
        if octet & 0x7f != 0x7f {
            octets.push(octet);
        }
    }
    octets
}

/// Where `needle` begins in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len().max(1))
        .position(|window| window == needle)
}

/// Compares what was heard with what was said, and says where they part.
///
/// Before the words there may be silence. The end may be missing by as many octets as `tail`
/// allows: packets that were under way when the call ended.
///
/// # Errors
/// What was expected, what was found, and where.
pub fn compare(said: &[u8], heard: &[u8], tail: usize) -> Result<(), String> {
    let Some(head) = said.get(..said.len().min(800)) else {
        return Ok(());
    };
    let Some(start) = find(heard, head) else {
        return Err(format!(
            "the first {} of {} octets said are nowhere in the {} octets heard",
            head.len(),
            said.len(),
            heard.len()
        ));
    };
    if let Some(at) = heard[..start].iter().position(|&octet| octet != SILENCE) {
        return Err(format!(
            "octet {at} of {start} before the words is {:#04x}",
            heard[at]
        ));
    }
    let words = &heard[start..heard.len().min(start + said.len())];
    if let Some(at) = words
        .iter()
        .zip(said)
        .position(|(heard, said)| heard != said)
    {
        return Err(format!(
            "octet {at}: said {:#04x}, heard {:#04x}",
            said[at], words[at]
        ));
    }
    if words.len() + tail < said.len() {
        return Err(format!(
            "{} octets said, only {} heard",
            said.len(),
            words.len()
        ));
    }
    match heard[start + words.len()..]
        .iter()
        .position(|&octet| octet != SILENCE)
    {
        None => Ok(()),
        Some(at) => Err(format!("octet {at} after the words is no silence")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_comes_back_but_the_second_zero() {
        for octet in 0..=255u8 {
            let expected = if octet == 0x7f { 0xff } else { octet };
            assert_eq!(encode(decode(octet)), expected, "{octet:#04x}");
        }
    }

    #[test]
    fn the_ends_of_the_scale_are_those_of_the_standard() {
        assert_eq!(decode(0x80), 32124);
        assert_eq!(decode(0x00), -32124);
        assert_eq!(decode(0xff), 0);
        assert_eq!(encode(i16::MAX), 0x80);
        assert_eq!(encode(i16::MIN), 0x00);
    }

    #[test]
    fn a_comparison_says_where_two_streams_part() {
        let said = noise(1600, 1);
        let mut heard = vec![SILENCE; 320];
        heard.extend(&said);
        heard.extend([SILENCE; 160]);
        assert_eq!(compare(&said, &heard, 0), Ok(()));
        assert!(compare(&said, &heard[..1500], 160).is_err());
        assert_eq!(compare(&said, &heard[..1800], 160), Ok(()));
        heard[320 + 1000] ^= 1;
        assert!(
            compare(&said, &heard, 0)
                .expect_err("differs")
                .starts_with("octet 1000:")
        );
        assert!(compare(&said, &[SILENCE; 4000], 0).is_err());
    }
}
