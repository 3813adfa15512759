//! How far an exchange has come, whose move it is, and who is late.
//!
//! hyper asks for a body only while the other side has room for it, so a body
//! cannot watch its own reader. Whoever moves bytes says so here, and somebody
//! who is not held up looks at it from time to time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{exchange::RATE_WINDOW, fault::Fault};

/// How often a slow client is looked at.
const SAMPLE: Duration = Duration::from_millis(2_500);

/// Bytes that a client of HTTP/2 may have taken without a word: windows are
/// opened in steps, and a frame shows when it is whole.
const AHEAD: u64 = 32 * 1024;

/// The state of one exchange. All of it moves on one thread.
#[derive(Debug)]
pub(crate) struct Progress {
    born: Instant,
    /// Bytes of both bodies.
    moved: AtomicU64,
    /// When something moved last, in milliseconds after `born`.
    touched: AtomicU64,
    /// The head of the response is on its way.
    answered: AtomicBool,
    /// The next move is the client's; else it is the server's.
    client: AtomicBool,
    too_large: AtomicBool,
    /// A frame of the client is under way, which nothing can overtake; it will
    /// show when it is whole.
    frame: Arc<AtomicBool>,
}

impl Progress {
    /// Nothing has moved; `frame` is true while the client's connection is
    /// inside a frame with a body.
    pub(crate) fn new(frame: Arc<AtomicBool>) -> Self {
        Self {
            born: Instant::now(),
            moved: AtomicU64::new(0),
            touched: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            client: AtomicBool::new(false),
            too_large: AtomicBool::new(false),
            frame,
        }
    }

    /// The client has not sent the next piece of its body yet. Once there is a
    /// response this means nothing: both may have gone over to a conversation.
    pub(crate) fn upload_waits(&self) {
        if !self.answered.load(Relaxed) {
            self.client.store(true, Relaxed);
        }
    }

    /// So much of it came; or its end.
    pub(crate) fn uploaded(&self, bytes: usize) {
        self.moved(bytes);
        if !self.answered.load(Relaxed) {
            self.client.store(false, Relaxed);
        }
    }

    /// The body is longer than allowed: whatever breaks now, this is why.
    pub(crate) fn is_too_large(&self) {
        self.too_large.store(true, Relaxed);
    }

    pub(crate) fn was_too_large(&self) -> bool {
        self.too_large.load(Relaxed)
    }

    /// A server is asked, or another one.
    pub(crate) fn begins(&self) {
        self.moved(0);
    }

    /// There is a response.
    pub(crate) fn answers(&self) {
        self.moved(0);
        self.answered.store(true, Relaxed);
        self.client.store(true, Relaxed);
    }

    /// The client has taken what it was last given; it gets more.
    pub(crate) fn downloaded(&self, bytes: usize) {
        self.moved(bytes);
        self.client.store(true, Relaxed);
    }

    /// The server has not sent the next piece yet.
    pub(crate) fn download_waits(&self) {
        if self.client.swap(false, Relaxed) {
            self.moved(0);
        }
    }

    /// For how long nothing has moved.
    pub(crate) fn silent(&self) -> Duration {
        let touched = Duration::from_millis(self.touched.load(Relaxed));
        self.born.elapsed().saturating_sub(touched)
    }

    fn moved(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Relaxed);
        let age = self.born.elapsed().as_millis();
        self.touched.store(u64::try_from(age).unwrap_or(u64::MAX), Relaxed);
    }

    /// Waits for the head of a response: no longer than the server may be
    /// silent (0 is no limit) once the client is no longer waited for, and no
    /// longer than the client keeps its pace.
    pub(crate) async fn in_time<T>(
        &self,
        first_byte: Duration,
        rate: u64,
        head: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        self.begins();
        tokio::select! {
            biased;
            head = head => head,
            late = self.late(first_byte, rate) => Err(late),
        }
    }

    async fn late(&self, first_byte: Duration, rate: u64) -> Fault {
        let mut look = Look::new(rate);
        loop {
            let clients = self.client.load(Relaxed);
            let rest = first_byte.saturating_sub(self.silent());
            let step = match clients || first_byte.is_zero() {
                true => SAMPLE,
                false => SAMPLE.min(rest),
            };
            sleep(step).await;
            let clients = self.client.load(Relaxed);
            let slack = match self.frame.load(Relaxed) {
                true => Pace::worth(rate, AHEAD),
                false => Duration::ZERO,
            };
            if !look.keeps_pace(self, step, clients, slack) {
                return Fault::ClientSlow;
            }
            let over = !clients && self.silent() >= first_byte;
            if over && !first_byte.is_zero() {
                return Fault::FirstByte;
            }
        }
    }

    /// Resolves when the client takes the response too slowly; 0 is no rate.
    pub(crate) async fn slow_reader(&self, rate: u64) {
        if rate == 0 {
            return std::future::pending().await;
        }
        let mut look = Look::new(rate);
        loop {
            sleep(SAMPLE).await;
            let clients =
                self.answered.load(Relaxed) && self.client.load(Relaxed);
            if !look.keeps_pace(self, SAMPLE, clients, Duration::ZERO) {
                return;
            }
        }
    }
}

/// Somebody who looks now and then.
struct Look {
    pace: Pace,
    seen: u64,
}

impl Look {
    fn new(rate: u64) -> Self {
        Self { pace: Pace::new(rate, AHEAD), seen: 0 }
    }

    fn keeps_pace(
        &mut self,
        progress: &Progress,
        step: Duration,
        clients: bool,
        slack: Duration,
    ) -> bool {
        let moved = progress.moved.load(Relaxed);
        let bytes = moved - std::mem::replace(&mut self.seen, moved);
        if !clients {
            self.pace.rests();
            return true;
        }
        self.pace.keeps(step, bytes, slack)
    }
}

/// A least rate: every byte pays for some time, and the first seconds are free.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Bytes a second; 0 is none.
    rate: u64,
    /// What has been paid for and not used.
    credit: Duration,
    /// More than this is not kept.
    most: Duration,
    /// Used beyond the credit.
    debt: Duration,
}

impl Pace {
    /// `ahead` bytes may be paid for in advance.
    pub(crate) fn new(rate: u64, ahead: u64) -> Self {
        let most = RATE_WINDOW + Self::worth(rate, ahead);
        Self { rate, credit: RATE_WINDOW, most, debt: Duration::ZERO }
    }

    /// Somebody else was waited for.
    pub(crate) fn rests(&mut self) {
        self.credit = self.credit.max(RATE_WINDOW);
        self.debt = Duration::ZERO;
    }

    /// How long a byte may be waited for; `None` is for ever.
    pub(crate) fn patience(&self) -> Option<Duration> {
        (self.rate > 0).then_some(self.credit)
    }

    /// Whether the pace is kept after a wait in which some bytes came. `slack`
    /// is for bytes that do not show yet.
    pub(crate) fn keeps(
        &mut self,
        waited: Duration,
        bytes: u64,
        slack: Duration,
    ) -> bool {
        if self.rate == 0 {
            return true;
        }
        let paid = self.credit + Self::worth(self.rate, bytes);
        let used = waited + self.debt;
        self.credit = paid.saturating_sub(used).min(self.most);
        self.debt = used.saturating_sub(paid);
        self.debt < slack || self.debt.is_zero() && !self.credit.is_zero()
    }

    /// The time in which so many bytes are due.
    fn worth(rate: u64, bytes: u64) -> Duration {
        let micros = bytes.saturating_mul(1_000_000).checked_div(rate);
        Duration::from_micros(micros.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn who_keeps_the_rate_is_never_late_and_who_does_not_is_in_ten_seconds() {
        let mut steady = Pace::new(500, 0);
        assert!((0..1_000).all(|_| steady.keeps(seconds(1), 500, NONE)));
        let mut bursts = Pace::new(500, 0);
        assert!((0..100).all(|_| bursts.keeps(seconds(9), 5_000, NONE)));
        let mut silent = Pace::new(500, 0);
        assert!(silent.keeps(seconds(9), 0, NONE));
        assert!(!silent.keeps(seconds(1), 0, NONE));
        let mut drips = Pace::new(500, 0);
        let late = (0..100).position(|_| !drips.keeps(seconds(1), 5, NONE));
        assert_eq!(late, Some(10));
        let mut free = Pace::new(0, 0);
        assert!(free.keeps(seconds(3_600), 0, NONE));
        assert_eq!(free.patience(), None);
    }

    #[test]
    fn what_was_taken_at_once_pays_for_a_bounded_time() {
        let mut pace = Pace::new(500, 32 * 1024);
        assert!(pace.keeps(seconds(1), 1 << 30, NONE));
        // 32 KiB at 500 bytes a second, and the ten seconds of everybody.
        let late = (0..1_000).position(|_| !pace.keeps(seconds(1), 0, NONE));
        assert_eq!(late, Some(75));
        pace.rests();
        assert_eq!(pace.patience(), Some(RATE_WINDOW));
        assert!(!pace.keeps(seconds(10), 0, NONE));
        pace.rests();
        assert!(pace.keeps(seconds(12), 0, seconds(5)));
        assert!(!pace.keeps(seconds(4), 0, seconds(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_upload_is_not_late_and_a_silent_server_is() {
        let progress = Progress::new(Arc::default());
        let begun = Instant::now();
        let upload = async {
            for _ in 0..120 {
                progress.upload_waits();
                sleep(seconds(1)).await;
                progress.uploaded(1_000);
            }
            std::future::pending::<Result<(), Fault>>().await
        };
        let late = progress.in_time(seconds(5), 500, upload).await;
        assert!(matches!(late, Err(Fault::FirstByte)), "{late:?}");
        assert_eq!(begun.elapsed().as_secs(), 125);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_upload_and_a_slow_reader_are_told_from_a_slow_server() {
        let secs = |begun: Instant| begun.elapsed().as_secs();
        let never = std::future::pending::<Result<(), Fault>>;
        let progress = Progress::new(Arc::default());
        progress.upload_waits();
        let begun = Instant::now();
        let late = progress.in_time(seconds(5), 500, never()).await;
        assert!(matches!(late, Err(Fault::ClientSlow)), "{late:?}");
        assert_eq!(secs(begun), 10);
        progress.frame.store(true, Relaxed);
        let begun = Instant::now();
        let late = progress.in_time(seconds(5), 500, never()).await;
        assert!(matches!(late, Err(Fault::ClientSlow)), "{late:?}");
        assert!((75..=78).contains(&secs(begun)), "{}", secs(begun));

        let progress = Progress::new(Arc::default());
        progress.answers();
        let begun = Instant::now();
        progress.slow_reader(500).await;
        assert_eq!(secs(begun), 10);
        progress.download_waits();
        let waits = progress.slow_reader(500);
        let waited = tokio::time::timeout(seconds(3_600), waits).await;
        assert!(waited.is_err(), "the server is waited for");
    }
}
