//! The pages: what they say, and that nobody who talks badly, slowly or too much keeps them from
//! others.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use scenarios::netns::Host;
use scenarios::{SOON, requires, seconds};

use super::{Server, ask, asker, serve};

const PAGE: &str = "/configurations/macosx/ichat/1/snatmap.txt";

/// Sends octets, and gives all that comes back until the other side closes.
fn exchange(server: SocketAddr, octets: &[u8]) -> String {
    let mut stream = connect(server);
    // The other side may have heard enough.
    let _ = stream.write_all(octets);
    rest(&mut stream)
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("it accepts");
    stream
        .set_read_timeout(Some(seconds(20)))
        .expect("a time-out");
    stream
}

fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it closes");
    String::from_utf8(answer).expect("it is text")
}

/// The body of a page.
pub(super) fn get(server: SocketAddr, path: &str) -> String {
    let answer = exchange(server, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head has an end");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let length = format!("\r\nContent-Length: {}\r\n", body.len());
    assert!(head.contains(&length), "{answer}");
    body.to_owned()
}

/// The status of the answer to these octets; empty where there was none.
fn status(server: SocketAddr, octets: &[u8]) -> String {
    let answer = exchange(server, octets);
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn the_page_says_where_snatmap_is() {
    let server = Server::start(serve());
    assert_eq!(
        get(server.http, PAGE),
        format!("snatmap://{}\n", server.udp)
    );
    // What an old Mac sends.
    let request = format!(
        "GET {PAGE} HTTP/1.1\r\nUser-Agent: iChatAgent/5.0.3\r\nAccept: */*\r\n\
         Accept-Language: en-us\r\nAccept-Encoding: gzip, deflate\r\n\
         Host: configuration.apple.com\r\nConnection: keep-alive\r\n\r\n"
    );
    let answer = exchange(server.http, request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head has an end");
    for line in [
        "Content-Type: text/plain; charset=utf-8",
        "Cache-Control: no-store",
        "Connection: close",
    ] {
        assert!(head.lines().any(|found| found == line), "{head}");
    }
    assert!(
        head.lines().any(|line| line.starts_with("Date: ")),
        "{head}"
    );
    assert_eq!(body, format!("snatmap://{}\n", server.udp));
    server.stop();
}

#[test]
fn the_page_says_what_is_advertised() {
    for (advertised, says) in [
        ("nat.example.org:9999", "snatmap://nat.example.org:9999\n"),
        // Its own port is not written.
        ("nat.example.org:5678", "snatmap://nat.example.org\n"),
    ] {
        let server = Server::start(serve().set("--advertise", advertised));
        assert_eq!(get(server.http, PAGE), says);
        server.stop();
    }
    let server = Server::start(serve().set("--advertise", "192.0.2.7"));
    let says = format!("snatmap://192.0.2.7:{}\n", server.udp.port());
    assert_eq!(get(server.http, PAGE), says);
    server.stop();
}

#[test]
fn a_server_on_all_addresses_names_the_one_that_was_reached() {
    let server = serve()
        .set("--listen", "0.0.0.0:0")
        .set("--http", "0.0.0.0:0");
    let server = Server::start(server);
    for last in [1, 2, 9] {
        let reached = SocketAddr::from(([127, 0, 0, last], server.http.port()));
        let says = format!("snatmap://127.0.0.{last}:{}\n", server.udp.port());
        assert_eq!(get(reached, PAGE), says);
    }
    server.stop();
}

#[test]
fn over_ipv6_the_page_needs_a_name() {
    let on_ipv6 = || {
        serve()
            .set("--listen", "0.0.0.0:0")
            .set("--http", "[::1]:0")
    };
    let server = Server::start(on_ipv6());
    let answer = exchange(
        server.http,
        format!("GET {PAGE} HTTP/1.0\r\n\r\n").as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("--advertise"), "{answer}");
    assert_eq!(get(server.http, "/healthz"), "ok\n");
    server.stop();
    let server = Server::start(on_ipv6().set("--advertise", "nat.example.org:5678"));
    assert_eq!(get(server.http, PAGE), "snatmap://nat.example.org\n");
    server.stop();
}

#[test]
fn head_is_get_without_the_page() {
    let server = Server::start(serve());
    for path in [PAGE, "/healthz"] {
        let of = |method: &str| {
            let request = format!("{method} {path} HTTP/1.0\r\n\r\n");
            let answer = exchange(server.http, request.as_bytes());
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head has an end");
            let lines = head.lines().filter(|line| !line.starts_with("Date: "));
            (lines.map(str::to_owned).collect::<Vec<_>>(), body.len())
        };
        let (whole, only) = (of("GET"), of("HEAD"));
        assert_eq!(whole.0, only.0);
        assert!(whole.1 > 0);
        assert_eq!(only.1, 0);
    }
    server.stop();
}

#[test]
fn each_wrong_request_has_its_status() {
    let server = Server::start(serve());
    let long_target = format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(3000));
    let endless_target = format!("GET /{}", "a".repeat(60_000));
    let long_field = format!("GET / HTTP/1.0\r\nX: {}\r\n\r\n", "a".repeat(8192));
    let many_fields = format!("GET / HTTP/1.0\r\n{}", "X: y\r\n".repeat(10_000));
    let content = "Content-Length: 50000\r\n\r\n";
    let content = format!("GET {PAGE} HTTP/1.0\r\n{content}{}", "a".repeat(50_000));
    let chunked = format!("GET {PAGE} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    let posted = format!("POST {PAGE} HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
    let without_host = format!("GET {PAGE} HTTP/1.1\r\n\r\n");
    let cases: &[(&str, &[u8])] = &[
        ("404", b"GET / HTTP/1.0\r\n\r\n"),
        ("404", b"GET /configurations/ HTTP/1.0\r\n\r\n"),
        ("404", b"POST / HTTP/1.0\r\n\r\n"),
        ("405", posted.as_bytes()),
        ("405", b"DELETE /metrics HTTP/1.0\r\n\r\n"),
        ("400", without_host.as_bytes()),
        ("400", b"GET /healthz\r\n\r\n"),
        ("400", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"),
        ("400", b"hello\r\n\r\n"),
        ("505", b"GET /healthz HTTP/2.0\r\n\r\n"),
        ("413", content.as_bytes()),
        ("413", chunked.as_bytes()),
        ("414", long_target.as_bytes()),
        ("414", endless_target.as_bytes()),
        ("431", long_field.as_bytes()),
        ("431", many_fields.as_bytes()),
        (
            "200",
            b"GET http://configuration.apple.com/healthz HTTP/1.0\r\n\r\n",
        ),
        ("200", b"GET /healthz?a=b HTTP/1.0\n\n"),
        (
            "200",
            b"\r\n\r\nGET /healthz HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        ),
    ];
    for (expected, octets) in cases {
        let start = String::from_utf8_lossy(&octets[..octets.len().min(60)]);
        assert_eq!(&status(server.http, octets), expected, "{start}");
    }
    let put = exchange(
        server.http,
        format!("PUT {PAGE} HTTP/1.0\r\n\r\n").as_bytes(),
    );
    assert!(put.contains("\r\nAllow: GET, HEAD\r\n"), "{put}");
    let of_code = |code: &str| {
        let pages = ["snatmap", "healthz", "metrics", "none"];
        let count = |page: &&str| {
            let labels = format!("{{page=\"{page}\",code=\"{code}\"}}");
            server.counter(&format!("ichat_call_snatmap_http_requests_total{labels}"))
        };
        pages.iter().map(count).sum::<u64>()
    };
    let expected = |code: &str| cases.iter().filter(|(found, _)| *found == code).count() as u64;
    for code in ["404", "400", "505", "413", "414", "431"] {
        assert_eq!(of_code(code), expected(code), "{code}");
    }
    assert_eq!(of_code("405"), expected("405") + 1);
    server.stop();
}

#[test]
fn a_request_may_come_in_pieces_and_its_sender_may_close_its_side() {
    let server = Server::start(serve());
    let mut stream = connect(server.http);
    stream.set_nodelay(true).expect("a socket option");
    for octet in b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" {
        stream.write_all(&[*octet]).expect("it reads");
        std::thread::sleep(Duration::from_millis(2));
    }
    stream.shutdown(Shutdown::Write).expect("it can be closed");
    let answer = rest(&mut stream);
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    // Half a request is a wrong one, none is none.
    let mut stream = connect(server.http);
    stream.write_all(b"GET / HT").expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it can be closed");
    assert!(rest(&mut stream).starts_with("HTTP/1.1 400 "));
    let mut stream = connect(server.http);
    stream.shutdown(Shutdown::Write).expect("it can be closed");
    assert_eq!(rest(&mut stream), "");
    server.stop();
}

#[test]
fn who_talks_slowly_is_cut_off_and_nobody_waits_for_him() {
    let server = Server::start(serve());
    let began = Instant::now();
    let mut silent = connect(server.http);
    let mut slow = connect(server.http);
    let mut writer = slow.try_clone().expect("a socket can be cloned");
    let talking = std::thread::spawn(move || {
        let line = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ".iter().copied();
        for octet in line.chain(std::iter::repeat(b'a')) {
            if writer.write_all(&[octet]).is_err() || began.elapsed() > seconds(19) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let mut served = 0;
    while began.elapsed() < seconds(8) {
        let asked = Instant::now();
        assert_eq!(get(server.http, "/healthz"), "ok\n");
        assert!(asked.elapsed() < seconds(4), "{:?}", asked.elapsed());
        served += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(served > 3);
    let answer = rest(&mut slow);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let took = began.elapsed();
    assert!((9..19).contains(&took.as_secs()), "{took:?}");
    // One who says nothing at all is told nothing.
    assert_eq!(rest(&mut silent), "");
    talking.join().expect("the writer ends");
    server.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn hundreds_of_idle_connections_shut_nobody_out() {
    let server = Server::start(serve());
    let pid = server.program.process().id();
    let descriptors = || {
        let folder = std::fs::read_dir(format!("/proc/{pid}/fd"));
        folder.expect("it runs").count()
    };
    let before = descriptors();
    let mut idle = Vec::new();
    for round in 0..4 {
        for _ in 0..75 {
            let mut stream = connect(server.http);
            stream.write_all(b"GET / HTTP/1.1\r\n").expect("taken");
            idle.push(stream);
        }
        let asked = Instant::now();
        assert_eq!(get(server.http, "/healthz"), "ok\n", "{round}");
        assert!(asked.elapsed() < seconds(4), "{:?}", asked.elapsed());
        ask(&asker([127, 0, 0, 1].into(), server.udp), round);
    }
    let most = descriptors();
    assert!(most <= before + 130, "{before} descriptors, then {most}");
    // Those that were closed for others know it.
    let mut first = idle.remove(0);
    let mut octets = [0; 16];
    assert!(matches!(first.read(&mut octets), Ok(0) | Err(_)));
    drop(idle);
    let deadline = Instant::now() + SOON;
    while descriptors() > before + 2 {
        assert!(Instant::now() < deadline, "{} descriptors", descriptors());
        std::thread::sleep(Duration::from_millis(50));
    }
    server.stop();
}

#[test]
fn connections_that_break_off_are_no_trouble() {
    let server = Server::start(serve());
    for count in 0..200 {
        let mut stream = connect(server.http);
        let request = format!("GET {PAGE} HTTP/1.0\r\n\r\n");
        let part = &request.as_bytes()[..count % request.len()];
        stream.write_all(part).expect("taken");
    }
    assert_eq!(get(server.http, "/healthz"), "ok\n");
    server.stop();
}

#[test]
fn counters_are_in_a_form_that_prometheus_reads() {
    let server = Server::start(serve());
    let first = get(server.http, "/metrics");
    ask(&asker([127, 0, 0, 1].into(), server.udp), 1);
    let second = get(server.http, "/metrics");
    for page in [&first, &second] {
        let mut family = String::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                assert!(matches!(kind, "counter" | "gauge"), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(page.contains(&format!("# HELP {name} ")), "{line}");
                family = name.to_owned();
            } else if !line.starts_with("# HELP ") {
                let (sample, value) = line.rsplit_once(' ').expect("a sample has a value");
                assert!(
                    value.parse::<f64>().is_ok_and(|value| value >= 0.0),
                    "{line}"
                );
                let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
                assert_eq!(name, family, "{line}");
                let labels = labels.strip_suffix('}').expect("labels have an end");
                for label in labels.split(',').filter(|label| !label.is_empty()) {
                    let (key, value) = label.split_once('=').expect("a label has a value");
                    assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{line}");
                    assert!(value.len() > 2 && value.starts_with('"') && value.ends_with('"'));
                }
            }
        }
    }
    let version = format!("{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
    assert!(first.contains(&version), "{first}");
    let answered = "ichat_call_snatmap_datagrams_total{outcome=\"answered\"}";
    assert!(first.contains(&format!("{answered} 0\n")), "{first}");
    assert!(second.contains(&format!("{answered} 1\n")), "{second}");
    server.stop();
}

#[test]
fn without_http_there_are_no_pages() {
    let server = serve().unset("--http").spawn();
    server.wait_for("listening", SOON);
    server.process().interrupt();
    let finished = server.finish(seconds(5));
    finished.assert_status(0);
    assert_eq!(finished.all("listening").len(), 1);
}

#[test]
fn curl_understands_it() {
    requires!("curl");
    let server = Server::start(serve());
    let curl = |words: &[&str]| {
        let output = std::process::Command::new("curl")
            .args([
                "-sS",
                "--max-time",
                "10",
                "-w",
                "%{http_code} %{num_connects}",
            ])
            .args(words)
            .output()
            .expect("curl runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let page = format!("http://{}{PAGE}", server.http);
    let body = format!("snatmap://{}\n", server.udp);
    assert_eq!(curl(&[&page]), format!("{body}200 1"));
    assert_eq!(curl(&["--http1.0", &page]), format!("{body}200 1"));
    // Through a proxy the request has the absolute form.
    let proxy = format!("http://{}", server.http);
    let apple = format!("http://configuration.apple.com{PAGE}");
    assert_eq!(curl(&["--proxy", &proxy, &apple]), format!("{body}200 1"));
    assert!(curl(&["-I", &page]).ends_with("\r\n\r\n200 1"));
    assert!(curl(&["-d", "a=b", &page]).ends_with("405 1"));
    let big = "a".repeat(60_000);
    assert!(curl(&["-X", "GET", "-d", &big, &page]).ends_with("413 1"));
    server.stop();
}

/// Resident memory of a server, in KiB.
pub(super) fn memory_kib(server: &Server) -> u64 {
    Host::memory_kib(server.program.process().id())
}
