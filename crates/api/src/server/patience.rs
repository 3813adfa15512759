//! How long a connection waits for the head of a request.
//!
//! hyper sets a timer for each request and drops it when the head has come,
//! nearly always at once. Here a connection has one alarm for all of them: it
//! is not moved while it rings early enough, and when it rings too early it is
//! set anew. So it is moved once in a time-out and not once a request.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use tokio::time::{Sleep as Alarm, sleep};

/// The timer of one connection.
#[derive(Clone, Debug)]
pub(super) struct Patience(Shared);

// A std lock: held while the alarm is looked at, by the connection's own task.
type Shared = Arc<Mutex<Pin<Box<Alarm>>>>;

impl Patience {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Box::pin(sleep(Duration::ZERO)))))
    }
}

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { alarm: Arc::clone(&self.0), deadline })
    }
}

/// Resolves at a moment, by the alarm of the connection.
struct Until {
    alarm: Shared,
    deadline: Instant,
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let alarm = self.alarm.lock();
        let mut alarm = alarm.unwrap_or_else(PoisonError::into_inner);
        let rings_in_time = alarm.deadline().into_std() <= self.deadline;
        // The clock is read only once it rings: nearly never.
        if rings_in_time && alarm.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        alarm.as_mut().reset(self.deadline.into());
        alarm.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn takes(timer: &Patience, duration: Duration) -> Duration {
        let begun = Instant::now();
        timer.sleep(duration).await;
        begun.elapsed()
    }

    #[tokio::test]
    async fn every_wait_ends_at_its_own_deadline_whatever_was_waited_before() {
        let timer = Patience::new();
        let ms = Duration::from_millis;
        for wait in [30, 60, 10, 0, 40, 5].map(ms) {
            let taken = takes(&timer, wait).await;
            assert!(taken >= wait, "{wait:?} took {taken:?}");
            assert!(taken < wait + ms(2000), "{wait:?} took {taken:?}");
        }
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_does_not_shorten_the_next() {
        let timer = Patience::new();
        let ms = Duration::from_millis;
        let given_up = tokio::time::timeout(ms(10), timer.sleep(ms(50))).await;
        assert!(given_up.is_err());
        assert!(takes(&timer, ms(120)).await >= ms(120));
        let given_up = tokio::time::timeout(ms(5), timer.sleep(ms(9000))).await;
        assert!(given_up.is_err());
        assert!(takes(&timer, ms(20)).await < ms(5000), "the alarm is moved");
    }
}
