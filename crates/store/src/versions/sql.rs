//! Many rows in few statements, and texts that both databases can keep.

use futures_util::future::BoxFuture;
use nunatak_domain::{KeyKind, Problem};
use sea_orm::{
    ConnectionTrait, DbErr, Value,
    sea_query::{Expr, PostgresQueryBuilder, Query},
};

use crate::{Actor, Store, StoreError, db, scope};

/// SQLite binds at most 32766 values a statement, PostgreSQL 65535; a little below the smaller.
const MAX_BINDS: usize = 32_000;

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

    /// Takes in a statement with values of its own: its `$n` become ours.
    pub(crate) fn embed(&mut self, text: &str, values: Vec<Value>) -> String {
        let before = self.0.len();
        self.0.extend(values);
        let mut parts = text.split('$');
        let mut embedded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let digits = part.chars().take_while(char::is_ascii_digit).count();
            let number: usize = part[..digits].parse().unwrap_or(0);
            embedded.push_str(&format!("${}{}", number + before, &part[digits..]));
        }
        embedded
    }

    pub(crate) fn into_values(self) -> Vec<Value> {
        self.0
    }
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

/// `{head} VALUES (…), (…) {tail}`, in as few statements as the limit on values allows.
///
/// Not an `async fn`: a future that holds the iterator across an await is one that the compiler cannot prove
/// `Send` inside of a resolver ("implementation of `FnOnce` is not general enough").
pub(crate) fn insert_rows<'a, const N: usize>(
    db: &'a impl ConnectionTrait,
    head: &str,
    tail: &str,
    rows: impl IntoIterator<Item = [Value; N]>,
) -> BoxFuture<'a, Result<(), DbErr>> {
    let mut rows = rows.into_iter().peekable();
    let mut statements = Vec::new();
    while rows.peek().is_some() {
        let mut binds = Binds::default();
        let tuples: Vec<_> = rows.by_ref().take(MAX_BINDS / N).map(|row| format!("({})", binds.list(row))).collect();
        let text = format!("{head} VALUES {} {tail}", tuples.join(", "));
        statements.push(db::sql(db, &text, binds.into_values()));
    }
    Box::pin(async move {
        for statement in statements {
            db.execute_raw(statement).await?;
        }
        Ok(())
    })
}

/// The ids of keys in the dictionary, in the order asked for; unknown ones are added.
pub(crate) async fn ensure_keys(db: &impl ConnectionTrait, wanted: &[(KeyKind, &str)]) -> Result<Vec<i64>, StoreError> {
    let mut known = find_keys(db, wanted).await?;
    if known.iter().any(Option::is_none) {
        let mut missing: Vec<_> =
            wanted.iter().zip(&known).filter(|(_, id)| id.is_none()).map(|(key, _)| *key).collect();
        // In one order for all writers: two that add the same keys must not wait for each other.
        missing.sort_unstable();
        missing.dedup();
        let rows = missing.into_iter().map(|(kind, name)| [kind.number().into(), name.into()]);
        insert_rows(db, "INSERT INTO keys (kind, name)", "ON CONFLICT DO NOTHING", rows).await?;
        known = find_keys(db, wanted).await?;
    }
    let absent = || StoreError::Corrupt("a key that was just added is absent".to_owned());
    known.into_iter().map(|id| id.ok_or_else(absent)).collect()
}

/// The ids of keys in the dictionary, in the order asked for.
pub(crate) async fn find_keys(
    db: &impl ConnectionTrait,
    wanted: &[(KeyKind, &str)],
) -> Result<Vec<Option<i64>>, DbErr> {
    let mut found = std::collections::HashMap::new();
    for kind in KeyKind::ALL {
        // No key has a NUL, and PostgreSQL takes none even in a question.
        let of_kind = wanted.iter().filter(|(of, name)| of == kind && !name.contains('\0'));
        let names: Vec<_> = of_kind.map(|(_, name)| *name).collect();
        for names in names.chunks(MAX_BINDS) {
            let mut binds = Binds::from(vec![kind.number().into()]);
            let text = format!(
                "SELECT id, name FROM keys WHERE kind = $1 AND name IN ({})",
                binds.list(names.iter().copied())
            );
            for row in db.query_all_raw(db::sql(db, &text, binds.into_values())).await? {
                found.insert((*kind, row.try_get::<String>("", "name")?), row.try_get::<i64>("", "id")?);
            }
        }
    }
    Ok(wanted.iter().map(|(kind, name)| found.get(&(*kind, (*name).to_owned())).copied()).collect())
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
