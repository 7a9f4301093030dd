//! Tells what a NAT does with UDP, by asking two addresses of a server that is there for it.
//!
//! `nat-probe serve ADDRESS OTHER` answers at both addresses, `nat-probe ask PORT ADDRESS OTHER`
//! asks from that local port and prints one line: the sources that the server saw when asked at
//! the first address, at another port of it and at the other address, then whose answers came
//! without having been asked for: `any` (any sender's), `address` (another port's of an address
//! that we had sent to), `port` (nobody else's).

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where it is asked first.
const PORT: u16 = 7000;
const OTHER_PORT: u16 = 7001;
/// "Where do you see me?"
const WHERE: &[u8] = b"where";
/// "Let the others answer": the other port, and the other address.
const OTHERS: &[u8] = b"others";
const FROM_OTHER_PORT: &[u8] = b"other port";
const FROM_OTHER_ADDRESS: &[u8] = b"other address";
/// Lost questions are asked again so soon.
const RESEND: Duration = Duration::from_millis(300);
/// What has not come through by then does not come through.
const PATIENCE: Duration = Duration::from_millis(600);
/// Where there is no answer at all.
const LIMIT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve", one, other] => addresses(one, other).and_then(serve),
        ["ask", port, one, other] => match port.parse() {
            Ok(port) => addresses(one, other).and_then(|servers| ask(port, servers)),
            Err(_) => Err(format!("no port: {port:?}")),
        },
        _ => Err("serve ADDRESS OTHER, or ask PORT ADDRESS OTHER".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("nat-probe: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn addresses(one: &str, other: &str) -> Result<[IpAddr; 2], String> {
    let parse = |text: &str| text.parse().map_err(|_| format!("no address: {text:?}"));
    Ok([parse(one)?, parse(other)?])
}

fn serve([one, other]: [IpAddr; 2]) -> Result<(), String> {
    let first = bind(one, PORT)?;
    let others = Arc::new([bind(one, OTHER_PORT)?, bind(other, PORT)?]);
    println!("ready");
    for index in 0..others.len() {
        let others = others.clone();
        std::thread::spawn(move || {
            let socket = &others[index];
            answer(socket, |_, source| tell(socket, source))
        });
    }
    answer(&first, |question, source| match question {
        WHERE => tell(&first, source),
        OTHERS => {
            others[0].send_to(FROM_OTHER_PORT, source)?;
            others[1].send_to(FROM_OTHER_ADDRESS, source)
        }
        _ => Ok(0),
    });
    Ok(())
}

fn bind(ip: IpAddr, port: u16) -> Result<UdpSocket, String> {
    UdpSocket::bind((ip, port)).map_err(|error| format!("{ip}:{port}: {error}"))
}

fn tell(socket: &UdpSocket, source: SocketAddr) -> std::io::Result<usize> {
    socket.send_to(source.to_string().as_bytes(), source)
}

/// For ever: what cannot be answered is asked again.
fn answer(socket: &UdpSocket, reply: impl Fn(&[u8], SocketAddr) -> std::io::Result<usize>) {
    let mut buffer = [0; 64];
    loop {
        if let Ok((length, source)) = socket.recv_from(&mut buffer) {
            let _ = reply(&buffer[..length], source);
        }
    }
}

fn ask(port: u16, [one, other]: [IpAddr; 2]) -> Result<(), String> {
    let any = match one {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    };
    let socket = bind(any, port)?;
    let first = ask_where(&socket, (one, PORT).into())?;
    // Before any other address has been sent to.
    let heard = ask_others(&socket, (one, PORT).into()).map_err(|error| error.to_string())?;
    let senders = [FROM_OTHER_PORT, FROM_OTHER_ADDRESS].map(|answer| heard.contains(answer));
    let filter = match senders {
        [false, false] => "port",
        [true, false] => "address",
        [true, true] => "any",
        [false, true] => return Err("the other address is heard, the other port is not".into()),
    };
    let second = ask_where(&socket, (one, OTHER_PORT).into())?;
    let third = ask_where(&socket, (other, PORT).into())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{first} {second} {third} {filter}").map_err(|error| error.to_string())
}

fn ask_where(socket: &UdpSocket, server: SocketAddr) -> Result<SocketAddr, String> {
    let fail = |error: std::io::Error| error.to_string();
    socket.set_read_timeout(Some(RESEND)).map_err(fail)?;
    let deadline = Instant::now() + LIMIT;
    let mut buffer = [0; 64];
    while Instant::now() < deadline {
        socket.send_to(WHERE, server).map_err(fail)?;
        while let Ok((length, source)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            if let (true, Ok(seen)) = (source == server, text.parse()) {
                return Ok(seen);
            }
        }
    }
    Err(format!("{server} does not answer"))
}

fn ask_others(socket: &UdpSocket, server: SocketAddr) -> std::io::Result<BTreeSet<Vec<u8>>> {
    let mut heard = BTreeSet::new();
    let mut buffer = [0; 64];
    let end = Instant::now() + PATIENCE;
    while heard.len() < 2 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(RESEND.min(left)))?;
        socket.send_to(OTHERS, server)?;
        while let Ok((length, source)) = socket.recv_from(&mut buffer) {
            if source != server {
                heard.insert(buffer[..length].to_vec());
            }
        }
    }
    Ok(heard)
}
