//! Signing in: what is given where, and what is said when it does not work. What depends on the
//! server is in `servers`.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use scenarios::ichat_call::{self, Finished, Invocation, text};
use scenarios::ports::{LOOPBACK, free_tcp};
use scenarios::prosody::{Account, Prosody, Security};
use scenarios::{SOON, requires, requires_ipv6, seconds};

use crate::prosodies;

/// Starts `answer`, waits until it is online, and interrupts it.
fn signs_in(we: Invocation) -> Finished {
    let we = we.flag("--auto").spawn();
    we.wait_for("online", SOON);
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_status(0).assert_no_error();
    we
}

fn does_not_sign_in(we: Invocation, code: &str) -> Finished {
    let we = we.flag("--auto").spawn().finish(seconds(60));
    we.assert_no_sign_in(code);
    we
}

#[test]
fn our_resource_is_random_and_says_what_we_are() {
    requires!("prosody");
    let account = Prosody::shared().account("amy");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let we = signs_in(ichat_call::answer().account(&account));
        let jid = text(we.last("online"), "jid").to_owned();
        let (bare, resource) = jid.split_once('/').expect("a full JID");
        assert_eq!(bare, account.jid);
        let digits = resource
            .strip_prefix("ichat-call-")
            .expect("the program's name");
        assert!(
            digits.len() == 4 && digits.chars().all(|digit| digit.is_ascii_hexdigit()),
            "{jid}"
        );
        seen.push(jid);
    }
    let named = signs_in(
        ichat_call::answer()
            .account(&account)
            .set("--resource", "desk"),
    );
    assert_eq!(
        text(named.last("online"), "jid"),
        format!("{}/desk", account.jid)
    );
}

#[test]
fn the_text_for_people_says_that_the_password_is_wrong() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .password("no-such-secret")
        .for_people()
        .spawn();
    let we = we.finish(seconds(20));
    we.assert_status(1);
    assert_eq!(we.errors.lines().count(), 1, "{}", we.transcript);
    assert!(we.output.is_empty(), "{}", we.transcript);
}

#[test]
fn a_password_comes_from_the_first_line_of_a_file() {
    requires!("prosody");
    let account = Prosody::shared().account("amy");
    let we = ichat_call::answer().account(&account).without_password();
    let file = we.file(
        "password",
        format!("{}\nsomething else\n", account.password),
    );
    signs_in(we.set("--password-file", file));
    let we = ichat_call::answer().account(&account).without_password();
    let file = we.file("password", "");
    we.set("--password-file", file)
        .flag("--auto")
        .spawn()
        .finish(SOON)
        .assert_status(2);
}

#[test]
fn the_account_may_stand_in_the_configuration_file() {
    requires!("prosody");
    let account = Prosody::shared().account("amy");
    let we = ichat_call::answer().password(&account.password);
    let file = we.file(
        "config.toml",
        format!(
            "jid = \"{}\"\nserver = \"{}\"\ntls = \"off\"\nauto = true\nresource = \"file\"\n",
            account.jid, account.server
        ),
    );
    let we = we.set("--config", file).spawn();
    let online = we.wait_for("online", SOON);
    assert_eq!(text(&online, "jid"), format!("{}/file", account.jid));
    we.process().interrupt();
    we.finish(seconds(5)).assert_status(0);
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let account = Account {
        jid: "amy@im.test".to_owned(),
        password: "secret".to_owned(),
        server: (LOOPBACK, free_tcp()).into(),
        security: Security::Plain,
    };
    does_not_sign_in(ichat_call::answer().account(&account), "server-unreachable");
    let call = ichat_call::call("mac@im.test").account(&account).spawn();
    call.finish(seconds(60))
        .assert_no_sign_in("server-unreachable");
    let nowhere = ichat_call::answer()
        .account(&account)
        .set("--server", "no-such-host.invalid");
    does_not_sign_in(nowhere.set("--tls", "required"), "server-unreachable");
}

#[test]
fn a_server_may_be_named_by_its_ipv6_address() {
    requires!("prosody");
    requires_ipv6!();
    let server = Prosody::configured(Security::Plain, &|folder, address| {
        prosodies::at(&["127.0.0.1", "::1"], folder, address, "", "")
    });
    let account = server.account("amy");
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, account.server.port()));
    let account = account.through(six);
    let port = six.port();
    for named in [format!("[::1]:{port}"), format!("[0:0::0:1]:{port}")] {
        let we = ichat_call::answer().account(&account);
        signs_in(we.set("--server", named));
    }
    // Without a port: nobody is at 5222.
    let free = TcpListener::bind(("::1", 5222)).is_ok();
    let we = ichat_call::answer()
        .account(&account)
        .set("--server", "[::1]");
    if free {
        let we = does_not_sign_in(we, "server-unreachable");
        let message = text(we.last("error"), "message");
        assert!(
            message.contains("::1") && message.contains("5222"),
            "{message}"
        );
    }
}

/// A server that says this to whoever connects, and then nothing or good-bye.
fn odd_server(says: &'static [u8], stays: bool) -> Account {
    let listener = TcpListener::bind((LOOPBACK, 0)).expect("a port is free");
    let server = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut guests = Vec::new();
        for mut guest in listener.incoming().flatten() {
            let _ = guest.write_all(says);
            if stays {
                guests.push(guest);
            } else {
                // Read what came, so that it goes without a reset.
                let _ = guest.read(&mut [0; 4096]);
            }
        }
    });
    let (jid, password) = ("amy@im.test".to_owned(), "secret".to_owned());
    Account {
        jid,
        password,
        server,
        security: Security::Plain,
    }
}

#[test]
fn a_server_that_says_nothing_or_goodbye_or_nonsense_is_unreachable() {
    let octets: &[(&[u8], bool)] = &[
        (b"", false),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", false),
        (b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
           version='1.0'><stream:features/></stream:stream>", false),
        (b"\x00\xff\xfe<<<<>>>>&&&", true),
        (b"", true),
    ];
    // Beside each other: the last one takes as long as the longest patience.
    std::thread::scope(|scope| {
        for &(says, stays) in octets {
            scope.spawn(move || {
                let account = odd_server(says, stays);
                let we = ichat_call::answer()
                    .account(&account)
                    .flag("--auto")
                    .spawn();
                let we = we.finish(seconds(90));
                we.assert_no("online").assert_no("ended").assert_status(1);
                assert_eq!(we.all("error").len(), 1, "{}", we.transcript);
            });
        }
    });
}

#[test]
fn without_tls_nothing_is_sent_to_a_server_unless_we_are_told() {
    requires!("prosody");
    let account = Prosody::shared().account("amy");
    let we = ichat_call::answer().account(&account).unset("--tls");
    does_not_sign_in(we, "tls-failed");
    // A server elsewhere, in a network that is for documentation only.
    let away = ichat_call::answer()
        .account(&account)
        .set("--server", "192.0.2.1:5222");
    away.flag("--auto")
        .spawn()
        .finish(SOON)
        .assert_status(2)
        .assert_no("online");
}
