//! The pages: where SNATMAP is, whether all is well, and counters.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ichat_ice::snatmap::{Location, PAGE_PATH, page};

use super::args::Advertised;
use super::desk::Desk;
use super::http::{self, Method, Request, Response, Status};
use super::metrics::{self, Figures};

/// Requests by page and status. Both are few.
pub(super) type Requests = BTreeMap<(Page, Status), u64>;

/// The pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Page {
    Snatmap,
    Health,
    Metrics,
    None,
}

impl Page {
    fn at(path: &str) -> Self {
        match path {
            PAGE_PATH => Self::Snatmap,
            "/healthz" => Self::Health,
            "/metrics" => Self::Metrics,
            _ => Self::None,
        }
    }

    /// Its name among the counters.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Snatmap => "snatmap",
            Self::Health => "healthz",
            Self::Metrics => "metrics",
            Self::None => "none",
        }
    }
}

/// What the pages are made from.
#[derive(Debug)]
pub(super) struct Site {
    desk: Arc<Desk>,
    started: Instant,
    /// Threads that answer while all is well.
    threads: usize,
    advertised: Option<Advertised>,
    /// The first address that is answered at.
    listen: SocketAddrV4,
    requests: Mutex<Requests>,
}

impl Site {
    /// The site of a server whose `threads` answer at `listen`.
    pub(super) fn new(
        desk: Arc<Desk>,
        started: Instant,
        threads: usize,
        advertised: Option<Advertised>,
        listen: SocketAddrV4,
    ) -> Self {
        Self {
            desk,
            started,
            threads,
            advertised,
            listen,
            requests: Mutex::default(),
        }
    }

    /// What the page says to whoever reached us at `local`; nothing if only IPv6 can be said.
    pub(super) fn location(&self, local: SocketAddr) -> Option<Location> {
        let (host, port) = match &self.advertised {
            Some(advertised) => (advertised.host.clone(), advertised.port),
            None if !self.listen.ip().is_unspecified() => (self.listen.ip().to_string(), None),
            None => match local.ip().to_canonical() {
                IpAddr::V4(ip) if !ip.is_unspecified() => (ip.to_string(), None),
                IpAddr::V4(_) | IpAddr::V6(_) => return None,
            },
        };
        Some(Location {
            host,
            port: port.unwrap_or(self.listen.port()),
        })
    }

    fn snatmap(&self, local: SocketAddr) -> Response {
        match self.location(local) {
            Some(location) => Response::page(http::TEXT, page(&location)),
            None => Response::explained(
                Status::ServiceUnavailable,
                "SNATMAP knows IPv4 only, and this is IPv6: start the server with --advertise HOST.",
            ),
        }
    }

    fn health(&self) -> Response {
        let threads = self.desk.threads();
        if threads == self.threads {
            return Response::explained(Status::Ok, "ok");
        }
        let text = format!("{threads} of {} threads answer", self.threads);
        Response::explained(Status::ServiceUnavailable, &text)
    }

    fn metrics(&self) -> Response {
        let figures = Figures {
            uptime: self.started.elapsed(),
            tally: self.desk.tally(),
            requests: self.requests().clone(),
        };
        Response::page(metrics::CONTENT_TYPE, metrics::text(&figures))
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl http::Site for Site {
    fn answer(&self, request: &Request<'_>, local: SocketAddr, _: SocketAddr) -> Response {
        let page = Page::at(request.path);
        match (page, request.method) {
            (Page::None, _) => Response::bare(Status::NotFound),
            (_, Method::Other) => Response::bare(Status::MethodNotAllowed),
            (Page::Snatmap, Method::Get | Method::Head) => self.snatmap(local),
            (Page::Health, Method::Get | Method::Head) => self.health(),
            (Page::Metrics, Method::Get | Method::Head) => self.metrics(),
        }
    }

    fn note(&self, request: Option<&Request<'_>>, status: Status) {
        let page = request.map_or(Page::None, |request| Page::at(request.path));
        *self.requests().entry((page, status)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Site as _;

    fn site(listen: &str, advertised: Option<(&str, Option<u16>)>) -> Site {
        let desk = Arc::new(Desk::new(Instant::now(), 1, 50, 1));
        let advertised = advertised.map(|(host, port)| Advertised {
            host: host.into(),
            port,
        });
        Site::new(desk, Instant::now(), 0, advertised, listen.parse().unwrap())
    }

    fn located(listen: &str, advertised: Option<(&str, Option<u16>)>, local: &str) -> String {
        site(listen, advertised)
            .location(local.parse().unwrap())
            .map_or("nothing".into(), |location| location.to_string())
    }

    #[test]
    fn the_page_names_what_was_advertised_else_what_is_listened_on_else_what_was_reached() {
        let any = "0.0.0.0:5678";
        assert_eq!(located(any, None, "192.0.2.1:80"), "snatmap://192.0.2.1");
        assert_eq!(
            located(any, None, "[::ffff:192.0.2.1]:80"),
            "snatmap://192.0.2.1"
        );
        assert_eq!(located(any, None, "[2001:db8::1]:80"), "nothing");
        assert_eq!(
            located("0.0.0.0:15678", None, "192.0.2.1:80"),
            "snatmap://192.0.2.1:15678"
        );
        assert_eq!(
            located("192.0.2.2:5678", None, "[2001:db8::1]:80"),
            "snatmap://192.0.2.2"
        );
        assert_eq!(
            located(any, Some(("nat.example.org", None)), "192.0.2.1:80"),
            "snatmap://nat.example.org"
        );
        assert_eq!(
            located(any, Some(("nat.example.org", Some(9))), "192.0.2.1:80"),
            "snatmap://nat.example.org:9"
        );
        assert_eq!(
            located(
                "127.0.0.1:15678",
                Some(("nat.example.org", None)),
                "[::1]:80"
            ),
            "snatmap://nat.example.org:15678"
        );
    }

    #[test]
    fn paths_and_methods_have_their_status() {
        let site = site("192.0.2.2:5678", None);
        let status = |method, path| {
            let local = "192.0.2.2:80".parse().unwrap();
            let request = Request { method, path };
            site.answer(&request, local, local).status
        };
        for path in [PAGE_PATH, "/healthz", "/metrics"] {
            assert_eq!(status(Method::Get, path), Status::Ok);
            assert_eq!(status(Method::Head, path), Status::Ok);
            assert_eq!(status(Method::Other, path), Status::MethodNotAllowed);
        }
        for path in [
            "/",
            "*",
            "/metrics/",
            "/HEALTHZ",
            "//healthz",
            "/../metrics",
        ] {
            assert_eq!(status(Method::Get, path), Status::NotFound, "{path}");
        }
    }

    #[test]
    fn a_thread_that_is_gone_is_ill_health() {
        let mut site = site("192.0.2.2:5678", None);
        assert_eq!(site.health().status, Status::Ok);
        site.threads = 2;
        let _seat = Arc::clone(&site.desk).sit_down();
        assert_eq!(
            site.health(),
            Response::explained(Status::ServiceUnavailable, "1 of 2 threads answer")
        );
    }
}
