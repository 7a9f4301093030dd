//! A telephone that says what a test tells it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

const SDP: &str = "v=0\r\no=bob 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 9 RTP/AVP 0\r\n";

/// One call to an endpoint.
pub(crate) struct Telephone {
    socket: UdpSocket,
    peer: SocketAddr,
    call: &'static str,
    /// The endpoint's tag, once it is known.
    tag: String,
}

impl Telephone {
    pub(crate) async fn new(peer: SocketAddr, call: &'static str) -> Self {
        Self {
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap(),
            peer,
            call,
            tag: String::new(),
        }
    }

    pub(crate) async fn send(&self, method: &str, cseq: u32) {
        let local = self.socket.local_addr().unwrap();
        let (peer, call, tag) = (self.peer, self.call, &self.tag);
        let body = if method == "INVITE" { SDP } else { "" };
        let kind = "Content-Type: application/sdp";
        let message = format!(
            "{method} sip:user@{peer} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{call}{cseq}\r\n\
             From: \"bob\" <sip:user@{local}>;tag=b\r\nTo: <sip:user@{peer}>{tag}\r\nCall-ID: {call}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:user@{local}>\r\nMax-Forwards: 70\r\n{kind}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send_to(message.as_bytes(), peer).await.unwrap();
    }

    /// Waits a second at most for an answer like this one, to this request.
    pub(crate) async fn is_answered(&mut self, status: u16, method: &str) -> bool {
        let line = format!("SIP/2.0 {status} ");
        let answer = async {
            let mut octets = [0; 2048];
            loop {
                let (length, _) = self.socket.recv_from(&mut octets).await.unwrap();
                let text = String::from_utf8_lossy(&octets[..length]).into_owned();
                if text.starts_with(&line) && text.contains(&format!(" {method}\r\n")) {
                    return text;
                }
            }
        };
        let Ok(text) = timeout(Duration::from_secs(1), answer).await else {
            return false;
        };
        let to = text.lines().find(|line| line.starts_with("To:")).unwrap();
        let tag = to.split_once(";tag=").map(|(_, tag)| tag.trim());
        self.tag = tag.map_or(String::new(), |tag| format!(";tag={tag}"));
        true
    }

    /// Waits for a request.
    pub(crate) async fn receive(&self, method: &str) -> String {
        let mut octets = [0; 2048];
        loop {
            let (length, _) = self.socket.recv_from(&mut octets).await.unwrap();
            let text = String::from_utf8_lossy(&octets[..length]).into_owned();
            if text.starts_with(&format!("{method} ")) {
                return text;
            }
        }
    }

    /// Answers it with 200.
    pub(crate) async fn reply(&self, request: &str) {
        let names = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let headers = request
            .lines()
            .filter(|line| names.iter().any(|name| line.starts_with(name)));
        let mut answer = String::from("SIP/2.0 200 OK\r\n");
        for header in headers {
            answer.push_str(header);
            answer.push_str("\r\n");
        }
        answer.push_str("Content-Length: 0\r\n\r\n");
        self.socket
            .send_to(answer.as_bytes(), self.peer)
            .await
            .unwrap();
    }

    /// What belongs to an INVITE has its To (RFC 3261 §9.1).
    pub(crate) fn forget_tag(&mut self) {
        self.tag.clear();
    }

    /// Calls, is answered, and confirms.
    pub(crate) async fn connect(&mut self) {
        self.send("INVITE", 1).await;
        assert!(self.is_answered(200, "INVITE").await);
        self.send("ACK", 1).await;
    }
}
