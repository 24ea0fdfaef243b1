//! Where the records of rebuilds are: a folder for each job, named by its store and by itself.

use std::collections::BTreeMap;

use dayfly_core::objects::ObjectMeta;

/// The folder of all tenants' jobs.
pub const FOLDER: &str = "rebuilds/";

const JOB: &str = "job.json";
const END: &str = "ended.json";
const PROGRESS: &str = "progress.json";

/// Which job: sorts by tenant, store, and the time at which it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Whose.
    pub tenant: String,
    /// Of which store.
    pub store: String,
    /// The job's id.
    pub id: String,
}

impl Place {
    /// What is to be done.
    pub fn job(&self) -> String {
        self.key(JOB)
    }

    /// The mark that says that it has ended, whatever its record says.
    pub fn end(&self) -> String {
        self.key(END)
    }

    /// How far it is.
    pub fn progress(&self) -> String {
        self.key(PROGRESS)
    }

    /// The folder of the attempts at it.
    pub fn attempts(&self) -> String {
        self.key("attempts/")
    }

    fn key(&self, rest: &str) -> String {
        format!(
            "{}{}/{rest}",
            store_folder(&self.tenant, &self.store),
            self.id
        )
    }
}

/// The folder of a store's jobs.
pub fn store_folder(tenant: &str, store: &str) -> String {
    format!("{FOLDER}{tenant}/{store}/")
}

/// What there is of a job.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When its end was noted, in milliseconds since the Unix epoch.
    pub ended_ms: Option<u64>,
    /// Whether it says what is to be done.
    pub has_job: bool,
    /// The keys of all but the mark of its end.
    pub keys: Vec<String>,
}

impl Seen {
    /// Whether it is still to be done, or failed.
    pub fn is_open(&self) -> bool {
        self.has_job && self.ended_ms.is_none()
    }
}

/// A listing, job by job.
pub fn by_job(listed: Vec<ObjectMeta>) -> BTreeMap<Place, Seen> {
    let mut jobs: BTreeMap<Place, Seen> = BTreeMap::new();
    for meta in listed {
        let Some((place, name)) = parse(&meta.key) else {
            continue;
        };
        let seen = jobs.entry(place).or_default();
        if name == END {
            seen.ended_ms = Some(meta.modified_ms);
            continue;
        }
        seen.has_job |= name == JOB;
        seen.keys.push(meta.key);
    }
    jobs
}

/// Whose and of which store a job is that was kept as the only one of its store.
pub fn former(key: &str) -> Option<(&str, &str)> {
    let (place, name) = key.strip_prefix(FOLDER)?.rsplit_once('/')?;
    let (tenant, store) = place.split_once('/')?;
    (name == JOB && !store.contains('/')).then_some((tenant, store))
}

fn parse(key: &str) -> Option<(Place, &str)> {
    let mut parts = key.strip_prefix(FOLDER)?.splitn(4, '/');
    let place = Place {
        tenant: parts.next()?.to_owned(),
        store: parts.next()?.to_owned(),
        id: parts.next()?.to_owned(),
    };
    Some((place, parts.next()?))
}
