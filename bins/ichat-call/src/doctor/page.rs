//! The page that sends old Macs to a SNATMAP server (docs/protocol/snatmap.md).

use std::time::Duration;

use ichat_ice::snatmap::{Location, PAGE_PATH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::check::{Check, Topic};
use crate::servers::HostPort;

/// How long the page may take.
const LIMIT: Duration = Duration::from_secs(2);

/// So much of an answer is read.
const READ_LIMIT: u64 = 64 * 1024;

/// Where an iChat asks for the page: by HTTP on port 80.
const PORT: u16 = 80;

/// The name by which it asks (docs/protocol/snatmap.md, how iChat finds the server \[P\]).
const APPLE: &str = "configuration.apple.com";

/// Asks the host of each SNATMAP server for it.
pub(super) async fn look(servers: Vec<HostPort>) -> Vec<Check> {
    if servers.is_empty() {
        return vec![Check::skipped(Topic::SnatmapPage, "no server was named")];
    }
    let asked = servers.into_iter().map(|server| tokio::spawn(ask(server)));
    let asked: Vec<_> = asked.collect();
    let mut checks = Vec::with_capacity(asked.len());
    for check in asked {
        checks.extend(check.await.ok());
    }
    checks
}

async fn ask(server: HostPort) -> Check {
    let at = HostPort {
        host: server.host.clone(),
        port: PORT,
    };
    let fetched = timeout(LIMIT, fetch(&server.host)).await;
    let check = match fetched {
        Ok(Ok(page)) => judge(&at, server.port, &page),
        Ok(Err(error)) => missing(format!("{at} has none: {error}")),
        Err(_) => missing(format!("{at} does not answer within {} s", LIMIT.as_secs())),
    };
    check.with("server", at.to_string())
}

/// The whole answer, as text.
async fn fetch(host: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((host, PORT)).await?;
    let request = format!("GET {PAGE_PATH} HTTP/1.0\r\nHost: {APPLE}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(READ_LIMIT).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn judge(at: &HostPort, port: u16, answer: &str) -> Check {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .or_else(|| answer.split_once("\n\n"))
        .unwrap_or((answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if !head.starts_with("HTTP/1.") {
        return missing(format!("what answers at {at} is no web server"));
    }
    if status != "200" {
        return missing(format!("{at} answers {}", status_word(status)));
    }
    let Some(location) = Location::find(body) else {
        return missing(format!("{at} has one without a snatmap:// line"));
    };
    let check = if location.port == port {
        Check::ok(
            Topic::SnatmapPage,
            format!("{at} sends old Macs to {location}"),
        )
    } else {
        let message = format!("{at} sends old Macs to {location}, not to port {port}");
        Check::warning(Topic::SnatmapPage, message)
            .advise("start `ichat-call snatmap serve` with the right --advertise")
    };
    check.with("location", location.to_string())
}

/// A status as a few digits, or that there is none.
fn status_word(status: &str) -> String {
    if status.len() == 3 && status.bytes().all(|octet| octet.is_ascii_digit()) {
        format!("with the status {status}")
    } else {
        "without a status".to_owned()
    }
}

fn missing(message: String) -> Check {
    Check::warning(Topic::SnatmapPage, message).advise(
        "old Macs look for it on port 80: `ichat-call snatmap serve --http 0.0.0.0:80` on that host \
         gives it to them",
    )
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    #[test]
    fn only_a_page_with_the_right_line_is_fine() {
        let at = HostPort {
            host: "192.0.2.1".to_owned(),
            port: PORT,
        };
        for (answer, verdict) in [
            (
                "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nsnatmap://192.0.2.1\n",
                Verdict::Ok,
            ),
            ("HTTP/1.0 200 OK\n\nsnatmap://192.0.2.1:5678", Verdict::Ok),
            (
                "HTTP/1.1 200 OK\r\n\r\nsnatmap://192.0.2.1:5679\n",
                Verdict::Warning,
            ),
            ("HTTP/1.1 200 OK\r\n\r\n<html>", Verdict::Warning),
            (
                "HTTP/1.1 301 Moved\r\nLocation: snatmap://x\r\n\r\n",
                Verdict::Warning,
            ),
            ("HTTP/1.1\r\n\r\nsnatmap://x", Verdict::Warning),
            ("SSH-2.0-OpenSSH_9.2p1\r\n", Verdict::Warning),
            ("", Verdict::Warning),
        ] {
            assert_eq!(judge(&at, 5678, answer).verdict, verdict, "{answer}");
        }
    }
}
