use std::time::{Duration, Instant};

use dayfly_tests::rebuild::{children, path, rebuilt};
use dayfly_tests::wait;
use serde_json::json;

use super::*;

#[test]
fn a_rebuild_killed_a_hundred_times_at_any_moment_loses_nothing() {
    const KILLS: usize = 100;
    let native = Native::of(2_500, |builder| builder);
    let client = &native.client;
    let mut random = fastrand::Rng::with_seed(20_261_126);
    let mut killed = 0;
    let mut rounds = 0;
    // How long a rebuild takes that nobody kills.
    let begun = Instant::now();
    client
        .post_json(&path("s"), &json!({"factory": "HNSW32,SQ8"}))
        .ok();
    rebuilt(client, "s");
    let whole = begun.elapsed();
    while killed < KILLS {
        rounds += 1;
        assert!(
            rounds < 10 * KILLS,
            "only {killed} of {rounds} rebuilds were killed"
        );
        let upload = format!("heron number{rounds} that came meanwhile");
        client
            .post_json(&path("s"), &json!({"factory": "HNSW32,SQ8"}))
            .ok();
        let pid = wait::until("the rebuild's process", || {
            let ended = client.get(&path("s")).ok()["status"] == "idle";
            children(native.server.pid())
                .first()
                .copied()
                .map(Some)
                .or(ended.then_some(None))
        });
        let Some(pid) = pid else { continue };
        let moment = Instant::now() + whole.mul_f64(random.f64());
        client.upload("s", &upload);
        wait::until("its end to be near", || {
            let gone = children(native.server.pid()).is_empty();
            (gone || Instant::now() >= moment).then_some(())
        });
        killed += usize::from(kill(pid));
        assert_eq!(
            found(client, &upload, None)[0],
            upload,
            "lost by kill {killed}"
        );
        let text = &native.texts[random.usize(..native.texts.len())];
        assert_eq!(found(client, text, None)[0], *text, "lost by kill {killed}");
    }
    // In the end it is built, of everything.
    let state = wait::until_within(Duration::from_secs(120), "a rebuild that is let be", || {
        client.post_json(&path("s"), &json!({})).ok();
        let state = rebuilt(client, "s");
        (state["status"] == "idle" && state["index"]["rows"] == json!(2_500 + rounds))
            .then_some(state)
    });
    println!("{killed} of {rounds} killed, each within {whole:?}: {state}");
    // What killed tries left is removed: each base is the store's, or waits for its readers.
    let keys = native.server.stored();
    let newest = keys
        .iter()
        .filter(|key| key.contains("/manifest/"))
        .max()
        .unwrap();
    let records = keys.iter().filter(|key| key.contains("/garbage/"));
    let named: String = [newest]
        .into_iter()
        .chain(records)
        .map(|key| std::fs::read_to_string(native.server.data().join(key)).unwrap())
        .collect();
    for key in keys.iter().filter(|key| key.ends_with("rows-00000.arrow")) {
        let base = key.rsplit('/').nth(1).unwrap();
        assert!(named.contains(base), "{key} was left behind");
    }
}

/// Whether the process was still there to be killed.
fn kill(pid: u32) -> bool {
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
    status.unwrap().success()
}

#[test]
fn a_killed_server_takes_its_rebuild_along_and_the_next_one_goes_on_with_it() {
    let mut native = Native::of(4_000, |builder| builder);
    native
        .client
        .post_json(&path("s"), &json!({"factory": "HNSW32,SQ8"}))
        .ok();
    let pid = wait::until("the rebuild's process", || {
        children(native.server.pid()).first().copied()
    });
    native.server.kill();
    wait::until("the orphan to end", || {
        (!std::path::Path::new(&format!("/proc/{pid}/exe")).exists()
            || std::fs::read_link(format!("/proc/{pid}/exe")).is_err())
        .then_some(())
    });
    let server = native.server.restart();
    let client = server.client();
    let state = rebuilt(&client, "s");
    assert_eq!(state["status"], "idle", "{state}");
    assert_eq!(found(&client, &native.texts[17], None)[0], native.texts[17]);
    drop(native.embedder);
}
