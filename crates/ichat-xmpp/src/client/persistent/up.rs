//! A stream that stands, at work: what waits goes out, what comes is counted, and a server that is
//! silent is asked.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use minidom::Element;
use tokio::time::{Instant, Sleep, sleep};
use xmpp_parsers::ns::SM;

use crate::client::carrier::{Arrival, Carrier};
use crate::client::config::Timing;
use crate::client::pulse::{Due, Pulse};
use crate::client::server::Server;
use crate::client::sm::{Heard, Miscounted};
use crate::client::stream_error::StreamError;

use super::traffic::Traffic;

pub(super) struct Up {
    server: Server,
    waiting: VecDeque<Element>,
    pulse: Pulse,
    timer: Pin<Box<Sleep>>,
    /// Since when the server takes nothing, as the time when that is too long.
    stuck: Option<Pin<Box<Sleep>>>,
    timing: Timing,
    pub(super) since: Instant,
}

impl Up {
    pub(super) fn new(server: Server, waiting: VecDeque<Element>, timing: Timing) -> Self {
        Self {
            server,
            waiting,
            pulse: Pulse::new(timing.reply, timing.answer),
            timer: Box::pin(sleep(timing.reply)),
            stuck: None,
            timing,
            since: Instant::now(),
        }
    }

    /// Sends what waits; gives the next stanza, or why there will be none.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        traffic: &mut Traffic,
    ) -> Poll<Result<Element, StreamError>> {
        if let Some(stanza) = self.waiting.pop_front() {
            return Poll::Ready(Ok(stanza));
        }
        loop {
            // It is written again after each arrival: that may have been a question.
            self.write(cx, traffic)?;
            if let Poll::Ready(arrival) = self.server.poll_arrival(cx) {
                match arrival? {
                    Arrival::Stanza(element) => {
                        self.pulse.handle_arrival();
                        let heard = traffic.arrived(&element);
                        if heard.map_err(|Miscounted| StreamError::Miscounted)? == Heard::Stanza {
                            return Poll::Ready(Ok(element));
                        }
                    }
                    Arrival::Refused(why) => {
                        self.pulse.handle_arrival();
                        traffic.passed_over();
                        tracing::warn!(%why, "a stanza beyond the limits was passed over");
                    }
                    Arrival::Footer => return Poll::Ready(Err(StreamError::Closed)),
                }
                continue;
            }
            match ready!(self.poll_pulse(cx)) {
                Due::Ask => {
                    if let Err(error) = self.server.ask(cx) {
                        self.server.stop_sending(error);
                    }
                }
                Due::Dead(silence) => return Poll::Ready(Err(StreamError::Silent(silence))),
            }
        }
    }

    /// Sends all that waits, says good-bye, and reads to the server's.
    pub(super) async fn close(mut self, traffic: &mut Traffic) {
        let sent = poll_fn(|cx| match self.write(cx, traffic) {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        });
        if sent.await.is_err() || !self.server.can_send() {
            return;
        }
        // Else the server takes for lost what we have, and keeps it for the next who signs in.
        if let Some(count) = traffic.last_word()
            && self.server.queue(&count).is_err()
        {
            return;
        }
        if poll_fn(|cx| self.server.poll_shutdown(cx)).await.is_err() {
            return;
        }
        while let Ok(Arrival::Stanza(_) | Arrival::Refused(_)) =
            poll_fn(|cx| self.server.poll_arrival(cx)).await
        {}
    }

    /// Sends what can be sent now; true when nothing is left.
    fn write(&mut self, cx: &mut Context<'_>, traffic: &mut Traffic) -> Result<bool, StreamError> {
        if !self.server.can_send() {
            return Ok(true);
        }
        match self.try_write(cx, traffic) {
            Ok(true) => self.stuck = None,
            Ok(false) => {
                let patience = self.timing.send;
                let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(patience)));
                if stuck.as_mut().poll(cx).is_ready() {
                    return Err(StreamError::Stuck(patience));
                }
                return Ok(false);
            }
            Err(error) => self.server.stop_sending(error),
        }
        Ok(true)
    }

    fn try_write(&mut self, cx: &mut Context<'_>, traffic: &mut Traffic) -> io::Result<bool> {
        loop {
            match self.server.poll_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Ok(false),
            }
            let Some(element) = traffic.next() else { break };
            let written = self.server.queue(&element);
            let now = Instant::now().into_std();
            if element.is("r", SM) {
                self.pulse.handle_asked(now);
            } else if !element.is("a", SM) {
                self.pulse.handle_sent(now);
            }
            // Also what could not be written: it has to be sent again.
            traffic.sent(element);
            written?;
        }
        match self.server.poll_flush(cx) {
            Poll::Ready(flushed) => flushed.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    fn poll_pulse(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        loop {
            let Some(due) = self.pulse.poll_timeout() else {
                return Poll::Pending;
            };
            self.timer.as_mut().reset(Instant::from_std(due));
            ready!(self.timer.as_mut().poll(cx));
            if let Some(due) = self.pulse.handle_timeout(Instant::now().into_std()) {
                return Poll::Ready(due);
            }
        }
    }
}
