//! Who talks with whom: RFC 3261 §12.

use super::shared::Shared;
use crate::{
    Route,
    message::{
        ALLOWED_METHODS, CSeq, HeaderError, HeaderName, Headers, Method, NameAddr, Request,
        Response, Uri, Via,
    },
};

/// What a request or a response carries.
pub(crate) type Content<'a> = Option<(&'a str, Vec<u8>)>;

pub(crate) const SDP: &str = "application/sdp";

/// Both parties' identities, and the address that everything goes to.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    call_id: String,
    local: NameAddr,
    remote: NameAddr,
    /// The peer's Contact. It names a request's URI; it does not say where that goes.
    target: Uri,
    route_set: Vec<String>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    /// Whether the peer's tag is known; an answer of old may have none.
    remote_known: bool,
    /// The pinned address, whatever the Contact says (docs/protocol/sip.md, toward an iChat \[G\]).
    pub(crate) route: Route,
}

impl Dialog {
    /// Before our INVITE.
    pub(crate) fn calling(shared: &mut Shared, route: Route, uri_user: &str) -> Self {
        let config = &shared.config;
        let target = Uri::of(uri_user, route.remote);
        let local = NameAddr::new(&config.local_name, Uri::of(&config.user, route.local));
        Self {
            call_id: shared.random.call_id(route.local.ip()),
            local: local.with_tag(&shared.random.tag()),
            remote: NameAddr::new(&config.remote_name, target.clone()),
            target,
            route_set: Vec::new(),
            local_cseq: 0,
            remote_cseq: None,
            remote_known: false,
            route,
        }
    }

    /// At the peer's INVITE.
    pub(crate) fn called(
        shared: &mut Shared,
        route: Route,
        request: &Request,
    ) -> Result<Self, HeaderError> {
        let headers = &request.headers;
        let remote = headers.from()?;
        let target = headers
            .contact()
            .map_or_else(|| remote.uri.clone(), |contact| contact.uri);
        Ok(Self {
            call_id: headers.call_id()?.to_owned(),
            local: headers.to()?.with_tag(&shared.random.tag()),
            remote,
            target,
            route_set: route_set(headers),
            local_cseq: 0,
            remote_cseq: Some(headers.cseq()?.number),
            remote_known: true,
            route,
        })
    }

    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }

    pub(crate) fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or_default()
    }

    /// Whether a message's tags are ours and the peer's. Before a 2xx the peer's is not known, and
    /// any will do.
    pub(crate) fn matches(&self, ours: Option<&str>, theirs: Option<&str>) -> bool {
        let known = self.remote_known;
        ours == Some(self.local_tag()) && (!known || theirs == self.remote.tag())
    }

    /// Whether a request without a To tag comes from the dialog's peer.
    pub(crate) fn is_from_peer(&self, from: &NameAddr) -> bool {
        from.tag() == self.remote.tag()
    }

    /// The peer took our INVITE: its tag, its Contact and its proxies count from now on.
    pub(crate) fn confirm(&mut self, response: &Response) {
        if let Ok(to) = response.headers.to() {
            self.remote = to;
            self.remote_known = true;
        }
        self.route_set = route_set(&response.headers);
        self.route_set.reverse();
        self.refresh_target(&response.headers);
    }

    /// RFC 3261 §12.2: a re-INVITE and its answer may move the Contact.
    pub(crate) fn refresh_target(&mut self, headers: &Headers) {
        if let Some(contact) = headers.contact() {
            self.target = contact.uri;
        }
    }

    /// Notes the number of a peer's request; `false` where it is lower than one before (§12.2.2).
    pub(crate) fn advance_remote_cseq(&mut self, cseq: u32) -> bool {
        let rises = self.remote_cseq.is_none_or(|last| cseq > last);
        if rises {
            self.remote_cseq = Some(cseq);
        }
        rises
    }

    /// Whether a request of ours had this number.
    pub(crate) fn has_sent(&self, cseq: u32) -> bool {
        (1..=self.local_cseq).contains(&cseq)
    }

    pub(crate) fn next_cseq(&mut self) -> u32 {
        self.local_cseq = self.local_cseq.wrapping_add(1);
        self.local_cseq
    }

    /// A request of this dialog, its headers in iChat's order.
    pub(crate) fn request(
        &self,
        shared: &mut Shared,
        method: Method,
        cseq: u32,
        content: Content<'_>,
    ) -> Request {
        let mut headers = Headers::new();
        let via = Via::udp(self.route.local, &shared.random.branch());
        headers.push(HeaderName::Via, via.to_string());
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::To, self.remote.to_string());
        headers.push(HeaderName::From, self.local.to_string());
        headers.push(HeaderName::CallId, &self.call_id);
        headers.push(
            HeaderName::CSeq,
            CSeq {
                number: cseq,
                method: method.clone(),
            }
            .to_string(),
        );
        if method == Method::Invite {
            headers.push(HeaderName::Contact, self.contact(shared, self.route));
        }
        for proxy in &self.route_set {
            headers.push(HeaderName::Route, proxy);
        }
        let body = finish(&mut headers, shared, content);
        Request {
            method,
            uri: self.target.clone(),
            headers,
            body,
        }
    }

    /// An answer to a request that came by `route`.
    pub(crate) fn respond(
        &self,
        shared: &Shared,
        route: Route,
        request: &Request,
        status: u16,
        content: Content<'_>,
    ) -> Response {
        let invite = request.method == Method::Invite;
        let tag = if status == 100 { "" } else { self.local_tag() };
        let mut response = Response::to(request, status, tag);
        let headers = &mut response.headers;
        if invite && (101..300).contains(&status) {
            headers.copy(&HeaderName::RecordRoute, &request.headers);
            headers.push(HeaderName::Contact, self.contact(shared, route));
        }
        let allow = invite || request.method == Method::Options;
        if status == 405 || (allow && status == 200) {
            headers.push(HeaderName::Allow, ALLOWED_METHODS);
        }
        if status == 200 && request.method == Method::Options {
            headers.push(HeaderName::Accept, SDP);
        }
        response.body = finish(headers, shared, content);
        response
    }

    fn contact(&self, shared: &Shared, route: Route) -> String {
        format!("<{}>", Uri::of(&shared.config.user, route.local))
    }
}

fn finish(headers: &mut Headers, shared: &Shared, content: Content<'_>) -> Vec<u8> {
    if !shared.config.user_agent.is_empty() {
        headers.push(HeaderName::UserAgent, &shared.config.user_agent);
    }
    let Some((content_type, body)) = content else {
        return Vec::new();
    };
    if !body.is_empty() {
        headers.push(HeaderName::ContentType, content_type);
    }
    body
}

fn route_set(headers: &Headers) -> Vec<String> {
    headers
        .values(&HeaderName::RecordRoute)
        .map(str::to_owned)
        .collect()
}
