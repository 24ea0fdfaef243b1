//! What a tenant has beside its stores.

use std::collections::HashMap;

use super::Findings;
use super::each::each;
use super::files;
use crate::home::{Home, QUEUE};
use crate::pending::{PendingError, Ticket};
use crate::platform::Platform;
use crate::store::{SCRUB_AFTER_MS, current, is_being_deleted};

/// Where records of deletions are.
const WORK: &str = "work/";

/// Looks through what a tenant has beside its stores: uploaded files, of whose bytes the number
/// alone is looked at, the queue, and deletions that have not come to an end. `seen` gets how many
/// bytes a file has.
///
/// Errors: those of the storage that may pass.
pub fn verify_tenant(
    platform: Platform<'_>,
    seen: &mut dyn FnMut(u64),
) -> Result<Findings, PendingError> {
    let mut findings = Findings::default();
    files::look(platform, &mut findings, seen)?;
    look_at_queue(platform, &mut findings)?;
    let now_ms = platform.now_ms();
    each(platform, WORK, &mut |meta| {
        // Others are being gone on with.
        if meta.modified_ms.saturating_add(SCRUB_AFTER_MS) <= now_ms {
            findings.strange(&meta, now_ms);
        }
        Ok(())
    })?;
    Ok(findings)
}

fn look_at_queue(platform: Platform<'_>, findings: &mut Findings) -> Result<(), PendingError> {
    let mut is_alive: HashMap<Home, bool> = HashMap::new();
    each(platform, QUEUE, &mut |meta| {
        findings.objects += 1;
        let Some(ticket) = Ticket::parse(&meta.key) else {
            findings.strange(&meta, platform.now_ms());
            return Ok(());
        };
        let home = ticket.home();
        let known = match is_alive.get(&home) {
            Some(known) => *known,
            None => {
                let newest = current(platform, &home.store)?;
                let is_present = newest.is_some_and(|newest| newest.home() == home);
                let known = is_present || is_being_deleted(platform, &home)?;
                is_alive.insert(home, known);
                known
            }
        };
        if !known {
            findings.strange(&meta, platform.now_ms());
        }
        Ok(())
    })
}
