//! Homes: a router with a NAT of some kind, and hosts behind it. The NATs are the kernel's own,
//! set up by nftables.

use std::fmt;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use crate::internet::{BRIDGE, GATEWAY, PREFIX};
use crate::netns::{Guard, Host};

/// What stands between a host and the internet. All but the first let nothing in that was not
/// asked for, unless they say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Nat {
    /// Nothing: the host has a public address.
    None,
    /// One external address and port for all destinations, the port being the host's own: what
    /// old Macs need.
    PortPreserving,
    /// The same with another port, one of a few.
    Shifted,
    /// Another random port for each destination.
    Symmetric,
    /// The host's own port, and whoever sends to it comes through.
    FullCone,
    /// A port-preserving NAT behind that of a carrier.
    CarrierGrade,
}

impl Nat {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::PortPreserving,
        Self::Shifted,
        Self::Symmetric,
        Self::FullCone,
        Self::CarrierGrade,
    ];

    /// Whether the external port is the same whomever the host sends to.
    pub fn is_endpoint_independent(self) -> bool {
        self != Self::Symmetric
    }

    /// Whether the external port is the host's own.
    pub fn keeps_port(self) -> bool {
        !matches!(self, Self::Shifted | Self::Symmetric)
    }

    /// Whether strangers come through.
    pub fn lets_strangers_in(self) -> bool {
        matches!(self, Self::None | Self::FullCone)
    }

    /// Whether two hosts behind such NATs can reach each other once they know the addresses that
    /// a reflector sees: a port that nobody can foretell is a hindrance only to who lets nothing
    /// in but from where it has sent.
    pub fn reaches(self, other: Self) -> bool {
        let one_way =
            |from: Self, to: Self| from.is_endpoint_independent() || to.lets_strangers_in();
        one_way(self, other) && one_way(other, self)
    }

    /// The rules of its router, whose host behind it is `host`.
    fn rules(self, host: Ipv4Addr) -> String {
        let source = match self {
            Self::None => "",
            Self::PortPreserving | Self::FullCone | Self::CarrierGrade => "masquerade",
            Self::Shifted => "meta l4proto udp masquerade to :30000-30010",
            Self::Symmetric => "masquerade fully-random",
        };
        let destination = match self {
            Self::FullCone => format!("iifname wan udp dport 1024-65535 dnat to {host}"),
            _ => String::new(),
        };
        // What is not for a host is dropped, as home routers do, and leaves no trace: else a
        // datagram that comes too early would take the port that the host's own is to have.
        format!(
            "table ip nat {{
                chain in {{ type nat hook prerouting priority dstnat; {destination}; }}
                chain out {{ type nat hook postrouting priority srcnat; oifname wan {source}; oifname wan masquerade; }}
            }}
            table ip gate {{
                chain router {{
                    type filter hook input priority filter; policy drop;
                    iifname != wan accept; ct state established,related accept;
                }}
                chain home {{
                    type filter hook forward priority filter; policy drop;
                    iifname != wan accept; ct state established,related accept; ct status dnat accept;
                }}
            }}"
        )
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::PortPreserving => "port-preserving",
            Self::Shifted => "shifted",
            Self::Symmetric => "symmetric",
            Self::FullCone => "full cone",
            Self::CarrierGrade => "carrier-grade",
        })
    }
}

/// Hosts behind one NAT. Removed with its owner, however that ends.
#[derive(Debug)]
pub struct Home {
    nat: Nat,
    hosts: Vec<Host>,
    /// The third octet of the hosts' addresses.
    subnet: u8,
    public: Ipv4Addr,
    _guard: Guard,
}

/// Who is to be in a home, and where it is.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) nat: Nat,
    pub(crate) hosts: u8,
    /// The third octet of the hosts' addresses.
    pub(crate) subnet: u8,
    /// What the names of its namespaces begin with.
    pub(crate) prefix: String,
    /// The internet's namespace, the port of its switch, and the address that it gives.
    pub(crate) internet: &'a str,
    pub(crate) port: String,
    pub(crate) public: Ipv4Addr,
}

impl Home {
    pub(crate) fn build(plan: &Plan<'_>) -> Result<Self, String> {
        let Plan { nat, prefix, .. } = plan;
        let name = |what: &str| format!("{prefix}-{what}");
        let (carrier, router) = (name("carrier"), name("router"));
        let is_public = *nat == Nat::None;
        let count = if is_public { 1 } else { plan.hosts };
        let hosts: Vec<Host> = (1..=count)
            .map(|number| {
                let (address, switch, port) = match is_public {
                    true => (plan.public, plan.internet, plan.port.clone()),
                    false => (
                        inside(plan.subnet, number + 1),
                        &*router,
                        format!("port{number}"),
                    ),
                };
                Host::new(
                    name(&number.to_string()),
                    Some(address),
                    None,
                    (switch, port),
                )
            })
            .collect();
        let mut names: Vec<&str> = hosts.iter().map(Host::name).collect();
        let mut script = String::from("set -eu\n");
        let public = format!("{}/{PREFIX}", plan.public);
        if !is_public {
            let mut uplink = Uplink {
                switch: (plan.internet, "internet"),
                port: &plan.port,
                address: &public,
                gateway: GATEWAY,
            };
            if *nat == Nat::CarrierGrade {
                let behind = Ipv4Addr::new(100, 64, 0, 2);
                let gateway = Ipv4Addr::new(100, 64, 0, 1);
                script += &uplink.router(&carrier, gateway, &nat.rules(behind));
                names.push(&carrier);
                uplink = Uplink {
                    switch: (&carrier, "lan"),
                    port: "port1",
                    address: "100.64.0.2/24",
                    gateway,
                };
            }
            let rules = nat.rules(inside(plan.subnet, 2));
            script += &uplink.router(&router, inside(plan.subnet, 1), &rules);
            names.push(&router);
        }
        for host in &hosts {
            script += &match is_public {
                true => connect(host, "internet", &public, GATEWAY),
                false => {
                    let address = format!("{}/24", host.ipv4());
                    connect(host, "lan", &address, inside(plan.subnet, 1))
                }
            };
        }
        let guard = Guard::new(&names)?;
        let home = Self {
            nat: *nat,
            hosts,
            subnet: plan.subnet,
            public: plan.public,
            _guard: guard,
        };
        run(&script).map(|()| home)
    }

    /// What stands before it.
    pub fn nat(&self) -> Nat {
        self.nat
    }

    /// Its first host.
    pub fn host(&self) -> &Host {
        &self.hosts[0]
    }

    /// All its hosts.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The address at which the internet sees it.
    pub fn public(&self) -> IpAddr {
        self.public.into()
    }

    /// Its first host gets another address in place of the one that it has, as when a laptop is
    /// taken from one network to another: the old one is gone at once, and nobody is told.
    ///
    /// # Panics
    /// If the system refuses it, or if there is no NAT.
    pub fn change_address(&self) -> IpAddr {
        assert_ne!(self.nat, Nat::None, "a public host has only one address");
        let (old, new) = (self.host().ipv4(), inside(self.subnet, 102));
        let (name, gateway) = (self.host().name(), inside(self.subnet, 1));
        run(&format!(
            "ip -n {name} -batch - <<'BATCH'
            addr del {old}/24 dev eth0
            addr add {new}/24 dev eth0
            route add default via {gateway}\nBATCH\n"
        ))
        .unwrap_or_else(|problem| panic!("{problem}"));
        new.into()
    }

    /// Its first host gets a second interface, `eth1`, on the same network, which becomes the one
    /// that leads out: a cable beside the Wi-Fi. The first stays until [`Self::unplug_first`].
    ///
    /// # Panics
    /// If the system refuses it, or if there is no NAT.
    pub fn plug_second(&self) -> IpAddr {
        assert_ne!(self.nat, Nat::None, "a public host has only one interface");
        let new = inside(self.subnet, 202);
        let (name, gateway) = (self.host().name(), inside(self.subnet, 1));
        let router = self.host().switch();
        run(&format!(
            "set -eu
            ip -n {router} link add second type veth peer name eth1 netns {name}
            ip -n {router} link set second master lan up
            ip -n {name} -batch - <<'BATCH'
            link set eth1 up
            addr add {new}/24 dev eth1
            route replace default via {gateway} dev eth1\nBATCH\n"
        ))
        .unwrap_or_else(|problem| panic!("{problem}"));
        new.into()
    }

    /// The first interface of its first host goes, with its address.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn unplug_first(&self) {
        let (name, old) = (self.host().name(), self.host().ipv4());
        run(&format!(
            "set -eu
            ip -n {name} addr del {old}/24 dev eth0
            ip -n {name} link set eth0 down"
        ))
        .unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// Its router gets another address from its provider in place of the one that it has: all its
    /// mappings are gone at once, and nobody is told.
    ///
    /// # Panics
    /// If the system refuses it, or if there is not one NAT of its own.
    pub(crate) fn renumber(&self, new: Ipv4Addr) {
        assert!(
            !matches!(self.nat, Nat::None | Nat::CarrierGrade),
            "a home with a router of its own on the internet"
        );
        let (router, old) = (self.host().switch(), self.public);
        // The kernel forgets the mappings of an address that goes.
        run(&format!(
            "set -eu
            ip -n {router} addr del {old}/{PREFIX} dev wan
            ip -n {router} addr add {new}/{PREFIX} dev wan
            ip -n {router} route replace default via {GATEWAY}"
        ))
        .unwrap_or_else(|problem| panic!("{problem}"));
    }
}

/// Which addresses and ports a NAT shows, and whom it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The source that a server sees at one address, at another port of it, at another address.
    pub sources: [SocketAddr; 3],
    /// Whose unasked datagrams come through: `any`, `address` or `port`.
    pub filter: String,
}

impl Seen {
    /// From the line that the probe prints.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [one, two, three, filter] = words.as_slice() else {
            return None;
        };
        Some(Self {
            sources: [one.parse().ok()?, two.parse().ok()?, three.parse().ok()?],
            filter: (*filter).to_owned(),
        })
    }
}

/// Where a router's outer side goes.
struct Uplink<'a> {
    switch: (&'a str, &'a str),
    port: &'a str,
    address: &'a str,
    gateway: Ipv4Addr,
}

impl Uplink<'_> {
    /// The commands that make the router.
    fn router(&self, name: &str, inner: Ipv4Addr, rules: &str) -> String {
        let Self { port, address, .. } = self;
        let (namespace, switch) = self.switch;
        let gateway = self.gateway;
        format!(
            "ip netns add {name}
            ip -n {namespace} link add {port} type veth peer name wan netns {name}
            ip -n {namespace} link set {port} master {switch} up
            ip -n {name} -batch - <<'BATCH'
            link set lo up
            addr add {address} dev wan
            link set wan up
            route add default via {gateway}
            link add lan address {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0
            addr add {inner}/24 dev lan
            link set lan up\nBATCH
            ip netns exec {name} sh -eu <<'INSIDE'
            echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
            echo 1 >/proc/sys/net/ipv4/ip_forward
            nft -f - <<'RULES'
            {rules}\nRULES\nINSIDE\n"
        )
    }
}

/// The commands that make a host and connect it.
fn connect(host: &Host, switch: &str, address: &str, gateway: Ipv4Addr) -> String {
    let (name, namespace, port) = (host.name(), host.switch(), host.port());
    format!(
        "ip netns add {name}
        ip -n {namespace} link add {port} type veth peer name eth0 netns {name}
        ip -n {namespace} link set {port} master {switch} up
        ip -n {name} -batch - <<'BATCH'
        link set lo up
        addr add {address} dev eth0
        link set eth0 up
        route add default via {gateway}\nBATCH
        ip netns exec {name} sh -eu <<'INSIDE'
        echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
        until [ \"$(cat /sys/class/net/eth0/operstate)\" = up ]; do sleep 0.02; done\nINSIDE\n"
    )
}

fn inside(subnet: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, subnet, host)
}

/// Runs a shell script.
pub(crate) fn run(script: &str) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("sh: {error}");
    let mut shell = Command::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut input = shell.stdin.take().ok_or("sh: no standard input")?;
    input.write_all(script.as_bytes()).map_err(fail)?;
    drop(input);
    let output = shell.wait_with_output().map_err(fail)?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("{}: {said}\n{script}", output.status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reaches_whom_is_known_beforehand() {
        use Nat::{CarrierGrade, FullCone, None, PortPreserving, Shifted, Symmetric};
        for nat in Nat::ALL {
            assert!(nat.reaches(None) && nat.reaches(FullCone), "{nat}");
            assert_eq!(nat.reaches(PortPreserving), nat != Symmetric, "{nat}");
            assert_eq!(nat.reaches(Shifted), nat != Symmetric, "{nat}");
            assert_eq!(nat.reaches(CarrierGrade), nat != Symmetric, "{nat}");
            for other in Nat::ALL {
                assert_eq!(nat.reaches(other), other.reaches(nat), "{nat} and {other}");
            }
        }
        assert!(!Symmetric.reaches(Symmetric));
    }
}
