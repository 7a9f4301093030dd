//! A device's samples and channels, to and from 16 bit mono. Runs on the device's callback.

use cpal::{FromSample, SizedSample};
use rtrb::{Consumer, Producer};

/// Puts a device's frames into the ring, as the mean of their first two channels. Those that find
/// no room are lost; how many that are is the result.
pub(super) fn push<T>(data: &[T], channels: usize, ring: &mut Producer<i16>) -> usize
where
    T: SizedSample,
    i16: FromSample<T>,
{
    let channels = channels.max(1);
    let frames = data.len() / channels;
    let room = frames.min(ring.slots());
    if let Ok(chunk) = ring.write_chunk_uninit(room) {
        chunk.fill_from_iter(data.chunks_exact(channels).map(mono));
    }
    frames - room
}

fn mono<T>(frame: &[T]) -> i16
where
    T: SizedSample,
    i16: FromSample<T>,
{
    match frame {
        [] => 0,
        [only] => only.to_sample(),
        [left, right, ..] => {
            let (left, right): (i16, i16) = (left.to_sample(), right.to_sample());
            left.midpoint(right)
        }
    }
}

/// Takes up to `count` samples out of the ring into a device's frames, each to the first two
/// channels, and fills what is left with silence.
pub(super) fn pull<T>(data: &mut [T], channels: usize, ring: &mut Consumer<i16>, count: usize)
where
    T: SizedSample + FromSample<i16>,
{
    data.fill(T::EQUILIBRIUM);
    let count = count.min(ring.slots());
    if let Ok(chunk) = ring.read_chunk(count) {
        for (frame, sample) in data.chunks_exact_mut(channels.max(1)).zip(chunk) {
            for channel in frame.iter_mut().take(2) {
                *channel = T::from_sample(sample);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtrb::RingBuffer;

    fn drained(mut ring: Consumer<i16>) -> Vec<i16> {
        std::iter::from_fn(|| ring.pop().ok()).collect()
    }

    #[test]
    fn stereo_is_mixed_and_further_channels_are_left_out() {
        let (mut producer, consumer) = RingBuffer::new(8);
        assert_eq!(
            push(&[100i16, 300, 9_999, -100, -300, 9_999], 3, &mut producer),
            0
        );
        assert_eq!(drained(consumer), [200, -200]);
    }

    #[test]
    fn every_sample_format_comes_out_as_16_bit() {
        let (mut producer, consumer) = RingBuffer::new(8);
        push(&[0.5f32], 1, &mut producer);
        push(&[0.5f64], 1, &mut producer);
        push(&[0xc000u16], 1, &mut producer);
        push(&[0xc0u8], 1, &mut producer);
        push(&[0x4000_0000i32], 1, &mut producer);
        push(&[2.0f32], 1, &mut producer);
        assert_eq!(
            drained(consumer),
            [16_384, 16_384, 16_384, 16_384, 16_384, i16::MAX]
        );
    }

    #[test]
    fn a_full_ring_loses_the_newest_and_counts_them() {
        let (mut producer, consumer) = RingBuffer::new(2);
        assert_eq!(push(&[1i16, 2, 3, 4, 5], 1, &mut producer), 3);
        assert_eq!(drained(consumer), [1, 2]);
    }

    #[test]
    fn a_device_gets_both_ears_and_then_silence() {
        let (mut producer, mut consumer) = RingBuffer::new(8);
        for sample in [16_384, -16_384] {
            producer.push(sample).unwrap();
        }
        let mut data = [9.0f32; 9];
        pull(&mut data, 3, &mut consumer, 2);
        assert_eq!(data, [0.5, 0.5, 0.0, -0.5, -0.5, 0.0, 0.0, 0.0, 0.0]);
        let mut unsigned = [7u16; 2];
        pull(&mut unsigned, 1, &mut consumer, 2);
        assert_eq!(unsigned, [0x8000; 2], "silence of an unsigned format");
    }
}
