//! An internet of one's own: a network namespace with one switch for everybody's public side, and
//! the servers that everybody asks. Homes with NATs are connected to it; nothing leaves it.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::coturn::{Coturn, Credentials, SECRET};
use crate::home::{Home, Plan};
use crate::nat::{Nat, Seen};
use crate::netns::{Guard, Host, prefix};
use crate::process::{Process, shell_status};
use crate::prosody::Prosody;
use crate::wiring::{Ipv6Plan, ROUTES_IPV6, run};
use crate::{SOON, binary};

/// Leaves the test, with a line on standard error, if this machine lets us make no network with
/// NATs.
///
/// Where the variable `CI` is set this is a failure: there, nothing is skipped.
#[macro_export]
macro_rules! requires_internet {
    () => {
        $crate::requires!("nft");
        $crate::requires_network!();
        if !$crate::internet::is_there() {
            return;
        }
    };
}

/// The servers' address, and what leads to it. The network is that of RFC 2544, for tests, which
/// every program takes for a public one.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// The servers' second address.
const SECOND: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
/// Bits of the public network's prefix.
pub(crate) const PREFIX: u8 = 15;
/// The same two for IPv6, where the network for tests is RFC 5180's. Only what looks at routers
/// listens here: the servers that old Macs ask know IPv4 only.
pub(crate) const GATEWAY6: Ipv6Addr = public6(0, 1);
const SECOND6: Ipv6Addr = public6(0, 2);
/// The hardware address of a bridge that is somebody's interface too: without one of its own it
/// takes that of any of its ports, and the neighbours send to the wrong one when that changes.
pub(crate) const BRIDGE: &str = "02:00:00:00:00:01";
/// Where a SNATMAP server is asked.
const SNATMAP_PORT: u16 = 5678;

/// The internet.
#[derive(Debug)]
pub struct Internet {
    server: Host,
    homes: AtomicU32,
    prosody: OnceLock<Prosody>,
    relays: [OnceLock<Coturn>; 2],
    snatmap: OnceLock<Process>,
    /// For IPv4, and for IPv6.
    probes: [OnceLock<Process>; 2],
    _guard: Guard,
}

impl Internet {
    /// The one that all scenarios of a test program share. It ends with the program.
    ///
    /// # Panics
    /// If the system refuses it; see [`is_there`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Internet> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::build().unwrap_or_else(|problem| panic!("no network: {problem}")))
    }

    fn build() -> Result<Self, String> {
        let name = format!("{}-internet", prefix());
        let guard = Guard::new(&[&name])?;
        run(&format!(
            "set -eu
            ip netns add {name}
            ip netns exec {name} sh -c '{ROUTES_IPV6}'
            ip -n {name} -batch - <<'BATCH'
            link set lo up
            link add internet address {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0
            addr add {GATEWAY}/{PREFIX} dev internet
            addr add {SECOND}/{PREFIX} dev internet
            addr add {GATEWAY6}/64 dev internet
            addr add {SECOND6}/64 dev internet
            link set internet up\nBATCH\n"
        ))?;
        let none = (name.as_str(), String::new());
        Ok(Self {
            server: Host::new(name.clone(), Some(GATEWAY), None, none),
            homes: AtomicU32::new(0),
            prosody: OnceLock::new(),
            relays: [OnceLock::new(), OnceLock::new()],
            snatmap: OnceLock::new(),
            probes: [OnceLock::new(), OnceLock::new()],
            _guard: guard,
        })
    }

    /// Where the servers are.
    pub fn server(&self) -> &Host {
        &self.server
    }

    /// A home with one host, on a subnet of its own.
    pub fn home(&self, nat: Nat) -> Home {
        let number = self.homes.load(Ordering::Relaxed);
        self.home_on(nat, 1, 10 + (number % 200) as u8)
    }

    /// A home with so many hosts, `192.168.SUBNET.2` and on.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn home_on(&self, nat: Nat, hosts: u8, subnet: u8) -> Home {
        self.try_home(nat, hosts, subnet, false)
            .unwrap_or_else(|problem| panic!("no {nat} home: {problem}"))
    }

    /// A home whose host has an IPv6 address of its own besides, which the whole internet reaches:
    /// its router lets nothing in that was not asked for, and translates nothing.
    ///
    /// # Panics
    /// If the system refuses it, or if there is no router.
    pub fn home_with_ipv6(&self, nat: Nat) -> Home {
        assert!(
            !matches!(nat, Nat::None | Nat::CarrierGrade),
            "a home with a router of its own on the internet"
        );
        let number = self.homes.load(Ordering::Relaxed);
        self.try_home(nat, 1, 10 + (number % 200) as u8, true)
            .unwrap_or_else(|problem| panic!("no {nat} home with IPv6: {problem}"))
    }

    fn try_home(&self, nat: Nat, hosts: u8, subnet: u8, ipv6: bool) -> Result<Home, String> {
        let number = self.homes.fetch_add(1, Ordering::Relaxed);
        let plan = Plan {
            nat,
            hosts,
            subnet,
            prefix: prefix(),
            internet: self.server.name(),
            port: format!("home{number}"),
            public: public(number),
            ipv6: ipv6.then(|| Ipv6Plan::new(number as u16)),
        };
        Home::build(&plan)
    }

    /// The router of a home gets another address from its provider in place of the one that it
    /// has: all its mappings are gone at once, and nobody is told.
    ///
    /// # Panics
    /// If the system refuses it, or if the home has no router of its own on the internet.
    pub fn renumber(&self, home: &Home) -> IpAddr {
        let new = public(self.homes.fetch_add(1, Ordering::Relaxed));
        home.renumber(new);
        new.into()
    }

    /// The XMPP server.
    pub fn prosody(&self) -> &Prosody {
        self.prosody.get_or_init(|| {
            let relay = SocketAddr::from((GATEWAY, Coturn::PORT));
            Prosody::in_public(&self.server, relay, SECRET)
        })
    }

    /// The relay, which is a STUN server too, for whom the XMPP server gives credentials.
    pub fn relay(&self) -> &Coturn {
        let [relay, _] = &self.relays;
        relay.get_or_init(|| Coturn::on(&self.server, Credentials::Secret))
    }

    /// The relay for users of its own.
    pub fn relay_with_users(&self) -> &Coturn {
        let [_, relay] = &self.relays;
        relay.get_or_init(|| Coturn::on(&self.server, Credentials::User))
    }

    /// The address of the SNATMAP server.
    pub fn snatmap(&self) -> SocketAddr {
        self.snatmap.get_or_init(|| {
            let mut command = self.server.command(binary::ichat_call());
            let listen = format!("{GATEWAY}:{SNATMAP_PORT}");
            command.args([
                "snatmap", "serve", "--json", "--rate", "0", "--listen", &listen,
            ]);
            let process = Process::spawn("ichat-call snatmap serve", command);
            process.wait_for("listening", SOON);
            process
        });
        (GATEWAY, SNATMAP_PORT).into()
    }

    /// What servers see of this host's UDP, and whom its NAT lets in.
    ///
    /// # Panics
    /// If nothing comes through at all.
    pub fn look_at(&self, host: &Host, port: u16) -> Seen {
        self.look(
            host,
            port,
            &self.probes[0],
            [GATEWAY, SECOND].map(IpAddr::from),
        )
    }

    /// The same for IPv6.
    ///
    /// # Panics
    /// If nothing comes through at all.
    pub fn look_at_ipv6(&self, host: &Host, port: u16) -> Seen {
        let servers = [GATEWAY6, SECOND6].map(IpAddr::from);
        self.look(host, port, &self.probes[1], servers)
    }

    fn look(
        &self,
        host: &Host,
        port: u16,
        probe_of_family: &OnceLock<Process>,
        servers: [IpAddr; 2],
    ) -> Seen {
        let servers = servers.map(|address| address.to_string());
        probe_of_family.get_or_init(|| {
            let mut command = self.server.command(probe());
            command.arg("serve").args(&servers);
            let process = Process::spawn("nat-probe serve", command);
            process.wait_for_line("ready", SOON, |line| (line.text == "ready").then_some(()));
            process
        });
        let mut command = host.command(probe());
        command.args(["ask", &port.to_string()]).args(&servers);
        let mut asking = Process::spawn("nat-probe ask", command);
        let seen = asking.wait_for_line("answer", SOON, |line| Seen::parse(&line.text));
        let status = shell_status(asking.exit(SOON));
        assert_eq!(status, 0, "{}", asking.transcript());
        seen
    }
}

/// The public address of so many a home: the servers have the first ones.
fn public(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(GATEWAY) + 0x100 + number)
}

/// The IPv6 address of this number on so many a network: the first is everybody's public side, the
/// others are homes.
pub(crate) const fn public6(network: u16, number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 2, 0, network, 0, 0, 0, number)
}

/// The program of this package that looks at NATs.
fn probe() -> PathBuf {
    binary::beside("nat-probe")
}

/// Whether a network with NATs can be made; if not, it says so past the capture of test output.
///
/// # Panics
/// If it cannot and the variable `CI` is set.
pub fn is_there() -> bool {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    let tried = TRIED.get_or_init(|| {
        let internet = Internet::build()?;
        // Without one NAT none of them goes; which rules there are the tests will tell.
        internet.try_home(Nat::FullCone, 1, 1, false).map(drop)
    });
    let Err(problem) = tried else { return true };
    assert!(
        !crate::program::is_ci(),
        "no networks with NATs ({problem}), and CI is set: nothing may be skipped here"
    );
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(
        std::io::stderr(),
        "\nSKIPPED: {test}: no networks with NATs here: {problem}"
    );
    false
}
