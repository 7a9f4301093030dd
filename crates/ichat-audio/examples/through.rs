//! Carries sound from any source to any sink, through a codec, at the pace of a call.
//!
//! ```text
//! cargo run -p ichat-audio --example through -- tone:440 speaker 3
//! cargo run -p ichat-audio --example through -- mic said.wav 5 pcma
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use ichat_audio::{CodecName, SourceOptions, codec, level_dbov, open_sink, open_source};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (source, sink, seconds, name) = match arguments.as_slice() {
        [source, sink] => (source, sink, 3.0, CodecName::Pcmu),
        [source, sink, seconds] => (source, sink, seconds.parse()?, CodecName::Pcmu),
        [source, sink, seconds, name] => (source, sink, seconds.parse()?, name.parse()?),
        _ => return Err("expected SOURCE SINK [SECONDS [CODEC]]".into()),
    };
    let mut codec = codec(name);
    let sample_rate_hz = codec.sample_rate_hz();
    let options = SourceOptions {
        sample_rate_hz,
        looped: false,
    };
    let mut source = open_source(&source.parse()?, options)?;
    let mut sink = open_sink(&sink.parse()?, sample_rate_hz)?;
    println!("{} to {}, {name}", source.name(), sink.name());

    source.start();
    let (mut frame, mut octets, mut heard) =
        (vec![0; codec.samples_per_packet()], Vec::new(), Vec::new());
    let interval = Duration::from_millis(20);
    let started = Instant::now();
    let end = started + Duration::try_from_secs_f64(seconds)?;
    let mut next = started;
    while next < end && !source.is_finished() {
        source.read(&mut frame);
        octets.clear();
        heard.clear();
        codec.encode(&frame, &mut octets);
        codec.decode(&octets, &mut heard);
        sink.write(&heard);
        for error in source.fault().into_iter().chain(sink.fault()) {
            eprintln!("{}: {error}", error.code());
        }
        if (next - started).as_millis().is_multiple_of(1_000) {
            println!("{:6.1} dBov", level_dbov(&heard));
        }
        next += interval;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    println!("source {:?}, sink {:?}", source.glitches(), sink.glitches());
    sink.finish()?;
    Ok(())
}
