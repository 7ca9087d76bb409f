//! An order as segments: pieces of the list, one after the other, that an index can walk.
//!
//! An order that begins with a key falls apart into the versions that have a value, walked by the value's
//! index, and those that have none, newest first. A `LEFT JOIN … NULLS LAST` over both would sort everything.
//! Where the rows come from is [`Drive`]'s; the cursor is the same whichever way they came.

use nunatak_domain::{
    KeyKind,
    filter::{OrderField, Sort, VersionFilter, VersionOrder},
};

use super::{
    compile::{Keys, aggregate_column, pinned_project, project_row},
    conditions::number,
    plan::{Question, Walk},
    sql::Binds,
};

/// The type under which a column travels in a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Float,
    Text,
}

impl Kind {
    const fn null(self) -> &'static str {
        match self {
            Self::Int => "CAST(NULL AS BIGINT)",
            Self::Float => "CAST(NULL AS DOUBLE PRECISION)",
            Self::Text => "CAST(NULL AS TEXT)",
        }
    }
}

/// One column to sort by. NULL comes last whichever the direction.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) expression: String,
    pub(super) kind: Kind,
    pub(super) sort: Sort,
    pub(super) nullable: bool,
    /// The same in the whole segment: nothing to sort by.
    pub(super) constant: bool,
}

impl Column {
    fn new(expression: impl Into<String>, kind: Kind, sort: Sort, nullable: bool) -> Self {
        Self { expression: expression.into(), kind, sort, nullable, constant: false }
    }

    fn constant(expression: impl Into<String>, kind: Kind) -> Self {
        Self { expression: expression.into(), kind, sort: Sort::Asc, nullable: true, constant: true }
    }
}

/// Stands where a version is about to be fetched, for conditions that can be checked before.
pub(super) const EARLY: &str = "@early";

/// A piece of the list. All pieces have as many columns, of the same kinds.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// What comes after FROM; it holds `versions`, and [`EARLY`] where these are fetched for other rows.
    pub(super) source: String,
    /// Which versions are in this piece.
    pub(super) condition: Option<String>,
    pub(super) columns: Vec<Column>,
    /// The row number, from the table whose index is walked.
    pub(super) row: String,
    /// The conjuncts that the source has seen to.
    pub(super) covers: Vec<usize>,
}

/// Where the rows of all segments come from.
#[derive(Debug, Clone)]
pub(super) enum Drive {
    /// The index that is in the segment's own order.
    Order,
    /// The index of the conjunct at this place. `beside`: what is walked along with it, in the same order.
    Walk { place: usize, walk: Walk, beside: Vec<(usize, Walk)> },
    /// The statement's `g (row_id)`, which holds the versions of the conjunct at this place, and no others if told so.
    Gather { place: usize, exact: bool },
}

/// What segments are made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) drive: &'a Drive,
    pub(super) backwards: bool,
}

impl Setting<'_> {
    const fn postgres(self) -> bool {
        self.question.target.postgres
    }

    /// Where versions come from, whatever key they may have: the source, its row number, what it has seen to.
    fn versions(self) -> (String, String, Option<String>, Vec<usize>) {
        match self.drive {
            Drive::Order => ("versions".to_owned(), "versions.row_id".to_owned(), None, Vec::new()),
            Drive::Walk { place, walk, beside } => {
                let joined: String = beside
                    .iter()
                    .map(|(_, Walk { source, alias, condition, .. })| {
                        format!(" JOIN {source} ON {alias}.version_row = w.version_row AND {condition}")
                    })
                    .collect();
                let source = format!("{}{joined}{}", walk.source, self.version_of("w.version_row"));
                let covers = beside.iter().map(|(place, _)| *place).chain([*place]).collect();
                (source, "w.version_row".to_owned(), Some(walk.condition.clone()), covers)
            }
            Drive::Gather { place, exact } => {
                // In its order already, so that the walk over it ends when the page is full.
                let newest = if self.backwards { "ASC" } else { "DESC" };
                let gathered = format!("(SELECT row_id FROM g ORDER BY row_id {newest} {}) AS d", self.fence());
                let covers = exact.then_some(*place).into_iter().collect();
                (format!("{gathered}{}", self.version_of("d.row_id")), "d.row_id".to_owned(), None, covers)
            }
        }
    }

    /// The version with this row number, fetched when it is its turn and never the other way round.
    fn version_of(self, row: &str) -> String {
        match self.postgres() {
            true => format!(
                " CROSS JOIN LATERAL (SELECT * FROM versions v WHERE v.row_id = {row}{EARLY} OFFSET 0) AS versions"
            ),
            // SQLite keeps CROSS JOIN's order of tables.
            false => format!(" CROSS JOIN versions ON versions.row_id = {row}{EARLY}"),
        }
    }

    /// Keeps a planner from looking into a subquery. SQLite's looks, and finds nothing better.
    const fn fence(self) -> &'static str {
        if self.postgres() { "OFFSET 0" } else { "" }
    }

    /// A version's row in a table of keys, or NULLs.
    fn left_row(self, table: &str, alias: &str, key: &str) -> String {
        let of = |alias: &str| format!("{alias}.version_row = versions.row_id AND {alias}.key_id = {key}");
        match self.postgres() {
            true => format!(" LEFT JOIN LATERAL (SELECT * FROM {table} k WHERE {} OFFSET 0) {alias} ON TRUE", of("k")),
            false => format!(" LEFT JOIN {table} {alias} ON {}", of(alias)),
        }
    }

    /// A version's row in a table of keys, for the versions that have one.
    fn row(self, table: &str, alias: &str, key: &str) -> String {
        let of = |alias: &str| format!("{alias}.version_row = versions.row_id AND {alias}.key_id = {key}");
        match self.postgres() {
            true => format!(" CROSS JOIN LATERAL (SELECT * FROM {table} k WHERE {} OFFSET 0) {alias}", of("k")),
            false => format!(" CROSS JOIN {table} {alias} ON {}", of(alias)),
        }
    }
}

/// The list that the question's orders describe, newest first where they leave a tie.
pub(super) fn segments(setting: Setting<'_>, binds: &mut Binds) -> Vec<Segment> {
    let orders = setting.question.orders;
    let mut joins = String::new();
    let mut rest = Vec::new();
    let keyed_first = orders.first().is_some_and(|order| !matches!(order, VersionOrder::Field(..)));
    for (place, order) in orders.iter().enumerate().skip(usize::from(keyed_first)) {
        let (join, columns) = joined(place, order, setting, binds);
        joins.push_str(&join);
        rest.extend(columns);
    }
    let mut segments = match orders.first() {
        Some(first) if keyed_first => keyed(first, setting, binds),
        _ => {
            let (source, row, condition, covers) = setting.versions();
            vec![Segment { source, condition, columns: Vec::new(), row, covers }]
        }
    };
    for segment in &mut segments {
        segment.source.push_str(&joins);
        segment.columns.extend(rest.iter().cloned());
    }
    segments
}

/// Table and key of a keyed order.
fn key_of(order: &VersionOrder, keys: &Keys) -> Option<(&'static str, i64)> {
    match order {
        VersionOrder::Field(..) => None,
        VersionOrder::Hyperparameter(key, _) => Some(("hyperparameters", keys.id(KeyKind::Hyperparameter, key))),
        VersionOrder::Parameter(key, _) => Some(("parameters", keys.id(KeyKind::Parameter, key))),
        VersionOrder::Metric(key, ..) => Some(("metrics", keys.id(KeyKind::Metric, key))),
    }
}

/// A later part of an order: the join that it needs, and its columns.
fn joined(place: usize, order: &VersionOrder, setting: Setting<'_>, binds: &mut Binds) -> (String, Vec<Column>) {
    let alias = format!("o{place}");
    let join = key_of(order, setting.question.target.keys).map(|(table, key)| {
        let key = binds.bind(key);
        setting.left_row(table, &alias, &key)
    });
    let field = |column: &str, kind, sort, nullable| vec![Column::new(column, kind, sort, nullable)];
    match order {
        VersionOrder::Field(OrderField::CreatedAt, sort) => {
            (String::new(), field("versions.created_at", Kind::Int, *sort, false))
        }
        VersionOrder::Field(OrderField::Number, sort) => {
            (String::new(), field("versions.number", Kind::Int, *sort, false))
        }
        VersionOrder::Field(OrderField::Detector, sort) => {
            (String::new(), field("versions.detector_name", Kind::Text, *sort, true))
        }
        VersionOrder::Field(OrderField::Name, sort) => {
            let join = format!(" JOIN models {alias} ON {alias}.id = versions.model_id");
            (join, field(&format!("{alias}.name"), Kind::Text, *sort, false))
        }
        VersionOrder::Metric(_, aggregate, sort) => {
            let column = format!("{alias}.{}", aggregate_column(*aggregate));
            (join.unwrap_or_default(), field(&column, Kind::Float, *sort, true))
        }
        VersionOrder::Hyperparameter(_, sort) | VersionOrder::Parameter(_, sort) => {
            let rank = format!(
                "CAST(CASE WHEN {alias}.number IS NOT NULL THEN 0 WHEN {alias}.text_head IS NOT NULL THEN 1 \
                 WHEN {alias}.version_row IS NOT NULL THEN 2 ELSE 3 END AS BIGINT)"
            );
            let columns = vec![
                Column::new(rank, Kind::Int, Sort::Asc, false),
                Column::new(format!("{alias}.number"), Kind::Float, *sort, true),
                Column::new(format!("{alias}.text_head"), Kind::Text, *sort, true),
            ];
            (join.unwrap_or_default(), columns)
        }
    }
}

/// The pieces of a list that is ordered by a key first.
fn keyed(order: &VersionOrder, setting: Setting<'_>, binds: &mut Binds) -> Vec<Segment> {
    let Some((table, key)) = key_of(order, setting.question.target.keys) else { return Vec::new() };
    let key = binds.bind(key);
    let walked = |present: String, columns, bounds: Option<usize>| {
        let (source, row, condition, mut covers) = match setting.drive {
            Drive::Gather { .. } => {
                let (source, row, condition, covers) = setting.versions();
                (format!("{source}{}", setting.row(table, "o0", &key)), row, condition, covers)
            }
            Drive::Order | Drive::Walk { .. } => {
                let source = format!("{table} o0{}", setting.version_of("o0.version_row"));
                (source, "o0.version_row".to_owned(), None, Vec::new())
            }
        };
        covers.extend(bounds);
        let present = format!("o0.key_id = {key} AND {present}");
        let condition = condition.map_or_else(|| present.clone(), |condition| format!("{condition} AND {present}"));
        Segment { source, condition: Some(condition), columns, row, covers }
    };
    let absent = |value: &str, columns| {
        let (source, row, condition, covers) = setting.versions();
        let lacking = format!(
            "((SELECT TRUE FROM {table} k \
             WHERE k.version_row = versions.row_id AND k.key_id = {key} AND {value} IS NOT NULL) IS NULL)"
        );
        let condition = condition.map_or_else(|| lacking.clone(), |condition| format!("{condition} AND {lacking}"));
        Segment { source, condition: Some(condition), columns, row, covers }
    };
    let null = |kind: Kind| Column::constant(kind.null(), kind);
    let rank = |rank: u8| Column::constant(format!("CAST({rank} AS BIGINT)"), Kind::Int);
    match order {
        VersionOrder::Field(..) => Vec::new(),
        VersionOrder::Metric(_, aggregate, sort) => {
            let column = aggregate_column(*aggregate);
            let value = format!("o0.{column}");
            let mut present = format!("{value} IS NOT NULL");
            if let Some(project) = pinned_project(setting.question.target.filter) {
                present = format!("o0.project_row = {} AND {present}", project_row(project, binds));
            }
            let bounds = setting.question.ordered_by();
            if let Some(VersionFilter::Metric(_, _, test)) =
                bounds.and_then(|place| setting.question.conjuncts.get(place))
            {
                for bound in number(&value, test, binds) {
                    present = format!("{present} AND {bound}");
                }
            }
            vec![
                walked(present, vec![Column::new(&value, Kind::Float, *sort, false)], bounds),
                absent(&format!("k.{column}"), vec![null(Kind::Float)]),
            ]
        }
        VersionOrder::Hyperparameter(_, sort) | VersionOrder::Parameter(_, sort) => {
            let number = Column::new("o0.number", Kind::Float, *sort, false);
            let text = Column::new("o0.text_head", Kind::Text, *sort, false);
            vec![
                walked("o0.number IS NOT NULL".to_owned(), vec![rank(0), number, null(Kind::Text)], None),
                walked("o0.text_head IS NOT NULL".to_owned(), vec![rank(1), null(Kind::Float), text], None),
                walked(
                    "o0.number IS NULL AND o0.text_head IS NULL".to_owned(),
                    vec![rank(2), null(Kind::Float), null(Kind::Text)],
                    None,
                ),
                absent("k.key_id", vec![rank(3), null(Kind::Float), null(Kind::Text)]),
            ]
        }
    }
}
