//! Configurations of Prosody that only some scenarios want.

use std::net::SocketAddr;
use std::path::Path;

use scenarios::prosody::{DOMAIN, Prosody, Security};

/// A Prosody of one's own, without TLS, with these lines before its host and those behind it.
pub(crate) fn with(before: &str, behind: &str) -> Prosody {
    Prosody::configured(Security::Plain, &|folder, address| {
        at(&["127.0.0.1"], folder, address, before, behind)
    })
}

/// Such a configuration, for a server at these addresses.
pub(crate) fn at(
    interfaces: &[&str],
    folder: &Path,
    address: SocketAddr,
    before: &str,
    behind: &str,
) -> String {
    let (folder, port) = (folder.display(), address.port());
    let interfaces = interfaces.join("\", \"");
    format!(
        r#"pidfile = "{folder}/prosody.pid"; data_path = "{folder}/data"; run_as_root = true
interfaces = {{ "{interfaces}" }}; local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}; c2s_direct_tls_ports = {{}}; legacy_ssl_ports = {{}}
s2s_ports = {{}}; s2s_direct_tls_ports = {{}}; http_ports = {{}}; https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "offline", "smacks" }}
modules_disabled = {{ "s2s", "tls" }}
c2s_require_encryption = false; allow_unencrypted_plain_auth = true
authentication = "internal_plain"
log = {{ info = "{folder}/prosody.log" }}
{before}
VirtualHost "{DOMAIN}"
{behind}
"#
    )
}
