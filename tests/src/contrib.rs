//! The configurations in `contrib/` and the commands of their guide, as a reader would use them:
//! with names, addresses and folders of one's own, and nothing else changed.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::DOMAIN;

/// The name that stands for the reader's server.
const NAME: &str = "macs.home.arpa";

/// Two lines of `contrib/prosody.cfg.lua`, and of `contrib/ejabberd.yml`: they let old clients in.
pub const OLD_TLS: [&str; 4] = [
    "\tprotocol = \"tlsv1+\";\n",
    "\tciphers = \"DEFAULT:AES128-SHA:@SECLEVEL=0\";\n",
    "c2s_protocol_options: [no_sslv3]\n",
    "c2s_ciphers: \"DEFAULT@SECLEVEL=0\"\n",
];

/// A key and a certificate of [`DOMAIN`] that signed itself, made by the commands of the guide.
#[derive(Debug)]
pub struct Certificate {
    /// The key, PEM.
    pub key: PathBuf,
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// What the guide's next command says of its key: for `--pin`.
    pub pin: String,
}

impl Certificate {
    /// Makes it in this folder. `change` is what the guide says to change for Mac OS X 10.4.
    pub fn make(folder: &Path, change: Option<(&str, &str)>) -> Self {
        std::fs::create_dir_all(folder).expect("the folder can be written");
        let mut commands = guide_block("openssl req -x509");
        if let Some((from, to)) = change {
            commands = replaced(&commands, from, to);
        }
        run(folder, &replaced(&commands, NAME, DOMAIN));
        let pin = run(
            folder,
            &format!("name={DOMAIN}\n{}", guide_block("sha256sum")),
        );
        Self {
            key: folder.join(format!("{DOMAIN}.key")),
            certificate: folder.join(format!("{DOMAIN}.crt")),
            pin: pin.split_whitespace().next().unwrap_or_default().to_owned(),
        }
    }
}

/// `contrib/prosody.cfg.lua` for a server in this folder and at this address, whose certificate is
/// in `certs` there. `without` are lines to leave out.
pub fn prosody(folder: &Path, address: SocketAddr, without: &[&str]) -> String {
    let place = format!("{}/", folder.display());
    let text = edited(
        &file("contrib/prosody.cfg.lua"),
        &[
            (NAME, DOMAIN),
            (
                "\ninterfaces = { \"*\" }",
                &format!("\ninterfaces = {{ \"{}\" }}", address.ip()),
            ),
            ("/run/prosody/", &place),
            ("/var/log/prosody/", &place),
        ],
        without,
    );
    format!("run_as_root = true; data_path = \"{place}data\"\n{text}")
}

/// `contrib/ejabberd.yml` for a server in this folder and at this address, whose certificate and
/// key are there in one file. `without` are lines to leave out.
pub fn ejabberd(folder: &Path, ip: IpAddr, without: &[&str]) -> String {
    let place = format!("{}/", folder.display());
    let address = format!("ip: \"{ip}\"");
    edited(
        &file("contrib/ejabberd.yml"),
        &[
            (NAME, DOMAIN),
            ("/etc/ejabberd/", &place),
            ("ip: \"0.0.0.0\"", &address),
        ],
        without,
    )
}

/// Logs in as a program of 2005 does, with `tests/python/old_mac.py`; what it prints, or why it
/// was not let in.
///
/// # Errors
/// Its last line.
pub fn old_mac(arguments: &[&str], password: &str) -> Result<serde_json::Value, String> {
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/old_mac.py"))
        .args(arguments)
        .env("OLD_MAC_PASSWORD", password)
        .output()
        .expect("python3 runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(errors);
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}\n{errors}"))
}

fn edited(text: &str, changes: &[(&str, &str)], without: &[&str]) -> String {
    let text = without
        .iter()
        .fold(text.to_owned(), |text, line| replaced(&text, line, ""));
    changes
        .iter()
        .fold(text, |text, (from, to)| replaced(&text, from, to))
}

/// # Panics
/// If it is not there: then nobody else finds it either.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no {from:?} in:\n{text}");
    text.replace(from, to)
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// The first block of shell commands in the guide with this in it.
fn guide_block(part: &str) -> String {
    let guide = file("docs/guides/a-server-for-old-macs.md");
    let mut blocks = guide.split("```sh\n").skip(1);
    let block = blocks.find_map(|rest| {
        let (block, _) = rest.split_once("```")?;
        block.contains(part).then(|| block.to_owned())
    });
    block.unwrap_or_else(|| panic!("no commands with {part:?} in the guide"))
}

/// What these commands print in this folder.
fn run(folder: &Path, commands: &str) -> String {
    let output = Command::new("sh")
        .args(["-e", "-c", commands])
        .current_dir(folder)
        .output()
        .expect("sh runs");
    assert!(
        output.status.success(),
        "{commands}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
