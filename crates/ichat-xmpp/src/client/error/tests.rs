//! What the errors say, and which of them may pass.

use super::*;

#[test]
fn messages_are_one_line_and_say_what_to_do() {
    let address = "192.0.2.1:5222".parse().unwrap();
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let errors = [
        ConnectError::Tcp {
            host: "h".into(),
            port: 5222,
            source: refused(),
        },
        ConnectError::TimedOut {
            stage: Stage::Handshake,
            limit: Duration::from_secs(15),
        },
        ConnectError::TlsOffRefused { address },
        ConnectError::NoMechanism {
            offered: vec!["PLAIN".into()],
        },
        ConnectError::Rejected {
            jid: "a@b".into(),
            condition: "not-authorized".into(),
            text: None,
        },
        ConnectError::Impostor {
            jid: "a@b".into(),
            fault: ProofFault::Wrong,
        },
        ConnectError::Certificate {
            domain: "b".into(),
            fault: CertificateFault::UnknownIssuer { pin: [0xab; 32] },
        },
        ConnectError::Rejected {
            jid: "a@b".into(),
            condition: "not-authorized".into(),
            text: Some("Invalid channel binding".into()),
        },
    ];
    let text: Vec<_> = errors
        .iter()
        .map(|error| format!("{}: {error}", error.code()))
        .collect();
    assert!(text.iter().all(|line| !line.contains('\n')));
    insta::assert_snapshot!(text.join("\n"), @r#"
    server-unreachable: cannot connect to h:5222: connection refused; check that the server runs and that no firewall is in the way
    server-unreachable: the server did not answer within 15 s while beginning TLS; check its address and port, and the network
    tls-failed: refusing to sign in to 192.0.2.1:5222 without TLS: it is not on this machine; leave out --tls off, or add --insecure if you know that nobody listens
    auth-failed: the server offers no way to log in that is safe here (it offers PLAIN); PLAIN would show it the password in the clear: use TLS
    auth-failed: the server refused to log in a@b (not-authorized): the password is wrong, or there is no such account
    auth-failed: the server could not prove that it knows the password of a@b (its signature is wrong); it may not be the server it claims to be, so nothing more was sent
    tls-failed: the certificate of b is not accepted: no authority that is trusted here signed it; if the server is your own, trust its authority (--ca FILE) or its key (--pin abababababababababababababababababababababababababababababababab)
    auth-failed: the server refused to log in a@b (not-authorized): the TLS that it sees is not the TLS that we have; somebody may be in between, or a proxy ends TLS in front of it ("Invalid channel binding")
    "#);
}

#[test]
fn each_fault_of_a_certificate_or_of_tls_is_told_in_words() {
    let pin = [0xab; 32];
    let certificate = |fault| ConnectError::Certificate {
        domain: "b".into(),
        fault,
    };
    let tls = |fault| ConnectError::Tls {
        domain: "b".into(),
        fault,
    };
    let errors = [
        certificate(CertificateFault::SelfIssued { pin }),
        certificate(CertificateFault::WrongName {
            names: vec!["c".into()],
            pin,
        }),
        certificate(CertificateFault::Expired { pin }),
        certificate(CertificateFault::NotYetValid { pin }),
        certificate(CertificateFault::WeakSignature { hash: "SHA-1", pin }),
        certificate(CertificateFault::UnknownSignature { pin }),
        certificate(CertificateFault::Purpose { pin }),
        certificate(CertificateFault::KeyNotProven),
        certificate(CertificateFault::Unreadable),
        certificate(CertificateFault::Other {
            rule: "name constraint violation".into(),
            pin,
        }),
        tls(TlsFault::Io(io::ErrorKind::ConnectionReset.into())),
        tls(TlsFault::Version),
        tls(TlsFault::Alert {
            alert: "handshake failure".into(),
        }),
        tls(TlsFault::Incompatible),
        tls(TlsFault::Misbehaved),
        tls(TlsFault::NotTls),
        tls(TlsFault::NoCertificate),
    ];
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let text = lines.join("\n").replace(&"ab".repeat(32), "PIN");
    insta::assert_snapshot!(text, @r#"
    the certificate of b is not accepted: it is that of an authority itself; trust its key instead (--pin PIN)
    the certificate of b is not accepted: it is for c; check the JID, or trust its key (--pin PIN)
    the certificate of b is not accepted: it has expired; the server's owner has to renew it (and the clock here has to be right), or trust its key (--pin PIN)
    the certificate of b is not accepted: it is not valid yet; check the clock here and on the server, or trust its key (--pin PIN)
    the certificate of b is not accepted: it is signed with SHA-1, which proves nothing any more; trust its key instead (--pin PIN)
    the certificate of b is not accepted: it is signed in a way that is not known here; trust its key instead (--pin PIN)
    the certificate of b is not accepted: it is not meant for servers; trust its key instead (--pin PIN)
    the certificate of b is not accepted: the server did not prove that it has the certificate's key; somebody may be in between
    the certificate of b is not accepted: it cannot be read; the server's owner has to make another one
    the certificate of b is not accepted: it breaks a rule for certificates (name constraint violation); the server's owner has to make another one, or trust its key (--pin PIN)
    TLS with b failed: connection reset
    TLS with b failed: the server speaks neither TLS 1.2 nor TLS 1.3
    TLS with b failed: the server broke it off (handshake failure); it has to be set up for TLS 1.2 or 1.3
    TLS with b failed: the server's way of TLS and ours have nothing in common; it has to be set up for TLS 1.2 or 1.3
    TLS with b failed: the server does not keep to the rules of TLS
    TLS with b failed: what the server said is no TLS; is this the port for TLS from the first octet?
    TLS with b failed: the server shows no certificate
    "#);
}

#[test]
fn what_the_server_has_refused_is_not_tried_again() {
    let rejected = |condition: &str| ConnectError::Rejected {
        jid: "a@b".into(),
        condition: condition.into(),
        text: None,
    };
    let refused = |condition: &str| {
        ConnectError::Refused(StreamFault {
            condition: condition.into(),
            text: None,
        })
    };
    for error in [
        rejected("not-authorized"),
        rejected("account-disabled"),
        refused("conflict"),
        refused("policy-violation"),
        ConnectError::NoMechanism {
            offered: Vec::new(),
        },
        ConnectError::Impostor {
            jid: "a@b".into(),
            fault: ProofFault::Wrong,
        },
    ] {
        assert!(!error.may_pass(), "{error}");
    }
    for error in [
        rejected("temporary-auth-failure"),
        refused("system-shutdown"),
        ConnectError::Certificate {
            domain: "b".into(),
            fault: CertificateFault::Expired { pin: [0xab; 32] },
        },
        ConnectError::Lost {
            stage: Stage::LoggingIn,
            source: None,
        },
    ] {
        assert!(error.may_pass(), "{error}");
    }
}
