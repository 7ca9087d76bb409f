//! The column of labels while it is read: 0 and 1, or names of classes. The runners' reader takes the same.

use std::collections::BTreeMap;

/// More are no classes but measurements or remarks.
const MAX_CLASSES: usize = 100;

/// Names that mean that nothing is wrong, in any case.
const NORMAL: [&str; 8] = ["0", "0.0", "normal", "none", "ok", "healthy", "no", "false"];

/// How many rows each class has.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    rows: BTreeMap<String, u64>,
    empty: Option<u64>,
    too_many: Option<u64>,
}

impl Classes {
    pub(crate) fn add(&mut self, row: u64, cell: &str) {
        // `None` is no gap here but the class without a fault.
        if matches!(cell, "" | "NA" | "N/A" | "NaN" | "null" | "NULL") {
            self.empty.get_or_insert(row);
        } else if let Some(rows) = self.rows.get_mut(cell) {
            *rows += 1;
        } else if self.rows.len() < MAX_CLASSES {
            self.rows.insert(cell.to_owned(), 1);
        } else {
            self.too_many.get_or_insert(row);
        }
    }

    /// What is wrong with the column, as far as it has been read.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Some(row) = self.empty {
            return Some(format!("row {row} has no label"));
        }
        if let Some(row) = self.too_many {
            return Some(format!("row {row} has the 101st different label; there may be 100 classes"));
        }
        None
    }

    /// What is wrong with the whole column.
    pub(crate) fn final_problem(&self) -> Option<String> {
        let only_ones = self.rows.keys().all(|name| matches!(name.as_str(), "1" | "1.0"));
        let any_normal = self.rows.keys().any(|name| is_normal(name));
        self.problem().or_else(|| {
            (!any_normal && !only_ones).then(|| {
                let shown =
                    self.rows.keys().take(5).map(|name| format!("`{:.40}`", name)).collect::<Vec<_>>().join(", ");
                format!(
                    "a label is 0 (normal) or 1 (anomaly) or the name of a class, of which one must be 0, normal, \
                     none, ok, healthy, no or false; it has {shown}"
                )
            })
        })
    }

    /// How many classes there are.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    /// Rows of a class that is a fault.
    pub(crate) fn faults(&self) -> u64 {
        self.rows.iter().filter(|(name, _)| !is_normal(name)).map(|(_, rows)| rows).sum()
    }
}

fn is_normal(name: &str) -> bool {
    NORMAL.iter().any(|normal| normal.eq_ignore_ascii_case(name))
}
