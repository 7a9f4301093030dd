//! Signing in, joining the local network, placing the call: what comes before the loop.

use std::time::{Instant, SystemTime};

use ichat_xmpp::client::Persistent;
use ichat_xmpp::{FullJid, Jid, Mode, SessionConfig, Software, WallClock};

use super::config::{LinkLocal, RunError, Signalling, Target, Task};
use super::links::{Kind, LinkId};
use super::{Driver, Stage};
use crate::event::{CallNumber, Event};

impl Driver {
    /// Opens every stream, and places the call of a [`Task::Call`].
    pub(super) async fn begin(
        &mut self,
        signalling: Signalling,
        task: &Task,
    ) -> Result<(), RunError> {
        let Signalling { server, link, lan } = signalling;
        self.look_up_servers();
        let mut first = None;
        if let Some(config) = server {
            let server = Persistent::connect(*config).await?;
            let jid = server.jid().clone();
            self.tell(Event::Online {
                jid: jid.to_string(),
            });
            let config = self.session_config(jid, Mode::Server);
            let link = self.links.open_server(Instant::now(), server, config);
            self.ask_for_services(Instant::now(), link);
            first = Some(link);
        }
        if let Some(LinkLocal {
            connection,
            jid,
            peer,
        }) = link
        {
            self.tell(Event::Online {
                jid: jid.to_string(),
            });
            let name = peer.to_string();
            let config = self.session_config(jid, Mode::LinkLocal { peer });
            first = Some(self.links.open(
                Instant::now(),
                Kind::Peer { name, slot: None },
                *connection,
                config,
            ));
        }
        if let Some(config) = lan {
            self.join_lan(config).await?;
        }
        self.drain();
        if let Task::Call(target) = task {
            self.place_call(target, first).await?;
        }
        Ok(())
    }

    async fn place_call(&mut self, target: &Target, link: Option<LinkId>) -> Result<(), RunError> {
        let number = self.take_number();
        match target {
            Target::Jid(peer) => {
                if let Some(link) = link {
                    self.ring(number, link, peer.clone(), Instant::now());
                }
                Ok(())
            }
            Target::Neighbour(name) => self.call_neighbour(number, name).await,
            Target::Sip { user, host, port } => self.call_sip(number, user, host, *port).await,
        }
    }

    /// Rings a peer over a stream, as soon as servers have said where they see us.
    pub(super) fn ring(&mut self, number: CallNumber, link: LinkId, peer: Jid, since: Instant) {
        self.refresh_addresses();
        self.stage = Stage::Gathering {
            number,
            link,
            peer,
            since,
        };
        self.advance(Instant::now());
    }

    pub(super) fn session_config(&mut self, jid: FullJid, mode: Mode) -> SessionConfig {
        let (name, version) = self.config.software.clone();
        let software = Software {
            name,
            version,
            os: None,
        };
        SessionConfig {
            mode,
            tokens: self.config.dialect.advertised().tokens(),
            accept: self.config.accept,
            subscribe: self.config.subscribe,
            ring_timeout: self.config.timeout,
            wall_clock: Some(WallClock {
                at: Instant::now(),
                time: SystemTime::now(),
            }),
            ..SessionConfig::new(jid, software, self.seed.next_u64())
        }
    }
}
