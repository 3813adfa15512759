//! How far downloads are, for whoever waits in front of the screen.
//!
//! A terminal gets one bar a source, everything else a plain line every ten
//! seconds, so a log stays readable. Both write where they are told to.

use std::{
    collections::BTreeMap,
    fmt,
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{
    HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle,
};

/// Pause between two plain lines about one source.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Receives the course of downloads; calls for one source come in order, those
/// for several sources mix.
pub trait Progress: Send + Sync {
    /// A download begins; `total` in bytes, if the server says it.
    fn begin(&self, source: &str, total: Option<u64>);
    /// This many more bytes have arrived.
    fn advance(&self, source: &str, bytes: u64);
    /// It is over; the line says how it went.
    fn end(&self, source: &str, result_line: &str);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: &str, _: u64) {}
    fn end(&self, _: &str, _: &str) {}
}

/// One bar a source, on a terminal's standard error.
#[derive(Debug, Default)]
pub struct Bars {
    screen: MultiProgress,
    // Downloads run in parallel; held for a look-up, never while waiting.
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    /// Bars on standard error, at most ten redraws a second.
    pub fn new() -> Self {
        Self::on(ProgressDrawTarget::stderr_with_hz(10))
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        Self { screen, bars: Mutex::default() }
    }
}

impl Progress for Bars {
    fn begin(&self, source: &str, total: Option<u64>) {
        let template = match total {
            Some(_) => "{prefix:24} [{bar:30}] {bytes:>10}/{total_bytes:10}",
            None => "{prefix:24} {spinner} {bytes:>10}",
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = self.screen.add(bar.with_style(style));
        bar.set_prefix(source.to_owned());
        locked(&self.bars).insert(source.to_owned(), bar);
    }

    fn advance(&self, source: &str, bytes: u64) {
        if let Some(bar) = locked(&self.bars).get(source) {
            bar.inc(bytes);
        }
    }

    fn end(&self, source: &str, result_line: &str) {
        if let Some(bar) = locked(&self.bars).remove(source) {
            bar.finish_and_clear();
        }
        // A screen that cannot be written has nobody in front of it.
        let _ = self.screen.println(format!("{source}: {result_line}"));
    }
}

/// Plain lines, at most one in ten seconds a source, and one at its end.
pub struct Lines<W> {
    // Lines of parallel downloads must not mix; held for one write.
    state: Mutex<(W, BTreeMap<String, Course>)>,
    every: Duration,
}

struct Course {
    total: Option<u64>,
    bytes: u64,
    said: Instant,
}

impl<W> fmt::Debug for Lines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl<W: Write> Lines<W> {
    /// Lines to a writer.
    pub fn new(writer: W) -> Self {
        let state = Mutex::new((writer, BTreeMap::new()));
        Self { state, every: LINE_EVERY }
    }
}

impl<W: Write + Send> Progress for Lines<W> {
    fn begin(&self, source: &str, total: Option<u64>) {
        let course = Course { total, bytes: 0, said: Instant::now() };
        locked(&self.state).1.insert(source.to_owned(), course);
    }

    fn advance(&self, source: &str, bytes: u64) {
        let mut state = locked(&self.state);
        let (writer, courses) = &mut *state;
        let Some(course) = courses.get_mut(source) else { return };
        course.bytes += bytes;
        if course.said.elapsed() >= self.every {
            course.said = Instant::now();
            // A closed log is no reason to stop a download.
            let _ = writeln!(writer, "{source}: {course}");
        }
    }

    fn end(&self, source: &str, result_line: &str) {
        let mut state = locked(&self.state);
        state.1.remove(source);
        let _ = writeln!(state.0, "{source}: {result_line}");
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", HumanBytes(self.bytes))?;
        match self.total {
            Some(total) => write!(f, " of {}", HumanBytes(total)),
            None => Ok(()),
        }
    }
}

/// The state is valid between any two statements, so a panic elsewhere does
/// not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_at_intervals_and_at_the_end() {
        let mut written = Vec::new();
        let lines = Lines::new(&mut written);
        lines.begin("vrps", Some(2048));
        lines.advance("vrps", 1024);
        lines.end("vrps", "2048 bytes");
        let lines = Lines { every: Duration::ZERO, ..Lines::new(&mut written) };
        lines.begin("vrps", Some(2048));
        lines.begin("names", None);
        lines.advance("vrps", 1024);
        lines.advance("names", 10);
        lines.advance("unknown", 10);
        drop(lines);
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "vrps: 2048 bytes\nvrps: 1.00 KiB of 2.00 KiB\nnames: 10 B\n"
        );
    }

    #[test]
    fn bars_come_and_go_with_their_downloads() {
        let bars = Bars::on(ProgressDrawTarget::hidden());
        bars.begin("vrps", Some(10));
        bars.begin("names", None);
        bars.advance("vrps", 4);
        assert_eq!(locked(&bars.bars)["vrps"].position(), 4);
        bars.end("vrps", "failed");
        assert_eq!(locked(&bars.bars).len(), 1);
    }
}
