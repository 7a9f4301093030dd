//! A TURN server on loopback, which is not ours. It lends addresses and relays nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use turn_client_proto::stun::Instant as TurnInstant;
use turn_client_proto::stun::types::TransportType;
use turn_server_proto::api::{Transmit, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;

pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "secret";

/// Runs until it is dropped.
pub(crate) struct Turn {
    pub(crate) address: SocketAddr,
    /// What it lends.
    pub(crate) lends: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Turn {
    pub(crate) async fn open() -> Self {
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let address = socket.local_addr().unwrap();
        let lent = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let lends = lent.local_addr().unwrap();
        let mut server = TurnServer::new(TransportType::Udp, address, "im.test".to_owned());
        server.add_user(USER.to_owned(), PASSWORD.to_owned());
        let started = Instant::now();
        let task = tokio::spawn(async move {
            let _lent = lent;
            let mut octets = [0; 2048];
            while let Ok((length, source)) = socket.recv_from(&mut octets).await {
                let nanoseconds = i64::try_from(started.elapsed().as_nanos()).unwrap();
                let now = TurnInstant::from_nanos(nanoseconds);
                let asked = octets[..length].to_vec();
                let asked = Transmit::new(asked, TransportType::Udp, source, address);
                let mut answers = Vec::new();
                if let Some(answer) = server.recv(asked, now) {
                    let answer = answer.build();
                    answers.push((answer.to, answer.data));
                }
                loop {
                    match server.poll(now) {
                        TurnServerPollRet::AllocateSocket {
                            transport,
                            listen_addr,
                            client_addr,
                            allocation_transport,
                            family,
                        } => server.allocated_socket(
                            transport,
                            listen_addr,
                            client_addr,
                            allocation_transport,
                            family,
                            Ok(lends),
                            now,
                        ),
                        TurnServerPollRet::SocketClose { .. } => {}
                        TurnServerPollRet::WaitUntil(_)
                        | TurnServerPollRet::TcpConnect { .. }
                        | TurnServerPollRet::TcpClose { .. } => break,
                    }
                }
                while let Some(transmit) = server.poll_transmit(now) {
                    answers.push((transmit.to, transmit.data));
                }
                for (to, octets) in answers {
                    socket.send_to(&octets, to).await.unwrap();
                }
            }
        });
        Self {
            address,
            lends,
            task,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.task.abort();
    }
}
