//! The bar that long work shows on a terminal. Work that is over soon shows nothing; neither does a pipe, or
//! `--quiet`.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long work must have lasted for a bar to appear.
const PATIENCE: Duration = Duration::from_millis(400);

/// Progress of some counted work. May be told from any thread.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    quiet: bool,
}

impl Progress {
    /// `total` steps of work that is called `what`.
    pub(crate) fn new(what: &'static str, total: u64, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {percent:>3} %, {eta} left") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, start: Instant::now(), quiet }
    }

    /// `steps` more are done.
    pub(crate) fn add(&self, steps: usize) {
        self.bar.inc(steps as u64);
        // The terminal is asked by indicatif: anything else stays hidden.
        if !self.quiet && self.bar.is_hidden() && self.start.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
