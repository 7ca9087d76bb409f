//! Statements and the values that they refer to, and texts that both databases can keep.

use nunatak_domain::Problem;
use sea_orm::{
    Value,
    sea_query::{Expr, PostgresQueryBuilder, Query},
};

use crate::{Actor, Store, scope};

/// A statement under construction: its text grows beside the values that the text refers to by `$n`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Binds(Vec<Value>);

impl Binds {
    /// Takes a value and tells the placeholder that stands for it.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.0.push(value.into());
        format!("${}", self.0.len())
    }

    /// `$4, $5, $6`. Never call it without values: `IN ()` is not SQL.
    pub(crate) fn list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> String {
        values.into_iter().map(|value| self.bind(value)).collect::<Vec<_>>().join(", ")
    }

    /// `= ANY(…)` or `IN (…)` of row numbers: on PostgreSQL one value, so that a statement's text does not depend on
    /// how many there are and is parsed and planned once.
    pub(crate) fn among(&mut self, postgres: bool, rows: impl IntoIterator<Item = i64>) -> String {
        if postgres {
            let rows: Vec<_> = rows.into_iter().map(|row| row.to_string()).collect();
            return format!("= ANY({}::text::bigint[])", self.bind(format!("{{{}}}", rows.join(","))));
        }
        // No row has the number -1: an empty list is not SQL.
        format!("IN ({})", self.list(rows.into_iter().chain([-1])))
    }

    /// Takes in a statement with values of its own: its `$n` become ours.
    pub(crate) fn embed(&mut self, text: &str, values: Vec<Value>) -> String {
        let before = self.0.len();
        self.0.extend(values);
        renumbered(text, |number| number + before)
    }

    /// The finished statement with the values that it refers to, numbered as they come. Values that were bound for
    /// a part that was not needed go: a database that remembers the text takes no other number of them.
    pub(crate) fn finish(self, text: &str) -> (String, Vec<Value>) {
        let mut given: Vec<_> = self.0.into_iter().map(Some).collect();
        let mut places = vec![0; given.len() + 1];
        let mut values = Vec::with_capacity(given.len());
        let finished = renumbered(text, |number| {
            if let Some(value) = given.get_mut(number - 1).and_then(Option::take) {
                values.push(value);
                places[number] = values.len();
            }
            places.get(number).copied().unwrap_or(number)
        });
        (finished, values)
    }

    pub(crate) fn into_values(self) -> Vec<Value> {
        self.0
    }
}

/// The text with other numbers in its `$n`; a number is 1 at least.
fn renumbered(text: &str, mut new: impl FnMut(usize) -> usize) -> String {
    let mut parts = text.split('$');
    let mut renumbered = String::with_capacity(text.len() + 16);
    renumbered.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = part[..digits].parse().unwrap_or(1);
        renumbered.push_str(&format!("${}", new(number.max(1))));
        renumbered.push_str(&part[digits..]);
    }
    renumbered
}

/// The condition that `actor` may see a row of `versions`, with the values that it refers to: what a
/// statement's text and values begin with. To be checked on rows that something else finds.
pub(crate) fn visible(store: &Store, actor: &Actor) -> (String, Binds) {
    const HEAD: &str = "SELECT 1 WHERE ";
    let select = Query::select().expr(Expr::cust("1")).cond_where(scope::versions_visible(store, actor)).take();
    // PostgreSQL's words for both: SQLite understands `$n` and quoted names, too.
    let (text, values) = select.build(PostgresQueryBuilder);
    (super::compile::opaque(text.strip_prefix(HEAD).unwrap_or("1 = 0")), Binds(values.0))
}

impl From<Vec<Value>> for Binds {
    fn from(values: Vec<Value>) -> Self {
        Self(values)
    }
}

/// Every list that shows the row carries it.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// PostgreSQL keeps no NUL in a text: refused on both, so that a database may be moved.
pub(crate) fn plain_text(text: &str, field: &str) -> Result<(), Problem> {
    if text.contains('\0') {
        return Err(Problem::new("INVALID_INPUT", "a text may not contain the character U+0000").at(field));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(
            Problem::new("TOO_LONG", "a text has at most 65536 bytes; upload what is longer as a file").at(field)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_statement_has_the_values_that_it_refers_to_and_no_others() {
        let mut binds = Binds::default();
        let [first, _unused, third] = ["a", "b", "c"].map(|value| binds.bind(value));
        let text = format!("{third} = {first} OR {third} IS NULL");
        let (text, values) = binds.finish(&text);
        assert_eq!((text.as_str(), values), ("$1 = $2 OR $1 IS NULL", vec!["c".into(), "a".into()]));
    }

    #[test]
    fn a_statement_is_taken_in_with_its_values() {
        let mut binds = Binds::from(vec!["a".into(), "b".into()]);
        assert_eq!(binds.embed("x = $2 AND y = $1", vec!["c".into(), "d".into()]), "x = $4 AND y = $3");
        assert_eq!(binds.into_values().len(), 4);
    }
}
