//! A certificate authority of one's own, made by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::Scratch;

/// An authority whose certificates nobody trusts who was not told to.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    /// Removes the folder with its owner.
    _scratch: Option<Scratch>,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let scratch = Scratch::new("authority");
        let folder = scratch.path().to_owned();
        Self::make(folder, Some(scratch))
    }

    /// The one in the folder of a server, which goes with it; a new one if there is none.
    pub fn within(folder: &Path) -> Self {
        let folder = folder.join("authority");
        if folder.exists() {
            return Self {
                folder,
                _scratch: None,
            };
        }
        std::fs::create_dir_all(&folder).expect("the folder of a server can be written");
        Self::make(folder, None)
    }

    fn make(folder: PathBuf, scratch: Option<Scratch>) -> Self {
        openssl(
            &folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key \
             -out ca.pem -subj /CN=ScenarioAuthority -days 30 \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
        );
        Self {
            folder,
            _scratch: scratch,
        }
    }

    /// Its own certificate, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The key and the certificate, PEM, of a server of this name.
    pub fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        self.write(
            "server.ext",
            format!(
                "subjectAltName=DNS:{name}\nbasicConstraints=critical,CA:FALSE\n\
                 keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            ),
        );
        openssl(
            &self.folder,
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key \
                 -out server.csr -subj /CN={name}"
            ),
        );
        openssl(
            &self.folder,
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
             -extfile server.ext -out server.pem",
        );
        (
            self.folder.join("server.key"),
            self.folder.join("server.pem"),
        )
    }

    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER) of the certificate issued last, in
    /// lower-case hex: what `--pin` takes.
    pub fn pin(&self) -> String {
        let key = openssl(&self.folder, "x509 -in server.pem -noout -pubkey");
        self.write("server.pub", key);
        openssl(
            &self.folder,
            "pkey -pubin -in server.pub -outform der -out server.der",
        );
        let digest = openssl(&self.folder, "dgst -sha256 -r server.der");
        let digest = String::from_utf8_lossy(&digest).into_owned();
        digest
            .split_whitespace()
            .next()
            .expect("openssl prints a digest")
            .to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder.join(name), content).expect("its folder can be written");
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
