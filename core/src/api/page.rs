use serde::Serialize;

use crate::error::ApiError;

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
    /// Reads `limit`, `order`, `after` and `before`.
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
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| {
                    ApiError::invalid_request(format!(
                        "'limit' is '{text}'; send a whole number from 1 to {most}."
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

    /// The part of `items`, which come oldest first, that is wanted; and whether there is more.
    ///
    /// Errors: 400 when `after` or `before` names none of them.
    pub fn cut<T>(
        &self,
        items: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Result<(Vec<T>, bool), ApiError> {
        Ok(self.limited(self.between_cursors(items, id)?))
    }

    /// As [`cut`](Self::cut), of what `read` finds for the ids: those for which it finds nothing
    /// take no place on the page. Reads no more ids than the page needs.
    pub fn fill<T>(
        &self,
        ids: Vec<String>,
        mut read: impl FnMut(&[String]) -> Result<Vec<T>, ApiError>,
    ) -> Result<(Vec<T>, bool), ApiError> {
        let mut unread = self.between_cursors(ids, |id| id)?;
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

    fn between_cursors<T>(
        &self,
        mut items: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Result<Vec<T>, ApiError> {
        if self.order == Order::Descending {
            items.reverse();
        }
        let position = |cursor: &str, param: &str| {
            items
                .iter()
                .position(|item| id(item) == cursor)
                .ok_or_else(|| {
                    ApiError::invalid_request(format!(
                        "'{param}' is '{cursor}', which is not in the list; begin again without it."
                    ))
                    .param(param)
                })
        };
        let from = match &self.after {
            Some(after) => position(after, "after")? + 1,
            None => 0,
        };
        let to = match &self.before {
            Some(before) => position(before, "before")?,
            None => items.len(),
        };
        Ok(items.into_iter().take(to).skip(from).collect())
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

    fn cut(pairs: &[(&'static str, &'static str)]) -> (Vec<&'static str>, bool) {
        page(pairs)
            .unwrap()
            .cut(vec!["a", "b", "c", "d"], |item| item)
            .unwrap()
    }

    #[test]
    fn pages_follow_one_another_without_gap_or_overlap() {
        assert_eq!(cut(&[]), (vec!["d", "c"], true));
        assert_eq!(cut(&[("after", "c")]), (vec!["b", "a"], false));
        assert_eq!(
            cut(&[("order", "asc"), ("after", "b")]),
            (vec!["c", "d"], false)
        );
        assert_eq!(
            cut(&[("order", "asc"), ("before", "d")]),
            (vec!["b", "c"], true)
        );
    }

    fn fill(pairs: &[(&'static str, &'static str)]) -> (Vec<String>, bool) {
        let ids = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
        let read = |ids: &[String]| {
            let vowels = |id: &&String| *id == "a" || *id == "e";
            Ok(ids.iter().filter(|id| !vowels(id)).cloned().collect())
        };
        page(pairs).unwrap().fill(ids, read).unwrap()
    }

    #[test]
    fn an_id_that_stands_for_nothing_takes_no_place_on_a_page() {
        let expected = |ids: [&str; 2], has_more| (ids.map(str::to_owned).to_vec(), has_more);
        assert_eq!(fill(&[]), expected(["f", "d"], true));
        assert_eq!(fill(&[("after", "d")]), expected(["c", "b"], false));
        let before = |cursor| fill(&[("order", "asc"), ("before", cursor)]);
        assert_eq!(before("f"), expected(["c", "d"], true));
        assert_eq!(before("d"), expected(["b", "c"], false));
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for bad in [
            ("limit", "0"),
            ("limit", "101"),
            ("limit", "x"),
            ("order", "up"),
        ] {
            assert_eq!(page(&[bad]).unwrap_err().param.as_deref(), Some(bad.0));
        }
        let unknown = page(&[("after", "z")]).unwrap().cut(vec!["a"], |item| item);
        assert_eq!(unknown.unwrap_err().status, 400);
    }
}
