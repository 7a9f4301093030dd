//! The thread that owns a device's stream.
//!
//! On some platforms a stream cannot leave the thread that made it, and on all of them opening one
//! may take long or never return. So each has a thread that opens, starts and drops it.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use cpal::traits::StreamTrait;
use cpal::{BufferSize, StreamConfig, SupportedBufferSize, SupportedStreamConfig};

use super::Kind;
use super::faults::Faults;
use crate::error::DeviceError;

/// How long a device may take to open.
const OPEN_SECONDS: u64 = 5;
/// How long a device may take to close before it is left behind.
const CLOSE: Duration = Duration::from_millis(500);
/// Errors that wait for someone to ask; more are dropped.
const FAULTS: usize = 4;

/// A stream on its thread. Dropping it stops the device.
#[derive(Debug)]
pub(super) struct StreamThread {
    commands: Sender<Command>,
    closed: Receiver<()>,
    faults: Receiver<DeviceError>,
}

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Command {
    Play,
    Close,
}

impl StreamThread {
    /// Opens a stream on a thread of its own. `build` runs there; what it gives beside the stream
    /// comes back here.
    pub(super) fn open<T: Send + 'static>(
        kind: Kind,
        name: &str,
        build: impl FnOnce(&Faults) -> Result<Built<T>, DeviceError> + Send + 'static,
    ) -> Result<(Self, Opened<T>), DeviceError> {
        let (sender, faults) = mpsc::sync_channel(FAULTS);
        let (commands, received) = mpsc::channel();
        let (opened_sender, opened) = mpsc::sync_channel(1);
        let (closed_sender, closed) = mpsc::sync_channel::<()>(1);
        let to_faults = Faults::new(kind, name, sender, commands.clone());
        let owner = move || {
            match build(&to_faults).map(Built::split) {
                Ok((stream, value)) => {
                    // If nobody waits any more, it took too long.
                    if opened_sender.send(Ok(value)).is_ok() {
                        serve(stream, &received, &to_faults);
                    }
                }
                Err(error) => drop(opened_sender.send(Err(error))),
            }
            // The stream is gone: whoever waits for that wakes up.
            drop(closed_sender);
        };
        let spawned = thread::Builder::new()
            .name(kind.word().to_owned())
            .spawn(owner);
        if let Err(source) = spawned {
            let kind = kind.word();
            return Err(DeviceError::Thread { kind, source });
        }
        let thread = Self {
            commands,
            closed,
            faults,
        };
        match opened.recv_timeout(Duration::from_secs(OPEN_SECONDS)) {
            Ok(Ok(opened)) => Ok((thread, opened)),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let (kind, seconds) = (kind.word(), OPEN_SECONDS);
                Err(DeviceError::Stuck { kind, seconds })
            }
        }
    }

    /// Starts the device. An error is a fault, later.
    pub(super) fn play(&self) {
        self.tell(Command::Play);
    }

    /// The next error that no one has heard of.
    pub(super) fn fault(&self) -> Option<DeviceError> {
        self.faults.try_recv().ok()
    }

    fn tell(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("the thread of a device is gone");
        }
    }
}

/// Does what it is told until it is to close the stream.
fn serve(stream: cpal::Stream, commands: &Receiver<Command>, faults: &Faults) {
    while let Ok(Command::Play) = commands.recv() {
        if let Err(error) = stream.play() {
            faults.fail(error);
        }
    }
    drop(stream);
}

impl Drop for StreamThread {
    fn drop(&mut self) {
        self.tell(Command::Close);
        if self.closed.recv_timeout(CLOSE) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!("a device does not close; it is left behind");
        }
    }
}

/// The configurations to try, best first: pieces of about 20 ms in a power of two, which every
/// audio system takes well, then whatever the device likes.
fn configurations(supported: &SupportedStreamConfig) -> Vec<StreamConfig> {
    let mut config = supported.config();
    let frames = (config.sample_rate / 50).next_power_of_two();
    let fits = match *supported.buffer_size() {
        SupportedBufferSize::Range { min, max } => (min..=max).contains(&frames),
        SupportedBufferSize::Unknown => true,
    };
    let mut configurations = Vec::new();
    if fits {
        config.buffer_size = BufferSize::Fixed(frames);
        configurations.push(config);
    }
    config.buffer_size = BufferSize::Default;
    configurations.push(config);
    configurations
}

/// A stream that stayed on its thread: what can leave it.
pub(super) struct Opened<T> {
    /// The device's name for people.
    pub(super) name: String,
    /// Its rate, in hertz.
    pub(super) rate_hz: u32,
    pub(super) rest: T,
}

/// A stream that was built, with what `build` gave beside it.
pub(super) struct Built<T> {
    pub(super) stream: cpal::Stream,
    /// The device's name for people.
    pub(super) name: String,
    /// Its rate, in hertz.
    pub(super) rate_hz: u32,
    pub(super) rest: T,
}

impl<T> Built<T> {
    fn split(self) -> (cpal::Stream, Opened<T>) {
        let Self {
            stream,
            name,
            rate_hz,
            rest,
        } = self;
        let opened = Opened {
            name,
            rate_hz,
            rest,
        };
        (stream, opened)
    }
}

/// Finds a device and builds its stream in the first configuration that it takes. `build` gives
/// nothing for a sample format that it does not know.
pub(super) fn build_first<T>(
    kind: Kind,
    name: Option<&str>,
    build: impl Fn(
        &cpal::Device,
        cpal::SampleFormat,
        StreamConfig,
    ) -> Option<Result<(cpal::Stream, T), cpal::Error>>,
) -> Result<Built<T>, DeviceError> {
    let device = kind.find(name)?;
    let name = device.to_string();
    let supported = kind
        .default_config(&device)
        .map_err(|source| kind.backend(&name, source))?;
    let format = supported.sample_format();
    let mut last = DeviceError::NoDefault { kind: kind.word() };
    for config in configurations(&supported) {
        last = match build(&device, format, config) {
            Some(Ok((stream, rest))) => {
                tracing::debug!(device = name, %format, ?config, "a device is open");
                return Ok(Built {
                    stream,
                    name,
                    rate_hz: config.sample_rate,
                    rest,
                });
            }
            Some(Err(source)) => kind.backend(&name, source),
            None => {
                let format = format.to_string();
                return Err(DeviceError::Format {
                    kind: kind.word(),
                    name,
                    format,
                });
            }
        };
    }
    Err(last)
}

/// Calls a function that is generic over the sample type with the type of a format; nothing for
/// the formats that are no numbers (DSD).
macro_rules! with_sample_type {
    ($format:expr, $call:ident, $($argument:expr),* $(,)?) => {
        match $format {
            cpal::SampleFormat::I8 => Some($call::<i8>($($argument),*)),
            cpal::SampleFormat::I16 => Some($call::<i16>($($argument),*)),
            cpal::SampleFormat::I24 => Some($call::<cpal::I24>($($argument),*)),
            cpal::SampleFormat::I32 => Some($call::<i32>($($argument),*)),
            cpal::SampleFormat::I64 => Some($call::<i64>($($argument),*)),
            cpal::SampleFormat::U8 => Some($call::<u8>($($argument),*)),
            cpal::SampleFormat::U16 => Some($call::<u16>($($argument),*)),
            cpal::SampleFormat::U24 => Some($call::<cpal::U24>($($argument),*)),
            cpal::SampleFormat::U32 => Some($call::<u32>($($argument),*)),
            cpal::SampleFormat::U64 => Some($call::<u64>($($argument),*)),
            cpal::SampleFormat::F32 => Some($call::<f32>($($argument),*)),
            cpal::SampleFormat::F64 => Some($call::<f64>($($argument),*)),
            _ => None,
        }
    };
}
pub(super) use with_sample_type;
