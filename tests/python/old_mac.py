"""Logs in to an XMPP server as a program of 2005 does: TLS 1.0 and PLAIN or DIGEST-MD5.

    old_mac.py [--port N] [--direct] [--mechanism NAME] --ca FILE SERVER JID

The password is the variable OLD_MAC_PASSWORD, or asked for. --direct begins TLS at once, at port
5223. Prints one JSON object. Ends with status 1 and one line if the server does not let it in.
"""

import argparse
import base64
import getpass
import hashlib
import json
import os
import re
import secrets
import socket
import ssl
import sys
import warnings
import xml.etree.ElementTree as ElementTree

STREAMS = "http://etherx.jabber.org/streams"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
# An RSA key exchange, AES-128 and SHA-1; OpenSSL 3 has TLS 1.0 at its security level 0 only.
CIPHERS = "AES128-SHA:@SECLEVEL=0"
SECONDS = 15


class Refused(Exception):
    """The server does not let us in."""


class Stream:
    """An XMPP stream that is read element by element."""

    def __init__(self, connection, domain):
        self.connection = connection
        self.parser = ElementTree.XMLPullParser(("start", "end"))
        self.depth = 0
        self.send(
            f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' "
            f"xmlns='jabber:client' xmlns:stream='{STREAMS}'>"
        )

    def send(self, text):
        self.connection.sendall(text.encode())

    def element(self):
        """The next child of the stream."""
        while True:
            for event, element in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if event == "end" and self.depth == 1:
                    return element
            octets = self.connection.recv(65536)
            if not octets:
                raise Refused("the server closed the connection")
            self.parser.feed(octets)

    def expect(self, *names):
        element = self.element()
        if element.tag not in names:
            raise Refused(ElementTree.tostring(element, encoding="unicode"))
        return element


def secured(connection, authority, domain):
    """The connection with TLS 1.0."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        # That it is old is what it is for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(CIPHERS)
    context.load_verify_locations(authority)
    return context.wrap_socket(connection, server_hostname=domain)


def encoded(octets):
    return base64.b64encode(octets).decode()


def plain(stream, user, password, _domain):
    """RFC 4616."""
    token = encoded(f"\0{user}\0{password}".encode())
    stream.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth>")


def digest_md5(stream, user, password, domain):
    """RFC 2831 with qop=auth. The server proves that it knows the password, too."""
    stream.send(f"<auth xmlns='{SASL}' mechanism='DIGEST-MD5'/>")
    challenge = base64.b64decode(stream.expect(f"{{{SASL}}}challenge").text).decode()
    values = {
        name: quoted or bare
        for name, quoted, bare in re.findall(r'([a-z]+)=(?:"([^"]*)"|([^,]*))', challenge)
    }
    realm, nonce, own = values.get("realm", domain), values["nonce"], secrets.token_hex(16)
    uri = f"xmpp/{domain}"

    def md5(*parts):
        return hashlib.md5(b":".join(parts))

    def text(value):
        return value.encode()

    secret = md5(text(user), text(realm), text(password)).digest()
    session = text(md5(secret, text(nonce), text(own)).hexdigest())

    def proof(method):
        asked = text(md5(text(method), text(uri)).hexdigest())
        return md5(session, text(nonce), b"00000001", text(own), b"auth", asked).hexdigest()

    response = (
        f'username="{user}",realm="{realm}",nonce="{nonce}",cnonce="{own}",nc=00000001,qop=auth,'
        f'digest-uri="{uri}",response={proof("AUTHENTICATE")},charset=utf-8'
    )
    stream.send(f"<response xmlns='{SASL}'>{encoded(text(response))}</response>")
    answer = stream.expect(f"{{{SASL}}}challenge")
    if base64.b64decode(answer.text).decode() != f"rspauth={proof('')}":
        raise Refused("the server does not know the password either")
    stream.send(f"<response xmlns='{SASL}'/>")


MECHANISMS = {"PLAIN": plain, "DIGEST-MD5": digest_md5}


def log_in(arguments, password):
    user, domain = arguments.jid.split("@")
    port = arguments.port or (5223 if arguments.direct else 5222)
    connection = socket.create_connection((arguments.server, port), SECONDS)
    if not arguments.direct:
        stream = Stream(connection, domain)
        stream.expect(f"{{{STREAMS}}}features")
        stream.send(f"<starttls xmlns='{TLS}'/>")
        stream.expect(f"{{{TLS}}}proceed")
    connection = secured(connection, arguments.ca, domain)
    stream = Stream(connection, domain)
    features = stream.expect(f"{{{STREAMS}}}features")
    offered = [found.text for found in features.iter(f"{{{SASL}}}mechanism")]
    if arguments.mechanism not in offered:
        raise Refused(f"it offers {', '.join(offered)} and no {arguments.mechanism}")
    MECHANISMS[arguments.mechanism](stream, user, password, domain)
    stream.expect(f"{{{SASL}}}success")
    stream = Stream(connection, domain)
    stream.expect(f"{{{STREAMS}}}features")
    stream.send(f"<iq type='set' id='1'><bind xmlns='{BIND}'/></iq>")
    bound = stream.expect("{jabber:client}iq")
    stream.send("</stream:stream>")
    return {
        "tls": connection.version(),
        "cipher": connection.cipher()[0],
        "offered": offered,
        "mechanism": arguments.mechanism,
        "jid": bound.findtext(f".//{{{BIND}}}jid"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int)
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--mechanism", choices=sorted(MECHANISMS), default="PLAIN")
    parser.add_argument("--ca", required=True)
    parser.add_argument("server")
    parser.add_argument("jid")
    arguments = parser.parse_args()
    password = os.environ.get("OLD_MAC_PASSWORD") or getpass.getpass()
    try:
        print(json.dumps(log_in(arguments, password)))
    except (Refused, OSError, ElementTree.ParseError) as error:
        sys.exit(f"not logged in: {error}")


if __name__ == "__main__":
    main()
