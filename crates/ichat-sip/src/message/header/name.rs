//! Header names and their compact forms: RFC 3261 §7.3.3, §20.

use std::fmt;

/// Declares the names that this crate uses, each with its compact letter where it has one.
macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $text:literal $(, $compact:literal)?;)*) => {
        /// A header's name. Open: an unknown one is kept as it came.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum HeaderName {
            $($(#[$doc])* $variant,)*
            /// Any other name.
            Other(String),
        }

        impl HeaderName {
            /// Reads a name, long or compact, without regard to case.
            pub fn parse(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case($text) $(|| text.eq_ignore_ascii_case($compact))? {
                    return Self::$variant;
                })*
                Self::Other(text.to_owned())
            }

            /// The long form, as this crate writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }
    };
}

names! {
    /// The way an answer goes back (§20.42).
    Via = "Via", "v";
    /// How many hops are left (§20.22).
    MaxForwards = "Max-Forwards";
    /// Whom a request is for (§20.39).
    To = "To", "t";
    /// Who sent it (§20.20).
    From = "From", "f";
    /// The call (§20.8).
    CallId = "Call-ID", "i";
    /// The number of a request in its call, and its method (§20.16).
    CSeq = "CSeq";
    /// Where its sender is reached directly (§20.10).
    Contact = "Contact", "m";
    /// Proxies that stay in the path (§20.30).
    RecordRoute = "Record-Route";
    /// Proxies to pass (§20.34).
    Route = "Route";
    /// The sender's software; iChat's begins with `Viceroy` (§20.41).
    UserAgent = "User-Agent";
    /// The answerer's software (§20.35).
    Server = "Server";
    /// Methods that are understood (§20.5).
    Allow = "Allow";
    /// Bodies that are understood (§20.1).
    Accept = "Accept";
    /// Extensions that are understood (§20.37).
    Supported = "Supported", "k";
    /// Extensions that are demanded (§20.32).
    Require = "Require";
    /// What the body is (§20.15).
    ContentType = "Content-Type", "c";
    /// How the body is packed (§20.12).
    ContentEncoding = "Content-Encoding", "e";
    /// How long the body is, in octets (§20.14).
    ContentLength = "Content-Length", "l";
    /// What it is about (§20.36).
    Subject = "Subject", "s";
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_long_names_are_one() {
        assert_eq!(HeaderName::parse("V"), HeaderName::Via);
        assert_eq!(HeaderName::parse("cAlL-iD"), HeaderName::CallId);
        assert_eq!(HeaderName::parse("i"), HeaderName::CallId);
        assert_eq!(HeaderName::parse("X-Odd").as_str(), "X-Odd");
    }
}
