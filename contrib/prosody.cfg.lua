-- Prosody 0.12 for a private network with old Macs: iChat on Mac OS X 10.4 to 10.7 beside the
-- programs of today. The guide that goes with it: docs/guides/a-server-for-old-macs.md.
--
-- To use it:
--   1. Put your server's name in place of macs.home.arpa, everywhere in this file.
--   2. Make a certificate, and put it and its key where "certificate" and "key" below say.
--   3. Copy this file to /etc/prosody/prosody.cfg.lua, and restart Prosody.
--
-- What it weakens, against Prosody as it comes:
--   * TLS 1.0 and 1.1 are spoken, and cipher suites with SHA-1, and some without forward secrecy:
--     who records a Mac's connection and gets the server's key later can read the recording, with
--     the password in it. Weaknesses of TLS 1.0 itself are known, too.
--   * Programs of today lose little by that: the best version that both sides have is used, and
--     ichat-call takes TLS 1.2 or 1.3 and nothing else.
-- So: keep this server in your own network, give its accounts passwords that are used nowhere
-- else, and do not let it talk to other servers.

-- Where it listens: at all addresses of this machine. Better, if its address never changes:
-- interfaces = { "192.168.1.10" }
interfaces = { "*" }

-- 5222: TLS begins after the greeting (STARTTLS). 5223: it begins at once, which is what iChat
-- does if "Use SSL" is ticked.
c2s_ports = { 5222 }
c2s_direct_tls_ports = { 5223 }

-- Nothing goes without TLS, not for old Macs either: here they send a password as it is (PLAIN).
c2s_require_encryption = true
allow_unencrypted_plain_auth = false

ssl = {
	-- Relative to the folder of this file. The key must be RSA: Macs of that time know no other.
	certificate = "certs/macs.home.arpa.crt";
	key = "certs/macs.home.arpa.key";

	-- These two lines let old Macs in. Without them the oldest version is TLS 1.2.
	-- OpenSSL 3 has TLS 1.0 at its security level 0 only, and Prosody's own list leaves out
	-- the cipher suites of then.
	protocol = "tlsv1+";
	ciphers = "DEFAULT:AES128-SHA:@SECLEVEL=0";
}

-- The server keeps no password, but what it takes to check one. Programs of today prove that they
-- have it (SCRAM); an iChat sends it through TLS.
authentication = "internal_hashed"

-- Accounts are made by you: prosodyctl adduser anna@macs.home.arpa
allow_registration = false

modules_enabled = {
	"roster"; -- contacts
	"saslauth"; -- logging in
	"tls";
	"disco"; -- who can do what
	"offline"; -- keeps messages for those who are away
	"private"; -- old clients keep things here (XEP-0049)
	"vcard"; -- iChat's pictures (XEP-0054)
	"ping"; -- finds out that a connection is dead
	"time";
	"version";
	"smacks"; -- a connection that breaks is taken up again (XEP-0198)
	"limits"; -- see below
	"posix";

	-- How Jabber clients logged in before 2004 (XEP-0078). Try it if an old client is refused
	-- although its password is right. Here, too, the password goes through TLS only.
	-- "legacyauth";
}

-- No other servers, in or out.
modules_disabled = { "s2s" }

-- The usual 10 kB a second holds up an invitation to a call while a list of contacts is loaded.
-- Nobody in your own network is to be slowed down.
limits = {
	c2s = { rate = "256kb/s" };
}

pidfile = "/run/prosody/prosody.pid"

-- "Stream encrypted (TLSv1 with AES128-SHA)" in here is an old Mac that got in.
log = {
	info = "/var/log/prosody/prosody.log";
	error = "/var/log/prosody/prosody.err";
}

VirtualHost "macs.home.arpa"
