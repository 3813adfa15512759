//! One timer for everything that a connection waits for.
//!
//! Deadlines change with every request, the timer hardly ever: it is moved when
//! it would ring too late, and set anew when it rings too early. So a request
//! costs no timer.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Far enough to mean never.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The timer of one connection.
#[derive(Debug)]
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    deadline: Instant,
}

impl Alarm {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self { sleep: Box::pin(sleep_until(deadline)), deadline }
    }

    pub(crate) fn set(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// The deadline after `wait`; 0 means never.
    pub(crate) fn set_after(&mut self, now: Instant, wait: Duration) {
        self.deadline = now + if wait.is_zero() { NEVER } else { wait };
    }

    /// Ready once the deadline has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleep.deadline() > self.deadline {
            self.sleep.as_mut().reset(self.deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_last_deadline_that_was_set() {
        let begun = Instant::now();
        let secs = Duration::from_secs;
        let mut alarm = Alarm::new(begun + secs(60));
        let early = tokio::time::timeout(secs(1), poll_fn(|cx| alarm.poll(cx)));
        assert!(early.await.is_err());
        alarm.set_after(begun, secs(10));
        poll_fn(|cx| alarm.poll(cx)).await;
        assert_eq!(begun.elapsed().as_secs(), 10);
        alarm.set_after(Instant::now(), secs(5));
        alarm.set_after(Instant::now(), secs(30));
        poll_fn(|cx| alarm.poll(cx)).await;
        assert_eq!(begun.elapsed().as_secs(), 40);
        alarm.set_after(Instant::now(), secs(0));
        let never =
            tokio::time::timeout(secs(9999), poll_fn(|cx| alarm.poll(cx)));
        assert!(never.await.is_err());
    }
}
