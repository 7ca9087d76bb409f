//! A filter as a SQL condition on the table `versions`.
//!
//! Every leaf is TRUE or FALSE, never NULL, so that NOT includes exactly what the leaf leaves out.
//!
//! Keys, tags and names are probes: `(SELECT TRUE … LIMIT 1) IS TRUE` is asked once for each version at hand and
//! answered by a primary key. It says what `EXISTS` says, but no planner turns it into a join: one histogram
//! over the values of all metrics makes planners expect a fifth of all rows where forty match. Which rows are at
//! hand, and in which order, is decided by [`super::plan`].

use std::collections::HashMap;

use nunatak_domain::{
    KeyKind, Problem, ProjectId,
    filter::{Aggregate, NumberTest, StringTest, ValueTest, VersionFilter, VersionOrder},
};
use sea_orm::entity::prelude::Uuid;

use super::{
    conditions::{FALSE, Text, all, in_list, int, number, string, time},
    sql::Binds,
    values::BOOLEAN,
};
use crate::{Store, StoreError};

/// Ids of the keys and tags that a filter and an order name. An unknown key has one that no row has.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<(KeyKind, String), i64>);

const NO_KEY: i64 = -1;

impl Keys {
    pub(super) async fn of(store: &Store, filter: &VersionFilter, orders: &[VersionOrder]) -> Result<Self, StoreError> {
        let mut wanted = Vec::new();
        named_in(filter, &mut wanted);
        wanted.extend(orders.iter().filter_map(|order| match order {
            VersionOrder::Field(..) => None,
            VersionOrder::Hyperparameter(key, _) => Some((KeyKind::Hyperparameter, key.as_str())),
            VersionOrder::Parameter(key, _) => Some((KeyKind::Parameter, key.as_str())),
            VersionOrder::Metric(key, ..) => Some((KeyKind::Metric, key.as_str())),
        }));
        let ids = store.known_keys(&wanted).await?;
        let known = wanted.into_iter().zip(ids).filter_map(|((kind, key), id)| Some(((kind, key.to_owned()), id?)));
        Ok(Self(known.collect()))
    }

    pub(super) fn id(&self, kind: KeyKind, key: &str) -> i64 {
        self.0.get(&(kind, key.to_owned())).copied().unwrap_or(NO_KEY)
    }
}

fn named_in<'a>(filter: &'a VersionFilter, wanted: &mut Vec<(KeyKind, &'a str)>) {
    match filter {
        VersionFilter::And(parts) | VersionFilter::Or(parts) => {
            parts.iter().for_each(|part| named_in(part, wanted));
        }
        VersionFilter::Not(part) => named_in(part, wanted),
        VersionFilter::Hyperparameter(key, _) => wanted.push((KeyKind::Hyperparameter, key)),
        VersionFilter::Parameter(key, _) => wanted.push((KeyKind::Parameter, key)),
        VersionFilter::Metric(key, ..) => wanted.push((KeyKind::Metric, key)),
        VersionFilter::Tag(test) => {
            wanted.extend(test.eq.iter().chain(test.any_of.iter().flatten()).map(|name| (KeyKind::Tag, name.as_str())));
        }
        _ => {}
    }
}

/// The column that keeps an aggregate.
pub(super) const fn aggregate_column(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Last => "last",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Best => "best",
    }
}

/// The one project to which a filter confines the versions, if it does.
pub(super) fn pinned_project(filter: &VersionFilter) -> Option<ProjectId> {
    match filter {
        VersionFilter::Project(ids) if ids.len() == 1 => ids.first().copied(),
        VersionFilter::And(parts) => parts.iter().find_map(pinned_project),
        _ => None,
    }
}

/// The row number of a project; that of none where it does not exist.
pub(super) fn project_row(id: ProjectId, binds: &mut Binds) -> String {
    format!("COALESCE((SELECT row_id FROM projects WHERE id = {}), -1)", binds.bind(id.0))
}

/// Stands for the row number of the version at hand, which a source may know before it fetches the version.
pub(super) const ROW: &str = "@row";

/// # Errors
/// `LIMIT_EXCEEDED` for a pattern that is too long.
pub(super) fn condition(filter: &VersionFilter, keys: &Keys, binds: &mut Binds) -> Result<String, Problem> {
    let compiled = match filter {
        VersionFilter::And(parts) => all(&each(parts, keys, binds)?),
        VersionFilter::Or(parts) if parts.is_empty() => FALSE.to_owned(),
        VersionFilter::Or(parts) => format!("({})", each(parts, keys, binds)?.join(" OR ")),
        VersionFilter::Not(part) => format!("(NOT {})", condition(part, keys, binds)?),
        VersionFilter::Id(ids) => in_ids("versions.id", ids, binds),
        VersionFilter::Model(ids) => in_ids("versions.model_id", ids, binds),
        VersionFilter::CreatedBy(ids) => in_ids("versions.created_by", ids, binds),
        VersionFilter::Job(ids) => present("versions.job_id", &in_ids("versions.job_id", ids, binds)),
        VersionFilter::DatasetVersion(ids) => {
            let column = "versions.dataset_version_id";
            present(column, &in_ids(column, ids, binds))
        }
        VersionFilter::Workspace(ids) => {
            let projects = in_ids("p.workspace_id", ids, binds);
            opaque(&format!("versions.project_row IN (SELECT p.row_id FROM projects p WHERE {projects})"))
        }
        VersionFilter::Project(ids) if ids.len() == 1 => {
            format!("(versions.project_row = {})", project_row(ids[0], binds))
        }
        VersionFilter::Project(ids) => {
            let projects = in_ids("p.id", ids, binds);
            opaque(&format!("versions.project_row IN (SELECT p.row_id FROM projects p WHERE {projects})"))
        }
        VersionFilter::Dataset(ids) => {
            let of = in_ids("d.dataset_id", ids, binds);
            dataset_version_in(&format!("SELECT d.id FROM dataset_versions d WHERE {of}"))
        }
        VersionFilter::Name(test) => {
            let source = "models m WHERE m.id = versions.model_id";
            semi_join(source, Text::column("m.name"), test, binds)?
        }
        VersionFilter::Alias(test) => {
            let source = format!("aliases a WHERE a.version_row = {ROW}");
            semi_join(&source, Text::column("a.name"), test, binds)?
        }
        VersionFilter::Tag(test) => {
            let source = format!("version_tags vt WHERE vt.version_row = {ROW}");
            match text_presence(test) {
                Presence::Impossible => FALSE.to_owned(),
                Presence::Refused => absent(&source),
                Presence::Needed => probe(&format!("{source} AND {}", tag_name("vt.name_id", test, keys, binds)?)),
            }
        }
        VersionFilter::DatasetName(test) => dataset_name(test, binds)?,
        VersionFilter::Detector(test) => nullable_text("versions.detector_name", test, binds)?,
        VersionFilter::GitBranch(test) => nullable_text("versions.git_branch", test, binds)?,
        VersionFilter::GitCommit(test) => nullable_text("versions.git_commit", test, binds)?,
        VersionFilter::GitDirty(dirty) => {
            present("versions.git_dirty", &format!("versions.git_dirty = {}", binds.bind(*dirty)))
        }
        VersionFilter::Number(test) => all(&int("versions.number", test, binds)),
        VersionFilter::CreatedAt(test) => all(&time("versions.created_at", test, binds)),
        VersionFilter::Visibility(value) => format!("(versions.visibility = {})", binds.bind(value.number())),
        VersionFilter::Status(value) => format!("(versions.status = {})", binds.bind(value.number())),
        VersionFilter::Hyperparameter(key, test) => {
            value("hyperparameters", keys.id(KeyKind::Hyperparameter, key), test, binds)?
        }
        VersionFilter::Parameter(key, test) => value("parameters", keys.id(KeyKind::Parameter, key), test, binds)?,
        VersionFilter::Metric(key, aggregate, test) => {
            let source = key_rows("metrics", keys.id(KeyKind::Metric, key), binds);
            number_exists(&source, &format!("x.{}", aggregate_column(*aggregate)), test, binds)
        }
    };
    Ok(compiled)
}

fn each(parts: &[VersionFilter], keys: &Keys, binds: &mut Binds) -> Result<Vec<String>, Problem> {
    parts.iter().map(|part| condition(part, keys, binds)).collect()
}

fn in_ids<I: Copy + Into<Uuid>>(column: &str, ids: &[I], binds: &mut Binds) -> String {
    format!("({})", in_list(column, ids.iter().map(|id| (*id).into()), binds))
}

/// False rather than NULL where the column is NULL.
fn present(column: &str, condition: &str) -> String {
    format!("({column} IS NOT NULL AND {condition})")
}

fn dataset_version_in(select: &str) -> String {
    present("versions.dataset_version_id", &format!("versions.dataset_version_id IN ({select})"))
}

/// What a test of a text asks about presence alone.
enum Presence {
    /// Something must be there, and pass the other parts.
    Needed,
    /// Nothing may be there.
    Refused,
    /// Nothing may be there, and yet something must pass.
    Impossible,
}

fn presence<T: Default + PartialEq>(exists: Option<bool>, rest: &T) -> Presence {
    match exists {
        Some(false) if *rest == T::default() => Presence::Refused,
        Some(false) => Presence::Impossible,
        _ => Presence::Needed,
    }
}

fn text_presence(test: &StringTest) -> Presence {
    presence(test.exists, &StringTest { exists: None, ..test.clone() })
}

fn nullable_text(column: &str, test: &StringTest, binds: &mut Binds) -> Result<String, Problem> {
    Ok(match text_presence(test) {
        Presence::Impossible => FALSE.to_owned(),
        Presence::Refused => format!("({column} IS NULL)"),
        Presence::Needed => present(column, &all(&string(Text::column(column), test, binds)?)),
    })
}

/// There is a row of `source` (what follows FROM).
fn probe(source: &str) -> String {
    format!("((SELECT TRUE FROM {source} LIMIT 1) IS TRUE)")
}

/// There is no row of `source`.
fn absent(source: &str) -> String {
    format!("((SELECT TRUE FROM {source} LIMIT 1) IS NULL)")
}

/// The same condition, as something to check on each row and nothing to find rows by.
pub(super) fn opaque(condition: &str) -> String {
    format!("(({condition}) IS TRUE)")
}

/// A tag's name, by its id in the dictionary; `exists` is the caller's.
pub(super) fn tag_name(column: &str, test: &StringTest, keys: &Keys, binds: &mut Binds) -> Result<String, Problem> {
    let mut parts = Vec::new();
    parts.extend(test.eq.as_ref().map(|name| format!("{column} = {}", binds.bind(keys.id(KeyKind::Tag, name)))));
    if let Some(names) = &test.any_of {
        parts.push(in_list(column, names.iter().map(|name| keys.id(KeyKind::Tag, name)), binds));
    }
    let rest = StringTest { eq: None, any_of: None, exists: None, ..test.clone() };
    if rest != StringTest::default() {
        let named = all(&string(Text::column("k.name"), &rest, binds)?);
        let kind = KeyKind::Tag.number();
        parts.push(format!("{column} IN (SELECT k.id FROM keys k WHERE k.kind = {kind} AND {named})"));
    }
    Ok(all(&parts))
}

/// One of the rows of `source` passes; `exists: false` wants none.
fn semi_join(source: &str, text: Text<'_>, test: &StringTest, binds: &mut Binds) -> Result<String, Problem> {
    Ok(match text_presence(test) {
        Presence::Impossible => FALSE.to_owned(),
        Presence::Refused => absent(source),
        Presence::Needed => probe(&format!("{source} AND {}", all(&string(text, test, binds)?))),
    })
}

/// The name of the dataset kept here, or the one noted for a dataset kept elsewhere.
fn dataset_name(test: &StringTest, binds: &mut Binds) -> Result<String, Problem> {
    let (here, noted) = ("versions.dataset_version_id", "versions.dataset_name");
    Ok(match text_presence(test) {
        Presence::Impossible => FALSE.to_owned(),
        Presence::Refused => format!("({here} IS NULL AND {noted} IS NULL)"),
        Presence::Needed => {
            let elsewhere = present(noted, &all(&string(Text::column(noted), test, binds)?));
            let named = all(&string(Text::column("s.name"), test, binds)?);
            let select =
                format!("SELECT d.id FROM dataset_versions d JOIN datasets s ON s.id = d.dataset_id WHERE {named}");
            format!("({elsewhere} OR {})", dataset_version_in(&select))
        }
    })
}

fn key_rows(table: &str, key: i64, binds: &mut Binds) -> String {
    format!("{table} x WHERE x.version_row = {ROW} AND x.key_id = {}", binds.bind(key))
}

fn number_exists(source: &str, column: &str, test: &NumberTest, binds: &mut Binds) -> String {
    match presence(test.exists, &NumberTest { exists: None, ..test.clone() }) {
        Presence::Impossible => FALSE.to_owned(),
        Presence::Refused => absent(source),
        Presence::Needed => probe(&format!("{source} AND {}", all(&number(column, test, binds)))),
    }
}

/// A hyperparameter or parameter. Within a type, `exists: false` holds where no value of that type is.
fn value(table: &str, key: i64, test: &ValueTest, binds: &mut Binds) -> Result<String, Problem> {
    let rows = key_rows(table, key, binds);
    Ok(match test {
        ValueTest::Exists(true) => probe(&rows),
        ValueTest::Exists(false) => absent(&rows),
        ValueTest::Boolean(wanted) => {
            let wanted = binds.bind(wanted.to_string());
            probe(&format!("{rows} AND x.kind = {BOOLEAN} AND x.text = {wanted}"))
        }
        // These columns are set for one type only, and in the indexes: no need to ask for the type.
        ValueTest::Number(test) => number_exists(&format!("{rows} AND x.number IS NOT NULL"), "x.number", test, binds),
        ValueTest::String(test) => {
            let text = Text { column: "x.text", head: Some("x.text_head") };
            semi_join(&format!("{rows} AND x.text_head IS NOT NULL"), text, test, binds)?
        }
    })
}
