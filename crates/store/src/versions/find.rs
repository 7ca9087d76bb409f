use super::{
    VersionRecord,
    compile::{Keys, condition},
    cursor::{Cursor, hash_of},
    order::{Column, Segment, segments},
    record::COLUMNS,
    sql::{Binds, visible},
};
use crate::{Actor, Store, StoreError, db};
use nunatak_domain::{
    Page, PageRequest, Problem,
    filter::{MAX_ORDERS, Sort, VersionFilter, VersionOrder, search_shape},
};

/// Counting stops here: a count of everything would cost more than any page.
pub const COUNT_CAP: i64 = 10_000;

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub value: i64,
    /// There are more than `value`: counting stopped.
    pub capped: bool,
}

impl Store {
    /// The versions that the actor may see and that pass `filter`, in the order of `orders`, then newest first.
    ///
    /// Missing values and NaN come last whichever the direction. Hyperparameters and parameters of several
    /// types: numbers, then strings (by their first 200 characters), then the rest. Keys are looked up first,
    /// if any are named; the page itself is one statement.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`, `INVALID_CURSOR`, database.
    pub async fn versions(
        &self,
        actor: &Actor,
        filter: &VersionFilter,
        orders: &[VersionOrder],
        page: &PageRequest,
    ) -> Result<Page<VersionRecord>, StoreError> {
        check(filter, orders)?;
        let db = self.0.db.read();
        let keys = Keys::of(db, filter, orders).await?;
        let (visible, mut binds) = visible(self, actor);
        let visible = if self.0.db.is_postgres() { visible } else { walked(&visible) };
        let wanted = format!("{visible} AND {}", condition(filter, &keys, &mut binds)?);
        let segments = segments(orders, filter, &keys, self.0.db.is_postgres(), &mut binds);
        let hash = hash_of(filter, orders);
        let from = page.cursor.as_ref().map(|text| Cursor::decode(text, &hash, &segments)).transpose()?;
        let start = from.as_ref().map(Cursor::segment);
        let beyond = from.map(|cursor| {
            let segment = &segments[cursor.segment()];
            cursor.beyond(segment, page.backwards, &mut binds)
        });
        let query = Query { segments: &segments, wanted: &wanted, page };
        let text = query.text(start, beyond.as_deref());
        let shape = || search_shape(filter, orders);
        let rows = self.0.db.search(shape, db::sql(db, &text, binds.into_values())).await?;
        let columns = &segments[0].columns;
        let records = rows.iter().map(|row| Ok((Cursor::of(row, columns, &hash)?, VersionRecord::read(row)?)));
        let records = records.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Page::from_rows(page, records, |(cursor, _)| cursor.encode()).map(|(_, record)| record))
    }

    /// How many versions pass, up to [`COUNT_CAP`].
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`, database.
    pub async fn count_versions(&self, actor: &Actor, filter: &VersionFilter) -> Result<Count, StoreError> {
        check(filter, &[])?;
        let db = self.0.db.read();
        let keys = Keys::of(db, filter, &[]).await?;
        let (visible, mut binds) = visible(self, actor);
        let wanted = condition(filter, &keys, &mut binds)?;
        let shape = || format!("count {}", filter.shape());
        self.count_where(shape, &format!("{visible} AND {wanted}"), binds).await
    }

    /// `shape` says in the log of slow statements what was counted.
    pub(super) async fn count_where(
        &self,
        shape: impl FnOnce() -> String,
        condition: &str,
        binds: Binds,
    ) -> Result<Count, StoreError> {
        let db = self.0.db.read();
        let text = format!(
            "SELECT COUNT(*) AS count FROM (SELECT 1 FROM versions WHERE {condition} LIMIT {}) AS found",
            COUNT_CAP + 1
        );
        let rows = self.0.db.search(shape, db::sql(db, &text, binds.into_values())).await?;
        let counted: i64 = rows.first().map(|row| row.try_get("", "count")).transpose()?.unwrap_or(0);
        Ok(Count { value: counted.min(COUNT_CAP), capped: counted > COUNT_CAP })
    }
}

fn check(filter: &VersionFilter, orders: &[VersionOrder]) -> Result<(), Problem> {
    filter.check_limits()?;
    if orders.len() > MAX_ORDERS {
        let message = format!("the order has {} parts; at most {MAX_ORDERS} are allowed", orders.len());
        return Err(Problem::new("LIMIT_EXCEEDED", message).at("orderBy"));
    }
    Ok(())
}

/// Left to itself, SQLite gathers all versions of all visible projects by index and sorts them. The unary plus
/// keeps it from that: it checks each version's project while it walks the list in its order.
fn walked(visible: &str) -> String {
    visible.replace("\"versions\".\"project_row\" IN", "+\"versions\".\"project_row\" IN")
}

/// A page's statement in the making.
struct Query<'a> {
    segments: &'a [Segment],
    wanted: &'a str,
    page: &'a PageRequest,
}

impl Query<'_> {
    /// Each segment is asked only for what the ones before it left to find: one that has nothing to add is
    /// not run at all (`LIMIT 0`).
    fn text(&self, start: Option<usize>, beyond: Option<&str>) -> String {
        let mut order: Vec<_> = (0..self.segments.len()).collect();
        if self.page.backwards {
            order.reverse();
        }
        let rows = self.page.size + 1;
        let mut limit = rows.to_string();
        let mut parts = Vec::new();
        let mut names = Vec::new();
        for number in order.into_iter().skip_while(|number| start.is_some_and(|start| *number != start)) {
            let beyond = beyond.filter(|_| start == Some(number));
            parts.push(format!("s{number} AS MATERIALIZED ({})", self.segment(number, beyond, &limit)));
            names.push(format!("SELECT * FROM s{number}"));
            let before: String =
                names.iter().map(|select| format!(" - (SELECT COUNT(*) FROM ({select}) AS t)")).collect();
            limit = format!("(SELECT {rows}{before})");
        }
        let names = names.join(" UNION ALL ");
        let columns: String = (0..self.segments[0].columns.len()).map(|place| format!("u.c{place}, ")).collect();
        format!(
            "WITH {} SELECT u.seg, {columns}{COLUMNS} FROM ({names}) AS u \
             JOIN versions ON versions.row_id = u.row_id ORDER BY {}",
            parts.join(", "),
            self.outer_order()
        )
    }

    fn segment(&self, number: usize, beyond: Option<&str>, limit: &str) -> String {
        let Segment { source, condition, columns, row } = &self.segments[number];
        let select: String =
            columns.iter().enumerate().map(|(place, column)| format!(", {} AS c{place}", column.expression)).collect();
        let mut wanted = self.wanted.to_owned();
        for more in [condition.as_deref(), beyond].into_iter().flatten() {
            wanted = format!("{wanted} AND {more}");
        }
        let sorted: String = columns
            .iter()
            .filter(|column| !column.constant)
            .map(|column| self.sort(&column.expression, column) + ", ")
            .collect();
        let newest = self.newest();
        format!(
            "SELECT {row} AS row_id, CAST({number} AS BIGINT) AS seg{select} FROM {source} WHERE {wanted} \
             ORDER BY {sorted}{row} {newest} LIMIT {limit}"
        )
    }

    /// The order of the few rows that the segments found together.
    fn outer_order(&self) -> String {
        let segment = if self.page.backwards { "DESC" } else { "ASC" };
        // A column that sorts in one segment is constant in the others.
        let sorting = |place: usize| {
            let mut columns = self.segments.iter().map(|segment| &segment.columns[place]);
            columns.find(|column| !column.constant)
        };
        let columns: String = (0..self.segments[0].columns.len())
            .filter_map(|place| sorting(place).map(|column| (place, column)))
            .map(|(place, column)| {
                format!("{}, ", self.sort(&format!("u.c{place}"), &Column { nullable: true, ..column.clone() }))
            })
            .collect();
        format!("u.seg {segment}, {columns}u.row_id {}", self.newest())
    }

    fn sort(&self, expression: &str, column: &Column) -> String {
        let up = (column.sort == Sort::Asc) != self.page.backwards;
        let direction = if up { "ASC" } else { "DESC" };
        let nulls = if self.page.backwards { "DESC" } else { "ASC" };
        match column.nullable {
            true => format!("{expression} IS NULL {nulls}, {expression} {direction}"),
            false => format!("{expression} {direction}"),
        }
    }

    const fn newest(&self) -> &'static str {
        if self.page.backwards { "ASC" } else { "DESC" }
    }
}
