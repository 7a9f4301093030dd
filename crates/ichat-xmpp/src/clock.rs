//! The time of day, for whoever asks (XEP-0202 Entity Time, XEP-0090 in its older form).
//!
//! The machine has no clock: it is told once what time it was at some moment.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use minidom::Element;
use xmpp_parsers::ns as standard;

use crate::ns;

/// The time of day at one moment, from which that at any other follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    /// The moment.
    pub at: Instant,
    /// What time it was then.
    pub time: SystemTime,
}

impl WallClock {
    /// The answer to `urn:xmpp:time`. The zone is always UTC: where we are is nobody's business.
    pub(crate) fn to_element(self, now: Instant) -> Element {
        let date = Date::of(self.seconds(now));
        let child =
            |name: &str, text: String| Element::builder(name, standard::TIME).append(text).build();
        Element::builder("time", standard::TIME)
            .append(child("tzo", "+00:00".to_owned()))
            .append(child("utc", date.extended()))
            .build()
    }

    /// The answer to `jabber:iq:time`.
    pub(crate) fn to_old_element(self, now: Instant) -> Element {
        let date = Date::of(self.seconds(now));
        let child =
            |name: &str, text: String| Element::builder(name, ns::TIME_OLD).append(text).build();
        Element::builder("query", ns::TIME_OLD)
            .append(child("utc", date.basic()))
            .append(child("tz", "UTC".to_owned()))
            .append(child("display", date.extended()))
            .build()
    }

    /// Seconds since 1970, 0 for a clock that is set before it.
    fn seconds(self, now: Instant) -> u64 {
        let then = self
            .time
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let passed = now.saturating_duration_since(self.at).as_secs();
        let before = self.at.saturating_duration_since(now).as_secs();
        then.saturating_add(passed).saturating_sub(before)
    }
}

/// A moment of the Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
    second: u64,
}

impl Date {
    /// Counts in years that begin in March, so that the leap day comes last, and in eras of 400
    /// years, which all have 146,097 days.
    fn of(seconds: u64) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        const ERA: u64 = 146_097;
        /// From the 1st of March of the year 0 to the 1st of January 1970.
        const EPOCH: u64 = 719_468;
        let days = seconds / DAY + EPOCH;
        let (era, of_era) = (days / ERA, days % ERA);
        // Every 4th year has a day more, every 100th has not, the last of an era has.
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // March to July, August to December and January on: five months of 153 days each.
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let in_new_year = month >= 10;
        Self {
            year: era * 400 + year_of_era + u64::from(in_new_year),
            month: if in_new_year { month - 9 } else { month + 3 },
            day,
            second: seconds % DAY,
        }
    }

    /// `2026-11-22T20:52:01Z` (XEP-0082).
    fn extended(self) -> String {
        let (hour, minute, second) = self.clock();
        let Self {
            year, month, day, ..
        } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// `20261122T20:52:01` (XEP-0090 §2).
    fn basic(self) -> String {
        let (hour, minute, second) = self.clock();
        let Self {
            year, month, day, ..
        } = self;
        format!("{year:04}{month:02}{day:02}T{hour:02}:{minute:02}:{second:02}")
    }

    fn clock(self) -> (u64, u64, u64) {
        (self.second / 3600, self.second / 60 % 60, self.second % 60)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_that_calendars_get_wrong_are_right() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_795_380_721, "2026-11-22T20:52:01Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Date::of(seconds).extended(), text);
        }
        assert_eq!(Date::of(1_795_380_721).basic(), "20261122T20:52:01");
    }

    #[test]
    fn every_day_of_a_thousand_years_follows_the_one_before() {
        let mut before = Date::of(0);
        for day in 1..365_000 {
            let next = Date::of(day * 86_400);
            let in_order =
                (before.year, before.month, before.day) < (next.year, next.month, next.day);
            let to_next_day = next.day == before.day + 1 || next.day == 1 && before.day >= 28;
            assert!(in_order && to_next_day, "{before:?} {next:?}");
            before = next;
        }
    }

    #[test]
    fn time_passes_and_clocks_can_be_wrong() {
        let at = Instant::now();
        let clock = |time| WallClock { at, time };
        let noon = clock(UNIX_EPOCH + Duration::from_secs(43_200));
        assert_eq!(noon.seconds(at + Duration::from_secs(5)), 43_205);
        assert_eq!(clock(UNIX_EPOCH - Duration::from_secs(9)).seconds(at), 0);
    }
}
