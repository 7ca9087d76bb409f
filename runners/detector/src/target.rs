//! What supervised detectors learn to tell apart.

use crate::DetectorError;

/// A class for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    names: Vec<String>,
    codes: Vec<u32>,
}

/// Names that mean "no fault", in any case.
const NORMAL: [&str; 8] = ["0", "0.0", "normal", "none", "ok", "healthy", "no", "false"];

impl Target {
    /// Classes by name, one for each row; each class gets the code of its place among the sorted names, so that the order
    /// of the rows does not matter.
    pub fn new(rows: &[impl AsRef<str>]) -> Self {
        let names: std::collections::BTreeSet<&str> = rows.iter().map(AsRef::as_ref).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let code = |row: &str| names.binary_search_by(|name| name.as_str().cmp(row)).map_or(0, |code| code as u32);
        let codes = rows.iter().map(|row| code(row.as_ref())).collect();
        Self { names, codes }
    }

    /// Classes `0` and `1` of labels.
    pub fn of_labels(labels: &[u8]) -> Self {
        let names = vec!["0".to_owned(), "1".to_owned()];
        Self { names, codes: labels.iter().map(|label| u32::from(*label)).collect() }
    }

    /// From codes and the names that they stand for.
    ///
    /// # Errors
    /// [`DetectorError::Data`] when a code has no name.
    pub fn from_codes(names: Vec<String>, codes: Vec<u32>) -> Result<Self, DetectorError> {
        if codes.iter().any(|code| *code as usize >= names.len()) {
            return Err(DetectorError::data("a row is of a class that has no name"));
        }
        Ok(Self { names, codes })
    }

    /// The classes' names in the order of their codes.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The class of each row, an index into [`names`](Self::names).
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Whether a class of that name means that nothing is wrong.
    pub fn is_normal(name: &str) -> bool {
        NORMAL.iter().any(|normal| normal.eq_ignore_ascii_case(name.trim()))
    }

    /// 1 for each row whose class is a fault.
    pub fn labels(&self) -> Vec<u8> {
        let faults: Vec<u8> = self.names.iter().map(|name| u8::from(!Self::is_normal(name))).collect();
        self.codes.iter().map(|code| faults[*code as usize]).collect()
    }

    /// The classes of `rows`.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self { names: self.names.clone(), codes: rows.iter().map(|row| self.codes[*row]).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_names_not_the_rows() {
        let target = Target::new(&["stuck", "Normal", "drift", "stuck"]);
        assert_eq!(target.names(), ["Normal", "drift", "stuck"]);
        assert_eq!(target.codes(), [2, 0, 1, 2]);
        assert_eq!(target.labels(), [1, 0, 1, 1]);
        assert_eq!(Target::of_labels(&[1, 0]).labels(), [1, 0]);
    }
}
