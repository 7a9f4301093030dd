//! Typedstream archives.
