//! Whether all that a version names can be read.

use sha2::{Digest, Sha256};

use super::Findings;
use crate::home::Home;
use crate::platform::Platform;
use crate::segment;
use crate::store::{IndexRef, Manifest, StoreError, dead_rows, runs};

/// Bytes of an index that are read at a time.
const PIECE: u64 = 4 << 20;

/// Reads every object that a version names. Answers the keys of those that are missing.
pub(super) fn look(
    platform: Platform<'_>,
    manifest: &Manifest,
    findings: &mut Findings,
    seen: &mut dyn FnMut(u64),
) -> Result<Vec<String>, StoreError> {
    let home = manifest.home();
    let objects = platform.objects;
    let mut look = Look {
        platform,
        findings,
        missing: Vec::new(),
    };
    for one in &manifest.segments {
        let checked = segment::verify(objects, &home, &one.meta);
        look.note(&one.meta.keys(&home), checked.map_err(StoreError::from))?;
        if let Some(dead) = &one.dead {
            let checked = dead_rows(platform, &home, one);
            look.note(&[home.dead(&dead.id)], checked.map(drop))?;
        }
        let graph = one.meta.graph.as_ref().map_or(0, |graph| graph.bytes);
        seen(one.meta.bytes + graph);
    }
    for run in &manifest.runs {
        let checked = runs::verify(objects, &home, run);
        look.note(&[run.key(&home)], checked.map_err(StoreError::from))?;
        seen(run.bytes);
    }
    if let Some(index) = &manifest.index {
        let checked = verify_index(platform, &home, index);
        look.note(&index.keys(&home), checked)?;
        seen(index.bytes);
    }
    Ok(look.missing)
}

struct Look<'a> {
    platform: Platform<'a>,
    findings: &'a mut Findings,
    missing: Vec<String>,
}

impl Look<'_> {
    /// Takes in what came of looking at these objects.
    fn note(&mut self, keys: &[String], checked: Result<(), StoreError>) -> Result<(), StoreError> {
        self.findings.objects += keys.len() as u64;
        match checked {
            Ok(()) => {}
            Err(error) if error.is_missing() => {}
            Err(error) => self.findings.take(error)?,
        }
        for key in keys {
            if !self.platform.objects.exists(key)? {
                self.missing.push(key.clone());
            }
        }
        Ok(())
    }
}

fn verify_index(platform: Platform<'_>, home: &Home, index: &IndexRef) -> Result<(), StoreError> {
    let key = index.key(home);
    let mut hash = Sha256::new();
    let mut at = 0;
    loop {
        let piece = platform.objects.get_range(&key, at..at + PIECE)?;
        hash.update(&piece);
        at += piece.len() as u64;
        if piece.is_empty() {
            break;
        }
    }
    if at != index.bytes {
        let what = format!("it has {at} bytes, not {}", index.bytes);
        return Err(StoreError::damaged(&key, &what));
    }
    match format!("{:x}", hash.finalize()) == index.sha256 {
        true => Ok(()),
        false => Err(StoreError::damaged(&key, &"it has another checksum")),
    }
}
