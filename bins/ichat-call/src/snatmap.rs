//! `snatmap`: where a NAT lets us be seen, and the server that tells others.
//!
//! [`query`] asks a server. [`serve`] is one: threads that answer datagrams ([`worker`]), what they
//! share ([`desk`]), and a small HTTP server ([`http`]) with the page that sends old Macs here, a
//! health check and counters ([`site`], [`metrics`]). What the datagrams mean is known to
//! `ichat-ice` alone.
//!
//! Source: `docs/protocol/snatmap.md` \[P, D\].

mod args;
mod desk;
mod http;
mod listen;
mod metrics;
mod query;
mod serve;
mod site;
mod worker;

pub(crate) use args::{QueryArgs, ServeArgs};

use crate::cli::SnatmapCommand;
use crate::failure::Failure;
use crate::output::Printer;

/// `ichat-call snatmap …`.
pub(crate) async fn snatmap(command: SnatmapCommand, printer: &mut Printer) -> Result<u8, Failure> {
    match command {
        SnatmapCommand::Serve(args) => serve::serve(args, printer).await,
        SnatmapCommand::Query(args) => query::query(&args, printer).await,
    }
}
