//! Announcing and browsing by multicast DNS: mdns-sd with its thread, and two of ours that listen
//! to it, so that it never has to wait for the rest of the program.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mdns_sd::{
    DaemonEvent, Error, IfKind, Receiver, RecvTimeoutError, ResolvedService, ScopedIp,
    ServiceDaemon, ServiceEvent, ServiceInfo,
};
use tokio::sync::Notify;

use super::LanEvent;
use super::name::Identity;
use super::peer::{LanPeer, usable};
use super::table::Table;
use crate::lan::{LanPresence, SERVICE_TYPE, text};

/// Records of others that are kept in all, before discovery begins anew. 256 peers have some 1500.
const RECORD_LIMIT: i64 = 16_384;

/// How often that is looked at.
const CENSUS: Duration = Duration::from_secs(10);

/// How long a peer that could not be reached has to prove that it is still announced. RFC 6762
/// §10.4 asks for at least two questions; the second goes out after one second.
const PROOF_TIME: Duration = Duration::from_secs(5);

/// How long the goodbye may take.
const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// How long we wait before asking mdns-sd again.
const BREATH: Duration = Duration::from_millis(100);

/// At least so long lies between two changes of what we announce. A listener may keep the record
/// before for a second (RFC 6762 §10.2), and some that hear it again within that time, mdns-sd
/// among them, go on with the one between.
const PACE: Duration = Duration::from_millis(2500);

/// How often it is looked whether a change is due.
const TICK: Duration = Duration::from_millis(500);

/// After so many names that were all taken we leave it at that.
const NAME_TRIES: u32 = 30;

/// What the threads and the rest of the program both see.
#[derive(Debug)]
pub(super) struct Shared {
    table: Mutex<Table>,
    name: Mutex<String>,
    /// There may be something to tell.
    pub(super) changed: Notify,
}

impl Shared {
    /// Our present name.
    pub(super) fn name(&self) -> String {
        lock(&self.name).clone()
    }

    /// The next thing to tell.
    pub(super) fn next_event(&self) -> Option<LanEvent> {
        self.table().next_event()
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }

    fn change(&self, change: impl FnOnce(&mut Table)) {
        change(&mut self.table());
        self.changed.notify_one();
    }

    fn problem(&self, error: &Error) {
        self.change(|table| table.problem(format!("Bonjour: {error}")));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Our side of it.
struct Own {
    daemon: ServiceDaemon,
    bind: Vec<IpAddr>,
    identity: Identity,
    attempt: u32,
    /// What is announced, once something is.
    announced: Option<ServiceInfo>,
    presence: LanPresence,
    /// When that was said last.
    announced_at: Option<Instant>,
    /// The presence has changed since.
    due: bool,
    stopping: bool,
}

/// A running discovery. Dropped, it says goodbye in passing.
pub(super) struct Discovery {
    pub(super) shared: Arc<Shared>,
    own: Arc<Mutex<Own>>,
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery").finish_non_exhaustive()
    }
}

impl Discovery {
    /// Begins to browse; nothing is announced yet. The presence has its port.
    pub(super) fn start(
        identity: Identity,
        presence: LanPresence,
        bind: Vec<IpAddr>,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            table: Mutex::default(),
            name: Mutex::new(identity.name(0)),
            changed: Notify::new(),
        });
        let daemon = daemon(&bind)?;
        let happenings = daemon.monitor()?;
        let neighbours = daemon.browse(SERVICE_TYPE)?;
        let own = Arc::new(Mutex::new(Own {
            daemon,
            bind,
            identity,
            attempt: 0,
            announced: None,
            presence,
            announced_at: None,
            due: false,
            stopping: false,
        }));
        // From here on, going out of scope ends what has begun.
        let discovery = Self { shared, own };
        let (shared, own) = (discovery.shared.clone(), discovery.own.clone());
        spawn("lan-browse", move || browse(&shared, &own, neighbours))?;
        let (shared, own) = (discovery.shared.clone(), discovery.own.clone());
        spawn("lan-watch", move || watch(&shared, &own, happenings))?;
        Ok(discovery)
    }

    /// Announces us under the first name that nobody has who has been heard until now.
    pub(super) fn announce_first(&self) -> Result<(), Error> {
        let mut own = lock(&self.own);
        own.settle(&self.shared);
        own.register()
    }

    /// Announces what has changed of us; when that was not long ago, a little later.
    pub(super) fn announce(&self, presence: LanPresence) {
        let mut own = lock(&self.own);
        if own.presence != presence {
            own.presence = presence;
            own.due = true;
            own.announce_due(&self.shared);
        }
    }

    /// Somebody could not be reached: either they prove that they are there, or they vanish.
    pub(super) fn doubt(&self, name: &str) {
        let Some(fullname) = self.shared.table().fullname(name) else {
            return;
        };
        if let Err(error) = lock(&self.own).daemon.verify(fullname, PROOF_TIME) {
            tracing::debug!(%error, "a peer could not be doubted");
        }
    }

    /// Says goodbye, and waits until that is said. Blocks.
    pub(super) fn stop(&self) {
        let goodbye = {
            let mut own = lock(&self.own);
            own.stopping = true;
            own.daemon.shutdown()
        };
        match goodbye {
            Ok(done) => {
                if done.recv_timeout(GOODBYE_TIME).is_err() {
                    tracing::debug!("the goodbye took too long");
                }
            }
            Err(error) => tracing::debug!(%error, "no goodbye was said"),
        }
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        let mut own = lock(&self.own);
        if !std::mem::replace(&mut own.stopping, true) {
            let _ = own.daemon.shutdown();
        }
    }
}

impl Own {
    /// Takes the next name that nobody has, this one included.
    fn settle(&mut self, shared: &Shared) {
        let mut name = self.identity.name(self.attempt);
        while self.attempt < NAME_TRIES && shared.table().is_taken(&name) {
            self.attempt += 1;
            name = self.identity.name(self.attempt);
        }
        *lock(&shared.name) = name;
    }

    fn register(&mut self) -> Result<(), Error> {
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
    fn announce_due(&mut self, shared: &Shared) {
        eprintln!("DUE {} {:?}", self.due, self.announced_at.map(|a| a.elapsed()));
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
    fn is_announced(&self, fullname: &str) -> bool {
        self.announced
            .as_ref()
            .is_some_and(|info| info.get_fullname().eq_ignore_ascii_case(fullname))
    }

    /// Somebody else has our name: we take another.
    fn rename(&mut self, shared: &Shared) -> Result<(), Error> {
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
    fn restart(&mut self) -> Result<Receiver<DaemonEvent>, Error> {
        if let Ok(done) = self.daemon.shutdown() {
            let _ = done.recv_timeout(GOODBYE_TIME);
        }
        self.daemon = daemon(&self.bind)?;
        let happenings = self.daemon.monitor()?;
        self.register()?;
        Ok(happenings)
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let begun = thread::Builder::new().name(name.to_owned()).spawn(work);
    begun
        .map(drop)
        .map_err(|error| Error::Msg(format!("no thread for it: {error}")))
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

/// Brings what is found into the table.
fn browse(shared: &Shared, own: &Mutex<Own>, mut neighbours: Receiver<ServiceEvent>) {
    let (host, loopback) = {
        let own = lock(own);
        let loopback = own.bind.iter().any(IpAddr::is_loopback);
        (own.identity.host.clone(), loopback)
    };
    loop {
        let Ok(event) = neighbours.recv() else {
            // mdns-sd drops those who listen too slowly, and all when it begins anew.
            match browse_again(shared, own) {
                Some(again) => neighbours = again,
                None => return,
            }
            continue;
        };
        eprintln!("EV {event:?}");
        if let ServiceEvent::ServiceResolved(service) = event {
            if service.host.eq_ignore_ascii_case(&host) {
                continue;
            }
            shared.change(|table| match read(&service, loopback) {
                Some(peer) => table.insert(&service.fullname, peer),
                None => table.remove(&service.fullname),
            });
        } else if let ServiceEvent::ServiceRemoved(_, fullname) = event {
            shared.change(|table| table.remove(&fullname));
        }
    }
}

fn browse_again(shared: &Shared, own: &Mutex<Own>) -> Option<Receiver<ServiceEvent>> {
    loop {
        thread::sleep(BREATH);
        let own = lock(own);
        if own.stopping {
            return None;
        }
        match own.daemon.browse(SERVICE_TYPE) {
            Ok(again) => return Some(again),
            Err(Error::Again) => {}
            Err(error) => {
                shared.problem(&error);
                thread::sleep(CENSUS);
            }
        }
    }
}

/// Minds our name, and what a flood makes mdns-sd keep.
fn watch(shared: &Shared, own: &Mutex<Own>, mut happenings: Receiver<DaemonEvent>) {
    let mut last = Instant::now();
    let mut sweep_at = None;
    loop {
        let event = happenings.recv_timeout(TICK);
        let mut own = lock(own);
        if own.stopping {
            return;
        }
        match event {
            Ok(DaemonEvent::NameChange(change)) if own.is_announced(&change.original) => {
                if let Err(error) = own.rename(shared) {
                    shared.problem(&error);
                }
            }
            Ok(DaemonEvent::Error(error)) => shared.problem(&error),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                // mdns-sd died; with the next census it begins anew.
                drop(own);
                thread::sleep(TICK);
                continue;
            }
        }
        own.announce_due(shared);
        if last.elapsed() < CENSUS {
            continue;
        }
        last = Instant::now();
        if let Some(since) = sweep_at.take() {
            shared.change(|table| table.sweep(since));
        }
        if own.records() > RECORD_LIMIT {
            tracing::warn!("too much is announced on this network; discovery begins anew");
            sweep_at = Some(shared.table().clock());
            match own.restart() {
                Ok(again) => happenings = again,
                Err(error) => shared.problem(&error),
            }
        }
    }
}

impl Own {
    /// How many records of others mdns-sd keeps.
    fn records(&self) -> i64 {
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

/// A service as a peer; `None` if it cannot be reached.
fn read(service: &ResolvedService, loopback: bool) -> Option<LanPeer> {
    let presence = LanPresence::from_txt(
        service
            .txt_properties
            .iter()
            .map(|property| (property.key(), property.val().unwrap_or_default())),
    );
    // The port of the SRV record wins (XEP-0174 §3).
    let port = match service.port {
        0 => presence.port?,
        port => port,
    };
    let found = service.addresses.iter().map(|ip| address(ip, port));
    let addresses = usable(found.collect(), loopback);
    if addresses.is_empty() {
        return None;
    }
    Some(LanPeer {
        name: instance(&service.fullname)?,
        addresses,
        presence,
    })
}

fn address(ip: &ScopedIp, port: u16) -> SocketAddr {
    match ip {
        ScopedIp::V6(v6) if v6.addr().is_unicast_link_local() => {
            SocketAddrV6::new(*v6.addr(), port, 0, v6.scope_id().index).into()
        }
        other => SocketAddr::new(other.to_ip_addr(), port),
    }
}

/// The first label of a service's full name.
fn instance(fullname: &str) -> Option<String> {
    let end = fullname.len().checked_sub(SERVICE_TYPE.len() + 1)?;
    let (name, domain) = fullname.split_at_checked(end)?;
    let domain = domain.strip_prefix('.')?;
    let name = text::safe(name.as_bytes());
    (domain.eq_ignore_ascii_case(SERVICE_TYPE) && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_service_is_its_first_label() {
        let name = |text| instance(text);
        assert_eq!(name("a@b._presence._tcp.local.").as_deref(), Some("a@b"));
        assert_eq!(
            name("Ä b@c.d._PRESENCE._tcp.local.").as_deref(),
            Some("Ä b@c.d")
        );
        assert_eq!(name("a@b._http._tcp.local."), None);
        assert_eq!(name("_presence._tcp.local."), None);
        assert_eq!(name("._presence._tcp.local."), None);
        assert_eq!(name("ü"), None);
    }
}
