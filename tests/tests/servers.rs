//! What holds of signing in, and of a call, at every server: Prosody and ejabberd.

use std::path::PathBuf;
use std::time::Instant;

use scenarios::ejabberd::Ejabberd;
use scenarios::ichat_call::{self, Finished, Invocation, text};
use scenarios::prosody::{Account, MISNAMED, Prosody, Security};
use scenarios::relay::Relay;
use scenarios::tls::Authority;
use scenarios::xmpp::base64;
use scenarios::{SOON, seconds};

/// A server that is shared by the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    Prosody,
    Ejabberd,
}

impl Site {
    fn account(self, security: Security) -> Account {
        match (self, security) {
            (Self::Prosody, Security::Plain) => Prosody::shared().account("amy"),
            (Self::Prosody, _) => Prosody::shared_with_tls().account("amy").by(security),
            (Self::Ejabberd, _) => Ejabberd::shared().account(security, "amy"),
        }
    }

    /// Two that sign in with TLS and are contacts.
    fn pair(self) -> (Account, Account) {
        match self {
            Self::Prosody => Prosody::shared_with_tls().pair(),
            Self::Ejabberd => Ejabberd::shared().pair(Security::StartTls),
        }
    }

    /// One at a domain for which the server has no certificate.
    fn misnamed(self) -> Account {
        match self {
            Self::Prosody => Prosody::shared_with_tls().account_at(MISNAMED, "amy"),
            Self::Ejabberd => Ejabberd::shared().account_at(MISNAMED, Security::StartTls, "amy"),
        }
    }

    fn authority(self) -> Authority {
        match self {
            Self::Prosody => Prosody::shared_with_tls().authority(),
            Self::Ejabberd => Ejabberd::shared().authority(),
        }
    }

    fn ca(self) -> PathBuf {
        self.authority().certificate()
    }

    /// How often the server refused this account before it let it in; `None` if it does not tell.
    fn refusals(self, account: &Account) -> Option<usize> {
        let let_in = format!("authentication for {} by", account.jid);
        let log = match self {
            // Its log is silent about that.
            Self::Prosody => return None,
            Self::Ejabberd => Ejabberd::shared().log_with(&let_in),
        };
        let is_refusal = |line: &&str| line.contains("Failed c2s") && line.contains(&account.jid);
        Some(log.lines().filter(is_refusal).count())
    }
}

/// Each of these at each server.
macro_rules! at_each_server {
    ($($name:ident),+ $(,)?) => {
        mod prosody {
            $(#[test]
            fn $name() {
                scenarios::requires!("prosody", "openssl");
                super::$name(super::Site::Prosody);
            })+
        }
        mod ejabberd {
            $(#[test]
            fn $name() {
                scenarios::requires!("ejabberdctl", "openssl");
                super::$name(super::Site::Ejabberd);
            })+
        }
    };
}

at_each_server!(
    a_certificate_is_trusted_by_its_authority_or_its_key_and_by_nothing_else,
    a_certificate_for_another_name_is_refused_but_its_key_may_be_trusted,
    a_wrong_password_is_told_at_once_and_tried_once,
    a_server_that_does_not_prove_that_it_knows_the_password_is_refused,
    where_tls_was_taken_out_of_the_offer_nothing_is_told,
    a_server_that_wants_tls_is_not_given_a_password_without,
    a_call_between_two_who_signed_in_with_tls_works,
);

fn we(account: &Account) -> Invocation {
    ichat_call::answer().account(account).flag("--auto")
}

/// Starts it, waits until it is online, and interrupts it.
fn signs_in(we: Invocation) -> Finished {
    let we = we.spawn();
    we.wait_for("online", SOON);
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_status(0).assert_no_error();
    we
}

fn does_not_sign_in(we: Invocation, code: &str) -> Finished {
    let we = we.spawn().finish(seconds(60));
    we.assert_no_sign_in(code);
    assert_eq!(we.all("error").len(), 1, "{}", we.transcript);
    we
}

fn a_certificate_is_trusted_by_its_authority_or_its_key_and_by_nothing_else(site: Site) {
    let stranger = Authority::new();
    stranger.issue("im.test");
    for security in [Security::StartTls, Security::DirectTls] {
        let account = site.account(security);
        signs_in(we(&account).set("--ca", site.ca()));
        does_not_sign_in(
            we(&account).set("--ca", stranger.certificate()),
            "tls-failed",
        );
        // The system's roots do not know it.
        let refused = does_not_sign_in(we(&account), "tls-failed");
        let pin = site.authority().pin();
        let message = text(refused.last("error"), "message");
        assert!(message.contains(&pin), "it says what to trust: {message}");
        signs_in(we(&account).set("--pin", &pin));
        does_not_sign_in(we(&account).set("--pin", stranger.pin()), "tls-failed");
    }
}

fn a_certificate_for_another_name_is_refused_but_its_key_may_be_trusted(site: Site) {
    let account = site.misnamed();
    let refused = does_not_sign_in(we(&account).set("--ca", site.ca()), "tls-failed");
    let message = text(refused.last("error"), "message");
    assert!(
        message.contains("im.test") && message.contains(MISNAMED),
        "both names are told: {message}"
    );
    signs_in(we(&account).set("--pin", site.authority().pin()));
}

fn a_wrong_password_is_told_at_once_and_tried_once(site: Site) {
    let wrong = |account: &Account| we(account).password("no-such-secret");
    for security in [Security::StartTls, Security::DirectTls] {
        let account = site.account(security);
        let before = Instant::now();
        let refused = does_not_sign_in(wrong(&account).set("--ca", site.ca()), "auth-failed");
        assert!(before.elapsed() < seconds(10), "{}", refused.transcript);
        let message = text(refused.last("error"), "message");
        assert!(
            message.contains("the password is wrong") && message.contains(&account.jid),
            "{message}"
        );
        signs_in(we(&account).set("--ca", site.ca()));
        assert!(site.refusals(&account).is_none_or(|count| count == 1));
    }
    // Counted between us and the server, with TLS and without.
    let account = site.account(Security::StartTls);
    let relay = Relay::to(account.server);
    let through = wrong(&account.at(relay.address())).set("--ca", site.ca());
    does_not_sign_in(through, "auth-failed");
    assert_eq!(relay.connections(), 1);
    let account = site.account(Security::Plain);
    let relay = Relay::to(account.server);
    does_not_sign_in(wrong(&account.through(relay.address())), "auth-failed");
    assert_eq!(relay.connections(), 1);
    assert_eq!(
        relay.said().matches("<auth ").count(),
        1,
        "{}",
        relay.said()
    );
    let unknown = Account {
        jid: account.jid.replace("amy", "nobody"),
        ..account.through(relay.address())
    };
    does_not_sign_in(we(&unknown), "auth-failed");
    assert_eq!(relay.connections(), 2);
    let call = ichat_call::call("mac@im.test").account(&account.through(relay.address()));
    let call = call.password("no-such-secret").spawn();
    call.finish(seconds(20)).assert_no_sign_in("auth-failed");
    assert_eq!(relay.connections(), 3);
}

/// What stands in the first element of this name.
fn content<'a>(said: &'a str, element: &str) -> Option<&'a str> {
    let start = said.find(&format!("<{element} "))?;
    let open = start + said.get(start..)?.find('>')? + 1;
    said.get(open..)?.split("</").next()
}

fn a_server_that_does_not_prove_that_it_knows_the_password_is_refused(site: Site) {
    let account = site.account(Security::Plain);
    let honest = Relay::lying(account.server, |said| said);
    signs_in(we(&account.through(honest.address())));
    assert!(
        honest.said().contains("mechanism='SCRAM-SHA-") || honest.said().contains("\"SCRAM-SHA-"),
        "{}",
        honest.said()
    );
    // Another signature; none; none, and no challenge before either.
    let lies: [fn(String) -> String; 3] = [
        |said| match content(&said, "success") {
            Some(proof) => said.replace(proof, &base64(b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
            None => said,
        },
        |said| match content(&said, "success") {
            Some(proof) => said.replace(proof, ""),
            None => said,
        },
        |said| match said.find("<challenge ") {
            Some(_) => "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(),
            None => said,
        },
    ];
    for lie in lies {
        let liar = Relay::lying(account.server, lie);
        let refused = does_not_sign_in(we(&account.through(liar.address())), "auth-failed");
        let message = text(refused.last("error"), "message");
        assert!(!message.contains("password is wrong"), "{message}");
        assert_eq!(liar.connections(), 1, "{}", refused.transcript);
        assert!(!liar.said().contains("xmpp-bind"), "{}", liar.said());
    }
}

fn where_tls_was_taken_out_of_the_offer_nothing_is_told(site: Site) {
    let account = site.account(Security::StartTls);
    let thief = Relay::lying(account.server, |said| {
        let Some(start) = said.find("<starttls") else {
            return said;
        };
        let end = said
            .find("</starttls>")
            .map_or(start, |at| at + "</starttls>".len());
        let rest = said.get(end..).unwrap_or_default();
        format!(
            "{}<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>PLAIN</mechanism></mechanisms>{rest}",
            &said[..start]
        )
    });
    let through = account.at(thief.address());
    does_not_sign_in(we(&through).set("--ca", site.ca()), "tls-failed");
    assert_eq!(thief.connections(), 1);
    assert!(!thief.said().contains("<auth"), "{}", thief.said());
    // That it was the relay which kept us from it.
    let honest = Relay::to(account.server);
    let through = account.at(honest.address());
    signs_in(we(&through).set("--ca", site.ca()));
    assert!(!honest.said().contains("<auth"), "{}", honest.said());
}

fn a_server_that_wants_tls_is_not_given_a_password_without(site: Site) {
    let account = site.account(Security::StartTls);
    let relay = Relay::to(account.server);
    let clear = account.through(relay.address());
    does_not_sign_in(we(&clear).set("--tls", "off"), "tls-failed");
    assert!(!relay.said().contains("<auth"), "{}", relay.said());
}

fn a_call_between_two_who_signed_in_with_tls_works(site: Site) {
    let (amy, ben) = site.pair();
    let callee = ichat_call::answer()
        .account(&ben.by(Security::DirectTls))
        .set("--ca", site.ca());
    let callee = callee.flag("--auto").flag("--once").spawn();
    callee.wait_for("online", SOON);
    let caller = ichat_call::call(&ben.jid)
        .account(&amy)
        .set("--ca", site.ca());
    let caller = caller.set("--duration", "1").spawn().finish(seconds(20));
    caller.assert_reason("hangup").assert_nothing_lost();
    callee
        .finish(SOON)
        .assert_reason("remote-hangup")
        .assert_nothing_lost();
}
