//! What a call came to, at either end.

use std::net::IpAddr;

use scenarios::ichat_call::{Finished, text};
use scenarios::standin::Verdict;
use scenarios::{pcap, tone, ulaw, wav::Wav};

/// The file with what one of ours heard.
pub(crate) const HEARD: &str = "heard.wav";

/// What may be expected of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Everything arrives.
    Good,
    /// It was gone for a moment: packets are missing.
    Interrupted,
    /// Packets get lost all the time. Whoever hangs up says so three times in the two seconds that it
    /// waits, and whoever is told answers repetitions for a second or a few: all may be lost.
    Lossy,
}

/// What a stand-in complains of where nobody heard a BYE, its answer, or an ACK.
const LOST_BYES: [&str; 4] = [
    "BYE was not answered",
    "more than 1 s of nothing before the end",
    "dead air: nothing came",
    // Each repetition of its 200 gets another, but a short call has only three.
    "no ACK came",
];
/// How a call ends for ours, and for a stand-in, if no BYE arrives.
const SILENCE: [&str; 2] = ["media-timeout", "dead-air"];

/// What one program came to.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: String,
    /// The kinds of the ways that the call took, in their order. A stand-in tells none.
    pub(crate) kinds: Vec<String>,
    /// How long the first one took to be found.
    pub(crate) checks_ms: Option<f64>,
    /// How long the caller's tone was heard, in seconds, and how much of what was heard it was.
    heard: (f64, f64),
    received: u64,
    pub(crate) lost: u64,
    /// What is wrong whatever the call came to.
    faults: Vec<String>,
    pub(crate) transcript: String,
    pub(crate) ours: Option<Finished>,
    pub(crate) mac: Option<Verdict>,
}

impl End {
    pub(crate) fn of_ours(finished: Finished, hz: f64) -> Self {
        let paths = finished.all("path");
        let kinds = paths.iter().map(|path| text(path, "kind").to_owned());
        let ended = finished.all("ended").pop();
        let reason = ended.map_or("no call", |ended| text(ended, "reason"));
        let count = |name: &str| ended.and_then(|ended| ended[name].as_u64()).unwrap_or(0);
        let file = finished.path(HEARD);
        let heard = match file.exists() {
            true => {
                let wav = Wav::read(&file);
                heard(&wav.samples, wav.sample_rate_hz, hz)
            }
            false => (0.0, 0.0),
        };
        Self {
            reason: reason.to_owned(),
            kinds: kinds.collect(),
            checks_ms: paths.first().and_then(|path| path["checks_ms"].as_f64()),
            heard,
            received: count("received"),
            lost: count("lost"),
            faults: Vec::new(),
            transcript: finished.transcript.clone(),
            ours: Some(finished),
            mac: None,
        }
    }

    pub(crate) fn of_mac(verdict: Verdict, hz: f64) -> Self {
        let samples: Vec<i16> = verdict.heard().into_iter().map(ulaw::decode).collect();
        let faults = verdict.field("faults").as_array().cloned();
        let faults = faults.unwrap_or_default().into_iter();
        Self {
            reason: verdict
                .field("ended")
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            kinds: Vec::new(),
            checks_ms: verdict.field("path_ms").as_f64(),
            heard: heard(&samples, 8000, hz),
            received: verdict.count("received"),
            lost: verdict.count("lost"),
            faults: faults.map(|fault| fault.to_string()).collect(),
            transcript: verdict.transcript().to_owned(),
            ours: None,
            mac: Some(verdict),
        }
    }

    /// What is wrong with it, if it was to be a good call that ended so.
    fn complaint(&self, reason: &str, network: Network) -> Option<String> {
        let (loud, share) = self.heard;
        let is_lossy = network == Network::Lossy;
        let unheard =
            is_lossy && reason == "remote-hangup" && SILENCE.contains(&self.reason.as_str());
        if self.reason != reason && !unheard {
            return Some(format!("it ended with {} instead of {reason}", self.reason));
        }
        // A machine that is too busy to be in time costs a little of the tone, not the other's
        // voice.
        if self.received == 0 || loud < 1.0 || share < 0.3 {
            return Some(format!(
                "it heard {loud:.1} s, {share:.2} of it the other's tone, in {} packets",
                self.received
            ));
        }
        if self.lost > 0 && network == Network::Good {
            return Some(format!("it lost {} packets", self.lost));
        }
        let excused =
            |fault: &&String| is_lossy && LOST_BYES.iter().any(|lost| fault.contains(lost));
        let faults: Vec<&str> = self
            .faults
            .iter()
            .filter(|fault| !excused(fault))
            .map(String::as_str)
            .collect();
        (!faults.is_empty()).then(|| faults.join(", "))
    }

    /// How long it heard something.
    pub(crate) fn heard_seconds(&self) -> f64 {
        self.heard.0
    }

    /// The longest time between two packets with sound that came in, in milliseconds.
    ///
    /// # Panics
    /// If none came.
    pub(crate) fn longest_gap_ms(&self, our_addresses: &[IpAddr]) -> u64 {
        if let Some(mac) = &self.mac {
            return mac.count("max_gap_ms");
        }
        let ours = self.ours.as_ref().expect("one of ours or a stand-in");
        let datagrams = pcap::read(&ours.path("media.pcap")).into_iter();
        let times: Vec<u64> = datagrams
            .filter(|datagram| our_addresses.contains(&datagram.destination.ip()))
            .filter(|datagram| datagram.rtp().is_some())
            .map(|datagram| u64::from(datagram.at.0) * 1000 + u64::from(datagram.at.1) / 1_000_000)
            .collect();
        let gaps = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        gaps.max().expect("packets came")
    }

    /// The kind of the last way.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.kinds.last().map(String::as_str)
    }
}

/// The seconds that were not silent, and how much of them is this tone.
fn heard(samples: &[i16], sample_rate_hz: u32, hz: f64) -> (f64, f64) {
    (
        tone::loud_seconds(samples, sample_rate_hz),
        tone::share(samples, sample_rate_hz, hz),
    )
}

/// What a call came to: the caller, and the callee.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) ends: [End; 2],
}

impl Call {
    /// What is wrong with it, if the caller was to hang up after a good call.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.complaint_over(Network::Good)
    }

    fn complaint_over(&self, network: Network) -> Option<String> {
        let [caller, callee] = &self.ends;
        let of = |end: &End, name: &str, reason: &str| {
            let complaint = end.complaint(reason, network);
            complaint.map(|why| format!("{name}: {why}"))
        };
        of(caller, "the caller", "hangup").or_else(|| of(callee, "the callee", "remote-hangup"))
    }

    /// Both talked and were heard, and the caller hung up.
    #[track_caller]
    pub(crate) fn assert_talked(&self) -> &Self {
        self.assert_talked_over(Network::Good)
    }

    /// The same, over such a network.
    #[track_caller]
    pub(crate) fn assert_talked_over(&self, network: Network) -> &Self {
        if let Some(why) = self.complaint_over(network) {
            panic!("{why}\n{}", self.transcript());
        }
        self
    }

    /// The last way of ours was of one of these kinds.
    #[track_caller]
    pub(crate) fn assert_kind(&self, kinds: &[&str]) -> &Self {
        for end in self.ends.iter().filter(|end| end.ours.is_some()) {
            let fits = end.kind().is_some_and(|kind| kinds.contains(&kind));
            assert!(
                fits,
                "{:?}, not {kinds:?}\n{}",
                end.kind(),
                self.transcript()
            );
        }
        self
    }

    /// Nobody heard anything, and ours say why.
    pub(crate) fn came_to_nothing(&self) -> bool {
        let says_why = |end: &End| match end.reason.as_str() {
            "unreachable" | "failed" | "cancelled" => true,
            _ => end.ours.is_none(),
        };
        self.ends
            .iter()
            .all(|end| end.received == 0 && says_why(end))
    }

    /// What both said.
    pub(crate) fn transcript(&self) -> String {
        let [caller, callee] = &self.ends;
        format!("{}\n{}", caller.transcript, callee.transcript)
    }
}
