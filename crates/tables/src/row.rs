//! A row on its way from a file to columns, in memory that is used again for the next one.

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Missing,
    Number(f64),
    Text(&'a str),
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
}

#[derive(Debug, Clone, Copy)]
enum Stored {
    Missing,
    Number(f64),
    /// A stretch of the row's text.
    Text(usize, usize),
    Time(i64),
}

/// The cells of a row, in the order of the header.
#[derive(Debug, Default)]
pub(crate) struct Row {
    text: String,
    cells: Vec<Stored>,
    /// Where the row stands in the file, for messages: "row 3 (line 4)" without the number of the row.
    pub(crate) line: Option<u64>,
}

impl Row {
    /// Empties the row for `width` cells.
    pub(crate) fn reset(&mut self, width: usize) {
        self.text.clear();
        self.cells.clear();
        self.cells.resize(width, Stored::Missing);
        self.line = None;
    }

    pub(crate) fn set(&mut self, place: usize, cell: Cell<'_>) {
        let stored = match cell {
            Cell::Missing => Stored::Missing,
            Cell::Number(number) => Stored::Number(number),
            Cell::Time(micros) => Stored::Time(micros),
            Cell::Text(text) => {
                let start = self.text.len();
                self.text.push_str(text);
                Stored::Text(start, self.text.len())
            }
        };
        self.cells[place] = stored;
    }

    /// Takes all cells as stretches of one text, which is copied once.
    pub(crate) fn set_texts(&mut self, text: &str, ranges: impl Iterator<Item = std::ops::Range<usize>>) {
        self.text.clear();
        self.text.push_str(text);
        self.cells.clear();
        self.cells.extend(ranges.map(|range| Stored::Text(range.start, range.end)));
    }

    pub(crate) fn cell(&self, place: usize) -> Cell<'_> {
        match self.cells[place] {
            Stored::Missing => Cell::Missing,
            Stored::Number(number) => Cell::Number(number),
            Stored::Time(micros) => Cell::Time(micros),
            Stored::Text(start, end) => Cell::Text(&self.text[start..end]),
        }
    }
}
