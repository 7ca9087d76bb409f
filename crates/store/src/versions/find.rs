use nunatak_domain::{
    Page, PageRequest, Problem,
    filter::{MAX_ORDERS, Sort, VersionFilter, VersionOrder, search_shape},
};

use super::{
    VersionRecord,
    along::{Along, Company, Reading},
    compile::{Keys, ROW, condition},
    cursor::{Cursor, hash_of},
    order::{Column, Drive, EARLY, Segment, Setting, segments},
    plan::{Plan, Question, Target, Walk, Way, gather, in_scope, walk},
    sql::{Binds, visible},
};
use crate::{Actor, Store, StoreError, db};

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
        Ok(self.versions_along(actor, filter, orders, page, Along::default()).await?.0)
    }

    /// The same, with what is wanted along with each version, in the one statement.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`, `INVALID_CURSOR`, database.
    pub async fn versions_along(
        &self,
        actor: &Actor,
        filter: &VersionFilter,
        orders: &[VersionOrder],
        page: &PageRequest,
        along: Along,
    ) -> Result<(Page<VersionRecord>, Company), StoreError> {
        self.versions_by(actor, (filter, orders, page), along, None).await
    }

    /// The page, come by in the way given, or in the one that promises the least work.
    pub(super) async fn versions_by(
        &self,
        actor: &Actor,
        (filter, orders, page): (&VersionFilter, &[VersionOrder], &PageRequest),
        along: Along,
        way: Option<Way>,
    ) -> Result<(Page<VersionRecord>, Company), StoreError> {
        check(filter, orders)?;
        let db = self.0.db.read();
        let keys = Keys::of(self, filter, orders).await?;
        let conjuncts = filter.conjuncts();
        let target = Target { keys: &keys, postgres: self.0.db.is_postgres(), filter };
        let question = Question { conjuncts: &conjuncts, orders, target, rows: page.size + 1 };
        let (segments, mut found) = self.found(actor, &question, way, page.backwards).await?;
        let hash = hash_of(filter, orders);
        let from = page.cursor.as_ref().map(|text| Cursor::decode(text, &hash, &segments)).transpose()?;
        let start = from.as_ref().map(Cursor::segment);
        let beyond = from.map(|cursor| {
            let segment = &segments[cursor.segment()];
            cursor.beyond(segment, page.backwards, &mut found.binds)
        });
        let along = along.for_actor(actor);
        let query = Query { segments: &segments, found: &found, page, along, postgres: target.postgres };
        let text = query.text(start, beyond.as_deref());
        let (text, values) = found.binds.finish(&text);
        let shape = || search_shape(filter, orders);
        let rows = self.0.db.search(shape, db::sql(db, &text, values)).await?;
        let columns = &segments[0].columns;
        let mut reading = Reading::new(actor, along);
        let records = rows.iter().map(|row| Ok((Cursor::of(row, columns, &hash)?, reading.row(row)?)));
        let records = records.collect::<Result<Vec<_>, StoreError>>()?;
        let page = Page::from_rows(page, records, |(cursor, _)| cursor.encode()).map(|(_, record)| record);
        Ok((page, reading.company()))
    }

    /// How many versions pass, up to [`COUNT_CAP`].
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`, database.
    pub async fn count_versions(&self, actor: &Actor, filter: &VersionFilter) -> Result<Count, StoreError> {
        let (rows, binds) = self.matching(actor, filter, COUNT_CAP + 1).await?;
        self.count_in(|| format!("count {}", filter.shape()), &rows, binds).await
    }

    /// `SELECT …` of the row numbers (`row_id`) of the versions that pass, at most `limit` of them: the newest.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`, database.
    pub(super) async fn matching(
        &self,
        actor: &Actor,
        filter: &VersionFilter,
        limit: i64,
    ) -> Result<(String, Binds), StoreError> {
        check(filter, &[])?;
        let keys = Keys::of(self, filter, &[]).await?;
        let conjuncts = filter.conjuncts();
        let target = Target { keys: &keys, postgres: self.0.db.is_postgres(), filter };
        let rows = u32::try_from(limit).unwrap_or(u32::MAX);
        let question = Question { conjuncts: &conjuncts, orders: &[], target, rows };
        let (segments, found) = self.found(actor, &question, None, false).await?;
        let segment = &segments[0];
        let (source, wanted) = found.place(segment, None);
        let row = &segment.row;
        let head = found.head.as_ref().map_or_else(String::new, |head| format!("WITH {head} "));
        let text =
            format!("{head}SELECT {row} AS row_id FROM {source} WHERE {wanted} ORDER BY {row} DESC LIMIT {limit}");
        Ok((text, found.binds))
    }

    /// The list's segments, come by in the way given or in the best one, and which of their rows are wanted.
    async fn found(
        &self,
        actor: &Actor,
        question: &Question<'_>,
        way: Option<Way>,
        backwards: bool,
    ) -> Result<(Vec<Segment>, Found), StoreError> {
        let plan = self.plan_or(actor, question, way).await?;
        let (drive, mut found) = self.driven(actor, question, &plan)?;
        let segments = segments(Setting { question, drive: &drive, backwards }, &mut found.binds);
        found.check_all(question, &plan, &segments)?;
        Ok((segments, found))
    }

    async fn plan_or(&self, actor: &Actor, question: &Question<'_>, way: Option<Way>) -> Result<Plan, StoreError> {
        match way {
            Some(way) => Ok(Plan { way, checks: (0..question.conjuncts.len()).collect() }),
            None => {
                let projects = self.projects_seen(actor).await?;
                self.plan(actor, question, projects.as_ref().map(|rows| rows.as_slice())).await
            }
        }
    }

    /// Where the statement's rows come from, and the conditions to which it will add.
    fn driven(&self, actor: &Actor, question: &Question<'_>, plan: &Plan) -> Result<(Drive, Found), StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let mut head = None;
        let drive = match plan.way {
            Way::Order => Drive::Order,
            Way::Walk(place) => {
                let part = question.conjuncts.get(place);
                match part.and_then(|part| walk(part, question.target, "w", &mut binds)) {
                    Some(walk) => Drive::Walk { place, walk, beside: beside(question, place, &mut binds) },
                    None => Drive::Order,
                }
            }
            Way::Gather(place) => {
                let (select, exact) = match question.conjuncts.get(place) {
                    Some(part) => {
                        let exact = !matches!(part, VersionFilter::And(_) | VersionFilter::Or(_));
                        (gather(part, question.target, &mut binds)?, exact)
                    }
                    None => (in_scope(self, actor, &mut binds), false),
                };
                head = select.map(|select| format!("g AS MATERIALIZED ({select})"));
                if head.is_some() { Drive::Gather { place, exact } } else { Drive::Order }
            }
        };
        Ok((drive, Found { head, visible, conditions: Vec::new(), binds }))
    }

    /// How many rows a statement finds, up to [`COUNT_CAP`]. `shape` says in the log of slow statements what was
    /// counted.
    pub(super) async fn count_in(
        &self,
        shape: impl FnOnce() -> String,
        rows: &str,
        binds: Binds,
    ) -> Result<Count, StoreError> {
        let db = self.0.db.read();
        let text = format!("SELECT COUNT(*) AS count FROM ({rows}) AS found");
        let (text, values) = binds.finish(&text);
        let rows = self.0.db.search(shape, db::sql(db, &text, values)).await?;
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

/// Which rows are wanted of those at hand.
struct Found {
    /// The gathered rows, `g`, where there are any.
    head: Option<String>,
    visible: String,
    /// Conjuncts with their places, the most selective first.
    conditions: Vec<(usize, String)>,
    binds: Binds,
}

impl Found {
    /// Adds the conjuncts that some segment's source has not seen to.
    fn check_all(&mut self, question: &Question<'_>, plan: &Plan, segments: &[Segment]) -> Result<(), Problem> {
        for place in &plan.checks {
            if segments.iter().any(|segment| !segment.covers.contains(place)) {
                let checked = condition(question.conjuncts[*place], question.target.keys, &mut self.binds)?;
                self.conditions.push((*place, checked));
            }
        }
        Ok(())
    }

    /// Where a segment's rows come from, and which of them are wanted.
    fn place(&self, segment: &Segment, beyond: Option<&str>) -> (String, String) {
        let mut wanted = self.visible.clone();
        let left = self.conditions.iter().filter(|(place, _)| !segment.covers.contains(place));
        let (probes, plain): (Vec<_>, Vec<_>) =
            left.map(|(_, condition)| condition.as_str()).partition(|condition| condition.contains(ROW));
        for more in [segment.condition.as_deref(), beyond].into_iter().flatten().chain(plain) {
            wanted.push_str(" AND ");
            wanted.push_str(more);
        }
        let probes = probes.into_iter().map(|probe| probe.replace(ROW, &segment.row));
        // Those for which the version need not be fetched, and the others.
        let (early, late): (Vec<_>, Vec<_>) = probes.partition(|probe| !probe.contains("versions."));
        wanted.extend(chained(&late).map(|chained| format!(" AND {chained}")));
        let early = chained(&early).map(|chained| format!(" AND {chained}")).unwrap_or_default();
        (segment.source.replace(EARLY, &early), wanted)
    }
}

/// The conjuncts besides the one at `place` that have an index in the same order with no other versions in it. Only
/// PostgreSQL merges such walks; SQLite would look each version up in each of them, which is what a probe does.
fn beside(question: &Question<'_>, place: usize, binds: &mut Binds) -> Vec<(usize, Walk)> {
    if !question.target.postgres {
        return Vec::new();
    }
    let others = question.conjuncts.iter().enumerate().filter(|(other, _)| *other != place);
    others
        .filter_map(|(other, part)| Some((other, walk(part, question.target, &format!("w{other}"), binds)?)))
        .filter(|(_, walk)| !walk.skips)
        .collect()
}

/// All of them, asked one after another until one fails. Databases would ask the one first that they believe to be
/// the cheapest; they all cost the same, and we know which one fails most.
fn chained(probes: &[String]) -> Option<String> {
    let (last, first) = probes.split_last()?;
    if first.is_empty() {
        return Some(last.clone());
    }
    let cases: String = first.iter().map(|probe| format!("WHEN NOT {probe} THEN FALSE ")).collect();
    Some(format!("(CASE {cases}ELSE {last} END)"))
}

/// A page's statement in the making.
struct Query<'a> {
    segments: &'a [Segment],
    found: &'a Found,
    page: &'a PageRequest,
    along: Along,
    postgres: bool,
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
        let mut parts: Vec<String> = self.found.head.iter().cloned().collect();
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
        let columns: String = (0..self.segments[0].columns.len()).map(|place| format!(", u.c{place}")).collect();
        format!(
            "WITH {} SELECT {}{columns}, u.seg FROM ({names}) AS u {} ORDER BY {}",
            parts.join(", "),
            self.along.columns(self.postgres),
            self.along.joins(self.postgres),
            self.outer_order()
        )
    }

    fn segment(&self, number: usize, beyond: Option<&str>, limit: &str) -> String {
        let segment = &self.segments[number];
        let Segment { columns, row, .. } = segment;
        let select: String =
            columns.iter().enumerate().map(|(place, column)| format!(", {} AS c{place}", column.expression)).collect();
        let (source, wanted) = self.found.place(segment, beyond);
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
