//! Attacks by reading slowly.

use std::io::{Read, Write};
use std::time::Duration;

use super::super::{ATTACKER, Attack, Ground, Place, Stage, Tally, Work, connect};
use crate::text::Prose;
use crate::wait;

/// Answers that are taken a few bytes at a time.
pub const SLOW_READERS: Attack = Attack {
    name: "slow-readers",
    what: "40 readers of a file of 50 MB take 1 KB of it every half second",
    place: Place::Plain,
    work: Work::File,
    run: slow_readers,
};

/// A reader takes so much at once.
const SIP: usize = 1 << 10;
const PAUSE: Duration = Duration::from_millis(500);

fn slow_readers(ground: &Ground, stage: &Stage) -> Tally {
    let bytes = stage.size(8_000_000, 50_000_000) as u64;
    let client = ground.attacker();
    let file = client.upload_stream("large.txt", Prose::new(7, bytes), bytes);
    let request = format!(
        "GET /v1/files/{file}/content HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {}\r\nconnection: close\r\n\r\n",
        ground.read_token(ATTACKER)
    );
    let readers = stage.size(16, 40);
    let mut streams: Vec<_> = (0..readers)
        .map(|_| {
            let mut stream = connect(&ground.base(), Some(4 * SIP));
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
            stream
        })
        .collect();
    // Those that find no instance wait, and are refused.
    wait::until("the readers to be answered", || {
        (ground.instances() >= readers.min(20)).then_some(())
    });
    stage.under_way();
    let mut taken = vec![0; readers];
    while !stage.is_over() {
        for (stream, taken) in streams.iter_mut().zip(&mut taken) {
            *taken += stream.read(&mut [0; SIP]).unwrap_or(0);
        }
        stage.rest(PAUSE);
    }
    let mut tally = Tally::default();
    for taken in taken {
        tally.add(match taken {
            0 => "no answer",
            _ => "200, slowly",
        });
    }
    tally
}
