//! Everyone we know of: the roster joined with the presences that came.

use std::collections::BTreeMap;

use xmpp_parsers::jid::{BareJid, FullJid, Jid};

use crate::caps::Caps;
use crate::dialect::Dialect;
use crate::presence::{Availability, Show};
use crate::roster::{Item, Subscription};
use crate::session::NotCallable;

/// How many devices of one person are remembered.
const RESOURCE_LIMIT: usize = 32;
/// How many contacts are remembered.
const CONTACT_LIMIT: usize = 16_384;
/// How many people are remembered who are on no roster and sent us a presence all the same.
const STRANGER_LIMIT: usize = 256;

/// One person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Their account.
    pub jid: BareJid,
    /// Their name on our roster.
    pub name: Option<String>,
    /// Who sees whom; a stranger is `None`.
    pub subscription: Subscription,
    /// We asked to see them, and they have not answered.
    pub asked: bool,
    /// They asked to see us, and cannot call us before they do
    /// ([`Session::allow_subscription`](crate::Session::allow_subscription)).
    pub asks: bool,
    /// The devices that are online, best first; never we ourselves.
    pub resources: Vec<ResourceInfo>,
}

impl Contact {
    /// Somebody of whom we know only that they ask to see us.
    pub(crate) fn asker(jid: BareJid) -> Self {
        Self {
            jid,
            name: None,
            subscription: Subscription::None,
            asked: false,
            asks: true,
            resources: Vec::new(),
        }
    }

    /// The device to speak of: the best that can be rung, else the best iChat, else the best.
    pub fn best(&self) -> Option<&ResourceInfo> {
        let all = || self.resources.iter();
        all()
            .find(|resource| resource.callable)
            .or_else(|| all().find(|resource| resource.is_ichat))
            .or_else(|| all().next())
    }

    /// Why nobody there can be rung; `None` when someone can.
    pub fn not_callable(&self) -> Option<NotCallable> {
        if self.resources.iter().any(|resource| resource.callable) {
            None
        } else if self.resources.iter().any(ResourceInfo::is_capable) {
            Some(NotCallable::NotAvailable)
        } else if self.resources.iter().any(|resource| resource.is_ichat) {
            Some(NotCallable::NotCapable)
        } else if !self.resources.is_empty() {
            Some(NotCallable::NoIChat)
        } else if self.subscription.sees_them() {
            Some(NotCallable::Offline)
        } else if self.asked {
            Some(NotCallable::SubscriptionPending)
        } else {
            Some(NotCallable::NotAContact)
        }
    }
}

/// One device that is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceInfo {
    /// Its address, a bare one only for a gateway.
    pub jid: Jid,
    /// How willing.
    pub show: Show,
    /// −128 to 127.
    pub priority: i8,
    /// The line under the name.
    pub status: Option<String>,
    /// An iChat, by its capabilities.
    pub is_ichat: bool,
    /// It can be rung now.
    pub callable: bool,
    /// How it wants to be rung.
    pub dialect: Dialect,
    /// Its capabilities as they came.
    pub caps: Option<Caps>,
}

#[derive(Debug, Default)]
struct Entry {
    item: Option<Item>,
    resources: BTreeMap<Jid, Availability>,
}

/// The book of contacts; it decides nothing.
#[derive(Debug)]
pub(crate) struct Directory {
    ours: FullJid,
    entries: BTreeMap<BareJid, Entry>,
}

impl Directory {
    pub(crate) fn new(ours: FullJid) -> Self {
        Self {
            ours,
            entries: BTreeMap::new(),
        }
    }

    /// We are somebody else now, or the same again at another device.
    pub(crate) fn set_ours(&mut self, ours: FullJid) {
        self.ours = ours;
    }

    /// Nobody is online any more, as far as we know.
    pub(crate) fn forget_presences(&mut self) {
        self.entries.retain(|_, entry| {
            entry.resources.clear();
            entry.item.is_some()
        });
    }

    /// Takes a whole roster: who is not on it has left it.
    pub(crate) fn set_items(&mut self, items: impl Iterator<Item = Item>) {
        for entry in self.entries.values_mut() {
            entry.item = None;
        }
        for item in items {
            self.set_item(item);
        }
        self.entries
            .retain(|_, entry| entry.item.is_some() || !entry.resources.is_empty());
    }

    /// Takes a line of the roster.
    pub(crate) fn set_item(&mut self, item: Item) {
        if item.subscription.is_none() {
            if let Some(entry) = self.entries.get_mut(&item.jid) {
                entry.item = None;
                if entry.resources.is_empty() {
                    self.entries.remove(&item.jid);
                }
            }
        } else if self.entries.contains_key(&item.jid) || self.entries.len() < CONTACT_LIMIT {
            let entry = self.entries.entry(item.jid.clone()).or_default();
            entry.item = Some(item);
        }
    }

    /// Takes an available presence.
    pub(crate) fn set_available(&mut self, from: &Jid, availability: Availability) {
        let bare = from.to_bare();
        if !self.entries.contains_key(&bare) {
            let strangers = self
                .entries
                .values()
                .filter(|entry| entry.item.is_none())
                .count();
            if strangers >= STRANGER_LIMIT {
                tracing::debug!("too many strangers, a presence is dropped");
                return;
            }
        }
        let resources = &mut self.entries.entry(bare).or_default().resources;
        if resources.contains_key(from) || resources.len() < RESOURCE_LIMIT {
            resources.insert(from.clone(), availability);
        }
    }

    /// Takes an unavailable presence; without a resource it means all of them.
    pub(crate) fn set_unavailable(&mut self, from: &Jid) {
        let bare = from.to_bare();
        let Some(entry) = self.entries.get_mut(&bare) else {
            return;
        };
        if from.is_bare() {
            entry.resources.clear();
        } else {
            entry.resources.remove(from);
        }
        if entry.item.is_none() && entry.resources.is_empty() {
            self.entries.remove(&bare);
        }
    }

    /// Who sees whom; with our own account both do.
    pub(crate) fn subscription(&self, jid: &BareJid) -> Subscription {
        if *jid == self.ours.to_bare() {
            return Subscription::Both;
        }
        let item = self.entries.get(jid).and_then(|entry| entry.item.as_ref());
        item.and_then(|item| item.subscription).unwrap_or_default()
    }

    /// Whether that device is online, as far as we know; a bare address asks for any.
    pub(crate) fn is_online(&self, jid: &Jid) -> bool {
        let Some(entry) = self.entries.get(&jid.to_bare()) else {
            return false;
        };
        let ours: &Jid = &self.ours;
        if jid.is_bare() {
            entry.resources.keys().any(|resource| resource != ours)
        } else {
            entry.resources.contains_key(jid)
        }
    }

    /// The devices at that address that can be rung, best first.
    pub(crate) fn callable(&self, jid: &Jid) -> Vec<Jid> {
        let Some(contact) = self.contact(&jid.to_bare()) else {
            return Vec::new();
        };
        let resources = contact.resources.into_iter();
        resources
            .filter(|resource| resource.callable && (jid.is_bare() || resource.jid == *jid))
            .map(|resource| resource.jid)
            .collect()
    }

    /// All we know of one person.
    pub(crate) fn contact(&self, jid: &BareJid) -> Option<Contact> {
        self.entries.get(jid).map(|entry| self.describe(jid, entry))
    }

    /// Whether we asked to see them, and have no answer.
    pub(crate) fn is_asked(&self, jid: &BareJid) -> bool {
        let item = self.entries.get(jid).and_then(|entry| entry.item.as_ref());
        item.is_some_and(|item| item.asked)
    }

    /// All we know of everyone; of our own account only while another device of it is online, or we
    /// are on our own list.
    pub(crate) fn contacts(&self) -> Vec<Contact> {
        let all = self.entries.iter().filter(|(_, entry)| {
            let ours: &Jid = &self.ours;
            entry.item.is_some() || entry.resources.keys().any(|resource| resource != ours)
        });
        all.map(|(jid, entry)| self.describe(jid, entry)).collect()
    }

    fn describe(&self, jid: &BareJid, entry: &Entry) -> Contact {
        let ours: &Jid = &self.ours;
        let mut resources: Vec<ResourceInfo> = entry
            .resources
            .iter()
            .filter(|(resource, _)| *resource != ours)
            .map(|(resource, availability)| ResourceInfo::new(resource, availability))
            .collect();
        resources.sort_by_key(|resource| (resource.show, std::cmp::Reverse(resource.priority)));
        Contact {
            jid: jid.clone(),
            name: entry.item.as_ref().and_then(|item| item.name.clone()),
            subscription: self.subscription(jid),
            asked: entry.item.as_ref().is_some_and(|item| item.asked),
            asks: false,
            resources,
        }
    }
}

impl ResourceInfo {
    fn is_capable(&self) -> bool {
        self.caps.as_ref().is_some_and(Caps::is_capable)
    }

    fn new(jid: &Jid, availability: &Availability) -> Self {
        let caps = availability.caps.clone();
        Self {
            jid: jid.clone(),
            show: availability.show,
            priority: availability.priority,
            status: availability.status.clone(),
            is_ichat: caps.as_ref().is_some_and(Caps::is_ichat),
            callable: caps.as_ref().is_some_and(Caps::is_callable),
            dialect: caps.as_ref().map_or(Dialect::Legacy, Caps::dialect),
            caps,
        }
    }
}
