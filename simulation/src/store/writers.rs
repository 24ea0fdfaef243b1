//! Clients: they upload, attach, change, remove and delete, and note what they are told.

use std::cell::RefCell;
use std::collections::BTreeMap;

use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::filter::AttributeValue;
use dayfly_core::ids::FILE_PREFIX;
use dayfly_core::ops;
use dayfly_core::pending::PendingError;
use dayfly_core::platform::Platform;
use dayfly_core::store::{self, Manifest, StoreError};

use super::content;
use super::ledger::{Ledger, Write};
use super::workload::{self, Workload};
use crate::context::TaskContext;

/// The attribute that tests set.
pub const ATTRIBUTE: &str = "n";

/// A client's work, one write after the other.
pub fn work(task: &TaskContext, me: u32, workload: &Workload, ledger: &RefCell<Ledger>) {
    let client = Client {
        task,
        me,
        workload,
        ledger,
    };
    let mut files = Vec::new();
    for number in 0..workload.writes {
        task.pause(task.below(workload.rest_ms));
        let store = &workload.stores[task.below(workload.stores.len() as u64) as usize];
        match client.choose() {
            0 => client.upload(store, &mut files),
            1 => client.attach(store, &mut files),
            2 => client.set_attribute(store, number, &files),
            3 => client.take_out(store, &files),
            4 => client.delete_file(&mut files),
            _ => client.delete_store(store),
        }
    }
}

struct Client<'a> {
    task: &'a TaskContext,
    me: u32,
    workload: &'a Workload,
    ledger: &'a RefCell<Ledger>,
}

impl Client<'_> {
    fn platform(&self) -> Platform<'_> {
        self.task.platform()
    }

    /// Which kind of write comes next.
    fn choose(&self) -> usize {
        let weights = &self.workload.weights;
        let mut left = self.task.below(weights.iter().sum());
        for (kind, weight) in weights.iter().enumerate() {
            if left < *weight {
                return kind;
            }
            left -= weight;
        }
        0
    }

    fn one_of<'f>(&self, files: &'f [FileMeta]) -> Option<&'f FileMeta> {
        files.get(self.task.below(files.len() as u64) as usize)
    }

    /// A file that is kept, one of the client's or a new one.
    fn file(&self, files: &mut Vec<FileMeta>) -> Option<FileMeta> {
        if files.len() as u64 >= self.workload.files {
            return self.one_of(files).cloned();
        }
        let id = self.platform().new_id(FILE_PREFIX);
        let file = content::keep(self.platform(), &id).ok()?;
        files.push(file.clone());
        Some(file)
    }

    fn store(&self, store: &str) -> Result<Manifest, StoreError> {
        match store::current(self.platform(), store)? {
            Some(present) => Ok(present),
            None => {
                let expires = self.workload.expiry;
                if expires {
                    // Whatever it will hold may go with it, at any time from then on.
                    self.ledger.borrow_mut().begin(store, None, Write::Delete);
                }
                let first = workload::first(store, self.platform().now_ms(), expires);
                store::create(self.platform(), &first)
            }
        }
    }

    /// As `POST /upload`: the caller waits until the file is searchable.
    fn upload(&self, store: &str, files: &mut Vec<FileMeta>) {
        let id = self.platform().new_id(FILE_PREFIX);
        let Ok(manifest) = self.store(store) else {
            return;
        };
        let home = manifest.home();
        let ingest_id = self.platform().new_id("");
        let rows = content::rows_of(&ingest_id);
        let write = Write::Put {
            ingest_id: ingest_id.clone(),
            rows: rows.into(),
        };
        let write = self.ledger.borrow_mut().begin(store, Some(&id), write);
        if files::note_store(self.task.objects(), &id, store).is_err() {
            return;
        }
        let Ok(file) = content::keep(self.platform(), &id) else {
            return;
        };
        let committed = content::ingest(self.platform(), &home, &id, &ingest_id, rows)
            .map_err(|error| PendingError::from(StoreError::from(error)))
            .and_then(|segment| {
                let entry = content::entry(&file, &ingest_id, std::slice::from_ref(&segment));
                self.task.measured("upload", || {
                    ops::commit_upload(self.platform(), &home, &entry, &[segment])
                })
            });
        match committed {
            Ok(committed) => {
                self.ledger.borrow_mut().acknowledge(write);
                files.push(file);
                let upkeep = workload::upkeep("client", self.me.into());
                let _ = ops::after_commit(self.platform(), &committed, &upkeep);
            }
            Err(_) => match ops::take_back(self.platform(), &home, &file, &ingest_id, false) {
                Ok(Some(_)) => self.ledger.borrow_mut().acknowledge(write),
                Ok(None) => self.ledger.borrow_mut().fail(write),
                Err(_) => {}
            },
        }
    }

    /// As `POST …/files`: accepted, and done by whoever finds it.
    fn attach(&self, store: &str, files: &mut Vec<FileMeta>) {
        let Some(file) = self.file(files) else {
            return;
        };
        // Whether its answer comes or not, it may have been accepted: then workers tell.
        let write = self.ledger.borrow_mut().begin_attachment(store, &file.id);
        let Ok(manifest) = self.store(store) else {
            return;
        };
        if files::read(self.task.objects(), &file.id).is_err() {
            return;
        }
        let home = manifest.home();
        let chunking = ChunkingStrategy::Auto;
        let attached = ops::attach(self.platform(), &home, &file, BTreeMap::new(), chunking);
        if let Ok(attached) = attached {
            let ingest_id = &attached.pending.ingest_id;
            let mut ledger = self.ledger.borrow_mut();
            ledger.attached(write, ingest_id, attached.is_new);
        }
    }

    fn set_attribute(&self, store: &str, number: u64, files: &[FileMeta]) {
        let Some(file) = self.one_of(files) else {
            return;
        };
        let Ok(Some(manifest)) = store::current(self.platform(), store) else {
            return;
        };
        let value = 1 + number * 10 + u64::from(self.me);
        let attributes =
            BTreeMap::from([(ATTRIBUTE.to_owned(), AttributeValue::Number(value as f64))]);
        let write = Write::Attribute(value);
        let write = self.ledger.borrow_mut().begin(store, Some(&file.id), write);
        let home = manifest.home();
        match store::set_attributes(self.platform(), &home, &file.id, &attributes) {
            Ok(_) => self.ledger.borrow_mut().acknowledge(write),
            Err(StoreError::NoSuchFile { .. } | StoreError::NoSuchStore(_)) => {
                self.ledger.borrow_mut().fail(write);
            }
            Err(_) => {}
        }
    }

    fn take_out(&self, store: &str, files: &[FileMeta]) {
        let Some(file) = self.one_of(files) else {
            return;
        };
        let Ok(Some(manifest)) = store::current(self.platform(), store) else {
            return;
        };
        let home = manifest.home();
        let write = self
            .ledger
            .borrow_mut()
            .begin(store, Some(&file.id), Write::Delete);
        if let Ok(cancelled) = ops::detach(self.platform(), &home, &file.id) {
            self.ledger.borrow_mut().acknowledge(write);
            let _ = ops::finish_detach(self.platform(), &home, &cancelled);
        }
    }

    fn delete_file(&self, files: &mut Vec<FileMeta>) {
        if files.is_empty() {
            return;
        }
        let file = files.swap_remove(self.task.below(files.len() as u64) as usize);
        let begun: Vec<_> = self
            .workload
            .stores
            .iter()
            .map(|store| {
                let mut ledger = self.ledger.borrow_mut();
                ledger.begin(store, Some(&file.id), Write::Delete)
            })
            .collect();
        if ops::delete_file(self.platform(), &file.id).is_ok() {
            let mut ledger = self.ledger.borrow_mut();
            begun.iter().for_each(|write| ledger.acknowledge(*write));
            drop(ledger);
            let _ = ops::finish_file_deletion(self.platform(), &file.id);
        }
    }

    fn delete_store(&self, store: &str) {
        // Before it is read: which life of the store it deletes is decided there.
        let write = self.ledger.borrow_mut().begin(store, None, Write::Delete);
        let Ok(Some(manifest)) = store::current(self.platform(), store) else {
            self.ledger.borrow_mut().fail(write);
            return;
        };
        if let Ok(home) = ops::delete_store(self.platform(), &manifest) {
            self.ledger.borrow_mut().acknowledge(write);
            let _ = store::finish_deletion(self.platform(), &home);
        }
    }
}
