//! How the database would go about a statement, without what it looks for.

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, Statement};

/// Whether the database can tell a plan. (`BEGIN` and `PRAGMA` have none.)
pub(super) fn has_one(sql: &str) -> bool {
    let first = sql.split_whitespace().next().unwrap_or_default();
    ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// The plan of a statement with these values. Nothing is run: never `ANALYZE`.
pub(super) async fn of(pool: &DatabaseConnection, statement: &Statement) -> Result<String, DbErr> {
    let postgres = pool.get_database_backend() == DatabaseBackend::Postgres;
    let words = if postgres { "EXPLAIN (FORMAT TEXT)" } else { "EXPLAIN QUERY PLAN" };
    let question = Statement { sql: format!("{words} {}", statement.sql), ..statement.clone() };
    let rows = pool.query_all_raw(question).await?;
    if postgres {
        let lines: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
        // A value may go over several lines: redacted as one text.
        return Ok(redacted(&lines.join("\n")));
    }
    let mut depths = std::collections::HashMap::from([(0, 0)]);
    let mut lines = Vec::new();
    for row in &rows {
        let (id, parent): (i64, i64) = (row.try_get("", "id")?, row.try_get("", "parent")?);
        let depth = depths.get(&parent).copied().unwrap_or(0);
        depths.insert(id, depth + 1);
        lines.push(format!("{}{}", "  ".repeat(depth), row.try_get::<String>("", "detail")?));
    }
    Ok(lines.join("\n"))
}

/// PostgreSQL writes values into its plan: quoted ones become `'?'`, and whole numbers `?` in conditions. What it
/// estimates stays.
fn redacted(plan: &str) -> String {
    let mut text = String::with_capacity(plan.len());
    let mut rest = plan.chars().peekable();
    let (mut line, mut condition) = (0, false);
    while let Some(next) = rest.next() {
        match next {
            '\'' => {
                // A quote inside is doubled; a backslash means nothing by itself.
                while let Some(inner) = rest.next() {
                    if inner == '\'' && rest.next_if_eq(&'\'').is_none() {
                        break;
                    }
                }
                text.push_str("'?'");
            }
            // A name that had to be quoted.
            '"' => {
                text.push('"');
                for inner in rest.by_ref() {
                    text.push(inner);
                    if inner == '"' {
                        break;
                    }
                }
            }
            digit if condition && digit.is_ascii_digit() && !text.ends_with(is_of_a_name) => {
                while rest.next_if(|more| more.is_ascii_digit() || *more == '.').is_some() {}
                text.push('?');
            }
            other => {
                text.push(other);
                match other {
                    '\n' => (line, condition) = (text.len(), false),
                    // `Filter: (…)`, `Index Cond: (…)`: from the colon on. A node's own line has its estimates.
                    ':' if !text[line..].contains("->") => condition = true,
                    _ => {}
                }
            }
        }
    }
    text
}

fn is_of_a_name(before: char) -> bool {
    before.is_alphanumeric() || matches!(before, '_' | '$')
}

/// The first `most` bytes, and how many there are.
pub(super) fn head(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    format!("{}… ({} bytes)", &text[..text.floor_char_boundary(most)], text.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_keeps_its_estimates_and_no_value() {
        let plan = "Limit  (cost=0.29..8.31 rows=1 width=16)\n  ->  Index Scan using ix_2 on versions o0  (cost=0.29..8.31 rows=1 width=16)\n        Index Cond: ((o0.name = 'it''s a\nsecret'::text) AND (number > '0.5'::double precision) AND (n = 42))\n        Filter: (\"a b\" = ANY ('{x,y}'::text[]))\n  SubPlan 1";
        assert_eq!(
            redacted(plan),
            "Limit  (cost=0.29..8.31 rows=1 width=16)\n  ->  Index Scan using ix_2 on versions o0  (cost=0.29..8.31 rows=1 width=16)\n        Index Cond: ((o0.name = '?'::text) AND (number > '?'::double precision) AND (n = ?))\n        Filter: (\"a b\" = ANY ('?'::text[]))\n  SubPlan 1"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(head("äöü", 3), "ä… (6 bytes)");
        assert_eq!(head("äöü", 6), "äöü");
    }

    #[test]
    fn only_what_reads_or_changes_rows_has_a_plan() {
        assert!(has_one("select 1") && has_one("WITH a AS (SELECT 1) SELECT * FROM a"));
        assert!(!has_one("BEGIN") && !has_one("PRAGMA optimize") && !has_one("EXPLAIN SELECT 1"));
    }
}
