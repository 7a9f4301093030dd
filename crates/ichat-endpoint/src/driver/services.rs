//! Servers that know or lend addresses: asked for, looked up, renewed.

use std::time::{Instant, SystemTime};

use ichat_xmpp::extdisco::{ExternalService, ServiceKind};
use minidom::Element;

use super::Driver;
use super::links::LinkId;
use super::reflectors::{Credentials, Reflectors, RelayServer, Resolved, ServerName};

impl Driver {
    /// Begins to look up the servers that the configuration names.
    pub(super) fn look_up_servers(&mut self) {
        let reflectors = self.wanted_servers(SystemTime::now());
        self.servers.look_up(reflectors);
    }

    /// Asks our XMPP server for those that it offers, where they are wanted.
    pub(super) fn ask_for_services(&mut self, now: Instant, link: LinkId) {
        if !self.config.reflectors.want_offers() {
            return;
        }
        let Some(server) = self.links.jid(link).map(|jid| jid.domain().to_string()) else {
            return;
        };
        let question = self.offers.ask(now, &server);
        self.offered_by = Some(link);
        self.send_stanza(link, question);
    }

    /// Asks again where credentials run out.
    pub(super) fn renew_services(&mut self, now: Instant) {
        if self.offers.renew_at().is_some_and(|at| at <= now)
            && let Some(link) = self.offered_by
        {
            self.ask_for_services(now, link);
        }
    }

    /// Takes a stanza that answers such a question; false when it is another.
    pub(super) fn handle_services(&mut self, now: Instant, link: LinkId, stanza: &Element) -> bool {
        if self.offered_by != Some(link) {
            return false;
        }
        let wall = SystemTime::now();
        let Some(questions) = self.offers.handle_stanza(now, wall, stanza) else {
            return false;
        };
        for question in questions {
            self.send_stanza(link, question);
        }
        if !self.offers.are_awaited(now) {
            let reflectors = self.wanted_servers(wall);
            self.servers.look_up(reflectors);
        }
        self.advance(now);
        true
    }

    pub(super) fn handle_resolved(&mut self, now: Instant, resolved: Resolved) {
        for fault in self.servers.take(resolved) {
            self.warn(self.stage.number(), "unknown-host", fault);
        }
        self.advance(now);
    }

    /// Whether a call has to wait until it is known which servers there are, and where.
    pub(super) fn awaits_servers(&self, now: Instant) -> bool {
        self.servers.are_awaited() || self.offers.are_awaited(now)
    }

    /// Says which relays cannot be asked.
    pub(super) fn warn_of_relays(&mut self) {
        if self.config.reflectors.offered
            && let Some(complaint) = self.offers.complaint()
        {
            let message = format!("--turn server gives no relay: {complaint}");
            self.warn(self.stage.number(), "relay", message);
        }
        let wanted = self.wanted_servers(SystemTime::now());
        let without = wanted
            .relays
            .iter()
            .filter(|relay| relay.credentials.is_none());
        for RelayServer { server, .. } in without {
            let message = format!(
                "nobody told a user name and password for the relay {server}: name the user in \
                 --turn, or ask the owner of your XMPP server"
            );
            self.warn(self.stage.number(), "relay", message);
        }
    }

    /// The servers that the configuration names, with what our XMPP server has offered.
    fn wanted_servers(&self, wall: SystemTime) -> Reflectors {
        let mut wanted = self.config.reflectors.clone();
        for relay in &mut wanted.relays {
            if relay.credentials.is_none() {
                let mut offered = self.offers.over_udp(&ServiceKind::Turn);
                let same = offered.find(|service| is_at(service, &relay.server));
                relay.credentials = same.and_then(|service| credentials(service, wall));
            }
        }
        if wanted.offered {
            let stun = self.offers.over_udp(&ServiceKind::Stun);
            wanted.stun.extend(stun.map(server));
            let relays = self.offers.over_udp(&ServiceKind::Turn);
            wanted.relays.extend(relays.map(|service| RelayServer {
                server: server(service),
                credentials: credentials(service, wall),
            }));
        }
        wanted
    }
}

fn server(service: &ExternalService) -> ServerName {
    ServerName {
        host: service.host.clone(),
        port: service.port,
    }
}

fn is_at(service: &ExternalService, name: &ServerName) -> bool {
    service.host.eq_ignore_ascii_case(&name.host) && service.port == name.port
}

fn credentials(service: &ExternalService, wall: SystemTime) -> Option<Credentials> {
    let (username, password) = service.credentials(wall)?;
    Some(Credentials {
        username: username.to_owned(),
        password: password.to_owned().into(),
    })
}
