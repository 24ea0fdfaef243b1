//! Shows an installation's progress.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Progress;

const MEGABYTE: u64 = 1_000_000;

/// Returns a callback for [`crate::install`] that draws a bar on standard error, or writes a line
/// for each step where that is no terminal.
pub fn terminal_progress() -> impl FnMut(Progress) {
    let bar = std::io::stderr().is_terminal().then(new_bar);
    let mut step = None;
    move |progress| {
        let (title, done, total) = describe(progress);
        let begins = step != Some(title);
        step = Some(title);
        match &bar {
            Some(bar) => draw(bar, progress, title, done, total),
            None if begins && total > 0 => eprintln!("{title} ({} MB)", total / MEGABYTE),
            None if begins => eprintln!("{title}"),
            None => {}
        }
    }
}

fn describe(progress: Progress) -> (&'static str, u64, u64) {
    match progress {
        Progress::Downloading { done, total } => ("Downloading the embedding model", done, total),
        Progress::Unpacking { done, total } => ("Unpacking the embedding model", done, total),
        Progress::Installed => ("The embedding model is installed", 0, 0),
    }
}

fn new_bar() -> ProgressBar {
    let template = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}";
    // The fallback draws indicatif's own style.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("=> "))
}

fn draw(bar: &ProgressBar, progress: Progress, title: &'static str, done: u64, total: u64) {
    if progress == Progress::Installed {
        bar.finish_and_clear();
        eprintln!("{title}");
        return;
    }
    bar.set_message(title);
    bar.set_length(total);
    bar.set_position(done);
}
