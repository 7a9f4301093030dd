//! ITU-T G.711: one octet a sample, logarithmic.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use super::Codec;

/// Samples per second (RFC 3551, section 4.5.14).
const SAMPLE_RATE_HZ: u32 = 8_000;

/// 20 ms, the packet interval of iChat (docs/protocol/media.md, codecs [C, G]).
const SAMPLES_PER_PACKET: usize = 160;

/// Either law. Stateless: a packet is decoded without its forerunners.
#[derive(Debug, Clone, Copy)]
pub(super) struct G711 {
    compress: fn(i16) -> u8,
    expand: fn(u8) -> i16,
}

impl G711 {
    pub(super) fn mu_law() -> Self {
        Self {
            compress: encode_ulaw,
            expand: decode_ulaw,
        }
    }

    pub(super) fn a_law() -> Self {
        Self {
            compress: encode_alaw,
            expand: decode_alaw,
        }
    }
}

impl Codec for G711 {
    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) {
        out.extend(pcm.iter().map(|&sample| (self.compress)(sample)));
    }

    fn decode(&mut self, octets: &[u8], out: &mut Vec<i16>) {
        out.extend(octets.iter().map(|&octet| (self.expand)(octet)));
    }

    fn sample_rate_hz(&self) -> u32 {
        SAMPLE_RATE_HZ
    }

    fn samples_per_packet(&self) -> usize {
        SAMPLES_PER_PACKET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(codec: &mut G711, sample: i16) -> u8 {
        let mut octets = Vec::new();
        codec.encode(&[sample], &mut octets);
        octets[0]
    }

    fn decoded(codec: &mut G711, octet: u8) -> i16 {
        let mut samples = Vec::new();
        codec.decode(&[octet], &mut samples);
        samples[0]
    }

    /// Expansion by the formula of G.711, table 2a, written out anew.
    fn mu_law_by_formula(octet: u8) -> i16 {
        let octet = !octet;
        let magnitude = ((i16::from(octet & 0x0f) << 3) + 0x84) << ((octet & 0x70) >> 4);
        if octet & 0x80 == 0 {
            magnitude - 0x84
        } else {
            0x84 - magnitude
        }
    }

    /// Expansion by the formula of G.711, table 1a, written out anew.
    fn a_law_by_formula(octet: u8) -> i16 {
        let octet = octet ^ 0x55;
        let step = i16::from(octet & 0x0f) << 4;
        let magnitude = match (octet & 0x70) >> 4 {
            0 => step + 8,
            segment => (step + 0x108) << (segment - 1),
        };
        if octet & 0x80 == 0 {
            -magnitude
        } else {
            magnitude
        }
    }

    #[test]
    fn every_octet_expands_to_the_value_of_the_standard() {
        for octet in 0..=255 {
            assert_eq!(
                decoded(&mut G711::mu_law(), octet),
                mu_law_by_formula(octet),
                "{octet:#x}"
            );
            assert_eq!(
                decoded(&mut G711::a_law(), octet),
                a_law_by_formula(octet),
                "{octet:#x}"
            );
        }
    }

    #[test]
    fn every_octet_but_negative_zero_comes_back_from_its_sample() {
        for octet in 0..=255 {
            let mut mu_law = G711::mu_law();
            let sample = decoded(&mut mu_law, octet);
            let back = encoded(&mut mu_law, sample);
            assert_eq!(back, if octet == 0x7f { 0xff } else { octet });
            let mut a_law = G711::a_law();
            let sample = decoded(&mut a_law, octet);
            assert_eq!(encoded(&mut a_law, sample), octet);
        }
    }

    #[test]
    fn every_sample_is_at_most_half_a_step_off() {
        for sample in i16::MIN..=i16::MAX {
            for mut codec in [G711::mu_law(), G711::a_law()] {
                let octet = encoded(&mut codec, sample);
                let error = (i32::from(decoded(&mut codec, octet)) - i32::from(sample)).abs();
                let allowed = 8 + i32::from(sample).abs() / 30;
                assert!(error <= allowed, "{sample} came back {error} off");
            }
        }
    }

    #[test]
    fn silence_is_ff_in_mu_law_and_d5_in_a_law() {
        assert_eq!(encoded(&mut G711::mu_law(), 0), 0xff);
        assert_eq!(encoded(&mut G711::a_law(), 0), 0xd5);
    }
}
