//! Which rows a detector learns from.

use super::options::{Condition, Operand, Operator};
use crate::{DetectorError, Frame};

impl super::Options {
    /// The rows that pass every condition; `None` when there is no condition.
    ///
    /// # Errors
    /// [`DetectorError::Hyperparameter`] for a column that is not there, or compared with the wrong kind of value;
    /// [`DetectorError::Data`] when fewer than two rows pass.
    pub(crate) fn rows_to_learn_from(&self, frame: &Frame) -> Result<Option<Vec<usize>>, DetectorError> {
        if self.row_filter.is_empty() {
            return Ok(None);
        }
        let tests = self.row_filter.iter().map(|condition| condition.test(frame)).collect::<Result<Vec<_>, _>>()?;
        let rows: Vec<usize> = (0..frame.n_rows()).filter(|row| tests.iter().all(|test| test(*row))).collect();
        if rows.len() < 2 {
            let message = format!("{} of {} rows pass `row_filter`; training needs 2", rows.len(), frame.n_rows());
            return Err(DetectorError::data(message));
        }
        Ok(Some(rows))
    }
}

impl Condition {
    fn test<'a>(&'a self, frame: &'a Frame) -> Result<Box<dyn Fn(usize) -> bool + 'a>, DetectorError> {
        let refuse = |message: String| DetectorError::hyperparameter("preprocessing.row_filter", message);
        let name = &self.column;
        if let Some(column) = frame.columns().iter().position(|column| column == name) {
            let Operand::Number(value) = self.value else {
                return Err(refuse(format!("the column `{name}` holds numbers; compare it with a number")));
            };
            let op = self.op;
            // Nothing but `ne` holds for a missing value.
            return Ok(Box::new(move |row| {
                let x = frame.row(row)[column];
                match op {
                    Operator::Eq => x == value,
                    Operator::Ne => x != value,
                    Operator::Lt => x < value,
                    Operator::Lte => x <= value,
                    Operator::Gt => x > value,
                    Operator::Gte => x >= value,
                }
            }));
        }
        let Some(column) = frame.text().iter().find(|column| column.name() == name) else {
            return Err(refuse(format!("there is no column `{name}`, of numbers or of words named in `one_hot`")));
        };
        match (&self.value, self.op) {
            (Operand::Word(word), Operator::Eq) => Ok(Box::new(move |row| column.word(row) == Some(word))),
            (Operand::Word(word), Operator::Ne) => Ok(Box::new(move |row| column.word(row) != Some(word))),
            _ => Err(refuse(format!("the column `{name}` holds words; only eq and ne with a word can be asked"))),
        }
    }
}
