//! What a task asks of the scheduler, and what it answers.

use std::ops::Range;
use std::rc::Rc;

use dayfly_core::objects::{ObjectError, ObjectMeta, Part};

use crate::context::TaskContext;
use crate::failure::Violation;
use crate::world::Counts;

/// What a task does.
pub(crate) type Body = Box<dyn FnOnce(TaskContext)>;

/// A task that is to be.
pub(crate) struct NewTask {
    pub name: String,
    /// Nobody waits for its end.
    pub daemon: bool,
    pub body: Body,
}

/// What a task asks for.
pub(crate) enum Call {
    Storage(Request),
    Pause(u64),
    Say(String),
    Counts,
    TrueTime,
    Measured(String, Counts),
    Spawn(NewTask),
    Violate(Violation),
}

/// What it gets.
pub(crate) enum Reply {
    Go,
    Storage(Answer),
    Counts(Counts),
    Time(u64),
}

/// A request to storage.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Get(Rc<str>, Option<Range<u64>>),
    GetMany(Vec<Part>),
    Head(Rc<str>),
    Put(Rc<str>, Rc<[u8]>),
    PutNew(Rc<str>, Rc<[u8]>),
    List {
        prefix: Rc<str>,
        after: Option<String>,
        limit: u32,
    },
    Folders(Rc<str>),
    Delete(Rc<str>),
    /// Begins an upload in parts: nothing is seen of it.
    Begin(Rc<str>),
    /// A part of so many bytes: nothing is seen of it.
    Part(Rc<str>, u64),
    /// Ends an upload, with its last bytes, so many: all is seen.
    Finish(Rc<str>, Rc<[u8]>, u64),
}

/// What storage says.
pub(crate) type Answer = Result<Found, ObjectError>;

/// What an answer carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Bytes(Vec<u8>),
    Meta(ObjectMeta),
    Page(Vec<ObjectMeta>),
    Names(Vec<String>),
    Many(Vec<Result<Vec<u8>, ObjectError>>),
}

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Reads an object, or a part of it.
    Get,
    /// Reads size and time.
    Head,
    /// Lists objects or folders.
    List,
    /// Creates or replaces.
    Put,
    /// Creates.
    PutNew,
    /// Removes.
    Delete,
    /// Begins an upload in parts.
    Begin,
    /// Sends a part.
    Part,
    /// Makes an uploaded object visible.
    Finish,
}

impl Action {
    /// Whether it can change what others see.
    pub fn changes(self) -> bool {
        matches!(self, Self::Put | Self::PutNew | Self::Delete | Self::Finish)
    }
}

impl Request {
    pub fn action(&self) -> Action {
        match self {
            Self::Get(..) | Self::GetMany(_) => Action::Get,
            Self::Head(_) => Action::Head,
            Self::List { .. } | Self::Folders(_) => Action::List,
            Self::Put(..) => Action::Put,
            Self::PutNew(..) => Action::PutNew,
            Self::Delete(_) => Action::Delete,
            Self::Begin(_) => Action::Begin,
            Self::Part(..) => Action::Part,
            Self::Finish(..) => Action::Finish,
        }
    }

    /// The key or prefix; of several reads the `part`th's.
    pub fn key(&self, part: usize) -> Rc<str> {
        match self {
            Self::GetMany(parts) => match parts.get(part) {
                Some((key, _)) => Rc::from(key.as_str()),
                None => Rc::from(""),
            },
            Self::List { prefix, .. } => Rc::clone(prefix),
            Self::Get(key, _)
            | Self::Head(key)
            | Self::Put(key, _)
            | Self::PutNew(key, _)
            | Self::Folders(key)
            | Self::Delete(key)
            | Self::Begin(key)
            | Self::Part(key, _)
            | Self::Finish(key, ..) => Rc::clone(key),
        }
    }

    /// How many effects it has, each at an instant of its own.
    pub fn effects(&self) -> usize {
        match self {
            Self::GetMany(parts) => parts.len(),
            _ => 1,
        }
    }

    /// How many bytes it carries.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Put(_, data) | Self::PutNew(_, data) => data.len() as u64,
            Self::Part(_, bytes) | Self::Finish(_, _, bytes) => *bytes,
            _ => 0,
        }
    }
}
