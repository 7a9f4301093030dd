//! Calls that we place.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_sip::Route;
use ichat_xmpp::{CallDialect, Jid, Offer};

use super::config::RunError;
use super::connection::Role;
use super::links::{Leg, LinkId};
use super::stage::Checking;
use super::{Driver, Stage};
use crate::addresses::order_targets;
use crate::call::{Call, MAX_ROUTES};
use crate::event::{Acceptance, CallNumber, Dialect, Event, Reason};
use crate::introductions::Introduction;

/// How long checks may go on without a path before the listed addresses are dialled all the same:
/// the forms of checks toward an iChat are inference (docs/protocol/connectivity.md), and an INVITE
/// may get through where they do not \[I\].
const DIRECT_AFTER: Duration = Duration::from_secs(5);

/// How long an accepted call may be without any path.
const PATH_PATIENCE: Duration = Duration::from_secs(30);

impl Driver {
    /// Calls a plain SIP peer.
    pub(super) async fn call_sip(
        &mut self,
        number: CallNumber,
        user: &str,
        host: &str,
        port: u16,
    ) -> Result<(), RunError> {
        let now = Instant::now();
        let remotes = resolve(host, port).await?;
        let routes = self.routes_to(&remotes);
        if routes.is_empty() {
            return Err(RunError::NoRoute { host: host.into() });
        }
        let config = self.call_config(number, None, format!("sip:{user}@{host}:{port}"));
        let timeout = Some(self.config.timeout);
        let call = Call::dial(now, config, &routes, user, now, timeout);
        self.stage = Stage::Talking {
            call: Box::new(call),
            leg: None,
        };
        Ok(())
    }

    pub(super) fn routes_to(&self, remotes: &[SocketAddr]) -> Vec<Route> {
        order_targets(&self.locals, remotes)
            .into_iter()
            // Two homes may both have 192.168.1.20: an INVITE to it would come back to us.
            .filter(|remote| !self.sockets.addresses().any(|own| own == *remote))
            .filter_map(|remote| self.sockets.route_to(remote))
            .take(MAX_ROUTES)
            .collect()
    }

    /// Does what has waited for servers, for a path, or for the time.
    pub(super) fn advance(&mut self, now: Instant) {
        match &self.stage {
            Stage::Gathering {
                number,
                link,
                peer,
                since,
            } => {
                let (number, link, peer, since) = (*number, *link, peer.clone(), *since);
                if self.awaits_servers(now) {
                    return;
                }
                self.connect(now, self.config.dialect != CallDialect::Legacy);
                if self.is_gathered(now) {
                    self.request(now, number, link, peer, since);
                }
            }
            Stage::Asked(asked) => {
                if asked.answered && self.is_gathered(now) {
                    self.accept_asked(now);
                }
            }
            Stage::Checking(checking) => {
                if checking.direct_at.is_some_and(|at| at <= now) {
                    self.dial_listed(now);
                } else if checking.give_up <= now {
                    self.handle_no_path(now, false);
                }
            }
            Stage::Idle | Stage::Calling { .. } | Stage::Glare { .. } | Stage::Talking { .. } => {}
        }
    }

    /// Rings.
    fn request(
        &mut self,
        now: Instant,
        number: CallNumber,
        link: LinkId,
        peer: Jid,
        since: Instant,
    ) {
        let dialect = self.config.dialect;
        let conference = match dialect {
            CallDialect::Legacy => None,
            CallDialect::Conference | CallDialect::Auto => {
                self.invitation(now, link, &peer, Role::Caller, None)
            }
        };
        let legacy = match dialect {
            CallDialect::Conference => None,
            CallDialect::Legacy | CallDialect::Auto => Some(self.address_list()),
        };
        let connection = self.connection.as_ref();
        let external = connection.and_then(|connection| connection.ways.external_address());
        let timeout = self.config.timeout;
        let Some(session) = self.links.session(link) else {
            return self.end_ringing(number, Reason::Unreachable);
        };
        let offer = Offer { legacy, conference };
        let id = session.call(now, peer, offer, dialect, external, timeout);
        let leg = Leg { link, id };
        self.stage = Stage::Calling { number, leg, since };
    }

    /// The callee has accepted: its addresses get the INVITE, or checks first.
    pub(super) fn handle_acceptance(
        &mut self,
        now: Instant,
        leg: Leg,
        by: Jid,
        dialect: ichat_xmpp::Dialect,
        text: &str,
    ) {
        let Stage::Calling {
            number,
            leg: expected,
            since,
        } = self.stage
        else {
            return;
        };
        if leg != expected {
            return;
        }
        let read = Introduction::read(dialect, text);
        let usable = read.as_ref().is_ok_and(|theirs| self.is_usable(theirs));
        self.tell(Event::Accepted {
            call: number,
            acceptance: Acceptance::By(by.to_string()),
            dialect: word_of(read.as_ref().map_or(dialect, Introduction::dialect)),
            candidates: read
                .as_ref()
                .map(|read| read.listed.clone())
                .unwrap_or_default(),
        });
        self.warn_of(number, &read, usable);
        let (true, Ok(theirs)) = (usable, read) else {
            self.cancel_leg(now, leg);
            return self.end_ringing(number, Reason::Failed);
        };
        if let Some(conference) = &theirs.conference {
            let candidates = conference.candidates.clone();
            self.stage = Stage::Checking(Box::new(Checking {
                number,
                leg,
                by,
                since,
                theirs,
                direct_at: Some(now + DIRECT_AFTER),
                give_up: now + PATH_PATIENCE,
            }));
            if let Some(connection) = &mut self.connection {
                connection.ways.check(now, &candidates);
            }
        } else {
            let listed = theirs.addresses();
            let routes = self.routes_to(&listed);
            self.dial(now, (number, leg, since), &by, &routes, false);
            self.hint_early(now);
            self.open_pinholes(now, &listed);
        }
        self.tell_news(now);
    }

    fn dial(
        &mut self,
        now: Instant,
        (number, leg, since): (CallNumber, Leg, Instant),
        by: &Jid,
        routes: &[Route],
        checked: bool,
    ) {
        let mut config = self.call_config(number, Some(leg.link), by.to_bare().to_string());
        config.checked = checked;
        let call = Call::dial(now, config, routes, "user", since, None);
        self.stage = Stage::Talking {
            call: Box::new(call),
            leg: Some(leg),
        };
    }

    /// Checks found a path: the INVITE takes it at once.
    pub(super) fn dial_checked(&mut self, now: Instant, route: Route) {
        if let Stage::Checking(checking) = &self.stage {
            let which = (checking.number, checking.leg, checking.since);
            let by = checking.by.clone();
            self.dial(now, which, &by, &[route], true);
        }
    }

    /// Checks found nothing yet: the INVITE goes to the listed addresses, and they go on.
    fn dial_listed(&mut self, now: Instant) {
        let Stage::Checking(checking) = &mut self.stage else {
            return;
        };
        checking.direct_at = None;
        let which = (checking.number, checking.leg, checking.since);
        let by = checking.by.clone();
        let listed = checking.theirs.addresses();
        let routes = self.routes_to(&listed);
        tracing::info!("no path yet; the listed addresses are dialled meanwhile");
        if !routes.is_empty() {
            self.dial(now, which, &by, &routes, true);
            self.hint_early(now);
        }
    }

    /// Checks found nothing at all. Where an INVITE is out, or awaited, that decides.
    pub(super) fn handle_no_path(&mut self, now: Instant, heard: bool) {
        let Stage::Checking(checking) = &self.stage else {
            tracing::info!(heard, "no pair of addresses works");
            return;
        };
        let (number, leg) = (checking.number, checking.leg);
        self.tell(no_path(Some(number)));
        self.cancel_leg(now, leg);
        self.end_ringing(number, Reason::Unreachable);
    }

    /// Opens our NAT for a peer that does no checks.
    pub(super) fn open_pinholes(&mut self, now: Instant, listed: &[SocketAddr]) {
        let routes = self.routes_to(listed);
        let peers: Vec<SocketAddr> = routes.iter().map(|route| route.remote).collect();
        if let Some(connection) = &mut self.connection {
            let room = MAX_ROUTES.saturating_sub(connection.dialled.len());
            connection.dialled.extend(listed.iter().take(room));
            connection.ways.open_pinholes(now, &peers);
        }
    }
}

const NO_PATH: &str = "no way to the peer was found: neither side's packets reach the other. Name a \
                       --stun or --snatmap server that both sides can see, or a relay with --turn";

/// The warning that says so.
pub(super) fn no_path(call: Option<CallNumber>) -> Event {
    Event::Warning {
        call,
        code: "no-path",
        message: NO_PATH.into(),
    }
}

pub(super) fn word_of(dialect: ichat_xmpp::Dialect) -> Dialect {
    match dialect {
        ichat_xmpp::Dialect::Legacy => Dialect::Legacy,
        ichat_xmpp::Dialect::Conference => Dialect::Conference,
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, RunError> {
    let found = tokio::net::lookup_host((host, port)).await;
    let mut addresses: Vec<SocketAddr> = found
        .map_err(|source| RunError::Resolve {
            host: host.into(),
            source,
        })?
        .collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}
