//! Work on the whole of a store: claimed, kept and ended by versions of the store itself.

use super::commit::change;
use super::error::StoreError;
use super::manifest::{Lease, Manifest};
use super::next::Next;
use crate::mutants::{Mutant, active};
use crate::platform::{Platform, Worker};

/// Which work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Merging the newest runs and segments.
    Compaction,
    /// Making one base with a native index of everything.
    Rebuild,
}

impl Duty {
    /// How long a claim holds without being renewed, in milliseconds: longer than its slowest step,
    /// which for a rebuild is the training of an index.
    pub fn lease_ms(self) -> u64 {
        match self {
            Self::Compaction => 60_000,
            Self::Rebuild => 900_000,
        }
    }

    pub(super) fn of(self, manifest: &Manifest) -> &Lease {
        match self {
            Self::Compaction => &manifest.compactor,
            Self::Rebuild => &manifest.rebuilder,
        }
    }

    pub(super) fn of_mut(self, manifest: &mut Manifest) -> &mut Lease {
        match self {
            Self::Compaction => &mut manifest.compactor,
            Self::Rebuild => &mut manifest.rebuilder,
        }
    }
}

/// A claim that was granted.
#[derive(Debug, Clone)]
pub struct Held {
    duty: Duty,
    /// Its epoch.
    pub epoch: u64,
    /// The version that grants it: what the work begins from.
    pub manifest: Manifest,
    renewed_ms: u64,
}

/// Claims a duty, where `wanted` says of the newest version that there is something to do; `None`
/// where there is not, or where another holds it. With `steal` nobody else's claim is heeded.
pub fn claim(
    platform: Platform<'_>,
    store: &str,
    duty: Duty,
    worker: &Worker,
    steal: bool,
    wanted: impl Fn(&Manifest) -> bool,
) -> Result<Option<Held>, StoreError> {
    let mut is_mine = false;
    let now_ms = platform.now_ms();
    let manifest = change(platform, store, |newest| {
        let lease = duty.of(newest);
        is_mine = wanted(newest) && (steal || lease.is_free(&worker.node, &worker.boot, now_ms));
        if !is_mine {
            return Ok(None);
        }
        let mut next = newest.clone();
        *duty.of_mut(&mut next) = Lease {
            epoch: lease.epoch + 1,
            until_ms: now_ms + duty.lease_ms(),
            node: worker.node.clone(),
            boot: worker.boot.clone(),
            at: newest.version,
        };
        Ok::<_, StoreError>(Some(Next::upkeep(next)))
    })?;
    Ok(is_mine.then(|| Held {
        duty,
        epoch: duty.of(&manifest).epoch,
        manifest,
        renewed_ms: now_ms,
    }))
}

impl Held {
    /// The store's id.
    pub fn store(&self) -> &str {
        &self.manifest.store.id
    }

    /// Fails with [`StoreError::Overtaken`] unless the claim is the newest in that version.
    pub fn ensure_newest(&self, newest: &Manifest) -> Result<(), StoreError> {
        let is_same = newest.incarnation == self.manifest.incarnation
            && (self.duty.of(newest).epoch == self.epoch || active(Mutant::NoFence));
        match is_same {
            true => Ok(()),
            false => Err(StoreError::Overtaken),
        }
    }

    /// Fails with [`StoreError::Overtaken`] where a rebuild that began since takes in what this
    /// compaction would replace: the longer work is not thrown away for the shorter.
    pub(super) fn ensure_in_nobodys_way(
        &self,
        newest: &Manifest,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let rebuilder = &newest.rebuilder;
        let is_new = rebuilder.epoch != self.manifest.rebuilder.epoch;
        match self.duty == Duty::Compaction && is_new && rebuilder.until_ms > now_ms {
            true => Err(StoreError::Overtaken),
            false => Ok(()),
        }
    }

    /// Extends the claim once half of its time has passed; cheap to call often.
    ///
    /// Errors: [`StoreError::Overtaken`] where another claimed it meanwhile.
    pub fn renew(&mut self, platform: Platform<'_>) -> Result<(), StoreError> {
        let now_ms = platform.now_ms();
        if now_ms < self.renewed_ms + self.duty.lease_ms() / 2 {
            return Ok(());
        }
        change(platform, self.store(), |newest| {
            self.ensure_newest(newest)?;
            let mut next = newest.clone();
            self.duty.of_mut(&mut next).until_ms = now_ms + self.duty.lease_ms();
            Ok::<_, StoreError>(Some(Next::upkeep(next)))
        })?;
        self.renewed_ms = now_ms;
        Ok(())
    }

    /// Notes in the version that the work brings that it has ended.
    pub(super) fn end(&self, next: &mut Manifest) {
        self.duty.of_mut(next).until_ms = 0;
    }

    /// Gives the claim up, so that the next one is granted at once. Its epoch stays taken.
    ///
    /// Answers whether it was held: not where the store is gone or another claimed it.
    pub fn release(&self, platform: Platform<'_>) -> Result<bool, StoreError> {
        let released = change(platform, self.store(), |newest| {
            self.ensure_newest(newest)?;
            let mut next = newest.clone();
            self.duty.of_mut(&mut next).until_ms = 0;
            Ok(Some(Next::upkeep(next)))
        });
        match released {
            Ok(_) => Ok(true),
            Err(StoreError::Overtaken | StoreError::NoSuchStore(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
