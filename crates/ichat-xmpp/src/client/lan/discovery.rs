//! Announcing and browsing by multicast DNS: mdns-sd with its thread, and two of ours that listen
//! to it, so that it never has to wait for the rest of the program.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mdns_sd::{DaemonEvent, Error, Receiver, RecvTimeoutError, ServiceEvent};
use tokio::sync::Notify;

use super::LanEvent;
use super::name::Identity;
use super::own::Own;
use super::record::read;
use super::table::Table;
use crate::lan::{LanPresence, SERVICE_TYPE};

/// Records of others that mdns-sd, which has no limit, may keep before discovery begins anew. 256
/// peers have some 1500.
const RECORD_LIMIT: i64 = 4096;

/// How often that is looked at.
const CENSUS: Duration = Duration::from_secs(10);

/// How long a peer that could not be reached has to prove that it is still announced. RFC 6762
/// §10.4 asks for at least two questions; the second goes out after one second.
const PROOF_TIME: Duration = Duration::from_secs(5);

/// How long the goodbye may take.
pub(super) const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// How long we wait before asking mdns-sd again.
const BREATH: Duration = Duration::from_millis(100);

/// How often it is looked whether a change is due.
const TICK: Duration = Duration::from_millis(500);

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

    /// We have another name.
    pub(super) fn set_name(&self, name: String) {
        *lock(&self.name) = name;
    }

    /// The next thing to tell.
    pub(super) fn next_event(&self) -> Option<LanEvent> {
        self.table().next_event()
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Table)) {
        change(&mut self.table());
        self.changed.notify_one();
    }

    pub(super) fn problem(&self, error: &Error) {
        self.change(|table| table.problem(format!("Bonjour: {error}")));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let own = Own::new(identity, presence, bind)?;
        let happenings = own.daemon.monitor()?;
        let neighbours = own.daemon.browse(SERVICE_TYPE)?;
        let own = Arc::new(Mutex::new(own));
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
        own.announce(presence, &self.shared);
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

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let begun = thread::Builder::new().name(name.to_owned()).spawn(work);
    begun
        .map(drop)
        .map_err(|error| Error::Msg(format!("no thread for it: {error}")))
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
    let mut pause = BREATH;
    loop {
        thread::sleep(pause);
        let own = lock(own);
        if own.stopping {
            return None;
        }
        match own.daemon.browse(SERVICE_TYPE) {
            Ok(again) => return Some(again),
            Err(Error::Again) => {}
            Err(error) => {
                // Until it begins anew.
                shared.problem(&error);
                pause = CENSUS;
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
