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
}
