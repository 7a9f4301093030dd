//! A certificate authority of one's own, made by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::Scratch;

/// An authority whose certificates nobody trusts who was not told to.
#[derive(Debug)]
pub struct Authority {
    scratch: Scratch,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let scratch = Scratch::new("authority");
        openssl(
            scratch.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key \
             -out ca.pem -subj /CN=ScenarioAuthority -days 30 \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
        );
        Self { scratch }
    }

    /// Its own certificate, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.scratch.join("ca.pem")
    }

    /// The key and the certificate, PEM, of a server of this name.
    pub fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        self.scratch.write(
            "server.ext",
            format!(
                "subjectAltName=DNS:{name}\nbasicConstraints=critical,CA:FALSE\n\
                 keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            ),
        );
        openssl(
            self.scratch.path(),
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key \
                 -out server.csr -subj /CN={name}"
            ),
        );
        openssl(
            self.scratch.path(),
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
             -extfile server.ext -out server.pem",
        );
        (
            self.scratch.join("server.key"),
            self.scratch.join("server.pem"),
        )
    }

    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER) of the certificate issued last, in
    /// lower-case hex: what `--pin` takes.
    pub fn pin(&self) -> String {
        let key = openssl(self.scratch.path(), "x509 -in server.pem -noout -pubkey");
        self.scratch.write("server.pub", key);
        openssl(
            self.scratch.path(),
            "pkey -pubin -in server.pub -outform der -out server.der",
        );
        let digest = openssl(self.scratch.path(), "dgst -sha256 -r server.der");
        let digest = String::from_utf8_lossy(&digest).into_owned();
        digest
            .split_whitespace()
            .next()
            .expect("openssl prints a digest")
            .to_owned()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn openssl(folder: &Path, arguments: &str) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("openssl runs");
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
