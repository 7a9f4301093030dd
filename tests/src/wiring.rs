//! Commands that make the namespaces of a home, and connect them.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};

use crate::internet::{BRIDGE, GATEWAY6, public6};
use crate::netns::Host;

/// What a namespace is told about IPv6 before it has an interface. Those that have it use an address
/// at once, not after a second of duplicate detection.
pub(crate) const WITHOUT_IPV6: &str = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6";
pub(crate) const HAS_IPV6: &str = "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad";
/// The same for a router.
pub(crate) const ROUTES_IPV6: &str = "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding";

/// Where a router's outer side goes.
#[derive(Debug)]
pub(crate) struct Uplink<'a> {
    pub(crate) switch: (&'a str, &'a str),
    pub(crate) port: &'a str,
    pub(crate) address: &'a str,
    pub(crate) gateway: Ipv4Addr,
}

impl Uplink<'_> {
    /// The commands that make the router.
    pub(crate) fn router(&self, name: &str, inner: Ipv4Addr, rules: &str, ipv6: &str) -> String {
        let Self { port, address, .. } = self;
        let (namespace, switch) = self.switch;
        let gateway = self.gateway;
        format!(
            "ip netns add {name}
            ip netns exec {name} sh -c '{ipv6}'
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
            echo 1 >/proc/sys/net/ipv4/ip_forward
            nft -f - <<'RULES'
            {rules}\nRULES\nINSIDE\n"
        )
    }
}

/// The commands that make a host and connect it.
pub(crate) fn connect(
    host: &Host,
    switch: &str,
    address: &str,
    gateway: Ipv4Addr,
    ipv6: &str,
) -> String {
    let (name, namespace, port) = (host.name(), host.switch(), host.port());
    format!(
        "ip netns add {name}
        ip netns exec {name} sh -c '{ipv6}'
        ip -n {namespace} link add {port} type veth peer name eth0 netns {name}
        ip -n {namespace} link set {port} master {switch} up
        ip -n {name} -batch - <<'BATCH'
        link set lo up
        addr add {address} dev eth0
        link set eth0 up
        route add default via {gateway}\nBATCH
        ip netns exec {name} sh -eu <<'INSIDE'
        until [ \"$(cat /sys/class/net/eth0/operstate)\" = up ]; do sleep 0.02; done\nINSIDE\n"
    )
}

/// The IPv6 addresses of a home, on a network of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ipv6Plan {
    /// The router's, on the internet and inside.
    outer: Ipv6Addr,
    inner: Ipv6Addr,
    pub(crate) host: Ipv6Addr,
}

impl Ipv6Plan {
    /// Of so many a home.
    pub(crate) fn new(number: u16) -> Self {
        let network = number + 1;
        Self {
            outer: public6(0, 0x100 + number),
            inner: public6(network, 1),
            host: public6(network, 2),
        }
    }

    /// The commands that give everybody an address, and a way to it.
    pub(crate) fn addresses(&self, internet: &str, router: &str, host: &str) -> String {
        let Self { outer, inner, .. } = self;
        let address = self.host;
        format!(
            "ip -n {router} -batch - <<'BATCH'
            addr add {outer}/64 dev wan
            addr add {inner}/64 dev lan
            route add default via {GATEWAY6}\nBATCH
            ip -n {internet} route add {address}/64 via {outer}
            ip -n {host} -batch - <<'BATCH'
            addr add {address}/64 dev eth0
            route add default via {inner}\nBATCH\n"
        )
    }
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
