//! The same scenario at each server: Prosody and ejabberd.

use scenarios::ejabberd::Ejabberd;
use scenarios::prosody::{Account, Prosody, Security};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    Prosody,
    Ejabberd,
}

impl Site {
    /// New accounts on the shared server, which all see each other's presence. Their names begin
    /// so, and none is signed in.
    pub(crate) fn friends<const COUNT: usize>(self, names: [&str; COUNT]) -> [Account; COUNT] {
        let accounts = self.strangers(names);
        match self {
            Self::Prosody => Prosody::shared().befriend(&accounts.each_ref()),
            Self::Ejabberd => Ejabberd::shared().befriend(&accounts.each_ref()),
        }
        accounts
    }

    /// The same, but nobody is on anybody's list.
    pub(crate) fn strangers<const COUNT: usize>(self, names: [&str; COUNT]) -> [Account; COUNT] {
        match self {
            Self::Prosody => names.map(|name| Prosody::shared().account(name)),
            Self::Ejabberd => names.map(|name| Ejabberd::shared().account(Security::Plain, name)),
        }
    }
}

/// Each of these functions as a test at each server.
macro_rules! at_each_server {
    ($($name:ident),+ $(,)?) => {
        mod prosody {
            $(#[test]
            fn $name() {
                scenarios::requires!("prosody", "script");
                super::$name($crate::sites::Site::Prosody);
            })+
        }
        mod ejabberd {
            $(#[test]
            fn $name() {
                scenarios::requires!("ejabberdctl", "openssl", "script");
                super::$name($crate::sites::Site::Ejabberd);
            })+
        }
    };
}
pub(crate) use at_each_server;
