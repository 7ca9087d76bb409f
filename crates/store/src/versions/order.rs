//! An order as segments: pieces of the list, one after the other, that an index can walk.
//!
//! An order that begins with a key falls apart into the versions that have a value, walked by the value's
//! index, and those that have none, newest first. A `LEFT JOIN … NULLS LAST` over both would sort everything.

use nunatak_domain::{
    KeyKind,
    filter::{OrderField, Sort, VersionFilter, VersionOrder},
};

use super::{
    compile::{Keys, aggregate_column, pinned_project, project_row},
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

/// A piece of the list. All pieces have as many columns, of the same kinds.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// What comes after FROM; it holds `versions`.
    pub(super) source: String,
    /// Which versions are in this piece.
    pub(super) condition: Option<String>,
    pub(super) columns: Vec<Column>,
    /// The row number, from the table whose index is walked.
    pub(super) row: String,
}

/// The list that `orders` describe, newest first where they leave a tie.
pub(super) fn segments(
    orders: &[VersionOrder],
    filter: &VersionFilter,
    keys: &Keys,
    postgres: bool,
    binds: &mut Binds,
) -> Vec<Segment> {
    let mut joins = String::new();
    let mut rest = Vec::new();
    let keyed_first = orders.first().is_some_and(|order| !matches!(order, VersionOrder::Field(..)));
    for (place, order) in orders.iter().enumerate().skip(usize::from(keyed_first)) {
        let (join, columns) = joined(place, order, keys, binds);
        joins.push_str(&join);
        rest.extend(columns);
    }
    let mut segments = match orders.first() {
        Some(first) if keyed_first => keyed(first, filter, keys, postgres, binds),
        _ => vec![Segment {
            source: "versions".to_owned(),
            condition: None,
            columns: Vec::new(),
            row: "versions.row_id".to_owned(),
        }],
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
fn joined(place: usize, order: &VersionOrder, keys: &Keys, binds: &mut Binds) -> (String, Vec<Column>) {
    let alias = format!("o{place}");
    let join = key_of(order, keys).map(|(table, key)| {
        let key = binds.bind(key);
        format!(" LEFT JOIN {table} {alias} ON {alias}.version_row = versions.row_id AND {alias}.key_id = {key}")
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
fn keyed(order: &VersionOrder, filter: &VersionFilter, keys: &Keys, postgres: bool, binds: &mut Binds) -> Vec<Segment> {
    let Some((table, key)) = key_of(order, keys) else { return Vec::new() };
    let key = binds.bind(key);
    // SQLite keeps CROSS JOIN's order of tables, and so walks the value's index unless the filter names rows.
    let join = if postgres || is_narrow(filter) { "JOIN" } else { "CROSS JOIN" };
    let walked = |present: String, columns| Segment {
        source: format!("{table} o0 {join} versions ON versions.row_id = o0.version_row"),
        condition: Some(format!("o0.key_id = {key} AND {present}")),
        columns,
        row: "o0.version_row".to_owned(),
    };
    let absent = |value: &str, columns| Segment {
        source: "versions".to_owned(),
        condition: Some(format!(
            "NOT EXISTS (SELECT 1 FROM {table} o0 \
             WHERE o0.version_row = versions.row_id AND o0.key_id = {key} AND {value} IS NOT NULL)"
        )),
        columns,
        row: "versions.row_id".to_owned(),
    };
    let null = |kind: Kind| Column::constant(kind.null(), kind);
    let rank = |rank: u8| Column::constant(format!("CAST({rank} AS BIGINT)"), Kind::Int);
    match order {
        VersionOrder::Field(..) => Vec::new(),
        VersionOrder::Metric(_, aggregate, sort) => {
            let value = format!("o0.{}", aggregate_column(*aggregate));
            let mut present = format!("{value} IS NOT NULL");
            if let Some(project) = pinned_project(filter) {
                present = format!("o0.project_row = {} AND {present}", project_row(project, binds));
            }
            vec![
                walked(present, vec![Column::new(&value, Kind::Float, *sort, false)]),
                absent(&value, vec![null(Kind::Float)]),
            ]
        }
        VersionOrder::Hyperparameter(_, sort) | VersionOrder::Parameter(_, sort) => {
            let number = Column::new("o0.number", Kind::Float, *sort, false);
            let text = Column::new("o0.text_head", Kind::Text, *sort, false);
            vec![
                walked("o0.number IS NOT NULL".to_owned(), vec![rank(0), number, null(Kind::Text)]),
                walked("o0.text_head IS NOT NULL".to_owned(), vec![rank(1), null(Kind::Float), text]),
                walked(
                    "o0.number IS NULL AND o0.text_head IS NULL".to_owned(),
                    vec![rank(2), null(Kind::Float), null(Kind::Text)],
                ),
                absent("o0.key_id", vec![rank(3), null(Kind::Float), null(Kind::Text)]),
            ]
        }
    }
}

/// Whether the filter names so few versions that sorting them is cheaper than walking an index.
fn is_narrow(filter: &VersionFilter) -> bool {
    match filter {
        VersionFilter::Id(_)
        | VersionFilter::Model(_)
        | VersionFilter::Job(_)
        | VersionFilter::Alias(_)
        | VersionFilter::GitCommit(_) => true,
        VersionFilter::And(parts) => parts.iter().any(is_narrow),
        _ => false,
    }
}
