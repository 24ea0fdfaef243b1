//! What a guest may try with itself: state that outlives it, and resources without end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use futures::SinkExt;
use spin_sdk::http::{Headers, IncomingRequest, OutgoingResponse, ResponseOutparam};

static COUNT: AtomicU32 = AtomicU32::new(0);
static STASH: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The attempts without arguments.
pub fn run(attempt: &str) -> String {
    match attempt {
        "count" => (COUNT.fetch_add(1, Relaxed) + 1).to_string(),
        "memory" => memory(),
        "many" => (core::arch::wasm32::memory_size::<0>() * 65_536).to_string(),
        "spin" => spin(),
        "sleep" => {
            std::thread::sleep(Duration::from_secs(1 << 30));
            "awake".into()
        }
        "trap" => core::arch::wasm32::unreachable(),
        "exit" => std::process::exit(0),
        "handles" => handles(),
        "recur" => recur(1).to_string(),
        "log" => {
            (0..100_000).for_each(|line| println!("line {line} of a guest that talks too much"));
            "logged".into()
        }
        other => super::escapes::run(other),
    }
}

/// Keeps `body`, and answers what the body of the request before was.
pub fn stash(body: Vec<u8>) -> String {
    let mut stash = STASH
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = std::mem::replace(&mut *stash, body);
    String::from_utf8_lossy(&before).into_owned()
}

fn memory() -> ! {
    let mut held = Vec::new();
    loop {
        held.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&held);
    }
}

/// Computes for ever.
pub fn spin() -> ! {
    let mut value = 0_u64;
    loop {
        value = std::hint::black_box(value.wrapping_add(1));
    }
}

/// Calls itself until there is no stack left.
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn recur(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 8]);
    recur(std::hint::black_box(depth + 1)) + frame[7]
}

/// Makes handles until the host gives no more.
fn handles() -> ! {
    let mut held = Vec::new();
    loop {
        held.push(Headers::new());
    }
}

/// Answers the names and values of all headers, one a line.
pub fn headers(request: &IncomingRequest) -> String {
    let line =
        |(name, value): (String, Vec<u8>)| format!("{name}: {}\n", String::from_utf8_lossy(&value));
    request.headers().entries().into_iter().map(line).collect()
}

/// The first value of a header.
pub fn header(request: &IncomingRequest, name: &str) -> Option<String> {
    let value = request.headers().get(name).into_iter().next()?;
    String::from_utf8(value).ok()
}

/// Traps in the middle of its response.
pub async fn broken(out: ResponseOutparam) {
    let response = OutgoingResponse::new(Headers::new());
    let mut body = response.take_body();
    out.set(response);
    let _ = body.send(b"the first half".to_vec()).await;
    core::arch::wasm32::unreachable()
}

/// A job: spends memory without end unless it learns that its last instance was lost, and then
/// leaves the reason behind as an object.
pub fn process(request: &IncomingRequest) -> String {
    let Some(lost) = header(request, "x-dayfly-lost") else {
        memory()
    };
    super::escapes::leave(&lost)
}
