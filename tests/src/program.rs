//! Programs that a scenario needs and that a machine may lack.

use std::io::Write;
use std::path::PathBuf;

/// Leaves the test, with a line on standard error, if one of these programs is not installed.
///
/// Where the variable `CI` is set this is a failure: there, nothing is skipped.
#[macro_export]
macro_rules! requires {
    ($($name:literal),+ $(,)?) => {
        $(
            if !$crate::program::is_there($name) {
                return;
            }
        )+
    };
}

/// Leaves the test, with a line on standard error, if this machine's loopback has no IPv6.
///
/// Where the variable `CI` is set this is a failure: there, nothing is skipped.
#[macro_export]
macro_rules! requires_ipv6 {
    () => {
        if !$crate::program::has_ipv6() {
            return;
        }
    };
}

/// The path of a program, from `PATH` and the folders of system programs.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Whether a program is installed; if not, it says so past the capture of test output.
///
/// # Panics
/// If it is not installed and the variable `CI` is set.
pub fn is_there(name: &str) -> bool {
    if find(name).is_some() {
        return true;
    }
    skips(&format!(
        "{name} is not installed (scripts/test installs it)"
    ));
    false
}

/// Whether `::1` is there; if not, it says so past the capture of test output.
///
/// # Panics
/// If it is not and the variable `CI` is set.
pub fn has_ipv6() -> bool {
    let found = std::net::UdpSocket::bind("[::1]:0").is_ok();
    if !found {
        skips("this machine has no IPv6");
    }
    found
}

fn skips(why: &str) {
    assert!(
        !is_ci(),
        "{why}, and CI is set: nothing may be skipped here"
    );
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not eprintln!, which the test runner swallows when a test passes.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {test}: {why}");
}

/// Nothing may be skipped.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}
