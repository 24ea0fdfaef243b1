//! Bars on a terminal; nothing where standard error is none.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::super::text;

const TICK: Duration = Duration::from_millis(120);

/// One bar for all files, and one for each that is under way.
pub struct Bars {
    all: MultiProgress,
    total: ProgressBar,
}

/// The bar of one file.
#[derive(Clone)]
pub struct FileBar(ProgressBar);

impl Bars {
    /// For that many files.
    pub fn new(files: usize) -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(files as u64));
        total.set_style(style("{wide_bar} {pos}/{len} files, {elapsed}"));
        Self { all, total }
    }

    /// A bar for a file that begins; `bytes` is its length, where that is known.
    pub fn file(&self, name: &str, bytes: Option<u64>) -> FileBar {
        let (bar, template) = match bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "  {bar:20} {binary_bytes}/{binary_total_bytes} {msg}",
            ),
            None => (ProgressBar::no_length(), "  {spinner} {binary_bytes} {msg}"),
        };
        let bar = self.all.insert_before(&self.total, bar);
        bar.set_style(style(template));
        bar.set_message(text::printable(name));
        FileBar(bar)
    }

    /// Counts a file as done, well or not.
    pub fn one_done(&self) {
        self.total.inc(1);
    }

    /// Takes the bars away.
    pub fn clear(&self) {
        self.total.finish_and_clear();
    }
}

impl FileBar {
    /// So many bytes more are on their way.
    pub fn sent(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }

    /// Sending begins, perhaps again.
    pub fn restart(&self) {
        self.0.set_position(0);
    }

    /// Everything is sent; now the server is at work.
    pub fn index(&self) {
        self.0.set_style(style("  {spinner} indexing {msg}"));
        self.0.enable_steady_tick(TICK);
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_understood() {
        for template in [
            "{wide_bar} {pos}/{len} files, {elapsed}",
            "  {bar:20} {binary_bytes}/{binary_total_bytes} {msg}",
            "  {spinner} {binary_bytes} {msg}",
            "  {spinner} indexing {msg}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
