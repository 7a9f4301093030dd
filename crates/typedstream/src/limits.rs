//! How much of a peer's archive is believed.

use crate::DecodeError;

/// Units of work that any archive may take.
const WORK_BASE: usize = 4096;
/// Units of work for each octet of the archive: an octet of a type encoding that is looked at, or
/// an event, is one. The archives of real programs take less than 1, an array of a thousand empty
/// rectangles takes 19.
const WORK_PER_OCTET: usize = 32;

/// Bounds on what an archive may take to read.
///
/// They are kept by construction: nothing is allocated before it is counted, and the total work is
/// linear in the length of the archive whatever the limits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest archive, in octets. Default: 1 MiB.
    pub octets: usize,
    /// Deepest nesting of objects, arrays and structs. Default: 32.
    pub depth: usize,
    /// Most entries of each of the two tables: one holds objects, classes and C strings, the other
    /// the shared strings. Default: 10,000.
    pub objects: usize,
    /// Most memory, in octets, that reading may hold at any time, the tables and the decoded
    /// [`Archive`](crate::Archive) included. Default: 1 MiB.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            octets: 1 << 20,
            depth: 32,
            objects: 10_000,
            memory: 1 << 20,
        }
    }
}

/// What is left of the limits that are used up.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    work_limit: usize,
    work_left: usize,
    memory_limit: usize,
    memory_left: usize,
}

impl Budget {
    pub(crate) fn new(limits: &Limits, octets: usize) -> Self {
        let work_limit = octets
            .saturating_mul(WORK_PER_OCTET)
            .saturating_add(WORK_BASE);
        Self {
            work_limit,
            work_left: work_limit,
            memory_limit: limits.memory,
            memory_left: limits.memory,
        }
    }

    /// Counts work; `offset` is where it is done.
    #[inline]
    pub(crate) fn work(&mut self, offset: usize, units: usize) -> Result<(), DecodeError> {
        let Some(left) = self.work_left.checked_sub(units) else {
            return Err(DecodeError::TooMuchWork {
                offset,
                limit: self.work_limit,
            });
        };
        self.work_left = left;
        Ok(())
    }

    /// Counts memory that is about to be allocated.
    pub(crate) fn allocate(&mut self, offset: usize, octets: usize) -> Result<(), DecodeError> {
        let Some(left) = self.memory_left.checked_sub(octets) else {
            return Err(DecodeError::TooMuchMemory {
                offset,
                limit: self.memory_limit,
            });
        };
        self.memory_left = left;
        Ok(())
    }

    /// Gives memory back.
    pub(crate) fn free(&mut self, octets: usize) {
        self.memory_left = self.memory_left.saturating_add(octets);
    }

    /// Makes room for one more element, counted before it is allocated.
    ///
    /// A vector begins with room for `first`, and then grows by a quarter and not twofold: what
    /// counts is the peak, while the old and the new one both exist.
    #[inline]
    pub(crate) fn reserve<T>(
        &mut self,
        offset: usize,
        vec: &mut Vec<T>,
        first: usize,
    ) -> Result<(), DecodeError> {
        if vec.len() < vec.capacity() {
            return Ok(());
        }
        self.grow(offset, vec, first)
    }

    #[cold]
    fn grow<T>(
        &mut self,
        offset: usize,
        vec: &mut Vec<T>,
        first: usize,
    ) -> Result<(), DecodeError> {
        let old = vec.capacity().saturating_mul(size_of::<T>());
        let extra = if vec.is_empty() {
            first
        } else {
            vec.len() / 4 + 3
        };
        let new = vec
            .len()
            .saturating_add(extra)
            .saturating_mul(size_of::<T>());
        self.allocate(offset, new)?;
        vec.reserve_exact(extra);
        self.free(old);
        Ok(())
    }

    /// Cuts what [`reserve`](Self::reserve) allocated too much.
    pub(crate) fn shrink<T>(&mut self, vec: &mut Vec<T>) {
        let old = vec.capacity();
        vec.shrink_to_fit();
        self.free(old.saturating_sub(vec.capacity()) * size_of::<T>());
    }
}
