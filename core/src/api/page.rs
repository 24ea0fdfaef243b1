//! Pages: what is asked for, what is answered, and where one goes on.

use serde::Serialize;

use super::ApiError;
use crate::ops::Wanted;

/// OpenAI's list object.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    object: &'static str,
    data: Vec<T>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

impl<T> Page<T> {
    /// A page of items with their ids.
    pub fn new(items: Vec<(String, T)>, has_more: bool) -> Self {
        let first_id = items.first().map(|(id, _)| id.clone());
        let last_id = items.last().map(|(id, _)| id.clone());
        Self {
            object: "list",
            data: items.into_iter().map(|(_, item)| item).collect(),
            first_id,
            last_id,
            has_more,
        }
    }
}

/// By time of making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first: the default.
    Descending,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    limit: usize,
    order: Order,
    after: Option<String>,
    before: Option<String>,
}

impl PageRequest {
    /// Reads `limit`, `order`, `after` and `before`. A limit of 0 asks whether there is anything.
    ///
    /// Errors: 400 that names the parameter and its bounds.
    pub fn parse<'a>(
        query: impl Fn(&str) -> Option<&'a str>,
        default_limit: usize,
        most: usize,
    ) -> Result<Self, ApiError> {
        let limit = match query("limit") {
            None => default_limit,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (0..=most).contains(limit))
                .ok_or_else(|| {
                    ApiError::invalid_request(format!(
                        "'limit' is '{text}'; send a whole number from 0 to {most}."
                    ))
                    .param("limit")
                })?,
        };
        let order = match query("order") {
            None | Some("desc") => Order::Descending,
            Some("asc") => Order::Ascending,
            Some(other) => {
                return Err(ApiError::invalid_request(format!(
                    "'order' is '{other}'; send 'asc' or 'desc'."
                ))
                .param("order"));
            }
        };
        Ok(Self {
            limit,
            order,
            after: query("after").map(str::to_owned),
            before: query("before").map(str::to_owned),
        })
    }

    /// By time of making: ascending or descending.
    pub fn order(&self) -> Order {
        self.order
    }

    /// How many items at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The item that the page begins after.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The item that the page ends ahead of.
    pub fn before(&self) -> Option<&str> {
        self.before.as_deref()
    }

    /// The page of a list in the order of ids, of which `read` gives what it is asked for and
    /// whether there is more of that.
    pub fn by_id<T, E>(
        &self,
        read: impl FnOnce(&Wanted<'_>) -> Result<(Vec<T>, bool), E>,
    ) -> Result<(Vec<T>, bool), E> {
        let is_turned = self.ends_at_cursor();
        let (after, before) = match self.order {
            Order::Ascending => (self.after(), self.before()),
            Order::Descending => (self.before(), self.after()),
        };
        let (mut items, has_more) = read(&Wanted {
            after,
            before,
            ascending: (self.order == Order::Ascending) != is_turned,
            limit: self.limit,
            status: None,
        })?;
        if is_turned {
            items.reverse();
        }
        Ok((items, has_more))
    }

    /// The page of a list whose items are found by `keys`, which come oldest first: of what `read`
    /// finds for them, in order. Those for which it finds nothing take no place on the page, and no
    /// more are read than the page needs.
    ///
    /// `place` tells where an id stands among the keys, whether or not it is one of them; its error
    /// gets the parameter's name.
    pub fn fill<K: Ord, T>(
        &self,
        keys: Vec<K>,
        place: impl Fn(&str) -> Result<K, ApiError>,
        mut read: impl FnMut(&[K]) -> Result<Vec<T>, ApiError>,
    ) -> Result<(Vec<T>, bool), ApiError> {
        let mut unread = self.between_cursors(keys, place)?;
        let mut found: Vec<T> = Vec::new();
        while found.len() <= self.limit && !unread.is_empty() {
            let next = (self.limit + 1 - found.len()).min(unread.len());
            if self.ends_at_cursor() {
                let mut earlier = read(&unread.split_off(unread.len() - next))?;
                earlier.append(&mut found);
                found = earlier;
            } else {
                let rest = unread.split_off(next);
                found.extend(read(&unread)?);
                unread = rest;
            }
        }
        Ok(self.limited(found))
    }

    /// With only `before`, the page is the one that ends just ahead of the cursor.
    fn ends_at_cursor(&self) -> bool {
        self.before.is_some() && self.after.is_none()
    }

    fn between_cursors<K: Ord>(
        &self,
        mut keys: Vec<K>,
        place: impl Fn(&str) -> Result<K, ApiError>,
    ) -> Result<Vec<K>, ApiError> {
        let placed = |cursor: &Option<String>, param: &str| {
            let placed = cursor.as_deref().map(&place).transpose();
            placed.map_err(|error| error.param(param))
        };
        let after = placed(&self.after, "after")?;
        let before = placed(&self.before, "before")?;
        let (least, greatest) = match self.order {
            Order::Ascending => (after, before),
            Order::Descending => (before, after),
        };
        keys.retain(|key| {
            least.as_ref().is_none_or(|least| key > least)
                && greatest.as_ref().is_none_or(|greatest| key < greatest)
        });
        if self.order == Order::Descending {
            keys.reverse();
        }
        Ok(keys)
    }

    fn limited<T>(&self, mut wanted: Vec<T>) -> (Vec<T>, bool) {
        let has_more = wanted.len() > self.limit;
        if self.ends_at_cursor() && has_more {
            wanted.drain(..wanted.len() - self.limit);
        }
        wanted.truncate(self.limit);
        (wanted, has_more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(pairs: &[(&'static str, &'static str)]) -> Result<PageRequest, ApiError> {
        let pairs = pairs.to_vec();
        PageRequest::parse(
            move |name| {
                pairs
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| *value)
            },
            2,
            100,
        )
    }

    const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    fn itself(id: &str) -> Result<String, ApiError> {
        Ok(id.to_owned())
    }

    /// A page of those of [`IDS`] that are not vowels, asked for in both ways.
    fn fill(pairs: &[(&'static str, &'static str)]) -> (Vec<String>, bool) {
        let is_there = |id: &&String| *id != "a" && *id != "e";
        let request = page(pairs).unwrap();
        let filled = request.fill(IDS.map(str::to_owned).to_vec(), itself, |ids| {
            Ok(ids.iter().filter(is_there).cloned().collect())
        });
        let by_id = request.by_id(|wanted| {
            let mut ids = IDS.map(str::to_owned).to_vec();
            ids.retain(|id| {
                is_there(&id)
                    && wanted.after.is_none_or(|after| id.as_str() > after)
                    && wanted.before.is_none_or(|before| id.as_str() < before)
            });
            if !wanted.ascending {
                ids.reverse();
            }
            let has_more = ids.len() > wanted.limit;
            ids.truncate(wanted.limit);
            Ok::<_, ApiError>((ids, has_more))
        });
        assert_eq!(filled, by_id);
        filled.unwrap()
    }

    fn expected(ids: &[&str], has_more: bool) -> (Vec<String>, bool) {
        (ids.iter().map(ToString::to_string).collect(), has_more)
    }

    #[test]
    fn pages_follow_one_another_without_gap_or_overlap() {
        assert_eq!(fill(&[]), expected(&["f", "d"], true));
        assert_eq!(fill(&[("after", "d")]), expected(&["c", "b"], false));
        let ascending = |cursor| fill(&[("order", "asc"), cursor]);
        assert_eq!(ascending(("after", "b")), expected(&["c", "d"], true));
        assert_eq!(ascending(("after", "d")), expected(&["f"], false));
        assert_eq!(ascending(("before", "f")), expected(&["c", "d"], true));
        assert_eq!(ascending(("before", "d")), expected(&["b", "c"], false));
        assert_eq!(fill(&[("before", "b")]), expected(&["d", "c"], true));
        let both = fill(&[("after", "f"), ("before", "b")]);
        assert_eq!(both, expected(&["d", "c"], false));
    }

    #[test]
    fn a_page_of_nothing_tells_whether_there_is_more() {
        assert_eq!(fill(&[("limit", "0")]), expected(&[], true));
        let nothing_before = fill(&[("limit", "0"), ("before", "f")]);
        assert_eq!(nothing_before, expected(&[], false));
    }

    #[test]
    fn a_cursor_that_was_deleted_still_has_its_place() {
        assert_eq!(fill(&[("after", "e")]), expected(&["d", "c"], true));
        let before = fill(&[("order", "asc"), ("before", "e")]);
        assert_eq!(before, expected(&["c", "d"], true));
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for bad in [
            ("limit", "-1"),
            ("limit", "101"),
            ("limit", "x"),
            ("order", "up"),
        ] {
            assert_eq!(page(&[bad]).unwrap_err().param.as_deref(), Some(bad.0));
        }
        let nowhere = |_: &str| Err::<String, _>(ApiError::invalid_request("Never heard of."));
        let strange = page(&[("after", "z")]).unwrap();
        let unknown = strange.fill(Vec::new(), nowhere, |_| Ok(Vec::<String>::new()));
        assert_eq!(unknown.unwrap_err().param.as_deref(), Some("after"));
    }
}
