//! Many connections at once.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Once;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use super::tally::{Tally, outcome};

/// A server that accepts nothing any more refuses in a way.
const CONNECTING: Duration = Duration::from_secs(2);
/// After so many connections in vain a server is full.
const TRIES: usize = 3;
/// So long a server may take nothing of what is sent.
const SENDING: Duration = Duration::from_secs(10);
/// Of one address: more than a server should let in.
const OF_AN_ADDRESS: usize = 2_000;

/// Many connections, each with a request of its own. They come from addresses that the victim has not.
pub struct Crowd {
    streams: Vec<TcpStream>,
    refused: usize,
}

impl Crowd {
    /// So many, 2,000 from each address.
    pub fn connect(base: &str, count: usize) -> Self {
        Self::from_addresses(base, count, |n| 2 + n / OF_AN_ADDRESS)
    }

    /// So many from one address.
    pub fn of_one_address(base: &str, count: usize) -> Self {
        Self::from_addresses(base, count, |_| 2)
    }

    fn from_addresses(base: &str, count: usize, address: impl Fn(usize) -> usize) -> Self {
        let mut crowd = Self {
            streams: Vec::with_capacity(count),
            refused: 0,
        };
        let mut in_vain = 0;
        for n in 0..count {
            let host = u8::try_from(address(n)).unwrap_or(u8::MAX);
            // Once it is full the others need not find out as slowly.
            let patience = match in_vain {
                ..TRIES => CONNECTING,
                _ => Duration::from_millis(10),
            };
            match dial(base, host, None, patience) {
                Ok(stream) => {
                    crowd.streams.push(stream);
                    in_vain = 0;
                }
                Err(_) => in_vain += 1,
            }
        }
        crowd.refused = count - crowd.streams.len();
        crowd
    }

    /// Sends each its part, whoever is still there.
    pub fn send(&mut self, part: impl Fn(usize) -> Vec<u8>) {
        for (n, stream) in self.streams.iter_mut().enumerate() {
            let _ = stream.write_all(&part(n));
        }
    }

    /// What each was answered within that time, whose requests have to ask for the connection's end.
    pub fn answers(mut self, within: Duration) -> Tally {
        let end = Instant::now() + within;
        let mut tally = self.refusals();
        for stream in &mut self.streams {
            tally.add(read_answer(stream, end));
        }
        tally
    }

    /// What each has been answered up to now: those that were not answered are `open`.
    pub fn heard(&mut self) -> Tally {
        let mut tally = self.refusals();
        for stream in &mut self.streams {
            tally.add(heard(stream));
        }
        tally
    }

    fn refusals(&self) -> Tally {
        let mut tally = Tally::default();
        (0..self.refused).for_each(|_| tally.add("not connected"));
        tally
    }
}

/// A connection from an address that the victim has not; its answers wait in `receive_buffer` bytes of
/// the kernel's, where that is said.
///
/// # Panics
/// When nobody listens there.
pub fn connect(base: &str, receive_buffer: Option<usize>) -> TcpStream {
    dial(base, 2, receive_buffer, CONNECTING).unwrap()
}

fn dial(
    base: &str,
    host: u8,
    receive_buffer: Option<usize>,
    patience: Duration,
) -> std::io::Result<TcpStream> {
    allow_open_files();
    let server: SocketAddr = base.trim_start_matches("http://").parse().unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
    socket.bind(&own.into())?;
    socket.connect_timeout(&server.into(), patience)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(SENDING))?;
    Ok(stream)
}

/// As many as the system gives out.
fn allow_open_files() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let given = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: given.maximum,
            ..given
        };
        setrlimit(Resource::Nofile, raised).unwrap();
    });
}

fn read_answer(stream: &mut TcpStream, end: Instant) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let _ = stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
        match stream.read(&mut piece) {
            Ok(count @ 1..) => answer.extend_from_slice(&piece[..count]),
            Err(error) if is_pending(error.kind()) && answer.is_empty() => {
                return "no answer".to_owned();
            }
            Ok(0) | Err(_) => return told(&answer).unwrap_or_else(|| "closed".to_owned()),
        }
    }
}

/// What a connection has been answered up to now, without waiting: a status, `open` or `closed`.
pub fn heard(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 64 << 10];
    let mut length = 0;
    let _ = stream.set_nonblocking(true);
    let is_open = loop {
        match stream.read(&mut answer[length..]) {
            Ok(count @ 1..) => length += count,
            Err(error) if is_pending(error.kind()) => break true,
            Ok(0) | Err(_) => break false,
        }
    };
    let otherwise = if is_open { "open" } else { "closed" };
    told(&answer[..length]).unwrap_or_else(|| otherwise.to_owned())
}

fn is_pending(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn told(answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some(outcome(status, body.as_bytes()))
}
