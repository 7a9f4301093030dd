//! Looks at the addresses of this machine beside a call, not in it.

use std::io;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::addresses::{LocalAddress, usable_addresses};

type Found = io::Result<Vec<LocalAddress>>;

/// Asks the system for our addresses in a thread of its own: mostly it answers in ten microseconds,
/// but while somebody makes or removes interfaces (containers, virtual machines) Linux makes one wait
/// for the other, up to seconds, in which a call that asked itself would be silent.
#[derive(Debug)]
pub(crate) struct Lookout {
    find: fn() -> Found,
    asked: Option<oneshot::Receiver<Found>>,
}

impl Default for Lookout {
    fn default() -> Self {
        Self {
            find: || usable_addresses(&[]),
            asked: None,
        }
    }
}

impl Lookout {
    /// What was found, if the system has answered since this was called last; else `None`, and it is
    /// being asked, once at a time. Only within a runtime.
    pub(crate) fn look(&mut self) -> Option<Found> {
        let Some(asked) = &mut self.asked else {
            let (answer, asked) = oneshot::channel();
            let find = self.find;
            // Nobody may want it any more.
            tokio::task::spawn_blocking(move || drop(answer.send(find())));
            self.asked = Some(asked);
            return None;
        };
        let found = match asked.try_recv() {
            Ok(found) => Some(found),
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Closed) => None,
        };
        self.asked = None;
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    async fn wait(lookout: &mut Lookout) -> Found {
        let begun = Instant::now();
        loop {
            if let Some(found) = lookout.look() {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "no answer");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn what_the_system_says_is_there_a_moment_later() {
        let mut lookout = Lookout::default();
        for _ in 0..3 {
            let found = wait(&mut lookout).await.unwrap();
            assert_eq!(found, usable_addresses(&[]).unwrap());
        }
    }

    static ASKED: AtomicUsize = AtomicUsize::new(0);

    #[tokio::test]
    async fn a_system_that_takes_its_time_is_not_waited_for_and_asked_once_at_a_time() {
        let mut lookout = Lookout {
            find: || {
                ASKED.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(300));
                Ok(Vec::new())
            },
            asked: None,
        };
        let begun = Instant::now();
        for _ in 0..100 {
            assert!(lookout.look().is_none() || begun.elapsed() >= Duration::from_millis(300));
        }
        assert_eq!(wait(&mut lookout).await.unwrap(), []);
        assert!(begun.elapsed() >= Duration::from_millis(300));
        assert!(ASKED.load(Ordering::Relaxed) <= 2);
    }
}
