//! The one table that is printed.

use std::fmt;
use std::path::Path;

use crate::options::Options;
use crate::spread::Spread;

/// Rows with a figure of ours and, where there is one, baresip's beside it.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    /// Adds a row: what it is, ours, baresip's, both in this unit.
    pub(crate) fn row(&mut self, what: &str, ours: &Spread, theirs: &Spread, unit: &str) {
        let count = match (ours.count(), theirs.count()) {
            (ours, 0) => ours.to_string(),
            (ours, theirs) if ours == theirs => ours.to_string(),
            (ours, theirs) => format!("{ours}, {theirs}"),
        };
        self.rows
            .push([what.to_owned(), ours.show(unit), theirs.show(unit), count]);
    }

    /// Adds a row of ours alone.
    pub(crate) fn ours(&mut self, what: &str, ours: &Spread, unit: &str) {
        self.row(what, ours, &Spread::default(), unit);
    }

    /// Adds what is known without running anything.
    pub(crate) fn sizes(&mut self, options: &Options) {
        let devices = options.with_devices.as_deref();
        for (what, path) in [
            (
                "Size of the program, stripped, without devices",
                Some(options.program.as_path()),
            ),
            ("The same with devices", devices),
        ] {
            let size: Spread = path.and_then(mebibytes).into_iter().collect();
            self.ours(what, &size, "MiB");
        }
        if let Some(build) = options.build {
            let seconds = Spread::from_iter([build.as_secs_f64()]);
            self.ours("Clean release build, without devices", &seconds, "s");
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | ichat-call | baresip | measured |")?;
        writeln!(f, "|---|---:|---:|---:|")?;
        for [what, ours, theirs, count] in &self.rows {
            writeln!(f, "| {what} | {ours} | {theirs} | {count} |")?;
        }
        Ok(())
    }
}

fn mebibytes(path: &Path) -> Option<f64> {
    let size = path.metadata().ok()?.len();
    Some(size as f64 / f64::from(1 << 20))
}
