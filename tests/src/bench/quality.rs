//! How good it sounds, and how evenly packets come: speech of Debian's package
//! `asterisk-core-sounds-en-wav`, said and played out in whole calls.

use std::path::{Path, PathBuf};
use std::process::Command;

use scenarios::baresip::{Answering, Baresip};
use scenarios::ichat_call::{self, Direction, Finished, Invocation};
use scenarios::scratch::Scratch;
use scenarios::wav::Wav;
use scenarios::{SOON, seconds, ulaw};
use serde_json::Value;

use crate::options::Options;
use crate::spread::Spread;
use crate::table::Table;

/// Where Debian puts them.
const PROMPTS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// Three sentences, nine seconds.
const SENTENCES: [&str; 3] = ["tt-weasels", "vm-nobodyavail", "pm-invalid-option"];
/// Before, between and after the sentences, in samples at 8 kHz.
const PAUSE: usize = 2400;
/// Long enough for all of it.
const DURATION: &str = "11";
/// Milliseconds from packet to packet.
const INTERVAL_MS: f64 = 20.0;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Quality {
    ours_to_ours: Heard,
    ours_to_theirs: Heard,
    theirs_to_ours: Heard,
    codec: Spread,
}

/// What one way of calls came to.
#[derive(Debug, Default)]
struct Heard {
    /// PESQ of what was played out, against the octets that G.711 makes of the speech.
    against_codec: Spread,
    /// The same against the speech.
    against_speech: Spread,
    /// Once a second, in milliseconds (RFC 3550 §6.4.1).
    jitter: Spread,
    /// From packet to packet, in milliseconds.
    gaps: Spread,
    /// How far these are off the interval, all but a hundredth of each call.
    worst: Spread,
}

/// Calls between our own, and between us and baresip.
pub(crate) fn measure(options: &Options) -> Quality {
    let scratch = Scratch::new("speech");
    let Some(speech) = speech() else {
        eprintln!("bench: no quality: asterisk-core-sounds-en-wav is not installed");
        return Quality::default();
    };
    let octets: Vec<u8> = speech.samples.iter().copied().map(ulaw::encode).collect();
    let (original, codec) = (scratch.join("speech.wav"), scratch.join("g711.wav"));
    speech.write(&original);
    Wav::from_ulaw(&octets).write(&codec);
    let judge = |heard: &Path, way: &mut Heard| {
        way.against_codec.extend(pesq(options, &codec, heard));
        way.against_speech.extend(pesq(options, &original, heard));
    };
    let mut quality = Quality::default();
    quality.codec.extend(pesq(options, &original, &codec));

    let callee = saying(ichat_call::answer(), &original)
        .flag("--auto")
        .flag("--once")
        .spawn();
    let caller = saying(ichat_call::call(&callee.sip_uri()), &original).set("--duration", DURATION);
    let caller = caller.spawn().finish(seconds(30));
    for us in [&caller, &callee.finish(SOON)] {
        judge(&us.path("heard.wav"), &mut quality.ours_to_ours);
        quality.ours_to_ours.pace(us);
    }

    // It stops to send where its file ends.
    let silence = vec![ulaw::SILENCE; 5 * 8000];
    let them = Baresip::start(Answering::Auto, &[octets, silence].concat());
    let us = saying(ichat_call::call(&them.uri()), &original).set("--duration", DURATION);
    let us = us.spawn().finish(seconds(30));
    judge(&us.path("heard.wav"), &mut quality.theirs_to_ours);
    quality.theirs_to_ours.pace(&us);
    let heard = scratch.join("baresip.wav");
    Wav::from_ulaw(&them.heard()).write(&heard);
    judge(&heard, &mut quality.ours_to_theirs);
    quality
}

impl Quality {
    /// Adds its rows.
    pub(crate) fn report(&self, table: &mut Table) {
        let row = "PESQ of what is played out, against G.711 of the same speech";
        let (ours, theirs) = (&self.ours_to_ours, &self.ours_to_theirs);
        table.row(row, &ours.against_codec, &theirs.against_codec, "");
        let row = "— of what baresip says";
        table.ours(row, &self.theirs_to_ours.against_codec, "");
        let row = "PESQ of what is played out, against the speech itself";
        table.row(row, &ours.against_speech, &theirs.against_speech, "");
        table.ours("— of G.711 alone, without a call", &self.codec, "");
        let theirs = &self.theirs_to_ours;
        let row = "Jitter of what it sends, at the receiver (RFC 3550)";
        table.row(row, &ours.jitter, &theirs.jitter, "ms");
        let row = "— from packet to packet";
        table.row(row, &ours.gaps, &theirs.gaps, "ms");
        let row = "— 99 % of a call's packets are off 20 ms by at most";
        table.row(row, &ours.worst, &theirs.worst, "ms");
    }
}

impl Heard {
    /// Adds what this program saw of the pace of its peer.
    fn pace(&mut self, receiver: &Finished) {
        let stats = receiver.all("stats");
        self.jitter
            .extend(stats.iter().filter_map(|event| event["jitter_ms"].as_f64()));
        let captured = receiver.captured(Direction::Received);
        let arrivals = captured.iter().filter(|datagram| datagram.rtp().is_some());
        let times: Vec<f64> = arrivals
            .map(|datagram| f64::from(datagram.at.0) * 1000.0 + f64::from(datagram.at.1) / 1e6)
            .collect();
        let gaps: Spread = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let off = gaps.map(|gap| (gap - INTERVAL_MS).abs());
        self.worst.extend(off.quantile(0.99));
        self.gaps.extend(gaps);
    }
}

fn saying(invocation: Invocation, speech: &Path) -> Invocation {
    let invocation = invocation.set_file("--output", "heard.wav").captured();
    invocation.set("--input", speech)
}

fn speech() -> Option<Wav> {
    let pause = vec![0; PAUSE];
    let mut samples = pause.clone();
    for name in SENTENCES {
        let path = PathBuf::from(PROMPTS).join(name).with_extension("wav");
        let sentence = path.is_file().then(|| Wav::read(&path))?;
        assert_eq!((sentence.sample_rate_hz, sentence.channels), (8000, 1));
        samples.extend(sentence.samples);
        samples.extend(&pause);
    }
    Some(Wav {
        sample_rate_hz: 8000,
        channels: 1,
        samples,
    })
}

/// `None` where there is no Python that can judge it.
fn pesq(options: &Options, reference: &Path, heard: &Path) -> Option<f64> {
    let output = Command::new(options.python.as_ref()?)
        .args([&options.script, reference, heard])
        .output()
        .expect("the Python that was named runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}: {errors}",
        options.script.display()
    );
    let said: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    eprintln!("bench: {said}");
    said["pesq"].as_f64()
}
