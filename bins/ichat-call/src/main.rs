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
mod log;
mod output;
mod reflectors;
mod servers;
mod session;
mod settings;
mod snatmap;

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
    log::start(cli.verbose);
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
