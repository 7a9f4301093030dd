//! Avahi, a multicast DNS responder that no one here wrote, on a host of a network.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::netns::Host;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::seconds;
use crate::server::Server;

const SERVICE: &str = "_presence._tcp";

/// A running `avahi-daemon`, and the message bus through which programs talk to it.
#[derive(Debug)]
pub struct Avahi {
    host: Host,
    bus: String,
    // In the order of their end.
    daemon: Server,
    bus_daemon: Server,
}

/// One address of one service, as `avahi-browse` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The instance's name, without escapes.
    pub name: String,
    /// Where the service is.
    pub host: String,
    /// One of its addresses.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// The strings of its TXT record, in the record's order.
    pub txt: Vec<String>,
}

impl Avahi {
    /// Starts both; the machine calls itself `host_name` on the network.
    ///
    /// # Panics
    /// If one of them does not come up.
    pub fn start(host: &Host, host_name: &str) -> Self {
        let scratch = Scratch::new("bus");
        let socket = scratch.join("socket");
        let config = scratch.write(
            "bus.conf",
            format!(
                "<busconfig><type>custom</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
                 <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
                 <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
                socket.display()
            ),
        );
        let config = format!("--config-file={}", config.display());
        let mut words = host.prefix().to_vec();
        words.extend(["dbus-daemon", &config, "--nofork"]);
        let bus_daemon = Server::start(scratch, &words);
        let bus = format!("unix:path={}", socket.display());

        let scratch = Scratch::new("avahi");
        let config = scratch.write(
            "avahi.conf",
            format!(
                "[server]\nhost-name={host_name}\nuse-ipv4=yes\nuse-ipv6=yes\n\
                 deny-interfaces=lo\nenable-dbus=yes\n\
                 [publish]\npublish-hinfo=no\npublish-workstation=no\n"
            ),
        );
        // Its process file has a fixed place: let that be its own.
        let script = format!(
            "mount -t tmpfs tmpfs /run && export DBUS_SYSTEM_BUS_ADDRESS={bus} && exec \
             avahi-daemon -f {} --no-drop-root --no-chroot --no-rlimits",
            config.display()
        );
        wait("the bus", &bus_daemon, || socket.exists());
        let mut words = host.prefix().to_vec();
        words.extend(["sh", "-c", &script]);
        let daemon = Server::start(scratch, &words);
        let this = Self {
            host: host.clone(),
            bus,
            daemon,
            bus_daemon,
        };
        // 2: its own name is settled.
        wait("avahi", &this.daemon, || {
            this.ask("org.freedesktop.Avahi / org.freedesktop.Avahi.Server.GetState")
                .is_some_and(|answer| answer.contains("int32 2"))
        });
        this
    }

    fn ask(&self, words: &str) -> Option<String> {
        let (name, rest) = words.split_once(' ')?;
        let output = self
            .command("dbus-send")
            .args(["--system", "--print-reply", &format!("--dest={name}")])
            .args(rest.split(' '))
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(said)
    }

    /// A program on this host that will find this bus, as the system's and as its session's.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.host.command(program);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        command
    }

    /// Everybody's presence that Avahi knows of, resolved, once `look` likes it.
    ///
    /// # Panics
    /// With the last answer, if it never does.
    pub fn browse(&self, limit: Duration, look: impl Fn(&[Found]) -> bool) -> Vec<Found> {
        let deadline = Instant::now() + limit;
        loop {
            let output = self
                .command("avahi-browse")
                .args(["-rpt", SERVICE])
                .output();
            let output = output.expect("avahi-browse runs").stdout;
            let text = String::from_utf8_lossy(&output).into_owned();
            let found: Vec<Found> = text.lines().filter_map(parse).collect();
            if look(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "avahi-browse shows:\n{text}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Announces a presence, for as long as the process lives.
    pub fn publish(&self, name: &str, port: u16, txt: &[&str]) -> Process {
        let mut command = self.command("avahi-publish-service");
        command.args([name, SERVICE, &port.to_string()]).args(txt);
        let process = Process::spawn("avahi-publish-service", command);
        process.wait_for_line("Established", seconds(10), |line| {
            line.text.contains("Established").then_some(())
        });
        process
    }

    /// What both programs said.
    pub fn log(&self) -> String {
        format!("{}\n{}", self.daemon.log(), self.bus_daemon.log())
    }
}

fn wait(what: &str, server: &Server, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + seconds(15);
    while !look() {
        let log = server.log();
        assert!(Instant::now() < deadline, "{what} does not come up: {log}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A line of `avahi-browse -p` for a resolved service.
fn parse(line: &str) -> Option<Found> {
    let mut fields = line.strip_prefix("=;")?.splitn(9, ';').skip(2);
    let name = unescape(fields.next()?);
    let mut fields = fields.skip(2);
    let (host, address, port, txt) = (
        fields.next()?.to_owned(),
        fields.next()?.to_owned(),
        fields.next()?.parse().ok()?,
        fields.next()?,
    );
    // It prints the strings from the last to the first.
    let strings = txt.trim_matches('"').split("\" \"");
    let mut txt: Vec<String> = strings.map(str::to_owned).collect();
    txt.reverse();
    Some(Found {
        name,
        host,
        address,
        port,
        txt,
    })
}

/// `\064` is an at sign, `\.` a dot.
fn unescape(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let decimal = after
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok());
        match (first, decimal) {
            (b'\\', Some(octet)) => {
                octets.push(octet);
                rest = &after[3..];
            }
            (b'\\', None) => rest = after,
            _ => {
                octets.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolved_line_of_avahi_browse_is_read() {
        let line = r#"=;v0;IPv4;a\.b\064lap\195\169;iChat Presence;local;lap.local;10.77.0.2;5298;"ext=avcap avavail" "1st=Amy; B" "txtvers=1""#;
        let found = parse(line).expect("it is a resolved one");
        assert_eq!(found.name, "a.b@lapé");
        assert_eq!((found.host.as_str(), found.port), ("lap.local", 5298));
        assert_eq!(found.address, "10.77.0.2");
        assert_eq!(found.txt, ["txtvers=1", "1st=Amy; B", "ext=avcap avavail"]);
        assert_eq!(parse("+;v0;IPv4;amy;iChat Presence;local"), None);
    }
}
