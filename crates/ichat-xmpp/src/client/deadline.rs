//! One limit over several steps.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::{ConnectError, Stage};

/// When all the steps have to be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        Self {
            at: Instant::now() + limit,
            limit,
        }
    }

    /// The first half of what is left.
    pub(super) fn half(self) -> Self {
        let now = Instant::now();
        let half = self.at.saturating_duration_since(now) / 2;
        Self {
            at: now + half,
            // Errors name it.
            limit: Duration::from_secs(half.as_secs()).max(Duration::from_secs(1)),
        }
    }

    /// Does one step; gives it up when the time for all of them is over.
    pub(super) async fn run<T>(
        self,
        stage: Stage,
        step: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        timeout_at(self.at, step)
            .await
            .map_err(|_| ConnectError::TimedOut {
                stage,
                limit: self.limit,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn all_steps_share_the_time() {
        let deadline = Deadline::after(Duration::from_secs(3));
        deadline
            .run(Stage::Connecting, sleep(Duration::from_secs(2)))
            .await
            .unwrap();
        let begun = Instant::now();
        let error = deadline
            .run(Stage::Handshake, pending::<()>())
            .await
            .unwrap_err();
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        assert_eq!(error.code(), "server-unreachable");
        assert!(
            error.to_string().contains("within 3 s while beginning TLS"),
            "{error}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_half_leaves_the_other_half() {
        let deadline = Deadline::after(Duration::from_secs(8));
        let begun = Instant::now();
        for seconds in [4, 6] {
            let step = deadline.half().run(Stage::Connecting, pending::<()>());
            assert!(step.await.is_err());
            assert_eq!(begun.elapsed().as_secs(), seconds);
        }
    }
}
