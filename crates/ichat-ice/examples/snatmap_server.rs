//! A SNATMAP server on one socket: tells every old Mac where the world sees it.
//!
//! `cargo run --example snatmap_server [address:port]`, by default `0.0.0.0:5678`.

use std::net::UdpSocket;
use std::time::Instant;

use ichat_ice::snatmap::{self, DEFAULT_PORT, Location, PAGE_PATH, Server, ServerConfig};

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| format!("0.0.0.0:{DEFAULT_PORT}"));
    let socket = UdpSocket::bind(&address)?;
    let location = Location {
        host: "this-host.example".to_owned(),
        port: socket.local_addr()?.port(),
    };
    println!("listening on {}", socket.local_addr()?);
    println!("a web server of yours must answer for {PAGE_PATH}:");
    print!("{}", snatmap::page(&location));
    let config = ServerConfig {
        // A real server takes this from a cryptographic source.
        seed: u64::from(std::process::id()),
        rate: 10,
        sources: 1 << 16,
    };
    let mut server = Server::new(Instant::now(), &config);
    let mut datagram = [0; 64];
    loop {
        let (length, source) = socket.recv_from(&mut datagram)?;
        let octets = datagram.get(..length).unwrap_or_default();
        if let Some(answer) = server.respond(Instant::now(), source, octets) {
            socket.send_to(&answer, source)?;
        }
    }
}
