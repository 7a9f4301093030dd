//! A network in memory for tests: hosts, NATs after RFC 4787, loss, delay, virtual time.
