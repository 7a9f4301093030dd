//! Paths to the peer: found, moved, lost, told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::Path;
use ichat_sip::Route;

use super::{Driver, Stage};
use crate::connectivity::{ConnectivityEvent, path_word, route_of};
use crate::event::{CallNumber, Event};

/// How long a path may be lost before the user hears of it: another is mostly found at once.
const LOSS_PATIENCE: Duration = Duration::from_secs(2);

impl Driver {
    pub(super) fn handle_connectivity_event(&mut self, now: Instant, event: ConnectivityEvent) {
        match event {
            ConnectivityEvent::Gathered => self.advance(now),
            ConnectivityEvent::OursChanged { renumbered } => {
                if renumbered {
                    tracing::info!("our NAT has another address");
                    self.links.note_addresses(true);
                }
                if let Some(connection) = &mut self.connection {
                    connection.news = true;
                }
                self.tell_news(now);
            }
            ConnectivityEvent::PathFound { path, checks } => {
                tracing::info!(kind = path_word(&path), "a path to the peer");
                if let Some(connection) = &mut self.connection {
                    connection.checks = checks;
                }
                self.handle_path_found(now, &path);
            }
            ConnectivityEvent::PathMoved { from, to, cause } => {
                tracing::info!(?cause, kind = path_word(&to), "another path to the peer");
                self.handle_path_moved(now, &from, &to);
            }
            ConnectivityEvent::PathLost { .. } => {
                tracing::info!("the path is lost; another is looked for");
                if let Some(connection) = &mut self.connection {
                    connection.worry_at = Some(now + LOSS_PATIENCE);
                }
            }
            ConnectivityEvent::PathRestored { .. } => {
                tracing::info!("the path works again");
                self.cease_to_worry();
            }
            ConnectivityEvent::NoPath { heard } => self.handle_no_path(now, heard),
            ConnectivityEvent::Hint(route) => {
                if let Some(call) = self.stage.call_mut() {
                    call.hint(now, route);
                }
            }
            ConnectivityEvent::Fault { code, message, .. } => {
                self.warn(self.stage.number(), code, message);
            }
        }
    }

    /// Whether checks were made and found nothing.
    pub(super) fn has_no_path(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|it| it.ways.is_checking() && it.ways.path().is_none())
    }

    fn handle_path_found(&mut self, now: Instant, path: &Path) {
        let route = route_of(path);
        if let Stage::Checking(_) = self.stage {
            self.tell_path(route);
            self.dial_checked(now, route);
            return;
        }
        let Some(call) = self.stage.call_mut() else {
            return;
        };
        // The path that the INVITE takes wins: what has an answer elsewhere stays there.
        let elsewhere = call.route().is_some_and(|taken| taken != route);
        if !elsewhere {
            call.move_to(now, route);
            self.tell_path(route);
        }
    }

    fn handle_path_moved(&mut self, now: Instant, from: &Path, to: &Path) {
        self.cease_to_worry();
        let (from, to) = (route_of(from), route_of(to));
        let taken = self.stage.call().and_then(|call| call.route());
        let follows =
            taken.is_none_or(|taken| taken == from || taken == to || !self.has_local(taken.local));
        if !follows {
            return;
        }
        if let Some(call) = self.stage.call_mut() {
            call.move_to(now, to);
            self.tell_path(to);
        }
    }

    fn cease_to_worry(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.worry_at = None;
        }
    }

    /// When the user is to know that the path is lost.
    pub(super) fn worry_at(&self) -> Option<Instant> {
        self.connection.as_ref()?.worry_at
    }

    /// Tells of a path that is lost and stays so. The call goes on.
    pub(super) fn worry(&mut self, now: Instant) {
        if self.worry_at().is_some_and(|at| at <= now) {
            self.cease_to_worry();
            let message = "the path to the peer is lost; another is looked for".into();
            self.warn(self.stage.number(), "path-lost", message);
        }
    }

    fn has_local(&self, local: SocketAddr) -> bool {
        let relayed = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.ways.is_relayed(local));
        relayed || self.sockets.addresses().any(|own| own == local)
    }

    /// The call's INVITE is answered, by this way. True when its path is told here: one that has
    /// been checked now, any other when the call is connected.
    pub(super) fn settle_path(&mut self, now: Instant, route: Route) -> bool {
        if !self.is_checked() {
            return false;
        }
        let connection = self.connection.as_mut();
        if connection.is_some_and(|connection| connection.ways.pin(now, route)) {
            self.tell_path(route);
        }
        true
    }

    /// The call is connected: its path is told, if it was not, and needs no server to be known.
    pub(super) fn settle_connection(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.ways.connected();
        }
        let route = self.stage.call().and_then(|call| call.route());
        if let Some(route) = route.filter(|_| self.is_checked()) {
            self.tell_path(route);
        }
    }

    /// Tells a path that the program does not know of.
    fn tell_path(&mut self, route: Route) {
        let Some(number) = self.stage.number() else {
            return;
        };
        let Some(connection) = &mut self.connection else {
            return;
        };
        if connection.told == Some(route) {
            return;
        }
        let first = connection.told.is_none();
        connection.told = Some(route);
        let path = connection
            .ways
            .path()
            .filter(|path| route_of(path) == route);
        let checks = match path {
            Some(_) if first => connection.checks,
            Some(_) | None => Duration::ZERO,
        };
        let kind = path.as_ref().map_or("direct", path_word);
        self.tell(path_event(number, route, kind, checks));
    }
}

fn path_event(call: CallNumber, route: Route, kind: &'static str, checks: Duration) -> Event {
    Event::Path {
        call,
        local: route.local,
        remote: route.remote,
        kind,
        checks,
    }
}
