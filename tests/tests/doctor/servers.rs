//! Small servers that say what a test wants: reflectors that see what they are told to see, and the
//! page that sends old Macs to one.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};

use scenarios::ports::LOOPBACK;

/// Turns the source of a question into what the server says that it saw.
type Sees = fn(SocketAddrV4) -> SocketAddrV4;

/// A SNATMAP and STUN server at a free port of the loopback interface.
pub(super) fn reflector(sees: Sees) -> SocketAddr {
    reflector_at((LOOPBACK, 0).into(), sees)
}

/// The same at an address of one's choice. It ends with the test program.
pub(super) fn reflector_at(address: SocketAddr, sees: Sees) -> SocketAddr {
    let socket = UdpSocket::bind(address).expect("the port is free");
    let address = socket.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut question = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let SocketAddr::V4(from) = from else { continue };
            let answer = answer(&question[..length], sees(from));
            let _ = socket.send_to(&answer, from);
        }
    });
    address
}

/// SNATMAP: 2, the nonce, address and port with every bit inverted. STUN: Binding success with
/// MAPPED-ADDRESS.
fn answer(question: &[u8], seen: SocketAddrV4) -> Vec<u8> {
    let (ip, port) = (seen.ip().octets(), seen.port().to_be_bytes());
    if question.len() == 16 && question[..4] == [0, 0, 0, 1] {
        let mut answer = vec![0, 0, 0, 2];
        answer.extend(&question[4..8]);
        answer.extend(ip.iter().chain(&port).map(|octet| !octet));
        answer.extend([0, 0]);
        return answer;
    }
    assert_eq!(question[..2], [0, 1], "no Binding request: {question:?}");
    let mut answer = vec![1, 1, 0, 12];
    answer.extend(&question[4..20]);
    answer.extend([0, 1, 0, 8, 0, 1]);
    answer.extend(port);
    answer.extend(ip);
    answer
}

/// Where everybody is seen who is not at home.
pub(super) fn outside(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 9), port)
}

/// An address of the loopback network that no other test has.
pub(super) fn own_address() -> IpAddr {
    static TURN: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    // An even third octet: those of servers with an address of their own are odd.
    IpAddr::from([127, high & 0xfe | 2, low, turn])
}

/// A web server that gives everybody this, at port 80. `None`, said loudly, where ports below 1024
/// are not for us.
pub(super) fn web_server(ip: IpAddr, answer: String) -> Option<()> {
    let listener = match TcpListener::bind((ip, 80)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("NOT TESTED: port 80: {error}");
            assert!(std::env::var_os("CI").is_none(), "port 80: {error}");
            return None;
        }
    };
    std::thread::spawn(move || {
        for mut guest in listener.incoming().flatten() {
            let mut question = [0; 4096];
            let length = guest.read(&mut question).unwrap_or(0);
            let question = String::from_utf8_lossy(&question[..length]).into_owned();
            let path = "GET /configurations/macosx/ichat/1/snatmap.txt HTTP/1.0\r\n";
            assert!(question.starts_with(path), "{question}");
            assert!(
                question.contains("\r\nHost: configuration.apple.com\r\n"),
                "{question}"
            );
            let _ = guest.write_all(answer.as_bytes());
        }
    });
    Some(())
}

/// A server that takes connections and never says anything.
pub(super) fn silent_tcp() -> SocketAddr {
    let listener = TcpListener::bind((LOOPBACK, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let guests: Vec<_> = listener.incoming().collect();
        drop(guests);
    });
    address
}
