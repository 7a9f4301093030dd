//! An XMPP server in this process, on tokio-xmpp's responder.

use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use minidom::Element;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_xmpp::xmlstream::{StreamHeader, Timeouts, XmlStream, accept_stream};
use xmpp_parsers::stream_features::StreamFeatures;

use super::scram::{Flaw, Say, Scram, WRONG_CHANNEL, WRONG_PASSWORD, base64, unbase64};
use super::{PASSWORD, element};

/// A transport, with TLS or without.
pub trait Octets: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Octets for T {}

type Io = BufReader<Box<dyn Octets>>;
pub type Stream = XmlStream<Io, Element>;

const JABBER_CLIENT: &str = "jabber:client";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const SM: &str = "urn:xmpp:sm:3";

/// What the server offers and how it behaves.
#[derive(Debug, Clone)]
pub struct Script {
    pub mechanisms: Vec<&'static str>,
    pub flaw: Flaw,
    pub password: &'static str,
    /// Further features before log-in, as XML.
    pub features: &'static str,
    /// Further features after it.
    pub bound_features: &'static str,
    /// The answer to the request for a resource; with `ID` where its id belongs.
    pub bind_answer: Option<&'static str>,
    /// Who asks for a resource that was given before gets a conflict.
    pub keeps_resources: bool,
    /// The answer to those who want their session back.
    pub resume_answer: &'static str,
    /// Somebody has taken the offer to bind to the channel out of the features.
    pub plus_was_removed: bool,
    /// STARTTLS comes before all else.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            mechanisms: vec!["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"],
            flaw: Flaw::None,
            password: PASSWORD,
            features: "",
            bound_features: "",
            bind_answer: None,
            keeps_resources: false,
            resume_answer: "",
            plus_was_removed: false,
            tls: None,
        }
    }
}

/// What the server saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub connections: usize,
    /// The mechanisms of all log-ins tried.
    pub mechanisms: Vec<String>,
    pub gs2: String,
    /// Who wanted a session back.
    pub resumes: Vec<Element>,
    /// The resources that were given.
    pub resources: Vec<String>,
    pub stanzas: Vec<Element>,
}

pub struct Scripted {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Scripted {
    /// Serves log-ins; then answers roster-like queries with silence until the client goes.
    pub async fn start(script: Script) -> Self {
        Self::start_with(script, async |mut stream, seen| {
            while let Some(Ok(stanza)) = stream.next().await {
                seen.lock().unwrap().stanzas.push(stanza);
            }
            let _ = SinkExt::<&Element>::close(&mut stream).await;
        })
        .await
    }

    /// Serves log-ins; what happens then is told.
    pub async fn start_with<F, R>(script: Script, online: F) -> Self
    where
        F: Fn(Stream, Arc<Mutex<Seen>>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let watched = seen.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                watched.lock().unwrap().connections += 1;
                if let Some(stream) = serve(Box::new(tcp), &script, &watched).await {
                    online(stream, watched.clone()).await;
                }
            }
        });
        Self { port, seen }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

fn features(inner: &str) -> StreamFeatures {
    let xml = format!("<features xmlns='http://etherx.jabber.org/streams'>{inner}</features>");
    StreamFeatures::try_from(element(&xml)).unwrap()
}

fn header() -> StreamHeader<'static> {
    StreamHeader {
        from: Some("im.test".into()),
        to: None,
        id: Some("s1".into()),
    }
}

async fn serve(tcp: Box<dyn Octets>, script: &Script, seen: &Mutex<Seen>) -> Option<Stream> {
    let Some(tls) = &script.tls else {
        return log_in(BufReader::new(tcp), None, script, seen).await;
    };
    let ns = "urn:ietf:params:xml:ns:xmpp-tls";
    let offer = features(&format!("<starttls xmlns='{ns}'><required/></starttls>"));
    let accepted = accept_stream(BufReader::new(tcp), JABBER_CLIENT, Timeouts::default())
        .await
        .ok()?;
    let mut stream: Stream = accepted
        .send_header(header())
        .await
        .ok()?
        .send_features(&offer)
        .await
        .ok()?;
    stream.next().await?.ok()?;
    stream.send(&Element::bare("proceed", ns)).await.ok()?;
    let secured = TlsAcceptor::from(tls.clone())
        .accept(stream.into_inner().into_inner())
        .await
        .ok()?;
    let (_, connection) = secured.get_ref();
    let binding = connection
        .export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None)
        .ok();
    log_in(BufReader::new(Box::new(secured)), binding, script, seen).await
}

async fn log_in(
    io: Io,
    binding: Option<Vec<u8>>,
    script: &Script,
    seen: &Mutex<Seen>,
) -> Option<Stream> {
    let accepted = accept_stream(io, JABBER_CLIENT, Timeouts::default())
        .await
        .ok()?;
    let mechanisms: String = script
        .mechanisms
        .iter()
        .map(|name| format!("<mechanism>{name}</mechanism>"))
        .collect();
    let offer = features(&format!(
        "<mechanisms xmlns='{SASL}'>{mechanisms}</mechanisms>{}",
        script.features
    ));
    let mut stream: Stream = accepted
        .send_header(header())
        .await
        .ok()?
        .send_features(&offer)
        .await
        .ok()?;

    let auth = stream.next().await?.ok()?;
    let mechanism = auth.attr("mechanism").unwrap_or_default().to_owned();
    seen.lock().unwrap().mechanisms.push(mechanism.clone());
    let mut scram = Scram::new(mechanism.contains("256"), script.password, script.flaw);
    scram.binding = binding.filter(|_| mechanism.ends_with("-PLUS"));
    let mut say = if mechanism == "PLAIN" {
        let right = unbase64(&auth.text()) == format!("\0me\0{}", script.password).as_bytes();
        if right {
            Say::Success(Vec::new())
        } else {
            Say::Failure(WRONG_PASSWORD)
        }
    } else {
        scram.first(&unbase64(&auth.text()))
    };
    seen.lock().unwrap().gs2 = scram.gs2.clone();
    if script.plus_was_removed && scram.gs2.starts_with('y') {
        say = Say::Failure(WRONG_CHANNEL);
    }
    let success = loop {
        match say {
            Say::Challenge(data) => {
                stream.send(&sasl("challenge", &data)).await.ok()?;
                let response = stream.next().await?.ok()?;
                say = scram.last(&unbase64(&response.text()));
            }
            Say::Success(data) => break sasl("success", &data),
            Say::Failure(why) => {
                let failure = element(&format!("<failure xmlns='{SASL}'>{why}</failure>"));
                stream.send(&failure).await.ok()?;
                // A second try would be seen.
                if let Some(Ok(again)) = stream.next().await {
                    seen.lock()
                        .unwrap()
                        .mechanisms
                        .push(format!("again: {}", again.name()));
                }
                return None;
            }
        }
    };
    let accepted = stream.accept_reset(&success).await.ok()?;
    let offer = features(&format!(
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>{}",
        script.bound_features
    ));
    let mut stream: Stream = accepted
        .send_header(header())
        .await
        .ok()?
        .send_features(&offer)
        .await
        .ok()?;

    let mut bind = stream.next().await?.ok()?;
    if bind.is("resume", SM) {
        seen.lock().unwrap().resumes.push(bind);
        let answer = element(script.resume_answer);
        stream.send(&answer).await.ok()?;
        if answer.is("resumed", SM) {
            return Some(stream);
        }
        bind = stream.next().await?.ok()?;
    }
    let mut wanted = wanted(&bind);
    if script.keeps_resources && seen.lock().unwrap().resources.contains(&wanted) {
        let conflict = format!(
            "<iq xmlns='jabber:client' type='error' id='{}'><error type='cancel'>\
             <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
            bind.attr("id").unwrap()
        );
        stream.send(&element(&conflict)).await.ok()?;
        bind = stream.next().await?.ok()?;
        wanted = self::wanted(&bind);
    }
    seen.lock().unwrap().resources.push(wanted.clone());
    let answer = script.bind_answer.unwrap_or(
        "<iq xmlns='jabber:client' type='result' id='ID'>\
         <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>me@im.test/RESOURCE</jid></bind></iq>",
    );
    let answer = answer
        .replace("ID", bind.attr("id").unwrap())
        .replace("RESOURCE", &wanted);
    for answer in element(&format!("<a xmlns='x'>{answer}</a>")).children() {
        stream.send(answer).await.ok()?;
    }
    Some(stream)
}

fn wanted(bind: &Element) -> String {
    let ns = "urn:ietf:params:xml:ns:xmpp-bind";
    let resource = bind
        .get_child("bind", ns)
        .and_then(|bind| bind.get_child("resource", ns));
    resource.map_or_else(|| "chosen".to_owned(), Element::text)
}

fn sasl(name: &str, data: &[u8]) -> Element {
    let mut element = Element::bare(name, SASL);
    element.append_text(base64(data));
    element
}
