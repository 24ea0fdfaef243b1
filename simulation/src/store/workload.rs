//! What a run does, as its seed decides: few things often, so that they meet.

use std::cell::Cell;

use crate::options::HOUR_MS;
use dayfly_core::ids;
use dayfly_core::platform::Worker;
use dayfly_core::store::{Embedding, ExpiresAfter, Indexing, Manifest, StoreInfo, Upkeep};

/// How much of what.
#[derive(Debug)]
pub struct Workload {
    /// The ids of the stores that there may be.
    pub stores: Vec<String>,
    /// Writes of each client.
    pub writes: u64,
    /// Different files of each client.
    pub files: u64,
    /// Of a hundred writes: uploads, attachments, attributes, removals from a store, deletions of
    /// files, deletions of stores.
    pub weights: [u64; 6],
    /// Stores that nobody uses for a day expire.
    pub expiry: bool,
    /// Of a hundred accepted ingestions, how many can never succeed.
    pub failing: u32,
    /// Rebuilds are asked for.
    pub rebuilds: bool,
    /// Milliseconds between two writes of a client, at most.
    pub rest_ms: u64,
    /// Clients have ended: upkeep comes seldom, and nobody rebuilds any more.
    pub quiet: Cell<bool>,
}

impl Workload {
    /// The one of a seed.
    pub fn draw(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x574f_524b);
        let stores = 1 + rng.usize(..2);
        let names = ["notes", "letters"];
        let mut weights = [40, 20, 10, 15, 5, 2];
        for weight in &mut weights {
            *weight *= [0, 1, 1, 3][rng.usize(..4)];
        }
        weights[0] += 5;
        Self {
            stores: names[..stores]
                .iter()
                .filter_map(|name| ids::store_id(name))
                .collect(),
            writes: [6, 12, 30, 60][rng.usize(..4)],
            files: 2 + rng.u64(..6),
            weights,
            rebuilds: rng.bool(),
            expiry: rng.u8(..8) == 0,
            quiet: Cell::new(false),
            rest_ms: [10, 1_000, 60_000, 1_200_000][rng.usize(..4)],
            failing: [0, 0, 20, 60][rng.usize(..4)],
        }
    }
}

impl Workload {
    /// How long upkeep rests that usually rests so long.
    pub fn rest(&self, usual_ms: u64) -> u64 {
        match self.quiet.get() {
            true => (usual_ms * 30).min(6 * HOUR_MS),
            false => usual_ms,
        }
    }
}

/// Who does upkeep on a host.
pub fn upkeep(node: &str, boot: u64) -> Upkeep {
    Upkeep {
        worker: Worker {
            node: node.to_owned(),
            boot: boot.to_string(),
        },
        indexing: Indexing {
            graph_min_rows: u32::MAX,
            segment_max_rows: 64,
        },
    }
}

/// A store's first version.
pub fn first(store: &str, now_ms: u64, expires: bool) -> Manifest {
    Manifest::first(StoreInfo {
        id: store.to_owned(),
        name: Some(store.to_owned()),
        created_at: now_ms / 1_000,
        description: None,
        metadata: Default::default(),
        expires_after: expires.then(|| ExpiresAfter {
            anchor: "last_active_at".to_owned(),
            days: 1,
        }),
        embedding: Embedding {
            model: "m".to_owned(),
            dimension: None,
            metric: "cosine".to_owned(),
        },
    })
}
