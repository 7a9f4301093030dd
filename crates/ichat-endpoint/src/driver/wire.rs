//! Octets and stanzas on their way out, and copies of all that passes: capture, tap.

use std::time::{Instant, SystemTime};

use ichat_sip::Route;
use minidom::Element;

use super::links::LinkId;
use super::{Driver, Tapped};

impl Driver {
    pub(super) fn send_stanza(&mut self, link: LinkId, stanza: Element) {
        self.tap_stanza(true, &stanza);
        self.links.send(link, stanza);
    }

    /// Sends what a call wants sent; through a relay where its path begins there.
    pub(super) fn send(&mut self, now: Instant, route: Route, octets: &[u8]) {
        if let Some(connection) = &mut self.connection
            && connection.ways.is_relayed(route.local)
        {
            connection.ways.send_relayed(now, route, octets);
        } else {
            self.transmit(now, route, octets);
        }
    }

    /// Sends from a socket.
    pub(super) fn transmit(&mut self, now: Instant, route: Route, octets: &[u8]) {
        self.note_datagram(true, route, octets);
        if !self.sockets.send(route, octets) {
            self.strays.now(&self.stage).unsent += 1;
            self.look_at_once(now);
        }
    }

    /// Sends what connectivity wants sent. An address is there before the routes that it needs: what
    /// cannot leave is tried again soon, since its own repetition is half a second away.
    pub(super) fn transmit_check(&mut self, now: Instant, route: Route, octets: Vec<u8>) {
        self.note_datagram(true, route, &octets);
        if !self.sockets.send(route, &octets) {
            self.look_at_once(now);
            if let Some(connection) = &mut self.connection
                && !connection.unsent.keep(now, route, octets)
            {
                self.strays.now(&self.stage).unsent += 1;
            }
        }
    }

    /// Tries again what could not leave.
    pub(super) fn transmit_unsent(&mut self, now: Instant) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        for mut datagram in connection.unsent.take_due(now) {
            if !self.sockets.send(datagram.route, &datagram.octets)
                && let Some(connection) = &mut self.connection
            {
                datagram.tries += 1;
                if !connection.unsent.keep_again(now, datagram) {
                    self.strays.now(&self.stage).unsent += 1;
                }
            }
        }
    }

    pub(super) fn tap_stanza(&self, sent: bool, stanza: &Element) {
        if let Some(tap) = &self.config.tap {
            let tapped = Tapped::Stanza {
                sent,
                xml: String::from(stanza),
            };
            if tap.send((Instant::now(), tapped)).is_err() {
                tracing::trace!("nobody watches any more");
            }
        }
    }

    pub(super) fn note_datagram(&mut self, sent: bool, route: Route, octets: &[u8]) {
        tracing::trace!(sent, local = %route.local, remote = %route.remote, len = octets.len(), "datagram");
        if let Some(pcap) = &mut self.pcap {
            let (source, destination) = if sent {
                (route.local, route.remote)
            } else {
                (route.remote, route.local)
            };
            if let Err(error) = pcap.write(SystemTime::now(), source, destination, octets) {
                self.pcap = None;
                self.warn(None, "file", format!("the capture ends here: {error}"));
            } else if ichat_rtp::classify(octets) != ichat_rtp::DatagramKind::Rtp {
                // What sets a call up is to be there even if the program is killed.
                self.flush_pcap();
            }
        }
        if let Some(tap) = &self.config.tap {
            let tapped = Tapped::Datagram {
                sent,
                route,
                octets: octets.to_vec(),
            };
            if tap.send((Instant::now(), tapped)).is_err() {
                tracing::trace!("nobody watches any more");
            }
        }
    }

    pub(super) fn flush_pcap(&mut self) {
        if let Some(pcap) = &mut self.pcap
            && let Err(error) = pcap.flush()
        {
            self.pcap = None;
            self.warn(None, "file", format!("the capture ends here: {error}"));
        }
    }
}
