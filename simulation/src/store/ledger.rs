//! What was asked for and what was promised, and whether a store says so.
//!
//! Each file of a store is a register: ingestions, attributes and removals write it. What a store
//! says of a file must be explained by a write that no other one, begun after it had settled and
//! itself settled, has made obsolete.

use std::collections::BTreeMap;

use crate::failure::Violation;

/// A write of a file in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// An ingestion, with so many rows.
    Put {
        /// Its id.
        ingest_id: String,
        /// How many rows it brings.
        rows: u64,
    },
    /// An ingestion whose id its caller was not told (yet).
    Attach,
    /// New attributes: this number.
    Attribute(u64),
    /// It was taken out, or the store or the file was deleted.
    Delete,
}

/// Names a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteId(usize);

#[derive(Debug)]
struct Entry {
    store: String,
    /// `None` for all files of the store.
    file_id: Option<String>,
    write: Write,
    began: u64,
    /// When somebody was told that it will be done.
    accepted: Option<u64>,
    /// When somebody was told that it is, or it was first seen.
    done: Option<u64>,
    /// It was said not to have been done.
    failed: bool,
}

/// What a store says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which ingestion.
    pub ingest_id: String,
    /// Its rows.
    pub rows: u64,
    /// The number in its attributes; 0 where there is none.
    pub attribute: u64,
}

/// All writes of a run.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    order: u64,
}

impl Ledger {
    fn next(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// Somebody sets out to write a file, or all files of a store.
    pub fn begin(&mut self, store: &str, file_id: Option<&str>, write: Write) -> WriteId {
        let began = self.next();
        self.entries.push(Entry {
            store: store.to_owned(),
            file_id: file_id.map(str::to_owned),
            write,
            began,
            accepted: None,
            done: None,
            failed: false,
        });
        WriteId(self.entries.len() - 1)
    }

    /// Somebody sets out to attach a file: under which ingestion, nobody knows yet.
    pub fn begin_attachment(&mut self, store: &str, file_id: &str) -> WriteId {
        self.begin(store, Some(file_id), Write::Attach)
    }

    /// Somebody was told that a file is being ingested: what was begun is that, if it is new, and an
    /// earlier attachment otherwise, perhaps one whose caller was told nothing.
    pub fn attached(&mut self, id: WriteId, ingest_id: &str, is_new: bool) {
        let known = self.entries.iter().position(
            |entry| matches!(&entry.write, Write::Put { ingest_id: id, .. } if id == ingest_id),
        );
        let own = &self.entries[id.0];
        let untold = self.entries.iter().position(|entry| {
            let is_same = (&entry.store, &entry.file_id) == (&own.store, &own.file_id);
            is_same && entry.write == Write::Attach
        });
        let place = match (known, is_new) {
            (Some(known), _) => known,
            (None, true) => id.0,
            (None, false) => untold.unwrap_or(id.0),
        };
        self.entries[place].write = Write::Put {
            ingest_id: ingest_id.to_owned(),
            rows: super::content::rows_of(ingest_id).into(),
        };
        self.accept(WriteId(place));
    }

    /// Somebody was told that it will be done.
    pub fn accept(&mut self, id: WriteId) {
        let now = self.next();
        self.entries[id.0].accepted.get_or_insert(now);
    }

    /// Somebody was told that it is done.
    pub fn acknowledge(&mut self, id: WriteId) {
        let now = self.next();
        self.entries[id.0].done.get_or_insert(now);
    }

    /// Somebody was told that it was certainly not done.
    pub fn fail(&mut self, id: WriteId) {
        self.entries[id.0].failed = true;
    }

    /// The stores that were ever written.
    pub fn stores(&self) -> Vec<String> {
        let mut stores: Vec<String> = self.entries.iter().map(|e| e.store.clone()).collect();
        stores.sort_unstable();
        stores.dedup();
        stores
    }

    /// The files that were ever put into a store.
    pub fn files(&self, store: &str) -> Vec<String> {
        let own = self.entries.iter().filter(|entry| entry.store == store);
        let mut files: Vec<String> = own.filter_map(|entry| entry.file_id.clone()).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Whether what a store says of all of its files is explained.
    ///
    /// # Errors
    /// The promise that does not hold.
    pub fn check(&mut self, store: &str, seen: &BTreeMap<String, Seen>) -> Result<(), Violation> {
        self.note(store, seen);
        for (file_id, state) in seen {
            self.check_present(store, file_id, state)?;
        }
        for file_id in self.files(store) {
            if !seen.contains_key(&file_id) {
                self.check_absent(store, &file_id)?;
            }
        }
        Ok(())
    }

    /// The ingestions that were accepted, never came, and were not taken out again.
    pub fn unfinished(&self) -> Vec<(String, String, String)> {
        let accepted = self.entries.iter().filter_map(|entry| {
            let Write::Put { ingest_id, .. } = &entry.write else {
                return None;
            };
            let file_id = entry.file_id.as_ref()?;
            let is_open = entry.accepted.is_some() && entry.done.is_none() && !entry.failed;
            // A failure is forgotten when the file is attached again.
            let is_renewed = self.of(&entry.store, file_id).any(|other| {
                let is_put = matches!(other.write, Write::Put { .. } | Write::Attach);
                is_put && other.began > entry.began
            });
            let is_explained = is_renewed || self.is_removed(entry, entry.began);
            (is_open && !is_explained).then(|| {
                let (store, ingest_id) = (entry.store.clone(), ingest_id.clone());
                (store, file_id.clone(), ingest_id)
            })
        });
        accepted.collect()
    }

    /// Whether an ingestion was followed by one that was begun after somebody was told of it, and
    /// that came.
    pub fn is_followed(&self, store: &str, file_id: &str, ingest_id: &str) -> bool {
        let is_own = |entry: &&Entry| matches!(&entry.write, Write::Put { ingest_id: id, .. } if id == ingest_id);
        let own = self.of(store, file_id).find(is_own);
        let Some(accepted) = own.and_then(|own| own.accepted) else {
            return false;
        };
        self.of(store, file_id).any(|other| {
            let is_put = matches!(other.write, Write::Put { .. });
            is_put && other.done.is_some() && other.began > accepted
        })
    }

    /// The moment now, to ask about later.
    pub fn now(&mut self) -> u64 {
        self.next()
    }

    /// The files that a list which was begun at that moment must have.
    pub fn listed_since(&self, store: &str, moment: u64) -> Vec<String> {
        let told = |entry: &Entry| entry.accepted.into_iter().chain(entry.done).min();
        self.put_before(store, moment, told)
    }

    /// The files that a version which was the newest at that moment, or later, must hold.
    pub fn held_since(&self, store: &str, moment: u64) -> Vec<String> {
        self.put_before(store, moment, |entry| entry.done)
    }

    fn put_before(
        &self,
        store: &str,
        moment: u64,
        when: impl Fn(&Entry) -> Option<u64>,
    ) -> Vec<String> {
        let is_wanted = |entry: &&Entry| {
            entry.store == store
                && matches!(entry.write, Write::Put { .. })
                && when(entry).is_some_and(|then| then < moment)
                && !self.is_removed(entry, entry.began)
        };
        let own = self.entries.iter().filter(is_wanted);
        own.filter_map(|entry| entry.file_id.clone()).collect()
    }

    /// Whether anybody set out to take the file of an entry out, and may have done so after `moment`.
    fn is_removed(&self, entry: &Entry, moment: u64) -> bool {
        let Some(file_id) = &entry.file_id else {
            return false;
        };
        self.of(&entry.store, file_id).any(|other| {
            let is_delete = other.write == Write::Delete && !other.failed;
            is_delete && other.done.is_none_or(|done| done > moment)
        })
    }

    fn note(&mut self, store: &str, seen: &BTreeMap<String, Seen>) {
        let now = self.next();
        for entry in self.entries.iter_mut().filter(|entry| entry.store == store) {
            let state = entry.file_id.as_ref().and_then(|id| seen.get(id));
            let is_seen = match (&entry.write, state) {
                (Write::Put { ingest_id, .. }, Some(state)) => *ingest_id == state.ingest_id,
                (Write::Attribute(number), Some(state)) => *number == state.attribute,
                _ => false,
            };
            if is_seen {
                entry.done.get_or_insert(now);
            }
        }
    }

    fn of<'a>(&'a self, store: &'a str, file_id: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| {
            entry.store == store && entry.file_id.as_deref().is_none_or(|id| id == file_id)
        })
    }

    fn check_present(&self, store: &str, file_id: &str, state: &Seen) -> Result<(), Violation> {
        let put = self.of(store, file_id).find(|entry| {
            matches!(&entry.write, Write::Put { ingest_id, .. } if *ingest_id == state.ingest_id)
        });
        let is_untold = |entry: &Entry| entry.write == Write::Attach;
        let Some(put) = put else {
            if self.of(store, file_id).any(is_untold) {
                return Ok(());
            }
            let message = format!("{file_id} in {store} is of an ingestion that nobody began");
            return Err(Violation::new("atomic", message));
        };
        if put.failed {
            let message = format!("{file_id} in {store} is there, and its upload was said to fail");
            return Err(Violation::new("atomic", message));
        }
        if let Write::Put { rows, .. } = put.write
            && rows != state.rows
        {
            let message = format!("{file_id} in {store} has {} of {rows} rows", state.rows);
            return Err(Violation::new("atomic", message));
        }
        let replaces = |entry: &Entry| !matches!(entry.write, Write::Attribute(_));
        let settled = put.done.into_iter().chain(put.accepted).min();
        self.ensure_newest(store, file_id, put, settled, replaces)?;
        let attribute = self.of(store, file_id).find(
            |entry| matches!(entry.write, Write::Attribute(number) if number == state.attribute),
        );
        // Those of an ingestion come with its commit, whenever it was accepted.
        let own = attribute.unwrap_or(put);
        self.ensure_newest(store, file_id, own, own.done, |_| true)
    }

    /// No write that replaces `own` began after it had settled, and has settled.
    fn ensure_newest(
        &self,
        store: &str,
        file_id: &str,
        own: &Entry,
        settled: Option<u64>,
        replaces: impl Fn(&Entry) -> bool,
    ) -> Result<(), Violation> {
        let Some(settled) = settled else {
            return Ok(());
        };
        let newer = self
            .of(store, file_id)
            .filter(|entry| replaces(entry))
            .find(|entry| entry.began > settled && entry.done.is_some());
        match newer {
            None => Ok(()),
            Some(newer) => {
                let promise = match newer.write {
                    Write::Delete => "gone",
                    _ => "linear",
                };
                let (old, new) = (&own.write, &newer.write);
                let message = format!("{file_id} in {store} is {old:?}, after {new:?} was done");
                Err(Violation::new(promise, message))
            }
        }
    }

    fn check_absent(&self, store: &str, file_id: &str) -> Result<(), Violation> {
        let puts = self.of(store, file_id).filter_map(|entry| {
            let is_put = matches!(entry.write, Write::Put { .. });
            is_put.then_some(entry).filter(|entry| entry.done.is_some())
        });
        for put in puts {
            let is_explained = self.of(store, file_id).any(|entry| {
                let is_delete = entry.write == Write::Delete && !entry.failed;
                is_delete && entry.done.is_none_or(|done| done > put.began)
            });
            if !is_explained {
                let message = format!("{file_id} was put into {store} and is gone");
                return Err(Violation::new("durable", message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(ledger: &mut Ledger, ingest_id: &str) -> WriteId {
        let write = Write::Put {
            ingest_id: ingest_id.to_owned(),
            rows: 1,
        };
        ledger.begin("s", Some("f"), write)
    }

    fn says(ingest_id: &str, attribute: u64) -> BTreeMap<String, Seen> {
        let seen = Seen {
            ingest_id: ingest_id.to_owned(),
            rows: 1,
            attribute,
        };
        BTreeMap::from([("f".to_owned(), seen)])
    }

    fn broken(ledger: &mut Ledger, seen: &BTreeMap<String, Seen>) -> Option<&'static str> {
        ledger.check("s", seen).err().map(|found| found.promise)
    }

    #[test]
    fn what_was_acknowledged_must_be_there_until_it_is_taken_out() {
        let mut ledger = Ledger::default();
        let first = put(&mut ledger, "1");
        assert_eq!(broken(&mut ledger, &BTreeMap::new()), None);
        ledger.acknowledge(first);
        assert_eq!(broken(&mut ledger, &BTreeMap::new()), Some("durable"));
        assert_eq!(broken(&mut ledger, &says("1", 0)), None);
        let delete = ledger.begin("s", Some("f"), Write::Delete);
        assert_eq!(broken(&mut ledger, &BTreeMap::new()), None);
        ledger.acknowledge(delete);
        assert_eq!(broken(&mut ledger, &says("1", 0)), Some("gone"));
        assert_eq!(broken(&mut ledger, &BTreeMap::new()), None);
    }

    #[test]
    fn an_older_write_never_stands_over_a_newer_one() {
        let mut ledger = Ledger::default();
        let first = put(&mut ledger, "1");
        ledger.acknowledge(first);
        let one = ledger.begin("s", Some("f"), Write::Attribute(1));
        ledger.acknowledge(one);
        let two = ledger.begin("s", Some("f"), Write::Attribute(2));
        assert_eq!(broken(&mut ledger, &says("1", 1)), None);
        ledger.acknowledge(two);
        assert_eq!(broken(&mut ledger, &says("1", 1)), Some("linear"));
        assert_eq!(broken(&mut ledger, &says("1", 2)), None);
    }

    #[test]
    fn an_ingestion_that_was_accepted_before_a_deletion_never_comes_after_it() {
        let mut ledger = Ledger::default();
        let first = put(&mut ledger, "1");
        ledger.accept(first);
        let delete = ledger.begin("s", Some("f"), Write::Delete);
        ledger.acknowledge(delete);
        assert_eq!(broken(&mut ledger, &says("1", 0)), Some("gone"));
    }
}
