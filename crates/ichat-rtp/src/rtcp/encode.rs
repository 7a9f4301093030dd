//! A compound from its packets.

use super::{
    BLOCK_LEN, GOODBYE, HEADER_LEN, ITEM_CNAME, MAX_COUNT, MAX_TEXT_LEN, RECEIVER_REPORT,
    ReportBlock, RtcpPacket, SENDER_REPORT, SOURCE_DESCRIPTION, SenderInfo, SourceName,
};

/// Version 2 in the top two bits, no padding.
const VERSION: u8 = 2 << 6;
const WORD_LEN: usize = 4;

/// Writes packets one after the other: the payload of one datagram.
///
/// Blocks and sources beyond the 31st and text beyond the 255th octet are left out.
/// [`RtcpPacket::Other`] is written as a header alone.
pub fn encode(packets: &[RtcpPacket]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(packets.len() * 2 * (HEADER_LEN + BLOCK_LEN));
    for packet in packets {
        match packet {
            RtcpPacket::SenderReport {
                ssrc,
                sender,
                blocks,
            } => {
                let mut body = ssrc.to_be_bytes().to_vec();
                put_sender(&mut body, sender);
                let count = put_each(&mut body, blocks, put_block);
                put_packet(&mut octets, SENDER_REPORT, count, &body);
            }
            RtcpPacket::ReceiverReport { ssrc, blocks } => {
                let mut body = ssrc.to_be_bytes().to_vec();
                let count = put_each(&mut body, blocks, put_block);
                put_packet(&mut octets, RECEIVER_REPORT, count, &body);
            }
            RtcpPacket::SourceDescription { names } => {
                let mut body = Vec::new();
                let count = put_each(&mut body, names, put_name);
                put_packet(&mut octets, SOURCE_DESCRIPTION, count, &body);
            }
            RtcpPacket::Goodbye { ssrcs, reason } => {
                let mut body = Vec::new();
                let put = |body: &mut Vec<u8>, ssrc: &u32| body.extend(ssrc.to_be_bytes());
                let count = put_each(&mut body, ssrcs, put);
                if let Some(reason) = reason {
                    put_text(&mut body, reason);
                    body.resize(body.len().next_multiple_of(WORD_LEN), 0);
                }
                put_packet(&mut octets, GOODBYE, count, &body);
            }
            RtcpPacket::Other { packet_type } => put_packet(&mut octets, *packet_type, 0, &[]),
        }
    }
    octets
}

fn put_packet(octets: &mut Vec<u8>, packet_type: u8, count: u8, body: &[u8]) {
    // 31 names of 255 octets are 2046 words, so the length always fits.
    let words = u16::try_from(body.len() / WORD_LEN).unwrap_or(u16::MAX);
    octets.extend([VERSION | count, packet_type]);
    octets.extend(words.to_be_bytes());
    octets.extend(body);
}

/// Writes at most as many items as a packet can count, and says how many.
fn put_each<T>(body: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) -> u8 {
    let mut count = 0;
    for item in items.iter().take(MAX_COUNT) {
        put(body, item);
        count += 1;
    }
    count
}

fn put_sender(body: &mut Vec<u8>, sender: &SenderInfo) {
    body.extend(sender.ntp.to_be_bytes());
    body.extend(sender.timestamp.to_be_bytes());
    body.extend(sender.packets.to_be_bytes());
    body.extend(sender.octets.to_be_bytes());
}

fn put_block(body: &mut Vec<u8>, block: &ReportBlock) {
    let [_, lost @ ..] = block.lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
    body.extend(block.ssrc.to_be_bytes());
    body.push(block.fraction_lost);
    body.extend(lost);
    body.extend(block.highest_sequence.to_be_bytes());
    body.extend(block.jitter.to_be_bytes());
    body.extend(block.last_sender_report.to_be_bytes());
    body.extend(block.delay_since.to_be_bytes());
}

/// One chunk: its items end with a NUL, and it fills whole words.
fn put_name(body: &mut Vec<u8>, name: &SourceName) {
    body.extend(name.ssrc.to_be_bytes());
    if let Some(cname) = &name.cname {
        body.push(ITEM_CNAME);
        put_text(body, cname);
    }
    body.push(0);
    body.resize(body.len().next_multiple_of(WORD_LEN), 0);
}

/// A length of one octet, then the text, cut between characters where it is too long.
fn put_text(body: &mut Vec<u8>, text: &str) {
    let longest = (0..=MAX_TEXT_LEN)
        .rev()
        .find_map(|end| text.get(..end.min(text.len())));
    let text = longest.unwrap_or_default();
    body.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    body.extend(text.bytes());
}
