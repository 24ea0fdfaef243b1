//! Identifiers: made, derived, checked.

use sha2::{Digest, Sha256};

/// The prefix of file ids.
pub const FILE_PREFIX: &str = "file-";
/// The prefix of vector store ids.
pub const STORE_PREFIX: &str = "vs_";
/// The prefix of the ids of uploads in parts.
pub const UPLOAD_PREFIX: &str = "upload_";
/// The prefix of the ids of their parts.
pub const PART_PREFIX: &str = "part_";
/// The prefix of the ids of files that were attached together.
pub const BATCH_PREFIX: &str = "vsfb_";
/// Hexadecimal digits of a time in an id.
const TIME_DIGITS: usize = 11;

const LONGEST: usize = 64;
const LONGEST_NAME: usize = 256;

/// A new id that sorts by its time of making: eleven hexadecimal digits of `now_ms`, then
/// `random`.
pub fn time_ordered(prefix: &str, now_ms: u64, random: u64) -> String {
    format!("{prefix}{now_ms:011x}{random:016x}")
}

/// An id as of [`time_ordered`] that sorts after `last`, which is one of the same prefix, also where
/// the clock is behind the one that made that.
pub fn time_ordered_after(last: &str, prefix: &str, now_ms: u64, random: u64) -> String {
    let last_ms = made_ms(last, prefix).unwrap_or_default();
    time_ordered(prefix, now_ms.max(last_ms.saturating_add(1)), random)
}

/// The id of the store that a path or a query names: `vs_…` stands for itself, anything else
/// is a name, whose store has an id derived from it. `None` when it can be neither.
pub fn store_id(id_or_name: &str) -> Option<String> {
    if id_or_name.starts_with(STORE_PREFIX) {
        return is_id(id_or_name, STORE_PREFIX).then(|| id_or_name.to_owned());
    }
    let printable = !id_or_name.chars().any(char::is_control);
    if id_or_name.is_empty() || id_or_name.len() > LONGEST_NAME || !printable {
        return None;
    }
    Some(derived(id_or_name))
}

/// The id of a store that is given a name after others: that of the first (`nth` is 0) is the name's own, and
/// those that follow are derived from it. No name has one of those.
pub fn nth_of_name(own: &str, nth: u32) -> String {
    match nth {
        0 => own.to_owned(),
        _ => derived(&format!("{own}/{nth}")),
    }
}

fn derived(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let digits = digest[..12].iter().map(|byte| format!("{byte:02x}"));
    format!("{STORE_PREFIX}n{}", digits.collect::<String>())
}

/// Whether `id` has the form of a file's id, and so may stand in an object key.
pub fn is_file_id(id: &str) -> bool {
    is_id(id, FILE_PREFIX)
}

/// Whether `id` has the form of an upload's id, and so may stand in an object key.
pub fn is_upload_id(id: &str) -> bool {
    is_id(id, UPLOAD_PREFIX)
}

/// Whether `id` has the form of a batch's id, and so may stand in an object key.
pub fn is_batch_id(id: &str) -> bool {
    is_id(id, BATCH_PREFIX)
}

/// When a [`time_ordered`] id was made, in milliseconds since the Unix epoch; `None` of any other.
pub fn made_ms(id: &str, prefix: &str) -> Option<u64> {
    let digits = id.strip_prefix(prefix)?.get(..TIME_DIGITS)?;
    u64::from_str_radix(digits, 16).ok()
}

fn is_id(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| {
        !rest.is_empty()
            && rest.len() <= LONGEST
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let early = time_ordered(FILE_PREFIX, 1_700_000_000_000, u64::MAX);
        let late = time_ordered(FILE_PREFIX, 1_700_000_000_001, 0);
        assert!(early < late);
        assert!(is_file_id(&early));
        assert_eq!(made_ms(&early, FILE_PREFIX), Some(1_700_000_000_000));
        assert_eq!(made_ms(&early, STORE_PREFIX), None);
        assert_eq!(made_ms("file-short", FILE_PREFIX), None);
    }

    #[test]
    fn ids_sort_after_those_that_are_known_whatever_the_clock_says() {
        let known = time_ordered("", 5_000, u64::MAX);
        for now_ms in [0, 4_999, 5_000, 9_000] {
            let id = time_ordered_after(&known, "", now_ms, 0);
            assert!(id > known, "{id}");
            assert!(made_ms(&id, "") >= Some(now_ms));
        }
    }

    #[test]
    fn a_name_always_means_the_same_store_and_never_one_made_with_an_id() {
        let id = store_id("default").unwrap();
        assert_eq!(store_id("default"), Some(id.clone()));
        assert_eq!(store_id(&id), Some(id.clone()));
        assert_ne!(store_id("Default"), Some(id));
    }

    #[test]
    fn nothing_that_could_leave_its_folder_is_an_id() {
        for bad in ["vs_../x", "vs_", "vs_a/b", "", "a\0b", "vs_é"] {
            assert_eq!(store_id(bad), None, "{bad:?}");
        }
        for bad in ["file-../x", "file-", "file-a.b", "f", ""] {
            assert!(!is_file_id(bad), "{bad:?}");
        }
    }
}
