//! Tests of one column as SQL. Each part is TRUE or FALSE where the column has a value.

use nunatak_domain::{
    Problem, Timestamp,
    filter::{IntTest, NumberTest, StringTest, TimeTest},
};

use super::{
    sql::Binds,
    values::{HEAD_CHARS, head},
};

/// SQLite refuses LIKE patterns above 50 kB; nobody types even this much.
const MAX_PATTERN_CHARS: usize = 1000;

pub(super) const TRUE: &str = "1 = 1";
pub(super) const FALSE: &str = "1 = 0";

/// Joins with AND; without parts it is true.
pub(super) fn all(parts: &[String]) -> String {
    if parts.is_empty() { TRUE.to_owned() } else { format!("({})", parts.join(" AND ")) }
}

/// Where a text is: the column that holds it, and the one with its indexed beginning if that is another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) column: &'a str,
    pub(super) head: Option<&'a str>,
}

impl<'a> Text<'a> {
    pub(super) const fn column(column: &'a str) -> Self {
        Self { column, head: None }
    }

    fn equals(self, value: &str, binds: &mut Binds) -> String {
        match self.head {
            None => format!("{} = {}", self.column, binds.bind(value)),
            Some(column) if value.chars().count() < HEAD_CHARS => format!("{column} = {}", binds.bind(value)),
            Some(column) => {
                let whole = binds.bind(value);
                format!("({column} = {} AND {} = {whole})", binds.bind(head(value)), self.column)
            }
        }
    }
}

/// The parts of a test of a text that is not NULL; `exists` is the caller's.
pub(super) fn string(text: Text<'_>, test: &StringTest, binds: &mut Binds) -> Result<Vec<String>, Problem> {
    let mut parts = Vec::new();
    // No stored text has a NUL, and PostgreSQL takes none even in a question.
    let possible = |value: &String| !value.contains('\0');
    if let Some(value) = &test.eq {
        parts.push(if possible(value) { text.equals(value, binds) } else { FALSE.to_owned() });
    }
    if let Some(value) = test.ne.as_ref().filter(|value| possible(value)) {
        parts.push(format!("{} <> {}", text.column, binds.bind(value.as_str())));
    }
    if let Some(values) = &test.any_of {
        let any: Vec<_> = values.iter().filter(|value| possible(value)).collect();
        parts.push(one_of(text, &any, binds));
    }
    for (value, before) in [(&test.contains, "%"), (&test.starts_with, "")] {
        let Some(value) = value else { continue };
        if value.chars().count() > MAX_PATTERN_CHARS {
            let message = format!("`contains` and `startsWith` take at most {MAX_PATTERN_CHARS} characters");
            return Err(Problem::new("LIMIT_EXCEEDED", message).at("filter"));
        }
        if !possible(value) {
            parts.push(FALSE.to_owned());
            continue;
        }
        let pattern = binds.bind(format!("{before}{}%", escape(value)));
        parts.push(format!("LOWER({}) LIKE {pattern} ESCAPE '\\'", text.column));
    }
    Ok(parts)
}

fn one_of(text: Text<'_>, values: &[&String], binds: &mut Binds) -> String {
    let short = values.iter().all(|value| value.chars().count() < HEAD_CHARS);
    match text.head {
        _ if values.is_empty() => FALSE.to_owned(),
        Some(column) if short => format!("{column} IN ({})", binds.list(values.iter().map(|value| value.as_str()))),
        None => format!("{} IN ({})", text.column, binds.list(values.iter().map(|value| value.as_str()))),
        Some(_) => {
            let each: Vec<_> = values.iter().map(|value| text.equals(value, binds)).collect();
            format!("({})", each.join(" OR "))
        }
    }
}

/// Lower case as both databases' LOWER has it (ASCII only: the columns' collation is "C"), metacharacters escaped.
pub(crate) fn escape(value: &str) -> String {
    let mut pattern = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c.to_ascii_lowercase());
    }
    pattern
}

/// The parts of a test of a float; NULL is NaN. `exists` is the caller's.
pub(super) fn number(column: &str, test: &NumberTest, binds: &mut Binds) -> Vec<String> {
    let mut parts = Vec::new();
    let comparisons = [("=", test.eq), ("<", test.lt), ("<=", test.lte), (">", test.gt), (">=", test.gte)];
    for (operator, value) in comparisons {
        match value {
            // Nothing equals NaN or is in order with it; PostgreSQL would say otherwise.
            Some(value) if value.is_nan() => parts.push(FALSE.to_owned()),
            Some(value) => parts.push(format!("{column} {operator} {}", binds.bind(value))),
            None => {}
        }
    }
    match test.ne {
        Some(value) if value.is_nan() => parts.push(format!("{column} IS NOT NULL")),
        Some(value) => parts.push(format!("{column} <> {}", binds.bind(value))),
        None => {}
    }
    if let Some(values) = &test.any_of {
        let values: Vec<_> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        parts.push(match values.is_empty() {
            true => FALSE.to_owned(),
            false => format!("{column} IN ({})", binds.list(values)),
        });
    }
    if let Some(finite) = test.finite {
        let (low, high) = (binds.bind(f64::NEG_INFINITY), binds.bind(f64::INFINITY));
        parts.push(match finite {
            true => format!("({column} > {low} AND {column} < {high})"),
            false => format!("({column} IS NULL OR {column} = {low} OR {column} = {high})"),
        });
    }
    parts
}

pub(super) fn int(column: &str, test: &IntTest, binds: &mut Binds) -> Vec<String> {
    let mut parts = Vec::new();
    let comparisons =
        [("=", test.eq), ("<>", test.ne), ("<", test.lt), ("<=", test.lte), (">", test.gt), (">=", test.gte)];
    for (operator, value) in comparisons {
        parts.extend(value.map(|value| format!("{column} {operator} {}", binds.bind(value))));
    }
    parts.extend(test.any_of.as_ref().map(|values| in_list(column, values.iter().copied(), binds)));
    parts
}

pub(super) fn time(column: &str, test: &TimeTest, binds: &mut Binds) -> Vec<String> {
    let micros = |time: Option<Timestamp>| time.map(Timestamp::micros);
    let test = IntTest {
        eq: micros(test.eq),
        lt: micros(test.lt),
        lte: micros(test.lte),
        gt: micros(test.gt),
        gte: micros(test.gte),
        ..IntTest::default()
    };
    int(column, &test, binds)
}

/// `column IN (…)`, false for an empty list.
pub(super) fn in_list<V: Into<sea_orm::Value>>(
    column: &str,
    values: impl ExactSizeIterator<Item = V>,
    binds: &mut Binds,
) -> String {
    if values.len() == 0 {
        return FALSE.to_owned();
    }
    format!("{column} IN ({})", binds.list(values))
}
