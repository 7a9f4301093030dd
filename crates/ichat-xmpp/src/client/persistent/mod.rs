//! A session with a server that comes back when its stream is lost.

mod attempt;
mod traffic;
mod up;

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use minidom::Element;
use tokio::time::{Sleep, sleep, timeout};
use xmpp_parsers::jid::FullJid;

use super::backoff::Backoff;
use super::config::{ConnectConfig, Timing};
use super::connection::Login;
use super::error::{ConnectError, Stage};
use super::lot::Lot;
use super::stream_error::{Outlook, StreamError};
use attempt::{Attempt, Begun, Online, SignIn, Wish, by_network};
use traffic::Traffic;
use up::Up;

/// A stream that has stood for so long has proven good: when it is lost, the next try comes at once.
const STEADY: Duration = Duration::from_secs(30);

/// What happens to a [`Persistent`] session.
#[derive(Debug)]
pub enum Happening {
    /// A stanza, or another element on its level.
    Stanza(Element),
    /// The stream is lost. What is sent from now on waits for [`Resumed`](Self::Resumed) or
    /// [`Reconnected`](Self::Reconnected); nothing comes before.
    Lost {
        /// Why.
        error: StreamError,
        /// Whether the session may go on; if not, it can only be [`Reconnected`](Self::Reconnected).
        resumable: bool,
    },
    /// The session goes on over another stream. No stanza was lost in either direction.
    Resumed,
    /// Another session has begun. The server has forgotten our presence, and requests that were open
    /// will not be answered. What did not reach the server for certain was dropped, but for messages
    /// and the end of a ring (`vc:response`, `vc:cancel`): those go out now.
    Reconnected {
        /// Our address now; mostly the same.
        jid: FullJid,
    },
    /// The session is over, and no further try is made. Nothing comes after this.
    GaveUp(GaveUp),
}

/// Why a session is over for good.
#[derive(Debug, thiserror::Error)]
pub enum GaveUp {
    /// The server has ended the stream in a way that must not be answered with another try.
    #[error(transparent)]
    Stream(StreamError),
    /// It does not let us in any more.
    #[error(transparent)]
    SignIn(ConnectError),
}

impl GaveUp {
    /// The code that events have for it: `server-unreachable`, `tls-failed` or `auth-failed`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stream(_) => "server-unreachable",
            Self::SignIn(error) => error.code(),
        }
    }

    /// Whether another program has signed in with our resource.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Stream(StreamError::Fault(fault))
            | Self::SignIn(ConnectError::Refused(fault)) => fault.condition == "conflict",
            Self::Stream(_) | Self::SignIn(_) => false,
        }
    }
}

/// A session with a server that outlives its stream.
///
/// Where the server can (XEP-0198), stanzas are counted on both sides, and when the stream is lost
/// the session goes on over the next one as if nothing had been. Where that fails, or the server
/// cannot, another session begins; with a server that does not count, what was on its way is lost. The first try comes at once, the others after about 1, 2, 4 … 60 s
/// each, for as long as it takes. There is none after a wrong password, after the server said that
/// another program has our resource, and after any other word of it that we are not wanted.
///
/// A server that says nothing is asked after 25 s ([`Timing`]), and when something was sent that it
/// has not acknowledged it has 15 s. Then the stream counts as lost, long before TCP finds out.
///
/// The password is kept, as a secret, for as long as this lives.
pub struct Persistent {
    sign_in: SignIn,
    timing: Timing,
    jid: FullJid,
    login: Login,
    traffic: Traffic,
    backoff: Backoff,
    state: State,
    telling: VecDeque<Happening>,
}

enum State {
    /// The stream stands.
    Up(Box<Up>),
    /// It is lost; the next try is due then.
    Waiting(Pin<Box<Sleep>>),
    /// A try is being made.
    Trying(Attempt),
    /// There is none any more.
    Over,
}

impl fmt::Debug for Persistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persistent")
            .field("jid", &self.jid)
            .field("login", &self.login)
            .field("online", &self.is_online())
            .finish_non_exhaustive()
    }
}

impl Persistent {
    /// Signs in, once: if this first log-in fails, that is reported and not tried again.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`]; its code is `server-unreachable`, `tls-failed` or `auth-failed`.
    pub async fn connect(config: ConnectConfig) -> Result<Self, ConnectError> {
        Self::connect_with(config, Timing::default()).await
    }

    /// As [`connect`](Self::connect), with other limits of time.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    pub async fn connect_with(config: ConnectConfig, timing: Timing) -> Result<Self, ConnectError> {
        let resource = config.resource.clone();
        let sign_in = by_network(config, timing);
        Self::start(sign_in, resource, timing, Lot::from_system()).await
    }

    async fn start(
        sign_in: SignIn,
        resource: Option<String>,
        timing: Timing,
        lot: Lot,
    ) -> Result<Self, ConnectError> {
        let wish = Wish {
            resource,
            ..Wish::default()
        };
        let online = sign_in(wish).await?;
        let Begun::New {
            jid, management, ..
        } = online.session
        else {
            // Nothing was asked for that could be resumed.
            return Err(ConnectError::Unexpected {
                stage: Stage::Binding,
                expected: "a resource",
                found: "resumed".to_owned(),
            });
        };
        let mut traffic = Traffic::default();
        traffic.begin(management, None);
        let up = Up::new(online.server, online.waiting, timing);
        Ok(Self {
            sign_in,
            timing,
            jid,
            login: online.login,
            traffic,
            backoff: Backoff::new(lot),
            state: State::Up(Box::new(up)),
            telling: VecDeque::new(),
        })
    }

    /// Our address, as the server gave it last.
    #[must_use]
    pub fn jid(&self) -> &FullJid {
        &self.jid
    }

    /// How the last log-in went.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Whether the stream stands, as far as we know.
    #[must_use]
    pub fn is_online(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Sends a stanza, or any other element on its level: puts it into a queue, which
    /// [`recv`](Self::recv) empties while the stream stands.
    ///
    /// 256 stanzas can wait. Then the oldest gives way that would not survive the session.
    ///
    /// # Errors
    ///
    /// [`StreamError::Unsendable`] and [`StreamError::Full`] concern only this stanza.
    pub fn send(&mut self, stanza: Element) -> Result<(), StreamError> {
        self.traffic.push(stanza)
    }

    /// Sends a stanza that was made for the session before the last [`Happening::Reconnected`], if
    /// it still means something.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_of_last(&mut self, stanza: Element) -> Result<(), StreamError> {
        if traffic::goes_over(&stanza) {
            self.traffic.push(stanza)
        } else {
            Ok(())
        }
    }

    /// Says that this machine's address on the stream is gone, so that nothing can come over it any
    /// more: it counts as lost now rather than when the server has been silent for long, and the
    /// next try comes at once. Where there is no stream, that alone.
    pub fn note_move(&mut self) {
        self.backoff.reset();
        match &self.state {
            State::Up(_) => {
                let lost = self.lose(StreamError::Moved, true);
                self.telling.push_back(lost);
            }
            State::Waiting(_) => self.wait(),
            State::Trying(_) | State::Over => {}
        }
    }

    /// Sends, receives, and signs in again; gives what happens next.
    ///
    /// Cancel-safe: nothing is lost or begun anew when it is dropped. It has to be awaited most of
    /// the time, since all the work is done here. After [`Happening::GaveUp`] that comes again and
    /// again.
    pub async fn recv(&mut self) -> Happening {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happening> {
        loop {
            if let Some(happening) = self.telling.pop_front() {
                return Poll::Ready(happening);
            }
            match &mut self.state {
                State::Up(up) => {
                    let stanza = ready!(up.poll(cx, &mut self.traffic));
                    let steady = up.since.elapsed() >= STEADY;
                    return Poll::Ready(match stanza {
                        Ok(stanza) => Happening::Stanza(stanza),
                        Err(error) => self.lose(error, steady),
                    });
                }
                State::Waiting(wait) => {
                    ready!(wait.as_mut().poll(cx));
                    self.try_now();
                }
                State::Trying(attempt) => match ready!(attempt.as_mut().poll(cx)) {
                    Ok(online) => self.take(online),
                    Err(error) => {
                        if let Some(gave_up) = self.fail(error) {
                            return Poll::Ready(Happening::GaveUp(gave_up));
                        }
                    }
                },
                State::Over => {
                    return Poll::Ready(Happening::GaveUp(GaveUp::Stream(StreamError::Closed)));
                }
            }
        }
    }

    /// The stream is lost.
    fn lose(&mut self, error: StreamError, steady: bool) -> Happening {
        tracing::debug!(%error, "the stream to the server is lost");
        if steady {
            self.backoff.reset();
        }
        match error.outlook() {
            Outlook::Over => {
                self.state = State::Over;
                return Happening::GaveUp(GaveUp::Stream(error));
            }
            Outlook::Anew if matches!(error, StreamError::Fault(_)) => {
                self.traffic.end_with_blame();
            }
            Outlook::Anew => self.traffic.end(None),
            Outlook::Resume => {}
        }
        self.wait();
        Happening::Lost {
            error,
            resumable: self.traffic.resume().is_some(),
        }
    }

    fn wait(&mut self) {
        let wait = self.backoff.next();
        tracing::debug!(?wait, "signing in again");
        self.state = State::Waiting(Box::pin(sleep(wait)));
    }

    fn try_now(&mut self) {
        let wish = Wish {
            resource: Some(self.jid.resource().to_string()),
            resume: self.traffic.resume(),
            again: true,
        };
        self.state = State::Trying((self.sign_in)(wish));
    }

    /// A try has failed; is it the last?
    fn fail(&mut self, error: ConnectError) -> Option<GaveUp> {
        if !error.may_pass() {
            self.state = State::Over;
            return Some(GaveUp::SignIn(error));
        }
        tracing::debug!(%error, "not signed in");
        if matches!(
            error,
            ConnectError::Refused(_)
                | ConnectError::Lost {
                    stage: Stage::Binding,
                    ..
                }
                | ConnectError::TimedOut {
                    stage: Stage::Binding,
                    ..
                }
        ) {
            // It may be the session of before that the server cannot bear.
            self.traffic.end(None);
        }
        self.wait();
        None
    }

    fn take(&mut self, online: Online) {
        let Online {
            server,
            login,
            waiting,
            session,
        } = online;
        let happening = match session {
            Begun::Resumed(resumed) => {
                if self.traffic.resumed(&resumed).is_err() {
                    tracing::debug!("the server counts what it was not sent");
                    self.traffic.end(None);
                    return self.wait();
                }
                Happening::Resumed
            }
            Begun::New {
                jid,
                management,
                failed,
            } => {
                self.traffic.begin(management, failed.as_ref());
                self.jid = jid.clone();
                Happening::Reconnected { jid }
            }
        };
        tracing::debug!(?happening, "signed in again");
        self.login = login;
        self.telling.push_back(happening);
        self.state = State::Up(Box::new(Up::new(server, waiting, self.timing)));
    }

    /// Sends what waits, says good-bye and waits for the server's; 2 s at most. Without a stream it
    /// is done at once.
    pub async fn close(self) {
        let Self {
            state,
            mut traffic,
            timing,
            ..
        } = self;
        let State::Up(up) = state else { return };
        if timeout(timing.close, up.close(&mut traffic)).await.is_err() {
            tracing::debug!("the other side did not say good-bye in time");
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
