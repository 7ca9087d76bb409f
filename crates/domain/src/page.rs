//! A page of a longer list, Relay's way.

use crate::Problem;

/// What `first/after/last/before` ask for, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// 1 to [`PageRequest::MAX`].
    pub size: u32,
    /// From the end of the list backwards (`last`, `before`).
    pub backwards: bool,
    /// The opaque cursor to start after (or before, when backwards).
    pub cursor: Option<String>,
}

impl PageRequest {
    pub const MAX: i32 = 100;
    pub const DEFAULT: u32 = 20;

    /// # Errors
    /// `LIMIT_EXCEEDED` for a size outside 1 to 100, `INVALID_INPUT` for a mixture of both directions.
    pub fn parse(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self, Problem> {
        if (first.is_some() || after.is_some()) && (last.is_some() || before.is_some()) {
            return Err(Problem::new("INVALID_INPUT", "give first/after or last/before, not both"));
        }
        let backwards = last.is_some() || before.is_some();
        let (asked, field) = if backwards { (last, "last") } else { (first, "first") };
        let size = match asked {
            None => Self::DEFAULT,
            Some(size) if (1..=Self::MAX).contains(&size) => size.unsigned_abs(),
            Some(size) => {
                let message = format!("`{field}` is {size}; a page has 1 to {} items", Self::MAX);
                return Err(Problem::new("LIMIT_EXCEEDED", message).at(field));
            }
        };
        Ok(Self { size, backwards, cursor: if backwards { before } else { after } })
    }

    #[must_use]
    pub const fn first(size: u32) -> Self {
        Self { size, backwards: false, cursor: None }
    }
}

/// One page: items in list order, each with its cursor.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<(String, T)>,
    pub has_previous: bool,
    pub has_next: bool,
}

impl<T> Page<T> {
    /// Puts together a page from at most `size + 1` rows, fetched in the direction asked for: one row more
    /// than the page tells that the list goes on.
    #[must_use]
    pub fn from_rows(request: &PageRequest, mut rows: Vec<T>, cursor: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > request.size as usize;
        rows.truncate(request.size as usize);
        if request.backwards {
            rows.reverse();
        }
        let beyond = request.cursor.is_some();
        let (has_previous, has_next) = if request.backwards { (more, beyond) } else { (beyond, more) };
        let items = rows.into_iter().map(|row| (cursor(&row), row)).collect();
        Self { items, has_previous, has_next }
    }

    #[must_use]
    pub fn map<U>(self, f: impl Fn(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(|(cursor, item)| (cursor, f(item))).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }
}
