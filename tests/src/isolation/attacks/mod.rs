//! What attackers do.

mod answers;
mod bodies;
mod connections;
mod embedder;
mod guests;
mod indexes;
mod ingestion;
mod json;
mod rebuilds;
mod requests;
mod searches;
mod stores;
mod uploads;

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::{Attack, Stage, Tally};
use crate::Client;

pub use answers::SLOW_READERS;
pub use bodies::{SLOW_BODIES, SLOW_BODIES_OF_TWO};
pub use connections::{ONE_PEER, TEN_THOUSAND};
pub use embedder::{EMBEDDING_STORM, FORTY_IDLE_BODIES, IDLE_BODIES, UNREAD_ANSWERS};
pub use guests::HOSTILE_GUESTS;
pub use indexes::DEADLY_INDEX;
pub use ingestion::{FILE_BATCHES, LARGE_FILES, PATHOLOGICAL_FILES};
pub use json::{ATTRIBUTE_BOMBS, DEEP_JSON};
pub use rebuilds::{REBUILD_QUEUE, REBUILD_SPACES};
pub use requests::{HEADER_BOMBS, SMUGGLING, smuggled};
pub use searches::{SEARCH_STORM, SLOW_BASE_SEARCHES};
pub use stores::MANY_STORES;
pub use uploads::SLOW_UPLOADS;

/// All of them, in the order of the table.
pub const ALL: [&Attack; 24] = [
    &SLOW_BASE_SEARCHES,
    &SEARCH_STORM,
    &IDLE_BODIES,
    &FORTY_IDLE_BODIES,
    &UNREAD_ANSWERS,
    &EMBEDDING_STORM,
    &SLOW_UPLOADS,
    &SLOW_READERS,
    &SLOW_BODIES,
    &SLOW_BODIES_OF_TWO,
    &ONE_PEER,
    &TEN_THOUSAND,
    &HEADER_BOMBS,
    &SMUGGLING,
    &DEEP_JSON,
    &ATTRIBUTE_BOMBS,
    &MANY_STORES,
    &FILE_BATCHES,
    &LARGE_FILES,
    &PATHOLOGICAL_FILES,
    &REBUILD_SPACES,
    &REBUILD_QUEUE,
    &DEADLY_INDEX,
    &HOSTILE_GUESTS,
];

/// Answers to attackers come within this time, or not at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// Has `callers` do `step` again and again until it is over, each with its number and the number of the
/// step. It is under way when each has done one.
fn again_and_again(
    stage: &Stage,
    client: &Client,
    callers: usize,
    step: impl Fn(&Client, usize, usize, &mut Tally) + Sync,
) -> Tally {
    let tally = Mutex::new(Tally::default());
    let begun = Mutex::new(0);
    thread::scope(|scope| {
        for caller in 0..callers {
            let client = client.afresh(PATIENCE);
            let (step, tally, begun) = (&step, &tally, &begun);
            scope.spawn(move || {
                for number in 0.. {
                    let mut own = Tally::default();
                    step(&client, caller, number, &mut own);
                    tally.lock().unwrap().merge(own);
                    if number == 0 {
                        let mut begun = begun.lock().unwrap();
                        *begun += 1;
                        if *begun == callers {
                            stage.under_way();
                        }
                    }
                    if stage.is_over() {
                        return;
                    }
                }
            });
        }
    });
    tally.into_inner().unwrap()
}
