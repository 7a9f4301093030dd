//! The log on standard error: what `-v` or `RUST_LOG` asks for, and no secret whatever they ask for.

use std::io::IsTerminal;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Our own parts.
const OURS: [&str; 7] = [
    "ichat_call",
    "ichat_endpoint",
    "ichat_ice",
    "ichat_xmpp",
    "ichat_sip",
    "ichat_rtp",
    "ichat_audio",
];

/// Others' parts that write secrets down at a low level, and the lowest at which they may speak.
const TALEBEARERS: [(&str, LevelFilter); 3] = [
    // Each octet of the stream after log-in: passwords of relays among them (XEP-0215).
    ("tokio_xmpp", LevelFilter::INFO),
    // The keys that are made out of passwords of relays.
    ("stun_types", LevelFilter::DEBUG),
    ("stun_proto", LevelFilter::DEBUG),
];

/// Starts it: `RUST_LOG` decides when it is set, else the number of `-v`.
pub(crate) fn start(verbose: u8) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let filter = EnvFilter::try_from_default_env()
        .map(|filter| without_chatter(filter, &asked))
        .unwrap_or_else(|_| EnvFilter::new(default(verbose)));
    let output = tracing_subscriber::fmt::layer()
        // Colours are for terminals: a service manager keeps what it is given.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter.and(filter_fn(keeps_secrets)));
    let subscriber = tracing_subscriber::registry().with(output);
    if subscriber.try_init().is_err() {
        eprintln!("ichat-call: the log could not be started");
    }
}

fn default(verbose: u8) -> String {
    let level = match verbose {
        0 => "error",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    OURS.map(|name| format!("{name}={level}")).join(",")
}

/// The TURN client tells every step at the level at which we tell what a user wants to know: only
/// its warnings, unless it is asked for by name.
fn without_chatter(filter: EnvFilter, asked: &str) -> EnvFilter {
    match "turn_client_proto=warn".parse() {
        Ok(quiet) if !asked.contains("turn_client_proto") => filter.add_directive(quiet),
        Ok(_) | Err(_) => filter,
    }
}

fn keeps_secrets(metadata: &Metadata<'_>) -> bool {
    let speaks_for = |name: &str| {
        let rest = metadata.target().strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    TALEBEARERS
        .iter()
        .all(|(name, lowest)| !speaks_for(name) || metadata.level() <= lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Paper {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Paper {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn whoever_tells_secrets_is_not_heard_at_the_levels_where_it_does() {
        let paper = Paper::default();
        let output = tracing_subscriber::fmt::layer()
            .with_writer(paper.clone())
            .with_filter(
                EnvFilter::new("tokio_xmpp::xmlstream=trace,trace").and(filter_fn(keeps_secrets)),
            );
        let subscriber = tracing_subscriber::registry().with(output);
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "tokio_xmpp::xmlstream::capture", "RECV secret");
            tracing::debug!(target: "tokio_xmpp", "secret");
            tracing::info!(target: "tokio_xmpp", "said 1");
            let _key = tracing::trace_span!(target: "stun_types::message", "secret").entered();
            tracing::debug!(target: "stun_types", "said 2");
            tracing::trace!(target: "tokio_xmpp_like", "said 3");
            tracing::trace!(target: "ichat_xmpp", "said 4");
        });
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(text.matches("said").count(), 4, "{text}");
    }

    #[test]
    fn each_v_tells_more_of_what_is_ours_and_nothing_of_others() {
        assert!(default(0).starts_with("ichat_call=error,"));
        assert!(default(1).contains("ichat_xmpp=info"));
        assert!(default(2).contains("ichat_xmpp=debug"));
        assert!(default(3).ends_with("ichat_audio=trace"));
        assert!(default(9).split(',').all(|part| part.starts_with("ichat_")));
    }
}
