//! What we announce, and mdns-sd that does it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use mdns_sd::{DaemonEvent, Error, IfKind, Receiver, ServiceDaemon, ServiceInfo};

use super::discovery::{GOODBYE_TIME, Shared};
use super::name::Identity;
use crate::lan::{LanPresence, SERVICE_TYPE};

/// After so many names that were all taken we leave it at that.
const NAME_TRIES: u32 = 30;

/// At least so long lies between two changes of what we announce: a second for the probe, one until
/// it is announced again, one for which listeners keep the record before (RFC 6762 §8.1, §8.3,
/// §10.2), and one to spare. mdns-sd takes a record that it still keeps for no news when it comes
/// back, and would go on with the one between.
const PACE: Duration = Duration::from_secs(4);

/// Our side of it.
pub(super) struct Own {
    pub(super) daemon: ServiceDaemon,
    pub(super) bind: Vec<IpAddr>,
    pub(super) identity: Identity,
    attempt: u32,
    /// What is announced, once something is.
    announced: Option<ServiceInfo>,
    presence: LanPresence,
    /// When that was said last.
    announced_at: Option<Instant>,
    /// The presence has changed since.
    due: bool,
    pub(super) stopping: bool,
}

impl Own {
    /// Announces nothing yet. The presence has its port.
    pub(super) fn new(
        identity: Identity,
        presence: LanPresence,
        bind: Vec<IpAddr>,
    ) -> Result<Self, Error> {
        Ok(Self {
            daemon: daemon(&bind)?,
            bind,
            identity,
            attempt: 0,
            announced: None,
            presence,
            announced_at: None,
            due: false,
            stopping: false,
        })
    }

    /// Announces another presence, now or when it is due.
    pub(super) fn announce(&mut self, presence: LanPresence, shared: &Shared) {
        if self.presence != presence {
            self.presence = presence;
            self.due = true;
            self.announce_due(shared);
        }
    }

    /// Takes the next name that nobody has, this one included.
    pub(super) fn settle(&mut self, shared: &Shared) {
        let mut name = self.identity.name(self.attempt);
        while self.attempt < NAME_TRIES && shared.table().is_taken(&name) {
            self.attempt += 1;
            name = self.identity.name(self.attempt);
        }
        shared.set_name(name);
    }

    pub(super) fn register(&mut self) -> Result<(), Error> {
        let port = self.presence.port.unwrap_or_default();
        let info = ServiceInfo::new(
            SERVICE_TYPE,
            &self.identity.name(self.attempt),
            &self.identity.host,
            (),
            port,
            &self.presence.to_txt()[..],
        )?
        .enable_addr_auto();
        self.daemon.register(info.clone())?;
        self.announced = Some(info);
        self.announced_at = Some(Instant::now());
        self.due = false;
        Ok(())
    }

    /// Announces a change, if there is one and the last is long enough ago.
    pub(super) fn announce_due(&mut self, shared: &Shared) {
        let rested = self.announced_at.is_none_or(|at| at.elapsed() >= PACE);
        if !(self.due && rested) {
            return;
        }
        match self.register() {
            // Its queue is full: at the next tick.
            Ok(()) | Err(Error::Again) => {}
            Err(error) => {
                self.due = false;
                shared.problem(&error);
            }
        }
    }

    /// Whether this full name is ours.
    pub(super) fn is_announced(&self, fullname: &str) -> bool {
        self.announced
            .as_ref()
            .is_some_and(|info| info.get_fullname().eq_ignore_ascii_case(fullname))
    }

    /// Somebody else has our name: we take another.
    pub(super) fn rename(&mut self, shared: &Shared) -> Result<(), Error> {
        if self.attempt >= NAME_TRIES {
            let message = "Bonjour: somebody claims every name that we take";
            shared.change(|table| table.problem(message.to_owned()));
            return Ok(());
        }
        if let Some(info) = &self.announced {
            // Whether that worked, nobody has to wait for.
            let _ = self.daemon.unregister(info.get_fullname())?;
        }
        self.attempt += 1;
        self.settle(shared);
        self.register()
    }

    /// Begins anew, which forgets all records that were kept.
    pub(super) fn restart(&mut self) -> Result<Receiver<DaemonEvent>, Error> {
        if let Ok(done) = self.daemon.shutdown() {
            let _ = done.recv_timeout(GOODBYE_TIME);
        }
        self.daemon = daemon(&self.bind)?;
        let happenings = self.daemon.monitor()?;
        self.register()?;
        Ok(happenings)
    }

    /// How many records of others mdns-sd keeps.
    pub(super) fn records(&self) -> i64 {
        let metrics = self.daemon.get_metrics().ok();
        let metrics = metrics.and_then(|metrics| metrics.recv_timeout(GOODBYE_TIME).ok());
        metrics.map_or(0, |metrics| {
            let kept = metrics
                .iter()
                .filter(|(name, _)| name.starts_with("cached-"));
            kept.map(|(_, count)| *count).sum()
        })
    }
}

/// mdns-sd on the interfaces of these addresses; on all but loopback when there are none.
fn daemon(bind: &[IpAddr]) -> Result<ServiceDaemon, Error> {
    let daemon = ServiceDaemon::new()?;
    if bind.is_empty() {
        daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
    } else {
        daemon.disable_interface(IfKind::All)?;
        let wanted: Vec<IfKind> = bind.iter().copied().map(IfKind::Addr).collect();
        daemon.enable_interface(wanted)?;
    }
    Ok(daemon)
}
