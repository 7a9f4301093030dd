//! What is sent: a µ-law file, or a pattern of which every packet differs.

/// µ-law of a zero sample (ITU-T G.711).
pub(crate) const SILENCE: u8 = 0xff;

/// The octet at `counter` of the pattern with this `salt`.
///
/// Bit 6 is always set, which keeps the noise about 20 dB below full scale, and 0x7f (minus zero)
/// never comes: it would not survive a decoder and an encoder.
pub(crate) fn pattern(salt: u32, counter: u64) -> u8 {
    let mut mixed = counter
        .wrapping_add(u64::from(salt) << 40)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    match (mixed >> 56) as u8 | 0x40 {
        0x7f => 0x7e,
        octet => octet,
    }
}

/// Where the payloads come from.
#[derive(Debug)]
pub(crate) enum Payloads {
    /// The deterministic pattern.
    Pattern {
        /// Tells the two directions apart.
        salt: u32,
        /// Octets given so far.
        counter: u64,
    },
    /// Raw µ-law, once, then silence.
    File {
        /// The whole file.
        octets: Vec<u8>,
        /// Octets given so far.
        at: usize,
    },
}

impl Payloads {
    /// The next `samples` octets.
    pub(crate) fn next(&mut self, samples: usize) -> Vec<u8> {
        match self {
            Self::Pattern { salt, counter } => {
                let start = *counter;
                *counter += samples as u64;
                (start..*counter).map(|at| pattern(*salt, at)).collect()
            }
            Self::File { octets, at } => {
                let mut payload: Vec<u8> = octets.iter().skip(*at).take(samples).copied().collect();
                *at += payload.len();
                payload.resize(samples, SILENCE);
                payload
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_packet_of_an_hour_differs_and_the_two_directions_too() {
        let mut seen = HashSet::new();
        for salt in [0, 1] {
            let mut payloads = Payloads::Pattern { salt, counter: 0 };
            for _ in 0..180_000 / 2 {
                assert!(seen.insert(payloads.next(160)));
            }
        }
    }

    #[test]
    fn the_pattern_survives_a_decoder_and_an_encoder() {
        assert!((0..100_000).all(|at| pattern(0, at) != 0x7f));
    }

    #[test]
    fn a_file_ends_in_silence() {
        let mut payloads = Payloads::File {
            octets: vec![1, 2, 3],
            at: 0,
        };
        assert_eq!(payloads.next(2), [1, 2]);
        assert_eq!(payloads.next(2), [3, SILENCE]);
        assert_eq!(payloads.next(2), [SILENCE, SILENCE]);
    }
}
