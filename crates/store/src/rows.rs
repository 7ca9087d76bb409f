//! Many rows in few statements.
//!
//! PostgreSQL gets each column as one array: the text of the statement does not depend on the number of rows, so
//! that it is parsed once, and several tables can be written in one round trip. SQLite, which has no arrays and no
//! round trips, gets tuples.

use std::fmt::Write;

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement, Value};

/// SQLite binds at most 32766 values a statement; smaller pieces have fewer different texts, and each text is
/// compiled once and kept.
const SQLITE_BINDS: usize = 4_000;

/// Rows to be added to a table, each value of its column's type even where it is null.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    table: &'static str,
    /// The names of the columns, separated by commas.
    columns: &'static str,
    computed: Option<Computed>,
    /// What a row holds besides, for `findings` to use.
    beside: &'static str,
    findings: &'static [Finding],
    /// What follows the rows: `ON CONFLICT DO NOTHING`.
    tail: &'static str,
    width: usize,
    values: Vec<Value>,
}

/// A column that the database works out from the others, which are called `u` here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Computed {
    pub(crate) column: &'static str,
    /// Its value, by the columns of `u` and of what is joined.
    pub(crate) value: &'static str,
    /// What `u` is joined with.
    pub(crate) join: &'static str,
}

/// A column, and by which expression a statement on PostgreSQL finds its value: the rows (`u`) say where to look, and
/// `n` is the statement's one row that has it.
pub(crate) type Finding = (&'static str, &'static str);

impl Rows {
    pub(crate) fn into(table: &'static str, columns: &'static str) -> Self {
        let width = columns.split(',').count();
        Self { table, columns, computed: None, beside: "", findings: &[], tail: "", width, values: Vec::new() }
    }

    pub(crate) fn tail(self, tail: &'static str) -> Self {
        Self { tail, ..self }
    }

    pub(crate) fn computed(self, computed: Computed) -> Self {
        Self { computed: Some(computed), ..self }
    }

    /// For a statement that has an `n`.
    pub(crate) fn finding(self, findings: &'static [Finding]) -> Self {
        Self { findings, ..self }
    }

    /// One more value in each row, under this name, for [`Rows::finding`].
    pub(crate) fn beside(self, beside: &'static str) -> Self {
        Self { beside, width: self.width + 1, ..self }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.width, "{} ({})", self.table, self.columns);
        self.values.extend(row);
    }

    /// The statement that takes its rows from `source`.
    fn text(&self, source: &str) -> String {
        let Self { table, columns, tail, .. } = self;
        if self.computed.is_none() && self.findings.is_empty() {
            return format!("INSERT INTO {table} ({columns}) {source} {tail}");
        }
        let mut values: Vec<_> = columns.split(", ").map(|column| self.value_of(column)).collect();
        let (mut written, mut joins) = ((*columns).to_owned(), String::new());
        if let Some(Computed { column, value, join }) = self.computed {
            written = format!("{written}, {column}");
            values.push(value.to_owned());
            joins = format!(" {join}");
        }
        if !self.findings.is_empty() {
            joins.push_str(" CROSS JOIN n");
        }
        let held = if self.beside.is_empty() { (*columns).to_owned() } else { format!("{columns}, {}", self.beside) };
        let values = values.join(", ");
        format!(
            "INSERT INTO {table} ({written}) WITH u ({held}) AS ({source}) \
             SELECT {values} FROM u{joins} WHERE 1 = 1 {tail}"
        )
    }

    fn value_of(&self, column: &str) -> String {
        let found = self.findings.iter().find(|(name, _)| *name == column);
        found.map_or_else(|| format!("u.{column}"), |(_, value)| (*value).to_owned())
    }

    /// The statement that writes them, for few enough rows (as with [`Rows::source`]).
    pub(crate) fn statement(&self, backend: DatabaseBackend, binds: &mut Vec<Value>) -> String {
        self.text(&self.source(backend, binds))
    }

    /// The rows as what a statement may select from, for as many as SQLite binds (16,000 values); what it refers to
    /// follows the values in `binds`, to which the statement refers by `?1` on SQLite.
    pub(crate) fn source(&self, backend: DatabaseBackend, binds: &mut Vec<Value>) -> String {
        if backend == DatabaseBackend::Postgres {
            return self.arrays(binds);
        }
        let mut source = "VALUES ".to_owned();
        for (place, value) in self.values.iter().enumerate() {
            binds.push(value.clone());
            let start = match place {
                0 => "(",
                _ if place.is_multiple_of(self.width) => "),(",
                _ => ",",
            };
            let _ = write!(source, "{start}?{}", binds.len());
        }
        source + ")"
    }

    /// `SELECT * FROM unnest(…)`, and the arrays that it refers to, which follow the values in `binds`.
    fn arrays(&self, binds: &mut Vec<Value>) -> String {
        let mut source = "SELECT * FROM unnest(".to_owned();
        for column in 0..self.width {
            let values = self.values.iter().skip(column).step_by(self.width);
            binds.push(array(values));
            let kind = self.values.get(column).map_or("text", sql_type);
            let comma = if column == 0 { "" } else { ", " };
            let _ = write!(source, "{comma}${}::text::{kind}[]", binds.len());
        }
        source + ")"
    }

    fn sqlite(self) -> Vec<Statement> {
        let per_statement = (SQLITE_BINDS / self.width).max(1) * self.width;
        let tuple = format!("({})", vec!["?"; self.width].join(","));
        let pieces = self.values.chunks(per_statement).map(|values| {
            let tuples = vec![tuple.as_str(); values.len() / self.width].join(",");
            let text = self.text(&format!("VALUES {tuples}"));
            Statement::from_sql_and_values(DatabaseBackend::Sqlite, text, values.to_vec())
        });
        pieces.collect()
    }
}

/// Writes all rows. On PostgreSQL it is one statement, whose parts do not see one another: what refers to a row of
/// another part must know its key already.
pub(crate) async fn insert_all(db: &impl ConnectionTrait, parts: Vec<Rows>) -> Result<(), DbErr> {
    let mut parts: Vec<_> = parts.into_iter().filter(|rows| !rows.values.is_empty()).collect();
    let Some(last) = parts.pop() else { return Ok(()) };
    if db.get_database_backend() != DatabaseBackend::Postgres {
        for statement in parts.into_iter().chain([last]).flat_map(Rows::sqlite) {
            db.execute_raw(statement).await?;
        }
        return Ok(());
    }
    let mut binds = Vec::new();
    let mut text = with(&parts, "WITH", &mut binds);
    let source = last.arrays(&mut binds);
    text.push_str(&last.text(&source));
    db.execute_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, text, binds)).await?;
    Ok(())
}

/// The parts as a statement on PostgreSQL has them before its end: `start part0 AS (…), part1 AS (…) `. Parts
/// without rows stay away.
pub(crate) fn with(parts: &[Rows], start: &str, binds: &mut Vec<Value>) -> String {
    let mut text = String::new();
    for (place, rows) in parts.iter().filter(|rows| !rows.values.is_empty()).enumerate() {
        let start = if place == 0 { start } else { "," };
        let source = rows.arrays(binds);
        let _ = write!(text, "{start} part{place} AS ({}) ", rows.text(&source));
    }
    text
}

/// What PostgreSQL calls the type of a value.
fn sql_type(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::SmallInt(_) => "smallint",
        Value::Int(_) => "integer",
        Value::BigInt(_) => "bigint",
        Value::Double(_) => "double precision",
        Value::Uuid(_) => "uuid",
        _ => "text",
    }
}

/// An array as PostgreSQL writes it: `{1,NULL,"a\"b"}`.
pub(crate) fn array<'a>(values: impl Iterator<Item = &'a Value>) -> Value {
    let mut text = "{".to_owned();
    for (place, value) in values.enumerate() {
        if place > 0 {
            text.push(',');
        }
        // Writing to a string does not fail.
        let _ = match value {
            Value::Bool(Some(value)) => write!(text, "{value}"),
            Value::SmallInt(Some(value)) => write!(text, "{value}"),
            Value::Int(Some(value)) => write!(text, "{value}"),
            Value::BigInt(Some(value)) => write!(text, "{value}"),
            // The shortest text that reads back as the same float; NaN and the infinities have words.
            Value::Double(Some(value)) => write!(text, "{value:?}"),
            Value::Uuid(Some(value)) => write!(text, "{value}"),
            Value::String(Some(value)) => {
                quote(&mut text, value);
                Ok(())
            }
            _ => write!(text, "NULL"),
        };
    }
    text.push('}');
    text.into()
}

fn quote(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_keeps_what_its_values_are() {
        let texts = ["a\"b\\c", "", "NULL", "{x,y}"].map(Value::from);
        assert_eq!(array(texts.iter()), r#"{"a\"b\\c","","NULL","{x,y}"}"#.into());
        let floats = [Value::from(0.1), f64::NEG_INFINITY.into(), (-0.0).into(), 1e300.into(), Value::Double(None)];
        assert_eq!(array(floats.iter()), "{0.1,-inf,-0.0,1e300,NULL}".into());
    }

    #[test]
    fn a_statement_does_not_depend_on_the_number_of_rows() {
        let text = |rows: i64| {
            let mut part = Rows::into("t", "a, b").tail("ON CONFLICT DO NOTHING");
            (0..rows).for_each(|row| part.push([row.into(), "x".into()]));
            let source = part.arrays(&mut Vec::new());
            part.text(&source)
        };
        assert_eq!(text(1), text(1000));
    }
}
