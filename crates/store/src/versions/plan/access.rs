//! Ways to come by the versions that pass one condition, without looking at the others.

use nunatak_domain::{
    KeyKind, Problem,
    filter::{Aggregate, NumberTest, StringTest, ValueTest, VersionFilter},
};

use super::super::{
    compile::{Keys, aggregate_column, condition, pinned_project, project_row, tag_name},
    conditions::{Text, all, number, string},
    sql::Binds,
    values::HEAD_CHARS,
};

/// What the statements are written for.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Target<'a> {
    pub(in super::super) keys: &'a Keys,
    pub(in super::super) postgres: bool,
    /// The whole filter: where it names one project, that project's indexes serve.
    pub(in super::super) filter: &'a VersionFilter,
}

/// An index in the order of registration that holds the versions of one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Walk {
    /// What follows FROM; its rows have `version_row`.
    pub(in super::super) source: String,
    /// What its rows are called.
    pub(in super::super) alias: String,
    pub(in super::super) condition: String,
    /// Whether the index holds versions besides that are passed over.
    pub(in super::super) skips: bool,
}

/// `SELECT …` of the row numbers (`row_id`) of all versions that pass, and perhaps a few more, by an index;
/// `None` where no index serves.
pub(in super::super) fn gather(
    filter: &VersionFilter,
    target: Target<'_>,
    binds: &mut Binds,
) -> Result<Option<String>, Problem> {
    Ok(match filter {
        VersionFilter::Id(_)
        | VersionFilter::Model(_)
        | VersionFilter::CreatedBy(_)
        | VersionFilter::Job(_)
        | VersionFilter::DatasetVersion(_) => Some(plain(filter, target, binds)?),
        VersionFilter::Workspace(_) | VersionFilter::Project(_) => {
            let listed = match filter {
                VersionFilter::Workspace(ids) => {
                    format!("p.workspace_id IN ({})", binds.list(ids.iter().map(|id| id.0).chain([NOBODY])))
                }
                VersionFilter::Project(ids) => {
                    format!("p.id IN ({})", binds.list(ids.iter().map(|id| id.0).chain([NOBODY])))
                }
                _ => return Ok(None),
            };
            let of = beside(target, "projects p", "v.project_row = p.row_id");
            Some(format!("SELECT v.row_id FROM {of} WHERE {listed}"))
        }
        VersionFilter::Detector(test) | VersionFilter::GitBranch(test) | VersionFilter::GitCommit(test) => {
            if is_listed(test) { Some(plain(filter, target, binds)?) } else { None }
        }
        VersionFilter::Name(test) if is_needed(test) => {
            let named = all(&string(Text::column("m.name"), test, binds)?);
            let of = beside(target, "models m", "v.model_id = m.id");
            Some(format!("SELECT v.row_id FROM {of} WHERE {named}"))
        }
        VersionFilter::Alias(test) if is_needed(test) => {
            let named = all(&string(Text::column("a.name"), test, binds)?);
            // A version may have several such.
            Some(format!("SELECT DISTINCT a.version_row AS row_id FROM aliases a WHERE {named}"))
        }
        VersionFilter::Tag(test) if is_needed(test) => {
            let named = tag_name("x.name_id", test, target.keys, binds)?;
            Some(format!("SELECT DISTINCT x.version_row AS row_id FROM version_tags x WHERE {named}"))
        }
        VersionFilter::Hyperparameter(key, test) => {
            let key = target.keys.id(KeyKind::Hyperparameter, key);
            valued("hyperparameters", key, test, binds)?
        }
        VersionFilter::Parameter(key, test) => {
            let key = target.keys.id(KeyKind::Parameter, key);
            valued("parameters", key, test, binds)?
        }
        VersionFilter::Metric(key, aggregate @ (Aggregate::Last | Aggregate::Best), test) if is_bounded(test) => {
            let column = format!("x.{}", aggregate_column(*aggregate));
            let rows = metric_rows(target.keys.id(KeyKind::Metric, key), target.filter, binds);
            let wanted = all(&number(&column, test, binds));
            Some(format!("SELECT x.version_row AS row_id FROM metrics x WHERE {rows} AND {wanted} ORDER BY {column}"))
        }
        VersionFilter::Or(parts) => {
            let each = parts.iter().map(|part| gather(part, target, binds)).collect::<Result<Option<Vec<_>>, _>>()?;
            each.filter(|each| !each.is_empty()).map(|each| {
                let each: Vec<_> =
                    each.into_iter().map(|select| format!("SELECT row_id FROM ({select}) AS u")).collect();
                each.join(" UNION ")
            })
        }
        VersionFilter::And(parts) => {
            for part in parts {
                if let Some(select) = gather(part, target, binds)? {
                    return Ok(Some(select));
                }
            }
            None
        }
        _ => None,
    })
}

/// No row has this id: an empty list is not SQL.
const NOBODY: uuid::Uuid = uuid::Uuid::nil();

/// A condition on a column of `versions` itself, of whose values the database has honest statistics.
fn plain(filter: &VersionFilter, target: Target<'_>, binds: &mut Binds) -> Result<String, Problem> {
    Ok(format!("SELECT versions.row_id FROM versions WHERE {}", condition(filter, target.keys, binds)?))
}

/// `table` and, for each of its rows, the versions `v` that `on` finds.
fn beside(target: Target<'_>, table: &str, on: &str) -> String {
    match target.postgres {
        true => format!("{table} CROSS JOIN LATERAL (SELECT v.row_id FROM versions v WHERE {on} OFFSET 0) AS v"),
        false => format!("{table} CROSS JOIN versions v ON {on}"),
    }
}

/// Which rows of `metrics x` to look at: the key's, in the one project if there is one.
fn metric_rows(key: i64, filter: &VersionFilter, binds: &mut Binds) -> String {
    let key = format!("x.key_id = {}", binds.bind(key));
    match pinned_project(filter) {
        Some(project) => format!("x.project_row = {} AND {key}", project_row(project, binds)),
        None => key,
    }
}

fn valued(table: &str, key: i64, test: &ValueTest, binds: &mut Binds) -> Result<Option<String>, Problem> {
    let key = binds.bind(key);
    let select = |wanted: &str, by: &str| {
        Some(format!("SELECT x.version_row AS row_id FROM {table} x WHERE x.key_id = {key} AND {wanted} ORDER BY {by}"))
    };
    Ok(match test {
        ValueTest::Number(test) if is_bounded(test) => select(&all(&number("x.number", test, binds)), "x.number"),
        ValueTest::String(test) if is_listed(test) => {
            let text = Text { column: "x.text", head: Some("x.text_head") };
            let wanted = format!("x.text_head IS NOT NULL AND {}", all(&string(text, test, binds)?));
            select(&wanted, "x.text_head")
        }
        _ => None,
    })
}

/// The index to walk from the newest version on, if one holds those of this condition in that order.
/// Its rows are called `alias`.
pub(in super::super) fn walk(
    filter: &VersionFilter,
    target: Target<'_>,
    alias: &str,
    binds: &mut Binds,
) -> Option<Walk> {
    let walk = |source, condition, skips| Some(Walk { source, alias: alias.to_owned(), condition, skips });
    match filter {
        VersionFilter::Tag(StringTest {
            eq: Some(name),
            ne: None,
            any_of: None,
            contains: None,
            starts_with: None,
            ..
        }) if !has_exists_false(filter) => {
            let name = binds.bind(target.keys.id(KeyKind::Tag, name));
            let source = indexed(target, "version_tags", alias, "name");
            walk(source, format!("{alias}.name_id = {name}"), false)
        }
        VersionFilter::Hyperparameter(key, test) => {
            equal("hyperparameters", target.keys.id(KeyKind::Hyperparameter, key), test, target, alias, binds)
        }
        VersionFilter::Parameter(key, test) => {
            equal("parameters", target.keys.id(KeyKind::Parameter, key), test, target, alias, binds)
        }
        VersionFilter::Metric(key, Aggregate::Last, test) if is_bounded(test) => {
            let key = binds.bind(target.keys.id(KeyKind::Metric, key));
            // An expression, so that the index on the values does not tempt: the other one holds them, too.
            let last = if target.postgres { format!("({alias}.last + 0)") } else { format!("+{alias}.last") };
            let wanted = all(&number(&last, test, binds));
            let source = indexed(target, "metrics", alias, "newest");
            walk(source, format!("{alias}.key_id = {key} AND {wanted}"), true)
        }
        _ => None,
    }
}

fn has_exists_false(filter: &VersionFilter) -> bool {
    matches!(filter, VersionFilter::Tag(StringTest { exists: Some(false), .. }))
}

fn equal(table: &str, key: i64, test: &ValueTest, target: Target<'_>, alias: &str, binds: &mut Binds) -> Option<Walk> {
    let (wanted, index) = match test {
        ValueTest::Number(test) => {
            let value = test.eq.filter(|value| !value.is_nan())?;
            let only = NumberTest { eq: test.eq, ..NumberTest::default() };
            (format!("{alias}.number = {}", (*test == only).then(|| binds.bind(value))?), "number")
        }
        ValueTest::String(test) => {
            let value = test.eq.as_ref()?;
            let only = StringTest { eq: test.eq.clone(), ..StringTest::default() };
            let whole = value.chars().count() < HEAD_CHARS && !value.contains('\0');
            (format!("{alias}.text_head = {}", (*test == only && whole).then(|| binds.bind(value.as_str()))?), "text")
        }
        ValueTest::Boolean(_) | ValueTest::Exists(_) => return None,
    };
    let key = binds.bind(key);
    let source = indexed(target, table, alias, index);
    let condition = format!("{alias}.key_id = {key} AND {wanted}");
    Some(Walk { source, alias: alias.to_owned(), condition, skips: false })
}

/// SQLite takes the index by name; PostgreSQL finds it by the order that is asked for.
fn indexed(target: Target<'_>, table: &str, alias: &str, index: &str) -> String {
    if target.postgres { format!("{table} {alias}") } else { format!("{table} {alias} INDEXED BY {table}_{index}") }
}

/// Something must be there, and is asked for more than its presence.
fn is_needed(test: &StringTest) -> bool {
    test.exists != Some(false) && StringTest { exists: None, ..test.clone() } != StringTest::default()
}

/// Equal to one of some values: what an index on texts finds.
fn is_listed(test: &StringTest) -> bool {
    test.exists != Some(false) && (test.eq.is_some() || test.any_of.is_some())
}

/// An interval or some values: what an index on numbers finds.
fn is_bounded(test: &NumberTest) -> bool {
    let NumberTest { eq, lt, lte, gt, gte, any_of, .. } = test;
    test.exists != Some(false)
        && test.finite != Some(false)
        && ([eq, lt, lte, gt, gte].iter().any(|bound| bound.is_some()) || any_of.is_some())
}
