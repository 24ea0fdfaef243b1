//! Attacks by uploads.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::super::{ATTACKER, Attack, Ground, Place, Stage, Tally, Work, connect, heard};
use crate::api::{file_part, multipart_type};
use crate::s3_proxy::S3Fault;
use crate::wait;

/// Uploads whose storage takes nothing: what has come waits in the server.
pub const SLOW_UPLOADS: Attack = Attack {
    name: "slow-uploads",
    what: "15 uploads of 200 MB to a bucket that takes none of their parts",
    place: Place::Bucket,
    work: Work::File,
    run: slow_uploads,
};

const BYTES: usize = 200_000_000;

fn slow_uploads(ground: &Ground, stage: &Stage) -> Tally {
    let uploads = stage.size(6, 15);
    let proxy = ground.proxy.as_ref().unwrap();
    proxy.fail(usize::MAX, S3Fault::Hold, |asked| {
        asked.query.contains("partNumber") && asked.key.contains(ATTACKER)
    });
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: {}\r\ncontent-length: {BYTES}\r\n\r\n{}",
        ground.token(ATTACKER),
        multipart_type(),
        file_part("file", "a.txt", "text/plain")
    );
    let mut streams: Vec<TcpStream> = (0..uploads)
        .map(|_| {
            let mut stream = connect(&ground.base(), None);
            stream
                .set_write_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            let _ = stream.write_all(head.as_bytes());
            stream
        })
        .collect();
    let mut sent = vec![0; uploads];
    wait::until("each upload to wait for its storage", || {
        push(&mut streams, &mut sent);
        (proxy.faults() >= uploads).then_some(())
    });
    while push(&mut streams, &mut sent) > 0 {}
    stage.under_way();
    while !stage.is_over() {
        push(&mut streams, &mut sent);
        stage.rest(Duration::from_millis(500));
    }
    let mut tally = Tally::default();
    streams
        .iter_mut()
        .for_each(|stream| tally.add(heard(stream)));
    tally
}

/// Sends each what it takes, as long as it takes any; how much that was.
fn push(streams: &mut [TcpStream], sent: &mut [usize]) -> usize {
    let piece = vec![b'a'; 256 << 10];
    let mut pushed = 0;
    for (stream, sent) in streams.iter_mut().zip(sent) {
        while *sent < BYTES / 2 {
            let Ok(count @ 1..) = stream.write(&piece) else {
                break;
            };
            *sent += count;
            pushed += count;
        }
    }
    pushed
}
