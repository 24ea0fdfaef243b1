//! What happened, as one number for machines and as lines for people.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Display;
use std::hash::{Hash, Hasher};

use crate::world::{Event, World};

type Sink = Box<dyn FnMut(&str)>;

/// A hash of all events, and where their lines go.
pub(crate) struct Trace {
    hasher: DefaultHasher,
    sink: Option<Sink>,
}

impl Trace {
    pub fn new() -> Self {
        Self {
            // Keys of its own would differ from run to run; these are fixed.
            hasher: DefaultHasher::new(),
            sink: None,
        }
    }

    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    pub fn show(&mut self, sink: Sink) {
        self.sink = Some(sink);
    }

    pub fn mix(&mut self, value: impl Hash) {
        value.hash(&mut self.hasher);
    }

    pub fn event(&mut self, world: &World, event: &Event<'_>) {
        self.mix(world.now_ms);
        match event {
            Event::Effect(effect) => {
                self.mix((effect.task, effect.action, effect.outcome, effect.duplicate));
                self.mix((&effect.key, effect.bytes));
            }
            Event::Said(task, text) => self.mix((task, text)),
            Event::Measured(task, name, counts) => self.mix((task, name, counts.requests())),
            Event::Began(task) => self.mix((1u8, task)),
            Event::Ended(task) => self.mix((2u8, task)),
            Event::Crashed(host) => self.mix((3u8, host)),
            Event::Booted(host) => self.mix((4u8, host)),
            Event::Frozen(host, ms) => self.mix((5u8, host, ms)),
            Event::Partitioned(host, ms) => self.mix((6u8, host, ms)),
            Event::ClockJumped(host, ms) => self.mix((7u8, host, ms)),
        }
        if self.sink.is_some() {
            self.line(world, sentence(world, event));
        }
    }

    /// A line that is no event.
    pub fn line(&mut self, world: &World, text: impl Display) {
        let Some(sink) = &mut self.sink else { return };
        let ms = world.now_ms;
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        sink(&format!(
            "{:>7} {hours:02}:{minutes:02}:{seconds:02}.{:03} {text}",
            world.step,
            ms % 1_000
        ));
    }

    /// Whether anybody reads lines.
    pub fn is_shown(&self) -> bool {
        self.sink.is_some()
    }
}

fn sentence(world: &World, event: &Event<'_>) -> String {
    let name = |task| format!("{:<24}", world.name(task).to_string());
    let host = |host| world.host(host).map_or("?", |host| host.name());
    match event {
        Event::Effect(effect) => format!(
            "{} {}{:?} {} -> {:?} ({} bytes)",
            name(effect.task),
            if effect.duplicate { "once more " } else { "" },
            effect.action,
            effect.key,
            effect.outcome,
            effect.bytes
        ),
        Event::Said(task, text) => format!("{} \"{text}\"", name(*task)),
        Event::Measured(task, work, counts) => {
            format!("{} {work} took {} requests", name(*task), counts.requests())
        }
        Event::Began(task) => format!("{} begins", name(*task)),
        Event::Ended(task) => format!("{} ends", name(*task)),
        Event::Crashed(at) => format!("{} crashes", host(*at)),
        Event::Booted(at) => format!("{} starts", host(*at)),
        Event::Frozen(at, ms) => format!("{} stands still for {ms} ms", host(*at)),
        Event::Partitioned(at, ms) => format!("{} is cut off for {ms} ms", host(*at)),
        Event::ClockJumped(at, ms) => format!("{}'s clock jumps, and is {ms} ms off", host(*at)),
    }
}
