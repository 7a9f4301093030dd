//! `doctor`: looks at everything a call needs, and says what to do about what it finds.
//!
//! Each check stands alone: one that fails never hides another. What waits for the network has a
//! limit, and all of them together take less than 20 s.

mod account;
mod audio;
mod bonjour;
mod check;
mod configuration;
mod features;
mod layout;
mod nat;
mod network;
mod old_macs;
mod old_tls;
mod page;
mod port;
mod questions;
mod reflectors;
mod relays;
mod report;
mod server;
mod survey;

use std::path::Path;

use ichat_ice::gather::ReflectorProtocol;

use crate::cli::DoctorArgs;
use crate::failure::Failure;
use crate::output::Printer;
use questions::Questions;
use report::Report;

/// `ichat-call doctor`. Status 0 if nothing is a problem, else 1.
pub(crate) async fn doctor(
    args: DoctorArgs,
    config: Option<&Path>,
    printer: &mut Printer,
) -> Result<u8, Failure> {
    let questions = Questions::parse(&args)?;
    let mut report = Report::new(printer);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => match interrupted {
            Ok(()) => Ok(130),
            Err(error) => Err(Failure::new("signal", format!("cannot listen to signals: {error}"))),
        },
        () = examine(&args, config, questions, &mut report) => Ok(report.finish()),
    }
}

async fn examine(
    args: &DoctorArgs,
    config: Option<&Path>,
    questions: Questions,
    report: &mut Report<'_>,
) {
    // What takes a while and needs nothing of the rest runs beside it.
    let devices = tokio::spawn(audio::look());
    let port = port::look(&args.bind, args.port);
    let neighbours = tokio::spawn(bonjour::look(args.account.lan, port.locals.clone()));
    let pages = tokio::spawn(page::look(questions.snatmap.clone()));
    let survey = tokio::spawn(survey::begin(port.network, questions));

    report.add(configuration::look(config));
    let (checks, account) = account::look(&args.account);
    report.extend(checks);
    let services = server::look(account, report).await;

    report.extend(port.checks);
    let found = match survey.await {
        Ok(found) => survey::go_on(found, &services).await,
        Err(_) => survey::Findings::default(),
    };
    report.extend(reflectors::checks(&found, ReflectorProtocol::Snatmap));
    report.extend(pages.await.unwrap_or_default());
    report.extend(reflectors::checks(&found, ReflectorProtocol::Stun));
    report.extend(relays::checks(&found));
    report.add(nat::check(&found));
    report.extend(devices.await.unwrap_or_default());
    report.extend(neighbours.await.ok());
}
