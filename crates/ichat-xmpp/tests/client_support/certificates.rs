//! Certificates of a private authority, made by openssl for one test.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder with `ca.pem`, `other-ca.pem` (of the same name), and `HOST.pem` and `HOST.key` for the
/// hosts `im.test`, `wrong.test` (for another name) and `old.test` (expired). It goes with this
/// value.
pub struct Certificates {
    pub dir: PathBuf,
}

impl Certificates {
    pub fn make() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ichat-xmpp-test-{}-{count}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        let made = Self { dir };
        made.fill();
        made
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The key of a host's certificate, as openssl sees it.
    pub fn pin(&self, host: &str) -> String {
        let spki = output(
            Command::new("openssl")
                .args(["x509", "-pubkey", "-noout", "-in"])
                .arg(self.file(&format!("{host}.pem"))),
        );
        fs::write(self.file("spki.pem"), spki).unwrap();
        openssl(
            &self.dir,
            "pkey -pubin -outform DER -in spki.pem -out spki.der",
        );
        let hash = output(
            Command::new("openssl")
                .args(["dgst", "-sha256", "-r"])
                .arg(self.file("spki.der")),
        );
        String::from_utf8(hash)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    }

    fn fill(&self) {
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        for authority in ["ca", "other-ca"] {
            openssl(
                &self.dir,
                &format!(
                    "req -x509 {curve} -days 2 -keyout {authority}.key -out {authority}.pem -subj /CN=Test"
                ),
            );
        }
        let settings = "[ca]\ndefault_ca = d\n[d]\nnew_certs_dir = .\ndatabase = index\n\
                        serial = serial\ndefault_md = sha256\npolicy = p\n\
                        copy_extensions = copy\nunique_subject = no\n\
                        [p]\ncommonName = supplied\n";
        for (name, text) in [("ca.cnf", settings), ("index", ""), ("serial", "01\n")] {
            fs::write(self.file(name), text).unwrap();
        }
        for (host, name, end) in [
            ("im.test", "im.test", "20491231235959Z"),
            ("wrong.test", "elsewhere.test", "20491231235959Z"),
            ("old.test", "old.test", "20210101000000Z"),
        ] {
            openssl(
                &self.dir,
                &format!(
                    "req {curve} -keyout {host}.key -out {host}.csr -subj /CN={name} \
                 -addext subjectAltName=DNS:{name}"
                ),
            );
            openssl(
                &self.dir,
                &format!(
                    "ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in {host}.csr \
                 -out {host}.pem -startdate 20200101000000Z -enddate {end}"
                ),
            );
        }
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Whether all these programs are here. Where one is not, a test is skipped for all to see; on CI
/// it fails.
pub fn are_installed(programs: &[&str]) -> bool {
    let found = |name: &str| {
        std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
        })
    };
    let missing: Vec<_> = programs
        .iter()
        .copied()
        .filter(|name| !found(name))
        .collect();
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(", ");
    assert!(
        std::env::var_os("CI").is_none(),
        "{missing} must be installed on CI"
    );
    // Past the capture of test output: that a test was not run has to be seen.
    let _ = writeln!(
        std::io::stderr(),
        "\n*** SKIPPED, and not tested: {missing} is not installed (apt-get install prosody openssl) ***\n"
    );
    false
}

fn openssl(dir: &Path, arguments: &str) {
    output(
        Command::new("openssl")
            .current_dir(dir)
            .args(arguments.split_whitespace()),
    );
}

/// Runs a program to its good end.
pub fn output(command: &mut Command) -> Vec<u8> {
    let done = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    let stdout = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{command:?}: {stdout}{stderr}");
    done.stdout
}
