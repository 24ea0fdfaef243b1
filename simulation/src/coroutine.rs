//! A task's own stack: a synchronous call deep within it suspends the task until there is an answer.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use corosensei::stack::DefaultStack;
use corosensei::{CoroutineResult, Yielder};

use crate::call::{Call, Reply};
use crate::panics;

const STACK_BYTES: usize = 1 << 20;

type Link = Yielder<Reply, Call>;

thread_local! {
    /// How the task that runs on this thread suspends; null while none runs.
    static RUNNING: Cell<*const Link> = const { Cell::new(ptr::null()) };
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Why a task runs no longer, for now or for ever.
pub(crate) enum Pause {
    /// It wants an answer.
    Called(Call),
    /// It came to its end.
    Ended,
    /// It panicked, with these words.
    Panicked(String),
}

/// A function on a stack of its own.
pub(crate) struct Coroutine {
    inner: Option<corosensei::Coroutine<Reply, Call, ()>>,
}

impl Coroutine {
    /// Of `body`, which runs when this is first resumed.
    ///
    /// # Errors
    /// When there is no memory for a stack.
    pub fn new(body: impl FnOnce() + 'static) -> std::io::Result<Self> {
        let stack = match STACKS.take_one() {
            Some(stack) => stack,
            None => DefaultStack::new(STACK_BYTES)?,
        };
        let inner = corosensei::Coroutine::with_stack(stack, |link: &Link, _start| {
            RUNNING.set(link);
            body();
        });
        Ok(Self { inner: Some(inner) })
    }

    /// Goes on with `reply` until the next call or the end.
    pub fn resume(&mut self, reply: Reply) -> Pause {
        let Some(inner) = &mut self.inner else {
            return Pause::Ended;
        };
        let outer = RUNNING.replace(ptr::null());
        let result = catch_unwind(AssertUnwindSafe(|| inner.resume(reply)));
        RUNNING.set(outer);
        match result {
            Ok(CoroutineResult::Yield(call)) => Pause::Called(call),
            Ok(CoroutineResult::Return(())) => Pause::Ended,
            Err(panic) => Pause::Panicked(words(panic.as_ref()) + &panics::place()),
        }
    }
}

impl Drop for Coroutine {
    /// Unwinds the task from where it is suspended. Calls that its destructors make are not answered.
    fn drop(&mut self) {
        let Some(mut inner) = self.inner.take() else {
            return;
        };
        let outer = RUNNING.replace(ptr::null());
        panics::killing(true);
        // What a destructor throws concerns nobody: the task is gone.
        let _ = catch_unwind(AssertUnwindSafe(|| inner.force_unwind()));
        panics::killing(false);
        RUNNING.set(outer);
        if inner.done() {
            STACKS.keep(inner.into_stack());
        }
    }
}

/// Suspends the running task until `call` is answered; at once `None` where no task runs, as in the
/// destructors of one that was killed.
#[expect(
    unsafe_code,
    reason = "a task has to find its coroutine from below `core`, which hands nothing through"
)]
pub(crate) fn suspend(call: Call) -> Option<Reply> {
    let link = RUNNING.get();
    if link.is_null() {
        return None;
    }
    // SAFETY: the link lives on the stack of the coroutine that set it, outside all that its body
    // does. `resume` and `drop` take it away whenever they leave that stack, and it is put back
    // only here and at the start, on that stack; so whoever finds it runs on it. An
    // `ObjectWriter` is `'static` and `Send`, so it cannot carry a reference to the link instead.
    let reply = unsafe { &*link }.suspend(call);
    RUNNING.set(link);
    Some(reply)
}

trait Pool {
    fn take_one(&'static self) -> Option<DefaultStack>;
    fn keep(&'static self, stack: DefaultStack);
}

impl Pool for std::thread::LocalKey<RefCell<Vec<DefaultStack>>> {
    fn take_one(&'static self) -> Option<DefaultStack> {
        self.with_borrow_mut(Vec::pop)
    }

    fn keep(&'static self, stack: DefaultStack) {
        self.with_borrow_mut(|stacks| stacks.push(stack));
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(owned).unwrap_or("a panic").to_owned()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn ask() -> bool {
        suspend(Call::Pause(1)).is_some()
    }

    #[test]
    fn a_task_is_suspended_and_goes_on() {
        let seen = Rc::new(Cell::new(0));
        let told = Rc::clone(&seen);
        let mut task = Coroutine::new(move || {
            told.set(1);
            assert!(ask());
            told.set(2);
        })
        .unwrap();
        assert!(matches!(
            task.resume(Reply::Go),
            Pause::Called(Call::Pause(1))
        ));
        assert_eq!(seen.get(), 1);
        assert!(matches!(task.resume(Reply::Go), Pause::Ended));
        assert_eq!(seen.get(), 2);
        assert!(!ask());
    }

    #[test]
    fn a_killed_task_is_dropped_where_it_waits_and_its_destructors_get_no_answer() {
        struct Last(Rc<Cell<Option<bool>>>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.0.set(Some(ask()));
            }
        }
        let answered = Rc::new(Cell::new(None));
        let last = Last(Rc::clone(&answered));
        let mut task = Coroutine::new(move || {
            let _last = last;
            ask();
            unreachable!("it was killed");
        })
        .unwrap();
        task.resume(Reply::Go);
        assert_eq!(answered.get(), None);
        drop(task);
        assert_eq!(answered.get(), Some(false));
    }

    #[test]
    fn tasks_take_turns_in_any_order() {
        let tasks = (0..3).map(|_| Coroutine::new(|| while ask() {}).unwrap());
        let mut tasks: Vec<_> = tasks.collect();
        for turn in [0, 1, 0, 2, 2, 1, 0] {
            assert!(matches!(tasks[turn].resume(Reply::Go), Pause::Called(_)));
        }
        tasks.remove(1);
        assert!(matches!(tasks[1].resume(Reply::Go), Pause::Called(_)));
    }

    #[test]
    fn a_panic_is_reported() {
        let mut task = Coroutine::new(|| std::panic::panic_any("oh".to_owned())).unwrap();
        assert!(matches!(task.resume(Reply::Go), Pause::Panicked(text) if text == "oh"));
    }
}
