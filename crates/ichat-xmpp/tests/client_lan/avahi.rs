//! A real avahi in a namespace, with a bus of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::net::{End, Net, Process};

const NEEDED: [&str; 4] = [
    "dbus-daemon",
    "avahi-daemon",
    "avahi-browse",
    "avahi-publish",
];

/// Ends with this value.
pub struct Avahi<'n> {
    net: &'n Net,
    end: End,
    dir: PathBuf,
    _bus: Process,
    _daemon: Process,
}

impl<'n> Avahi<'n> {
    /// Starts one; `None` where it is not installed, which is an error on CI.
    pub fn start(net: &'n Net, end: End) -> Option<Self> {
        for program in NEEDED {
            let there = Command::new("sh")
                .args(["-c", &format!("command -v {program}")])
                .stdout(Stdio::null())
                .status();
            if !there.is_ok_and(|status| status.success()) {
                assert!(std::env::var_os("CI").is_none(), "{program} is missing");
                eprintln!(
                    "SKIPPED: {program} is not installed (Debian: avahi-daemon avahi-utils dbus)"
                );
                return None;
            }
        }
        let dir = std::env::temp_dir().join(format!("ichat-xmpp-{}", net.namespace(end)));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.to_str().unwrap();
        fs::write(
            dir.join("bus.conf"),
            format!(
                "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN'
 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>
<busconfig><listen>unix:path={path}/bus</listen><auth>EXTERNAL</auth>
<policy context='default'><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/>
<allow own='*'/><allow user='*'/></policy></busconfig>"
            ),
        )
        .unwrap();
        fs::write(
            dir.join("avahi.conf"),
            "[server]\nhost-name=capulet\nuse-ipv4=yes\nuse-ipv6=yes\nenable-dbus=yes\n\
             [publish]\npublish-hinfo=no\npublish-workstation=no\n[rlimits]\n",
        )
        .unwrap();
        let mut bus = net.command(end, "dbus-daemon");
        bus.args(["--nofork", "--nopidfile", "--config-file"])
            .arg(dir.join("bus.conf"))
            .stderr(Stdio::null());
        let bus = Process::start(bus);
        let begun = Instant::now();
        while !dir.join("bus").exists() {
            assert!(begun.elapsed().as_secs() < 10, "the bus does not start");
            thread::sleep(Duration::from_millis(50));
        }
        // Its lock is in /run, whatever one says: in this mount namespace that is another one.
        let mut daemon = net.command(end, "sh");
        daemon
            .args([
                "-c",
                "mount -t tmpfs none /run && exec \"$@\"",
                "sh",
                "avahi-daemon",
            ])
            .args(["--no-drop-root", "--no-chroot", "--no-rlimits", "--file"])
            .arg(dir.join("avahi.conf"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={path}/bus"))
            .stderr(fs::File::create(dir.join("avahi.log")).unwrap());
        let avahi = Self {
            net,
            end,
            dir,
            _bus: bus,
            _daemon: Process::start(daemon),
        };
        let begun = Instant::now();
        while avahi.lines().is_none() {
            let log = fs::read_to_string(avahi.dir.join("avahi.log")).unwrap_or_default();
            assert!(
                begun.elapsed().as_secs() < 15,
                "avahi does not start: {log}"
            );
            thread::sleep(Duration::from_millis(100));
        }
        Some(avahi)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.net.command(self.end, program);
        let bus = format!("unix:path={}/bus", self.dir.display());
        command
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// What `avahi-browse` sees; `None` if it does not work.
    fn lines(&self) -> Option<String> {
        let arguments = ["-rptk", "_presence._tcp"];
        let output = self
            .command("avahi-browse")
            .args(arguments)
            .output()
            .unwrap();
        output
            .status
            .success()
            .then(|| unescaped(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Waits for a resolved service whose line holds all of this.
    pub fn browse(&self, wanted: &[&str], seconds: u64) -> String {
        let begun = Instant::now();
        loop {
            let seen = self.lines().unwrap_or_default();
            let fits = |line: &&str| {
                line.starts_with('=') && wanted.iter().all(|part| line.contains(part))
            };
            if let Some(line) = seen.lines().find(fits) {
                return line.to_owned();
            }
            assert!(
                begun.elapsed().as_secs() < seconds,
                "no {wanted:?} in {seen}"
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until a service is no longer seen.
    pub fn until_gone(&self, name: &str, seconds: u64) {
        let begun = Instant::now();
        while self.lines().is_none_or(|seen| seen.contains(name)) {
            assert!(begun.elapsed().as_secs() < seconds, "{name} is still there");
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Announces a service as long as the value lives.
    pub fn publish(&self, name: &str, port: u16, txt: &[&str]) -> Process {
        let mut command = self.command("avahi-publish");
        command
            .args(["-s", name, "_presence._tcp", &port.to_string()])
            .args(txt);
        Process::start(command)
    }
}

impl Drop for Avahi<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// `avahi-browse -p` writes octets other than letters and digits as `\064`, three decimal digits.
fn unescaped(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let number = (*first == b'\\')
            .then(|| behind.get(..3))
            .flatten()
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse::<u8>().ok());
        octets.push(number.unwrap_or(*first));
        rest = if number.is_some() {
            &behind[3..]
        } else {
            behind
        };
    }
    String::from_utf8_lossy(&octets).into_owned()
}
