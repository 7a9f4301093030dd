use super::*;
use std::net::{Ipv4Addr, SocketAddr};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep};

fn record(priority: u16, weight: u16, host: &str) -> Record {
    let target = Target {
        host: host.into(),
        port: 5222,
        direct: false,
    };
    Record {
        priority,
        weight,
        target,
    }
}

fn direct(priority: u16, weight: u16, host: &str) -> Record {
    let mut record = record(priority, weight, host);
    record.target.direct = true;
    record
}

fn hosts(offer: &Offer) -> Vec<&str> {
    match offer {
        Offer::Hosts(targets) => targets.iter().map(|target| target.host.as_str()).collect(),
        Offer::Unknown | Offer::None => Vec::new(),
    }
}

#[test]
fn a_lower_priority_number_always_comes_first() {
    for seed in 0..50 {
        let records = vec![
            record(20, 65535, "c"),
            record(10, 0, "b"),
            record(10, 0, "a"),
            record(30, 0, "d"),
        ];
        let targets = in_order(records, &mut Lot::new(seed));
        let order: String = targets.iter().map(|target| target.host.as_str()).collect();
        assert!(order == "abcd" || order == "bacd", "{order}");
    }
}

#[test]
fn among_equals_a_host_comes_first_as_often_as_its_weight_says() {
    let mut first = [0_u32; 3];
    for seed in 0..4000 {
        let records = vec![record(0, 0, "2"), record(0, 30, "1"), record(0, 10, "0")];
        let targets = in_order(records, &mut Lot::new(seed));
        assert_eq!(targets.len(), 3, "each is tried once");
        first[targets[0].host.parse::<usize>().unwrap()] += 1;
    }
    // 10 and 30 in 41, and one that is hardly ever the first, but sometimes.
    assert!((860..1090).contains(&first[0]), "{first:?}");
    assert!((2800..3060).contains(&first[1]), "{first:?}");
    assert!((50..160).contains(&first[2]), "{first:?}");
}

#[test]
fn starttls_and_tls_at_once_are_one_list() {
    let offer = choose(
        vec![record(10, 0, "second"), record(30, 0, "fourth")],
        vec![direct(20, 0, "third"), direct(5, 0, "first")],
        &mut Lot::new(1),
    );
    assert_eq!(hosts(&offer), ["first", "second", "third", "fourth"]);
    let Offer::Hosts(targets) = offer else {
        panic!()
    };
    let direct: Vec<_> = targets.iter().map(|target| target.direct).collect();
    assert_eq!(direct, [true, false, true, false]);
}

#[test]
fn a_domain_that_denies_one_service_may_have_the_other() {
    let choose = |starttls, direct| choose(starttls, direct, &mut Lot::new(1));
    let denial = || vec![record(0, 0, "")];
    assert_eq!(choose(denial(), Vec::new()), Offer::None);
    assert_eq!(choose(denial(), denial()), Offer::None);
    assert_eq!(hosts(&choose(denial(), vec![direct(0, 0, "a")])), ["a"]);
    assert_eq!(hosts(&choose(vec![record(0, 0, "a")], denial())), ["a"]);
    // No word about STARTTLS: the domain itself may have it.
    assert_eq!(choose(Vec::new(), denial()), Offer::Unknown);
    assert_eq!(choose(Vec::new(), Vec::new()), Offer::Unknown);
}

#[test]
fn an_endless_list_is_cut() {
    let many = (0..500).map(|n| record(n, 0, &format!("h{n}"))).collect();
    let offer = choose(many, Vec::new(), &mut Lot::new(1));
    assert_eq!(hosts(&offer).len(), TARGET_LIMIT);
    assert_eq!(hosts(&offer)[0], "h0");
}

#[tokio::test]
async fn addresses_and_this_machine_need_no_dns() {
    for (domain, host) in [
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
    ] {
        let expected = Target {
            host: host.into(),
            port: CLIENT_PORT,
            direct: false,
        };
        let found = targets(domain, true).await.unwrap();
        assert_eq!(found, (vec![expected], Origin::Domain));
    }
}

/// What a name server knows of one name.
struct Entry {
    name: &'static str,
    /// Priority, weight, port, target.
    records: Vec<(u16, u16, u16, &'static str)>,
    delay: Duration,
}

fn entry(name: &'static str, records: &[(u16, u16, u16, &'static str)]) -> Entry {
    Entry {
        name,
        records: records.to_vec(),
        delay: Duration::ZERO,
    }
}

/// A name server on this machine, and a resolver that asks it. What it does not know it denies; a
/// name without records it answers with none.
async fn name_server(entries: Vec<Entry>) -> TokioResolver {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let socket = std::sync::Arc::new(socket);
    let entries = std::sync::Arc::new(entries);
    tokio::spawn(async move {
        let mut octets = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut octets).await {
            let (socket, entries) = (socket.clone(), entries.clone());
            let query = octets[..length].to_vec();
            tokio::spawn(async move { respond(&socket, &entries, &query, from).await });
        }
    });
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![connection]);
    let config = ResolverConfig::from_name_servers(vec![server]);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .build()
        .unwrap()
}

async fn respond(socket: &UdpSocket, entries: &[Entry], query: &[u8], from: SocketAddr) {
    // Header: id, flags, questions, answers, authorities, additions; 2 octets each.
    let mut end = 12;
    let mut name = String::new();
    while query[end] != 0 {
        let length = usize::from(query[end]);
        name.push_str(std::str::from_utf8(&query[end + 1..=end + length]).unwrap());
        name.push('.');
        end += 1 + length;
    }
    end += 5; // the root label, type and class
    let entry = entries.iter().find(|entry| entry.name == name);
    let mut answer = query[..2].to_vec();
    // Response, recursion desired and available; no error, or NXDOMAIN.
    answer.extend([0x81, if entry.is_some() { 0x80 } else { 0x83 }]);
    let records = entry.map(|entry| entry.records.clone()).unwrap_or_default();
    answer.extend([0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
    answer.extend(&query[12..end]);
    for (priority, weight, port, target) in records {
        let mut labels = Vec::new();
        for label in target.split('.').filter(|label| !label.is_empty()) {
            labels.push(u8::try_from(label.len()).unwrap());
            labels.extend(label.bytes());
        }
        labels.push(0);
        // The question's name, SRV, IN, 60 s, length.
        answer.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0]);
        answer.push(u8::try_from(6 + labels.len()).unwrap());
        for number in [priority, weight, port] {
            answer.extend(number.to_be_bytes());
        }
        answer.extend(labels);
    }
    if let Some(entry) = entry {
        sleep(entry.delay).await;
    }
    socket.send_to(&answer, from).await.unwrap();
}

const STARTTLS: &str = "_xmpp-client._tcp.im.test.";
const DIRECT: &str = "_xmpps-client._tcp.im.test.";

async fn asked(entries: Vec<Entry>, tls: bool) -> Offer {
    let resolver = name_server(entries).await;
    offer(&resolver, "im.test", tls, &mut Lot::new(1)).await
}

#[tokio::test]
async fn a_name_server_is_asked_for_both_services() {
    let entries = || {
        vec![
            entry(
                STARTTLS,
                &[(20, 5, 5222, "b.im.test"), (10, 5, 5269, "a.im.test")],
            ),
            entry(DIRECT, &[(15, 5, 443, "c.im.test")]),
        ]
    };
    let target = |host: &str, port, direct| Target {
        host: host.into(),
        port,
        direct,
    };
    let all = [
        target("a.im.test", 5269, false),
        target("c.im.test", 443, true),
        target("b.im.test", 5222, false),
    ];
    assert_eq!(asked(entries(), true).await, Offer::Hosts(all.into()));
    // Without TLS there is nothing for us on a port where TLS begins at once.
    assert_eq!(
        hosts(&asked(entries(), false).await),
        ["a.im.test", "b.im.test"]
    );
}

#[tokio::test]
async fn a_name_server_that_knows_nothing_sends_us_to_the_domain_itself() {
    assert_eq!(asked(Vec::new(), true).await, Offer::Unknown);
    let empty = vec![entry(STARTTLS, &[]), entry(DIRECT, &[])];
    assert_eq!(asked(empty, true).await, Offer::Unknown);
    let denial = vec![entry(STARTTLS, &[(0, 0, 0, ".")])];
    assert_eq!(asked(denial, true).await, Offer::None);
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_only_where_there_is_no_other() {
    let slow = |mut entry: Entry, delay| {
        entry.delay = Duration::from_millis(delay);
        entry
    };
    let starttls = [(10, 0, 5222, "a.im.test")];
    let begun = Instant::now();
    let entries = vec![
        entry(STARTTLS, &starttls),
        slow(entry(DIRECT, &[(5, 0, 443, "late.im.test")]), 60_000),
    ];
    assert_eq!(hosts(&asked(entries, true).await), ["a.im.test"]);
    assert!(begun.elapsed() < SRV_LIMIT, "{:?}", begun.elapsed());

    // The other service is denied at once, which names no server.
    let entries = vec![slow(entry(STARTTLS, &starttls), 1500), entry(DIRECT, &[])];
    assert_eq!(hosts(&asked(entries, true).await), ["a.im.test"]);
}
