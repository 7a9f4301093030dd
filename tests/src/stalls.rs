//! How late this machine is: what takes longer than it should on a machine that is too busy is
//! nobody's fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long it sleeps at a time.
const NAP: Duration = Duration::from_millis(5);

/// A thread that only sleeps, and notes by how much it wakes up too late.
#[derive(Debug)]
pub struct Stalls {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    longest_us: AtomicU64,
    is_over: AtomicBool,
}

impl Stalls {
    /// From now on.
    pub fn watch() -> Self {
        let shared = Arc::new(Shared::default());
        let its = shared.clone();
        let thread = std::thread::spawn(move || {
            while !its.is_over.load(Ordering::Relaxed) {
                let asleep = Instant::now();
                std::thread::sleep(NAP);
                let late = asleep.elapsed().saturating_sub(NAP);
                let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
                its.longest_us.fetch_max(late, Ordering::Relaxed);
            }
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// The longest so far.
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.shared.longest_us.load(Ordering::Relaxed))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_sleeps_is_late_by_something_and_less_than_it_was_watched() {
        let begun = Instant::now();
        let stalls = Stalls::watch();
        while stalls.longest() == Duration::ZERO {
            assert!(begun.elapsed() < crate::SOON, "nothing is ever late");
            std::thread::sleep(NAP);
        }
        assert!(stalls.longest() < begun.elapsed());
    }
}
