//! A row's columns one after another: by name each is looked up, which on a page of fifty wide rows is noticed.

use sea_orm::{DbErr, QueryResult, TryGetable};

#[derive(Debug)]
pub(crate) struct Cells<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Cells<'a> {
    pub(crate) fn of(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    /// The next column's value.
    pub(crate) fn take<T: TryGetable>(&mut self) -> Result<T, DbErr> {
        let value = self.row.try_get_by_index(self.next)?;
        self.next += 1;
        Ok(value)
    }

    pub(crate) fn skip(&mut self, columns: usize) {
        self.next += columns;
    }
}
