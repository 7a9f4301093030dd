//! A network of one's own: network namespaces on one Ethernet, so that multicast works and never
//! leaves the machine. Removed with its owner, however that ends.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::seconds;

/// Leaves the test, with a line on standard error, if this machine lets us make no namespaces.
///
/// Where the variable `CI` is set this is a failure: there, nothing is skipped.
#[macro_export]
macro_rules! requires_network {
    () => {
        if !$crate::netns::is_there() {
            return;
        }
    };
}

/// Waits for the end of standard input, however it comes, then ends what runs in the namespaces
/// and removes them: so nothing is left even when the test program is killed.
const GUARD: &str = r#"
trap '' INT
cat >/dev/null
for name; do
    for pid in $(ip netns pids "$name" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
    ip netns del "$name" 2>/dev/null
done
"#;

/// Which addresses the hosts have beside IPv6's link-local ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `10.77.0.N/24` and `fd77::N/64`.
    Both,
    /// `fd77::N/64`.
    Ipv6Only,
}

/// Some hosts on one Ethernet.
#[derive(Debug)]
pub struct Network {
    hosts: Vec<Host>,
    _guard: Guard,
}

/// One of them: a namespace with a loopback interface and `eth0`.
#[derive(Clone, Debug)]
pub struct Host {
    name: String,
    ipv4: Option<Ipv4Addr>,
    ipv6: Option<Ipv6Addr>,
    /// The namespace of the switch, and its end of the cable.
    switch: String,
    port: String,
}

impl Network {
    /// Two hosts with IPv4 and IPv6.
    pub fn pair() -> Self {
        Self::new(2, Family::Both)
    }

    /// So many hosts on one switch.
    ///
    /// # Panics
    /// If the system refuses it; see [`is_there`].
    pub fn new(count: u16, family: Family) -> Self {
        Self::build(count, family).unwrap_or_else(|problem| panic!("no network: {problem}"))
    }

    fn build(count: u16, family: Family) -> Result<Self, String> {
        let prefix = prefix();
        let switch = format!("{prefix}-switch");
        let hosts: Vec<Host> = (1..=count)
            .map(|number| {
                let [_, low] = number.to_be_bytes();
                let ipv4 = (family == Family::Both).then(|| Ipv4Addr::new(10, 77, 0, low));
                let ipv6 = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number);
                let name = format!("{prefix}-{number}");
                let port = format!("port{number}");
                Host::new(name, ipv4, Some(ipv6), (&switch, port))
            })
            .collect();
        let names: Vec<&str> = hosts
            .iter()
            .map(|host| host.name.as_str())
            .chain([switch.as_str()])
            .collect();
        // From here on it is removed, whatever fails.
        let network = Self {
            _guard: Guard::new(&names)?,
            hosts: hosts.clone(),
        };
        for name in &names {
            ip(&["netns", "add", name])?;
            ip_in(name, &["link", "set", "lo", "up"])?;
        }
        let bridge = ["link", "add", "switch", "type", "bridge"];
        let options = [
            "stp_state",
            "0",
            "forward_delay",
            "0",
            "mcast_snooping",
            "0",
        ];
        ip_in(&switch, &[&bridge[..], &options[..]].concat())?;
        ip_in(&switch, &["link", "set", "switch", "up"])?;
        for host in &network.hosts {
            host.configure()?;
        }
        for host in &network.hosts {
            host.wait_up()?;
        }
        Ok(network)
    }

    /// The host with this index, from 0.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn host(&self, index: usize) -> &Host {
        &self.hosts[index]
    }
}

/// Namespaces that go with it, and what runs in them.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// They need not be there yet.
    pub(crate) fn new(names: &[&str]) -> Result<Self, String> {
        let child = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .args(names)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        child.map(Self).map_err(|error| format!("sh: {error}"))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// What the names of a network's namespaces begin with: no other network's do.
pub(crate) fn prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let turn = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("ichat-{}-{turn}", std::process::id())
}

impl Host {
    /// One whose cable leads to this port of the switch in that namespace.
    pub(crate) fn new(
        name: String,
        ipv4: Option<Ipv4Addr>,
        ipv6: Option<Ipv6Addr>,
        (switch, port): (&str, String),
    ) -> Self {
        let switch = switch.to_owned();
        Self {
            name,
            ipv4,
            ipv6,
            switch,
            port,
        }
    }

    /// Its IPv4 address.
    ///
    /// # Panics
    /// If it has none.
    pub fn ipv4(&self) -> IpAddr {
        match self.ipv4 {
            Some(address) => address.into(),
            None => panic!("{self:?} has no IPv4 address"),
        }
    }

    /// Its IPv6 address that is not link-local.
    ///
    /// # Panics
    /// If it has none.
    pub fn ipv6(&self) -> IpAddr {
        match self.ipv6 {
            Some(address) => address.into(),
            None => panic!("{self:?} has no IPv6 address"),
        }
    }

    /// Its namespace.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The namespace of its switch.
    pub(crate) fn switch(&self) -> &str {
        &self.switch
    }

    /// The switch's end of its cable.
    pub(crate) fn port(&self) -> &str {
        &self.port
    }

    /// A program that will run in it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// The words that make a program run in it.
    pub fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Pulls its plug: nothing comes or goes any more, and the others are not told.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn unplug(&self) {
        // At the switch: the others keep their link.
        ip_in(&self.switch, &["link", "set", &self.port, "down"])
            .unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// Gives it another IPv4 address in place of the one that it has.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn move_to(&self, number: u8) -> IpAddr {
        let old = format!("{}/24", self.ipv4());
        let new = Ipv4Addr::new(10, 77, 0, number);
        // In this order: an address that is second on its subnet goes with the first.
        self.ip(&["addr", "del", &old, "dev", "eth0"]);
        self.ip(&["addr", "add", &format!("{new}/24"), "dev", "eth0"]);
        new.into()
    }

    /// Waits until a program listens at this TCP port; false if none does by then.
    pub fn listens(&self, port: u16, limit: Duration) -> bool {
        let filter = format!("sport = :{port}");
        wait(limit, || {
            let output = self.command("ss").args(["-Hltn", &filter]).output();
            output.is_ok_and(|output| !output.stdout.is_empty())
        })
    }

    /// The memory that a process holds, in KiB.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn memory_kib(pid: u32) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .expect("a running process has memory")
    }

    fn ip(&self, words: &[&str]) {
        ip_in(&self.name, words).unwrap_or_else(|problem| panic!("{problem}"));
    }

    fn configure(&self) -> Result<(), String> {
        let (name, switch, port) = (&*self.name, &*self.switch, &*self.port);
        let cable = ["link", "add", "eth0", "netns", name, "type", "veth"];
        let peer = ["peer", "name", port, "netns", switch];
        ip(&[&cable[..], &peer[..]].concat())?;
        ip_in(switch, &["link", "set", port, "master", "switch", "up"])?;
        // Addresses at once, not after a second of duplicate detection.
        for key in ["accept_dad", "router_solicitations"] {
            let value = format!("net.ipv6.conf.eth0.{key}=0");
            let output = self.command("sysctl").args(["-q", "-w", &value]).output();
            let output = output.map_err(|error| format!("sysctl: {error}"))?;
            if let Some(problem) = failure(&output) {
                return Err(format!("sysctl {value}: {problem}"));
            }
        }
        if let Some(address) = self.ipv4 {
            let address = format!("{address}/24");
            ip_in(name, &["addr", "add", &address, "dev", "eth0"])?;
        }
        let address = format!("{}/64", self.ipv6());
        ip_in(name, &["addr", "add", &address, "dev", "eth0", "nodad"])?;
        ip_in(name, &["link", "set", "eth0", "up"])
    }

    /// A cable is up a moment after both its ends.
    fn wait_up(&self) -> Result<(), String> {
        let up = wait(seconds(10), || {
            let state = "/sys/class/net/eth0/operstate";
            let output = self.command("cat").arg(state).output();
            output.is_ok_and(|output| output.stdout.starts_with(b"up"))
        });
        match up {
            true => Ok(()),
            false => Err(format!("eth0 of {} does not come up", self.name)),
        }
    }
}

/// Whether namespaces can be made; if not, it says so past the capture of test output.
///
/// # Panics
/// If they cannot and the variable `CI` is set.
pub fn is_there() -> bool {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    let tried = TRIED.get_or_init(|| match cfg!(target_os = "linux") {
        true => Network::build(3, Family::Both).map(drop),
        false => Err("only Linux has them".into()),
    });
    let Err(problem) = tried else { return true };
    assert!(
        !crate::program::is_ci(),
        "no network namespaces ({problem}), and CI is set: nothing may be skipped here"
    );
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(
        std::io::stderr(),
        "\nSKIPPED: {test}: no network namespaces here: {problem}"
    );
    false
}

fn ip_in(name: &str, words: &[&str]) -> Result<(), String> {
    ip(&[&["-n", name][..], words].concat())
}

fn ip(words: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(words).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    match failure(&output) {
        None => Ok(()),
        Some(problem) => Err(format!("ip {}: {problem}", words.join(" "))),
    }
}

fn failure(output: &Output) -> Option<String> {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    (!output.status.success()).then(|| format!("{}: {said}", output.status))
}

pub(crate) fn wait(limit: Duration, mut look: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !look() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
