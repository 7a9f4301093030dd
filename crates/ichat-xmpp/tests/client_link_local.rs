//! Streams without a server, as old clients and as we open them.
#![cfg(feature = "client")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

mod client_support;

use client_support::{Paper, element};
use ichat_xmpp::client::link_local::{self, LinkLocalError};
use ichat_xmpp::client::{Connection, StreamError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const STREAMS: &str = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";

/// An old client that takes our stream: reads our header, says what it is told.
async fn connect_to(answer: &str) -> (Result<Connection, LinkLocalError>, TcpStream, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let peer = async {
        let (mut peer, _) = listener.accept().await.unwrap();
        let header = read_until(&mut peer, "to='mac@imac'>").await;
        peer.write_all(answer.as_bytes()).await.unwrap();
        (peer, header)
    };
    let ours = link_local::connect(address, "me@here", "mac@imac", None);
    let (connection, (peer, header)) = tokio::join!(ours, peer);
    (connection, peer, header)
}

/// An old client that opens a stream to us.
async fn accepted_from(opening: &str) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    peer.write_all(opening.as_bytes()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    (
        link_local::accept(stream, "me@here", None).await.unwrap(),
        peer,
    )
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(stream.read_u8().await.unwrap_or_else(|error| {
            panic!(
                "{error} after {:?}, before {end:?}",
                String::from_utf8_lossy(&text)
            )
        }));
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn two_of_us_talk_and_part() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async {
        let (stream, _) = listener.accept().await.unwrap();
        link_local::accept(stream, "b@two", None).await.unwrap()
    };
    let paper = Paper::default();
    let connect = link_local::connect(address, "a@one", "b@two", Some(paper.trace()));
    let (a, mut b) = tokio::join!(connect, accept);
    let mut a = a.unwrap();
    assert_eq!(a.jid().to_string(), "a@one/local");
    assert_eq!((a.peer(), b.peer()), (Some("b@two"), Some("a@one")));
    assert!(a.login().is_none());

    let request = element(
        "<iq xmlns='jabber:client' type='set' id='1'>\
         <query xmlns='apple:iq:vc:request'><VCProtocolVersion>1</VCProtocolVersion></query></iq>",
    );
    a.send(&request).await.unwrap();
    assert_eq!(b.recv().await.unwrap(), request);
    b.send(&request).await.unwrap();
    assert_eq!(a.recv().await.unwrap(), request);

    let parted = tokio::join!(a.close(), async {
        let ended = b.recv().await.unwrap_err();
        b.close().await;
        ended
    });
    assert!(matches!(parted.1, StreamError::Closed));
    let trace = paper.text();
    // Header, stanza and footer, each of ours and theirs.
    assert_eq!(trace.lines().count(), 6, "{trace}");
}

#[tokio::test]
async fn our_header_is_the_oldest_form() {
    let (connection, _, header) = connect_to(&format!("<stream:stream {STREAMS}>")).await;
    assert_eq!(
        header,
        "<?xml version='1.0' encoding='utf-8'?>\n<stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' from='me@here' to='mac@imac'>"
    );
    assert_eq!(connection.unwrap().peer(), Some("mac@imac"));
}

#[tokio::test]
async fn features_are_neither_awaited_nor_minded() {
    let answer = format!(
        "<?xml version='1.0'?><stream:stream {STREAMS} version='1.0' from='other@imac'>\
         <stream:features/> \n<message from='x@y'><body>hello</body></message>"
    );
    let (connection, ..) = connect_to(&answer).await;
    let mut connection = connection.unwrap();
    assert_eq!(connection.peer(), Some("other@imac"));
    assert_eq!(connection.recv().await.unwrap().name(), "message");
}

#[tokio::test]
async fn a_caller_that_gives_a_version_gets_features_and_one_that_gives_none_does_not() {
    let (mut connection, mut peer) = accepted_from(&format!(
        "<stream:stream {STREAMS} version='1.0' from='mac@imac'>"
    ))
    .await;
    assert_eq!(connection.peer(), Some("mac@imac"));
    let answer = read_until(&mut peer, "</stream:features>").await;
    assert!(
        answer.contains("from='me@here' to='mac@imac' version='1.0'>"),
        "{answer}"
    );

    let (mut bare, mut old) = accepted_from(&format!("<stream:stream {STREAMS}>")).await;
    assert_eq!(bare.peer(), None);
    for connection in [&mut connection, &mut bare] {
        connection
            .send(&element("<message xmlns='jabber:client'/>"))
            .await
            .unwrap();
    }
    let answer = read_until(&mut old, "</message>").await;
    assert!(
        answer.ends_with("from='me@here'><message></message>"),
        "{answer}"
    );
}

#[tokio::test]
async fn stanzas_without_any_namespace_are_taken() {
    let (mut connection, _peer) = accepted_from(
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>\
         <iq type='set'><query xmlns='apple:iq:vc:cancel'/></iq>",
    )
    .await;
    let stanza = connection.recv().await.unwrap();
    assert!(stanza.is("iq", "jabber:client"));
    assert!(stanza.has_child("query", "apple:iq:vc:cancel"));
}

#[tokio::test]
async fn a_receive_that_is_given_up_loses_nothing() {
    let (mut connection, mut peer) = accepted_from(&format!("<stream:stream {STREAMS}>")).await;
    for piece in ["<mess", "age><bo", "dy>he", "llo</body", "></message"] {
        peer.write_all(piece.as_bytes()).await.unwrap();
        tokio::select! {
            biased;
            stanza = connection.recv() => panic!("{stanza:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    peer.write_all(b">").await.unwrap();
    assert_eq!(connection.recv().await.unwrap().text(), "");
}

#[tokio::test]
async fn the_end_of_a_stream_is_told_apart_from_a_lost_one() {
    let open = format!("<stream:stream {STREAMS}>");
    let (mut closed, _peer) = accepted_from(&format!("{open}</stream:stream>")).await;
    assert!(matches!(closed.recv().await, Err(StreamError::Closed)));
    assert!(matches!(
        closed
            .send(&element("<message xmlns='jabber:client'/>"))
            .await,
        Err(StreamError::Closed)
    ));

    let (mut lost, peer) = accepted_from(&open).await;
    drop(peer);
    assert!(matches!(lost.recv().await, Err(StreamError::Lost(_))));

    let (mut refused, _peer) = accepted_from(&format!(
        "{open}<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    ))
    .await;
    let error = refused.recv().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the stream was ended by the other side: not-authorized"
    );
}

#[tokio::test]
async fn whoever_is_no_xmpp_client_is_refused() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "<html xmlns='x'>",
        "<stream xmlns='x'>",
    ] {
        let (connection, ..) = connect_to(answer).await;
        let error = connection.unwrap_err();
        assert!(matches!(error, LinkLocalError::NotXmpp { .. }), "{error}");
    }
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let error = link_local::connect(address, "me@here", "mac@imac", None)
        .await
        .unwrap_err();
    assert!(matches!(error, LinkLocalError::Tcp { .. }), "{error}");
    let error = link_local::connect(address, "", "mac@imac", None)
        .await
        .unwrap_err();
    assert!(matches!(error, LinkLocalError::Name { .. }), "{error}");
}
