//! Homes: a router with a NAT of some kind, and hosts behind it.

use std::net::{IpAddr, Ipv4Addr};

use crate::internet::{GATEWAY, PREFIX};
use crate::nat::{FIREWALL6, Nat};
use crate::netns::{Guard, Host};
use crate::wiring::{HAS_IPV6, Ipv6Plan, ROUTES_IPV6, Uplink, WITHOUT_IPV6, connect, run};

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
    /// Nothing: its namespaces have IPv4 only.
    pub(crate) ipv6: Option<Ipv6Plan>,
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
                    plan.ipv6.map(|ipv6| ipv6.host),
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
                script += &uplink.router(&carrier, gateway, &nat.rules(behind), WITHOUT_IPV6);
                names.push(&carrier);
                uplink = Uplink {
                    switch: (&carrier, "lan"),
                    port: "port1",
                    address: "100.64.0.2/24",
                    gateway,
                };
            }
            let mut rules = nat.rules(inside(plan.subnet, 2));
            let mut ipv6 = WITHOUT_IPV6;
            if plan.ipv6.is_some() {
                rules = format!("{rules}\n{FIREWALL6}");
                ipv6 = ROUTES_IPV6;
            }
            script += &uplink.router(&router, inside(plan.subnet, 1), &rules, ipv6);
            names.push(&router);
        }
        let ipv6 = match plan.ipv6 {
            Some(_) => HAS_IPV6,
            None => WITHOUT_IPV6,
        };
        for host in &hosts {
            script += &match is_public {
                true => connect(host, "internet", &public, GATEWAY, ipv6),
                false => {
                    let address = format!("{}/24", host.ipv4());
                    connect(host, "lan", &address, inside(plan.subnet, 1), ipv6)
                }
            };
        }
        if let Some(ipv6) = plan.ipv6 {
            script += &ipv6.addresses(plan.internet, &router, hosts[0].name());
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

    /// From now on its router loses so many of a hundred UDP datagrams, each way.
    ///
    /// # Panics
    /// If the system refuses it, or if there is no router.
    pub fn lose(&self, percent: u8) {
        self.router_does(&format!(
            "nft insert rule ip gate home meta l4proto udp numgen random mod 100 '<' {percent} drop"
        ));
    }

    /// From now on its router forgets a mapping that was not used for so many seconds.
    ///
    /// # Panics
    /// If the system refuses it, or if there is no router.
    pub fn forget_after(&self, seconds: u16) {
        for key in [
            "nf_conntrack_udp_timeout",
            "nf_conntrack_udp_timeout_stream",
        ] {
            self.router_does(&format!("sysctl -q -w net.netfilter.{key}={seconds}"));
        }
    }

    fn router_does(&self, command: &str) {
        assert_ne!(self.nat, Nat::None, "a public host has no router");
        let router = self.host().switch();
        run(&format!("ip netns exec {router} {command}")).unwrap_or_else(|why| panic!("{why}"));
    }

    /// For [`crate::internet::Internet::renumber`].
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

fn inside(subnet: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, subnet, host)
}
