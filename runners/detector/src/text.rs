//! Columns of words.

use std::collections::HashMap;

/// A column of words, each different word kept once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextColumn {
    name: String,
    words: Vec<String>,
    /// An index into `words` for each row, or [`MISSING`].
    codes: Vec<u32>,
}

const MISSING: u32 = u32::MAX;

impl TextColumn {
    /// An empty column; [`push`](Self::push) the rows.
    pub fn named(name: impl Into<String>) -> TextColumnBuilder {
        TextColumnBuilder {
            column: Self { name: name.into(), words: Vec::new(), codes: Vec::new() },
            seen: HashMap::new(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn name_ref(&self) -> &String {
        &self.name
    }

    pub fn n_rows(&self) -> usize {
        self.codes.len()
    }

    /// The word of a row; `None` where it is missing.
    pub fn word(&self, row: usize) -> Option<&str> {
        self.words.get(self.codes[row] as usize).map(String::as_str)
    }

    /// The word of each row.
    pub fn words(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.n_rows()).map(|row| self.word(row))
    }

    /// Every word with how often it occurs, the most frequent first, equals by the alphabet.
    pub fn counts(&self) -> Vec<(&str, usize)> {
        let mut counts: Vec<(&str, usize)> = self.words.iter().map(|word| (word.as_str(), 0)).collect();
        for code in self.codes.iter().filter(|code| **code != MISSING) {
            counts[*code as usize].1 += 1;
        }
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counts
    }

    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let codes = rows.iter().map(|row| self.codes[*row]).collect();
        Self { name: self.name.clone(), words: self.words.clone(), codes }
    }
}

/// Takes a [`TextColumn`]'s rows one by one.
#[derive(Debug, Clone)]
pub struct TextColumnBuilder {
    column: TextColumn,
    seen: HashMap<String, u32>,
}

impl TextColumnBuilder {
    /// The next row's word; `None` where it is missing.
    pub fn push(&mut self, word: Option<&str>) {
        let code = match word {
            None => MISSING,
            Some(word) => match self.seen.get(word) {
                Some(code) => *code,
                None => {
                    let code = self.column.words.len() as u32;
                    self.column.words.push(word.to_owned());
                    self.seen.insert(word.to_owned(), code);
                    code
                }
            },
        };
        self.column.codes.push(code);
    }

    pub fn finish(self) -> TextColumn {
        self.column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_once() {
        let mut column = TextColumn::named("type");
        for word in [Some("M"), None, Some("L"), Some("M")] {
            column.push(word);
        }
        let column = column.finish();
        assert_eq!((column.word(0), column.word(1), column.n_rows()), (Some("M"), None, 4));
        assert_eq!(column.counts(), [("M", 2), ("L", 1)]);
        assert_eq!(column.select(&[2, 1]).counts(), [("L", 1), ("M", 0)]);
    }
}
