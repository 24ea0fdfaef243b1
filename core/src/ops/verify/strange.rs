//! Objects that belong to nothing.

use std::collections::HashSet;

use super::Findings;
use crate::home::{Home, INCARNATION_PREFIX};
use crate::ids;
use crate::pending::Ticket;
use crate::platform::Platform;
use crate::store::{Manifest, StoreError, is_being_deleted, unreachable};

/// Looks for objects below a store's name that belong to nothing. `newest` was read before; what is
/// being ingested is looked for after.
pub(super) fn look(
    platform: Platform<'_>,
    store: &str,
    newest: Option<&Manifest>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let now_ms = platform.now_ms();
    if let Some(newest) = newest {
        let queued = platform.objects.list_all(&newest.home().queue())?;
        let tickets = queued.iter().filter_map(|meta| Ticket::parse(&meta.key));
        let ingesting: HashSet<String> = tickets.map(|ticket| ticket.ingest_id).collect();
        for meta in unreachable(platform, newest, &ingesting)? {
            findings.strange(&meta, now_ms);
        }
    }
    for name in platform.objects.folders(&format!("stores/{store}/"))? {
        let is_present = newest.is_some_and(|newest| newest.incarnation == name);
        let is_life = ids::made_ms(&name, INCARNATION_PREFIX).is_some();
        let home = Home::new(store, &name);
        if is_present || !is_life || is_being_deleted(platform, &home)? {
            continue;
        }
        for meta in platform.objects.list_all(&home.folder())? {
            findings.strange(&meta, now_ms);
        }
    }
    Ok(())
}
