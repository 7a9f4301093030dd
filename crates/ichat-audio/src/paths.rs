//! Files of one call must not be each other.

use std::path::{Path, PathBuf};

use crate::error::FileError;

/// Refuses a set of uses (`("--input", path)`, …) in which one file appears twice.
///
/// An output is truncated when it is opened, so an input of the same name would be lost. Links and
/// relative paths are followed; a file that does not exist yet is compared by its folder.
///
/// # Errors
/// [`FileError::SameFile`] with the two uses.
pub fn distinct_files(uses: &[(&'static str, &Path)]) -> Result<(), FileError> {
    let mut seen: Vec<(&'static str, PathBuf)> = Vec::new();
    for &(purpose, path) in uses {
        let resolved = resolve(path);
        if let Some((first, _)) = seen.iter().find(|(_, other)| *other == resolved) {
            return Err(FileError::SameFile {
                path: path.to_owned(),
                first,
                second: purpose,
            });
        }
        seen.push((purpose, resolved));
    }
    Ok(())
}

/// The absolute path without links, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    if let Ok(resolved) = path.canonicalize() {
        return resolved;
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        (Ok(_) | Err(_), _) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_read_and_written_is_refused() {
        let error = distinct_files(&[
            ("--input", Path::new("Cargo.toml")),
            ("--record", Path::new("no-such.wav")),
            ("--output", Path::new("src/../Cargo.toml")),
        ])
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "src/../Cargo.toml is used twice: as --input and as --output"
        );
    }

    #[test]
    fn two_names_of_a_file_that_is_yet_to_be_made_are_one() {
        assert!(
            distinct_files(&[
                ("--output", Path::new("no-such.wav")),
                ("--record", Path::new("./no-such.wav")),
            ])
            .is_err()
        );
        assert!(
            distinct_files(&[
                ("--output", Path::new("a.wav")),
                ("--record", Path::new("b.wav")),
            ])
            .is_ok()
        );
    }
}
