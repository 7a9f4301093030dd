//! The two forms of ringing, and which of them a call may use.

use std::fmt;

use crate::caps::{self, ExtToken};

/// Which of the two forms of ringing (docs/protocol/README.md, two dialects).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// A list of addresses, SIP straight to one of them.
    Legacy,
    /// An invitation with candidates, connectivity checks first.
    Conference,
}

impl Dialect {
    /// What to advertise in order to be rung in this dialect.
    ///
    /// Legacy is `avavail avcap audio` \[G\]; conference is every known token \[C\].
    pub fn tokens(self) -> Vec<ExtToken> {
        match self {
            Self::Legacy => vec![ExtToken::AvAvail, ExtToken::AvCap, ExtToken::Audio],
            Self::Conference => caps::known_tokens().collect(),
        }
    }

    /// The dialect in which whoever advertises these tokens expects to be rung: conference with
    /// `ice` or `recauth` \[I\].
    pub fn of_tokens(tokens: &[ExtToken]) -> Self {
        let modern = |token| matches!(token, &ExtToken::Ice | &ExtToken::RecAuth);
        if tokens.iter().any(modern) {
            Self::Conference
        } else {
            Self::Legacy
        }
    }

    /// The name in texts and events: `legacy` or `conference`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Conference => "conference",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which forms a call of ours may take, and what we advertise (docs/contract.md, `--dialect`).
/// Whatever comes in is answered in kind all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CallDialect {
    /// Legacy alone, which real Macs are known to take.
    #[default]
    Legacy,
    /// Conference alone.
    Conference,
    /// Legacy; and once conference, at a device that refuses the form.
    Auto,
}

impl CallDialect {
    /// What is advertised, as [`Dialect::tokens`] of it.
    pub fn advertised(self) -> Dialect {
        self.first()
    }

    /// The form in which a device is rung first.
    pub fn first(self) -> Dialect {
        match self {
            Self::Legacy | Self::Auto => Dialect::Legacy,
            Self::Conference => Dialect::Conference,
        }
    }

    /// The name of the option: `legacy`, `conference` or `auto`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Conference => "conference",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for CallDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_advertised_tells_the_dialect() {
        for dialect in [Dialect::Legacy, Dialect::Conference] {
            assert_eq!(Dialect::of_tokens(&dialect.tokens()), dialect);
        }
        assert_eq!(Dialect::of_tokens(&[]), Dialect::Legacy);
        for token in [ExtToken::Ice, ExtToken::RecAuth] {
            assert_eq!(Dialect::of_tokens(&[token]), Dialect::Conference);
        }
    }

    #[test]
    fn auto_looks_and_begins_like_legacy() {
        for (choice, dialect) in [
            (CallDialect::Legacy, Dialect::Legacy),
            (CallDialect::Auto, Dialect::Legacy),
            (CallDialect::Conference, Dialect::Conference),
        ] {
            assert_eq!((choice.advertised(), choice.first()), (dialect, dialect));
        }
        assert_eq!(CallDialect::Auto.to_string(), "auto");
    }
}
