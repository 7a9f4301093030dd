//! The UDP sockets: one port, or three, and one that belongs to nobody.

use crate::options::Options;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

/// Which socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketId {
    /// SIP, and everything else unless `--separate-media`.
    Main,
    Rtp,
    Rtcp,
    /// Where foreign packets come from.
    Stranger,
}

/// A datagram that came.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) at: Instant,
    pub(crate) octets: Vec<u8>,
}

/// Datagrams to send.
pub(crate) type Outbox = Vec<(SocketId, SocketAddr, Vec<u8>)>;

/// All of them.
#[derive(Debug)]
pub(crate) struct Sockets {
    main: UdpSocket,
    rtp: Option<UdpSocket>,
    rtcp: Option<UdpSocket>,
    stranger: UdpSocket,
}

/// Where we are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    pub(crate) sip: SocketAddr,
    pub(crate) rtp: SocketAddr,
}

impl Sockets {
    /// Opens them.
    ///
    /// # Errors
    /// A port is busy.
    pub(crate) fn open(options: &Options) -> io::Result<Self> {
        let main = UdpSocket::bind((options.local_address(), options.port))?;
        let stranger = UdpSocket::bind((options.local_address(), 0))?;
        let (rtp, rtcp) = match options.sip.separate_media {
            true => pair(options).map(|(rtp, rtcp)| (Some(rtp), Some(rtcp)))?,
            false => (None, None),
        };
        Ok(Self {
            main,
            rtp,
            rtcp,
            stranger,
        })
    }

    /// The one for SIP, and unless `--separate-media` for everything.
    pub(crate) fn main(&self) -> &UdpSocket {
        &self.main
    }

    /// Their addresses.
    ///
    /// # Errors
    /// The system does not tell.
    pub(crate) fn local(&self) -> io::Result<Local> {
        let sip = self.main.local_addr()?;
        let rtp = self.rtp.as_ref().map_or(Ok(sip), UdpSocket::local_addr)?;
        Ok(Local { sip, rtp })
    }

    /// Sends what is in the box. What the system refuses (a port that is shut answers so on
    /// loopback) is like a loss.
    pub(crate) fn send(&self, outbox: &mut Outbox) {
        for (socket, to, octets) in outbox.drain(..) {
            let socket = match socket {
                SocketId::Main => &self.main,
                SocketId::Rtp => self.rtp.as_ref().unwrap_or(&self.main),
                SocketId::Rtcp => self.rtcp.as_ref().unwrap_or(&self.main),
                SocketId::Stranger => &self.stranger,
            };
            if let Err(error) = socket.send_to(&octets, to) {
                eprintln!("ichat-standin: to {to}: {error}");
            }
        }
    }

    /// A reading thread for each socket; they end with the process.
    ///
    /// # Errors
    /// The system has no more handles.
    pub(crate) fn listen<T: Send + 'static>(
        &self,
        inputs: &Sender<T>,
        wrap: fn(Datagram) -> T,
    ) -> io::Result<()> {
        let sockets = [Some(&self.main), self.rtp.as_ref(), self.rtcp.as_ref()];
        for socket in sockets.into_iter().flatten() {
            let socket = socket.try_clone()?;
            let inputs = inputs.clone();
            thread::spawn(move || {
                let mut buffer = vec![0; 65_536];
                loop {
                    // An error here is an ICMP message about something that was sent.
                    let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                        continue;
                    };
                    let octets = buffer.get(..length).unwrap_or_default().to_vec();
                    let datagram = Datagram {
                        from,
                        at: Instant::now(),
                        octets,
                    };
                    if inputs.send(wrap(datagram)).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(())
    }
}

/// An even port and the next one.
fn pair(options: &Options) -> io::Result<(UdpSocket, UdpSocket)> {
    let mut last = io::Error::other("no pair of ports");
    for _ in 0..50 {
        let rtp = UdpSocket::bind((options.local_address(), 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 1 {
            continue;
        }
        match UdpSocket::bind((options.local_address(), port + 1)) {
            Ok(rtcp) => return Ok((rtp, rtcp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}
