//! Which of a stream's errors end it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use cpal::ErrorKind;

use super::Kind;
use super::stream::Command;
use crate::error::DeviceError;

/// How long a stream may give errors and no sound before it is given up.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an error holds up the thread that has it: some platforms try again, and fail again, as
/// fast as they can.
const PAUSE: Duration = Duration::from_millis(2);

/// Where a stream's errors go. One that the stream does not survive is reported, and closes it.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    kind: Kind,
    name: String,
    sender: SyncSender<DeviceError>,
    commands: Sender<Command>,
    callbacks: Arc<AtomicU64>,
    patience: Patience,
}

impl Faults {
    pub(super) fn new(
        kind: Kind,
        name: &str,
        sender: SyncSender<DeviceError>,
        commands: Sender<Command>,
    ) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            sender,
            commands,
            callbacks: Arc::new(AtomicU64::new(0)),
            patience: Patience::default(),
        }
    }

    /// Counts the times that the device moved sound; to be raised on its callback.
    pub(super) fn callbacks(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.callbacks)
    }

    /// Takes an error of a stream that runs.
    ///
    /// Only a few kinds are final at once. The others are, once nothing but errors has come for a
    /// while: ALSA's plugin for PulseAudio, for one, fails with an I/O error until the server has
    /// measured its latency (alsa-plugins, issue 65).
    pub(super) fn report(&mut self, error: cpal::Error) {
        let kind = error.kind();
        let goes_on = [
            ErrorKind::Xrun,
            ErrorKind::DeviceChanged,
            ErrorKind::RealtimeDenied,
        ];
        let is_final = [
            ErrorKind::DeviceNotAvailable,
            ErrorKind::HostUnavailable,
            ErrorKind::PermissionDenied,
            ErrorKind::StreamInvalidated,
        ];
        if goes_on.contains(&kind) {
            tracing::trace!(device = self.name, %error, "the device goes on");
            return;
        }
        let callbacks = self.callbacks.load(Ordering::Relaxed);
        if is_final.contains(&kind) || self.patience.is_over(Instant::now(), callbacks) {
            self.fail(error);
        } else {
            tracing::trace!(device = self.name, %error, "the device may recover");
            thread::sleep(PAUSE);
        }
    }

    /// Takes an error that ends the stream.
    pub(super) fn fail(&self, error: cpal::Error) {
        let told = self.sender.try_send(self.kind.backend(&self.name, error));
        let closed = self.commands.send(Command::Close);
        if told.is_err() || closed.is_err() {
            tracing::trace!(device = self.name, "one more error of a device");
        }
    }
}

/// Ends when errors have come for [`PATIENCE`] without a callback between them.
#[derive(Debug, Clone, Default)]
struct Patience {
    /// When the first of them came, and the callbacks until then.
    since: Option<(Instant, u64)>,
}

impl Patience {
    fn is_over(&mut self, now: Instant, callbacks: u64) -> bool {
        match self.since {
            Some((since, before)) if before == callbacks => {
                now.saturating_duration_since(since) >= PATIENCE
            }
            Some(_) | None => {
                self.since = Some((now, callbacks));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn errors_between_callbacks_are_forgiven_for_ever() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        for n in 0..100 {
            assert!(!patience.is_over(start + n * PATIENCE, n.into()));
        }
    }

    #[test]
    fn errors_and_nothing_else_are_final_after_a_second() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        assert!(!patience.is_over(start, 7));
        assert!(!patience.is_over(start + PATIENCE / 2, 7));
        assert!(patience.is_over(start + PATIENCE, 7));
    }

    #[test]
    fn an_overrun_is_no_fault_and_a_missing_device_is_one_at_once() {
        let (sender, faults) = mpsc::sync_channel(1);
        let (commands, received) = mpsc::channel();
        let mut to_faults = Faults::new(Kind::Microphone, "Yeti", sender, commands);
        to_faults.report(cpal::Error::new(ErrorKind::Xrun));
        to_faults.report(cpal::Error::new(ErrorKind::BackendError));
        assert!(faults.try_recv().is_err());
        to_faults.report(cpal::Error::new(ErrorKind::DeviceNotAvailable));
        to_faults.report(cpal::Error::new(ErrorKind::DeviceNotAvailable));
        let message = faults.try_recv().unwrap().to_string();
        assert!(message.starts_with("microphone Yeti: "), "{message}");
        assert!(matches!(received.try_recv(), Ok(Command::Close)));
    }
}
