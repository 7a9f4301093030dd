//! `ichat-call`: places and answers audio calls between Apple's iChat and today's machines.

mod cli;
mod compose;
mod config;
mod contacts;
mod demo;
mod devices;
mod doctor;
mod failure;
mod inspect;
mod keys;
mod output;
mod reflectors;
mod servers;
mod session;
mod settings;
mod snatmap;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Instant;

use cli::{Cli, Command};
use failure::Failure;
use output::{Form, Printer};

fn main() -> ExitCode {
    let started = Instant::now();
    let args: Vec<_> = std::env::args_os().collect();
    let wants_json = args.iter().any(|argument| argument == "--json");
    let form = if wants_json { Form::Json } else { Form::Human };
    let mut printer = Printer::new(form, started);
    let status = match start(args, &mut printer) {
        Ok(status) => status,
        Err(failure) => {
            printer.fail(&failure);
            failure.status
        }
    };
    printer.finish();
    ExitCode::from(status)
}

fn start(args: Vec<std::ffi::OsString>, printer: &mut Printer) -> Result<u8, Failure> {
    let cli = match config::read(args)? {
        Ok(cli) => cli,
        Err(error) => {
            // clap's help goes to standard output with status 0, its errors to standard error
            // with 2; a closed output is no reason to say more.
            let status = u8::try_from(error.exit_code()).unwrap_or(2);
            if error.print().is_err() {
                return Ok(status);
            }
            return Ok(status);
        }
    };
    log(cli.verbose);
    printer.set_form(if cli.command.wants_json() {
        Form::Json
    } else {
        Form::Human
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("system", format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(dispatch(cli, printer));
    runtime.shutdown_timeout(session::SHUTDOWN_PATIENCE);
    result
}

async fn dispatch(cli: Cli, printer: &mut Printer) -> Result<u8, Failure> {
    match cli.command {
        Command::Call(args) => session::call(args, printer).await,
        Command::Answer(args) => session::answer(args, printer).await,
        Command::Demo(args) => demo::demo(args, printer).await,
        Command::Devices(args) => devices::devices(&args, printer),
        Command::Inspect(args) => inspect::inspect(&args, printer),
        Command::Contacts(args) => contacts::contacts(args, printer).await,
        Command::Compose(args) => compose::compose(&args, printer),
        Command::Snatmap(command) => snatmap::snatmap(command, printer).await,
        Command::Doctor(args) => doctor::doctor(args, cli.config.as_deref(), printer).await,
    }
}

/// The TURN client tells every step at the level at which we tell what a user wants to know: only
/// its warnings, unless it is asked for by name.
fn without_chatter(
    filter: tracing_subscriber::EnvFilter,
    asked: &str,
) -> tracing_subscriber::EnvFilter {
    match "turn_client_proto=warn".parse() {
        Ok(quiet) if !asked.contains("turn_client_proto") => filter.add_directive(quiet),
        Ok(_) | Err(_) => filter,
    }
}

/// Logs go to standard error: `RUST_LOG` when it is set, else what `-v` asks for.
fn log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let ours = match verbose {
        0 => "error",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let names = [
        "ichat_call",
        "ichat_endpoint",
        "ichat_ice",
        "ichat_xmpp",
        "ichat_sip",
        "ichat_rtp",
        "ichat_audio",
    ];
    let default = names
        .iter()
        .map(|name| format!("{name}={ours}"))
        .collect::<Vec<_>>()
        .join(",");
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let filter = EnvFilter::try_from_default_env()
        .map(|filter| without_chatter(filter, &asked))
        .unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are for terminals: a service manager keeps what it is given.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if subscriber.try_init().is_err() {
        eprintln!("ichat-call: the log could not be started");
    }
}
