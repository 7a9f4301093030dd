//! A server of the test's own, which it may kill.

use std::time::{Duration, Instant};

use scenarios::ejabberd::Ejabberd;
use scenarios::prosody::{Account, Prosody, Security};

use crate::sites::Site;

/// A running one, or one that was killed.
pub(crate) enum Own {
    Prosody(Prosody),
    /// And when it was told something last.
    Ejabberd(Ejabberd, Instant),
}

/// ejabberd writes down within two seconds what it was told.
const WRITTEN: Duration = Duration::from_millis(2500);

impl Own {
    pub(crate) fn start(site: Site) -> Self {
        match site {
            Site::Prosody => Self::Prosody(Prosody::own()),
            Site::Ejabberd => Self::Ejabberd(Ejabberd::own(), Instant::now()),
        }
    }

    pub(crate) fn account(&mut self, prefix: &str) -> Account {
        match self {
            Self::Prosody(server) => server.account(prefix),
            Self::Ejabberd(server, told) => {
                *told = Instant::now();
                server.account(Security::Plain, prefix)
            }
        }
    }

    pub(crate) fn befriend(&mut self, accounts: &[&Account]) {
        match self {
            Self::Prosody(server) => server.befriend(accounts),
            Self::Ejabberd(server, told) => {
                *told = Instant::now();
                server.befriend(accounts);
            }
        }
    }

    /// Two that see each other's presence: ours, and a Mac's.
    pub(crate) fn pair(&mut self) -> (Account, Account) {
        let (ours, mac) = (self.account("amy"), self.account("mac"));
        self.befriend(&[&ours, &mac]);
        (ours, mac)
    }

    /// Kills it; tells when.
    pub(crate) fn kill(&mut self) -> Instant {
        let killed = Instant::now();
        match self {
            Self::Prosody(server) => server.kill(),
            Self::Ejabberd(server, told) => {
                std::thread::sleep(WRITTEN.saturating_sub(told.elapsed()));
                server.kill();
            }
        }
        killed
    }

    /// Starts it where it was, with all accounts.
    pub(crate) fn start_again(&mut self) {
        match self {
            Self::Prosody(server) => server.start_again(),
            Self::Ejabberd(server, _) => server.start_again(),
        }
    }
}
