//! What a store that grew by uploads takes, when its garbage has waited its time.

use dayfly_core::files;
use dayfly_core::objects::Objects;
use dayfly_core::ops;
use dayfly_core::platform::Worker;
use dayfly_core::segment::DEFAULT_SEGMENT_MAX_ROWS;
use dayfly_core::store::{GRACE_MS, Indexing, Upkeep};

use super::store::{STORE, Tenant};
use super::work;

/// How often a host looks after a store in the hour that passes.
const LOOKS: u64 = 12;

/// Bytes of a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Space {
    /// What was uploaded, and one segment for each of the files, as it was first written.
    pub live: u64,
    /// Everything, as the last upload left it.
    pub after_uploads: u64,
    /// Everything, an hour later.
    pub after_an_hour: u64,
    /// Objects, then.
    pub objects: u64,
}

/// So many uploads of 100 KB into an empty store, and an hour.
pub fn measure(uploads: u32) -> Space {
    let tenant = Tenant::empty();
    let upkeep = Upkeep {
        worker: Worker {
            node: "n".to_owned(),
            boot: "b".to_owned(),
        },
        indexing: Indexing {
            graph_min_rows: u32::MAX,
            segment_max_rows: DEFAULT_SEGMENT_MAX_ROWS,
        },
    };
    let mut live = 0;
    for number in 0..uploads {
        let (committed, segment_bytes) = work::upload(&tenant, number);
        live += segment_bytes;
        ops::after_commit(tenant.platform(), &committed, &upkeep).unwrap();
    }
    let (_, after_uploads) = total(&tenant, "");
    for _ in 0..=LOOKS {
        tenant.clock.advance(GRACE_MS / LOOKS);
        ops::look_after(tenant.platform(), STORE, &upkeep, true).unwrap();
    }
    let (objects, after_an_hour) = total(&tenant, "");
    let (_, uploaded) = total(&tenant, files::FOLDER);
    Space {
        live: live + uploaded,
        after_uploads,
        after_an_hour,
        objects,
    }
}

fn total(tenant: &Tenant, prefix: &str) -> (u64, u64) {
    let listed = tenant.objects.list_all(prefix).unwrap();
    (
        listed.len() as u64,
        listed.iter().map(|meta| meta.size).sum(),
    )
}
