use std::io::{Seek, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use super::frame::{receive, send};
use super::process::serve;
use super::*;

const DIMENSION: u32 = 8;

fn vectors(rows: usize) -> Vec<f32> {
    let component = |at: usize| ((at * 31 + at / 7 * 17) % 97) as f32 - 48.0;
    (0..rows * DIMENSION as usize).map(component).collect()
}

/// An index of 300 rows as a file.
fn file(factory: &str) -> std::fs::File {
    let mut index = dayfly_faiss::Index::from_factory(DIMENSION, factory).unwrap();
    index.train(&vectors(300)).unwrap();
    index.add(&vectors(300)).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    index.write(&mut file).unwrap();
    file.rewind().unwrap();
    file
}

fn wanted(k: usize) -> Wanted {
    Wanted {
        k,
        exhaustive: true,
        ..Wanted::default()
    }
}

fn rows(found: &[(u64, f32)]) -> Vec<u64> {
    found.iter().map(|(row, _)| *row).collect()
}

#[test]
fn an_index_is_built_written_and_read_as_in_ones_own_process() {
    let client = Arc::new(Client::in_thread());
    let mut index = Index::make(&client, DIMENSION, "IVF4,SQ8", 1).unwrap();
    assert!(index.facts().needs_training);
    index.train(&vectors(300)).unwrap();
    index.add(&vectors(300)).unwrap();
    let mut written = Vec::new();
    index.write(&mut written).unwrap();
    let mut own = file("IVF4,SQ8");
    let mut expected = Vec::new();
    std::io::Read::read_to_end(&mut own, &mut expected).unwrap();
    assert_eq!(written, expected);

    own.rewind().unwrap();
    let read = Index::read(&client, &own).unwrap();
    assert_eq!((read.facts().rows, read.facts().kind), (300, Kind::Lists));
    let (mut vector, query) = (Vec::new(), &vectors(300)[80..88]);
    read.reconstruct(10, 1, &mut vector).unwrap();
    assert!(
        query
            .iter()
            .zip(&vector)
            .all(|(one, other)| (one - other).abs() < 1.0)
    );
    let found = read.search(query, 5, "nprobe=4").unwrap();
    assert_eq!(found, index.search(query, 5, "nprobe=4").unwrap());
    let exact = nearest(&client, query, &vectors(300), (DIMENSION, 5, 1)).unwrap();
    assert_eq!(exact.len(), 1);
    assert!(rows(&found).contains(&rows(&exact[0])[0]));
}

#[test]
fn what_faiss_refuses_is_told_and_a_sink_that_fails_is_no_hang() {
    let client = Arc::new(Client::in_thread());
    let unknown = Index::make(&client, DIMENSION, "Nonsense", 1);
    assert!(matches!(unknown.err(), Some(Failure::Invalid(_))));
    let mut cut = tempfile::tempfile().unwrap();
    cut.write_all(b"IxFI and no more").unwrap();
    cut.rewind().unwrap();
    let opened = Index::read(&client, &cut);
    assert!(matches!(opened.err(), Some(Failure::Corrupt(_))));
    let index = Index::read(&client, &file("Flat")).unwrap();
    let mut full = [0_u8; 100];
    let written = index.write(&mut &mut full[..]);
    assert!(matches!(written, Err(Failure::Io(_))), "{written:?}");
    assert_eq!(index.facts().rows, 300);
}

#[test]
fn searches_find_chosen_rows_alone() {
    let searcher = Searcher::in_thread();
    let (file, facts) = searcher.file("a", file("HNSW8,Flat")).unwrap();
    assert_eq!((facts.rows, facts.kind), (300, Kind::Graph));
    let query = &vectors(300)[..8];
    let all = searcher.search(&file, None, query, &wanted(300)).unwrap();
    assert_eq!(all.len(), 300);
    let chosen = searcher.rows(&[3..5, 200..201], 300);
    let found = searcher.search(&file, Some(&chosen), query, &wanted(300));
    let mut found = rows(&found.unwrap());
    found.sort_unstable();
    assert_eq!(found, [3, 4, 200]);
    drop((file, chosen));
    assert_eq!(searcher.started(), 1);
}

/// A process that ends when the call with this word comes, the first so many times.
fn dying(word: &'static str, times: u32) -> Arc<Searcher> {
    let left = Arc::new(AtomicU32::new(times));
    Searcher::with(Duration::from_millis(300), move || {
        let (ours, theirs) = UnixStream::pair()?;
        let (behind, work) = UnixStream::pair()?;
        std::thread::spawn(move || serve(work, 2, Confinement::default()));
        let left = Arc::clone(&left);
        let answers = (behind.try_clone()?, theirs.try_clone()?);
        std::thread::spawn(move || pass_on(&answers.0, &answers.1, |_| true));
        std::thread::spawn(move || {
            let _ = pass_on(&theirs, &behind, |head| {
                let is_deadly = String::from_utf8_lossy(head).contains(word);
                let dies = |left: u32| left.checked_sub(1);
                !is_deadly || left.fetch_update(SeqCst, SeqCst, dies).is_err()
            });
            let _ = theirs.shutdown(std::net::Shutdown::Both);
        });
        Client::over(ours, None)
    })
}

fn pass_on(
    from: &UnixStream,
    to: &UnixStream,
    lives: impl Fn(&[u8]) -> bool,
) -> std::io::Result<()> {
    use std::os::fd::AsFd;
    while let Some(frame) = receive(from, |_| u64::MAX)? {
        if !lives(&frame.head) {
            break;
        }
        let file = frame.file.as_ref().map(AsFd::as_fd);
        send(to, &frame.head, &[&frame.body], file)?;
    }
    Ok(())
}

#[test]
fn a_search_whose_process_dies_is_done_by_the_next_one() {
    let searcher = dying("search", 1);
    let (file, _) = searcher.file("a", file("Flat")).unwrap();
    let chosen = searcher.rows(&[7..8, 8..8], 300);
    let query = &vectors(300)[..8];
    for _ in 0..3 {
        let found = searcher.search(&file, Some(&chosen), query, &wanted(3));
        assert_eq!(rows(&found.unwrap()), [7]);
    }
    // The one that died, one for the search that it died of, and one for the others.
    assert_eq!(searcher.started(), 3);
}

#[test]
fn an_index_that_kills_whoever_searches_it_is_shunned_and_no_other() {
    let searcher = dying("\"k\":13", u32::MAX);
    let (killer, _) = searcher.file("a", file("Flat")).unwrap();
    let (other, _) = searcher.file("b", file("SQ8")).unwrap();
    let query = &vectors(300)[..8];
    let search = |file, k| searcher.search(file, None, query, &wanted(k));
    for _ in 0..5 {
        let killed = search(&killer, 13);
        assert!(matches!(killed, Err(Failure::Corrupt(_))), "{killed:?}");
        assert_eq!(search(&other, 3).unwrap().len(), 3);
    }
    // Twice for the first search, and the next one for the others.
    assert_eq!(searcher.started(), 3);
    // Opened anew it is the same index.
    let again = searcher.file("a", file("Flat")).err();
    assert!(matches!(again, Some(Failure::Corrupt(_))), "{again:?}");
}

#[test]
fn a_process_that_does_not_answer_is_ended() {
    let silent = || {
        let (ours, theirs) = UnixStream::pair()?;
        std::thread::spawn(move || while let Ok(Some(_)) = receive(&theirs, |_| u64::MAX) {});
        Client::over(ours, None)
    };
    let searcher = Searcher::with(Duration::from_millis(50), silent);
    let opened = searcher.file("a", file("Flat")).err();
    assert_eq!(opened, Some(Failure::Slow(0)));
    // Also by itself, in a process of its own.
    assert_eq!(searcher.started(), 2);
}

#[test]
fn what_is_no_message_ends_the_conversation() {
    let garbage: [&[u8]; 4] = [
        &[0xff; 12],
        &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'{'],
        b"GET / HTTP/1.1\r\n\r\n",
        &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'n', b'u', b'l', b'l'],
    ];
    for bytes in garbage {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let client = Client::over(ours, None).unwrap();
        theirs.write_all(bytes).unwrap();
        drop(theirs);
        let told = client.confinement();
        assert!(matches!(told, Err(Failure::Lost(_))), "{told:?}");
        assert!(!client.is_alive());
    }
}

/// Whether a process can be sent a signal.
fn kills(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

#[test]
fn an_answer_that_is_too_long_ends_the_process() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        let _ = receive(&theirs, |_| u64::MAX);
        let head = br#"{"id":0,"outcome":{"Ok":{"rows":0,"dimension":0,"kind":"flat","metric":"l2","needs_training":false}}}"#;
        let _ = send(&theirs, head, &[&[0; 1 << 20]], None);
    });
    let client = Client::over(ours, None).unwrap();
    let told = client.confinement();
    assert!(matches!(told, Err(Failure::Lost(_))), "{told:?}");
}

#[test]
fn a_confined_thread_reaches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "secret").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let confined = std::thread::spawn(move || {
        let confinement = super::sandbox::enter();
        let reached = [
            std::fs::read(&path).is_ok(),
            std::fs::write(path.with_extension("new"), "x").is_ok(),
            std::net::TcpStream::connect(address).is_ok(),
            UnixStream::pair().is_ok(),
            std::process::Command::new("true").status().is_ok(),
            // Of the process itself, which is another one's to the thread's eyes.
            kills(std::process::id()),
        ];
        // What was opened before, and threads, are all that it needs.
        let thread = std::thread::spawn(|| 1).join().unwrap();
        (confinement, reached, thread)
    });
    let (confinement, reached, thread) = confined.join().unwrap();
    assert_eq!(thread, 1);
    if !confinement.seccomp && !confinement.landlock {
        println!("SKIPPED: this kernel has neither seccomp nor landlock");
        return;
    }
    if confinement.seccomp {
        assert_eq!(reached, [false; 6]);
    }
    assert_eq!(&reached[..2], [false; 2]);
}
