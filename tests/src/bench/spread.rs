//! A figure that was measured several times.

use std::fmt;
use std::time::Duration;

/// The measured values; shown as their median, and the least and the greatest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    values: Vec<f64>,
}

impl Spread {
    /// Adds a value.
    pub(crate) fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// Adds a time, in milliseconds.
    pub(crate) fn push_ms(&mut self, time: Duration) {
        self.push(time.as_secs_f64() * 1000.0);
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// Each value changed.
    pub(crate) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        self.values.iter().copied().map(change).collect()
    }

    /// The value that this share of all values does not exceed; 0.5 is the median, for which an
    /// even number of values has the mean of the middle two.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)? as f64;
        let at = share.clamp(0.0, 1.0) * last;
        let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        Some(below + (above - below) * at.fract())
    }

    /// The middle value.
    pub(crate) fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// `median (min to max) unit`, or a dash where nothing was measured.
    pub(crate) fn show(&self, unit: &str) -> String {
        let (Some(median), Some(least), Some(most)) =
            (self.median(), self.quantile(0.0), self.quantile(1.0))
        else {
            return "–".to_owned();
        };
        let unit = if unit.is_empty() {
            String::new()
        } else {
            format!(" {unit}")
        };
        if self.count() == 1 {
            return format!("{}{unit}", Digits(median));
        }
        format!(
            "{} ({} to {}){unit}",
            Digits(median),
            Digits(least),
            Digits(most)
        )
    }
}

impl Extend<f64> for Spread {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        self.values.extend(values);
    }
}

impl IntoIterator for Spread {
    type Item = f64;
    type IntoIter = std::vec::IntoIter<f64>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl FromIterator<f64> for Spread {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self {
            values: values.into_iter().collect(),
        }
    }
}

/// A number with as many digits as mean something: three, at most three of them behind the point.
struct Digits(f64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0.abs() {
            100.0.. => 0,
            10.0..100.0 => 1,
            1.0..10.0 => 2,
            _ => 3,
        };
        write!(f, "{:.digits$}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle_and_the_ends_are_shown() {
        let spread: Spread = [4.0, 100.0, 1.0, 2.0].into_iter().collect();
        assert_eq!(spread.median(), Some(3.0));
        assert_eq!(spread.show("ms"), "3.00 (1.00 to 100) ms");
        assert_eq!(Spread::default().show("ms"), "–");
        assert_eq!(Spread::from_iter([0.25]).show("%"), "0.250 %");
    }
}
