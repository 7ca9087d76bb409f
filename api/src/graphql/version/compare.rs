//! Versions side by side.

use std::collections::BTreeMap;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use futures_util::future::try_join_all;
use nunatak_domain::{Problem, Scalar, VersionId};
use nunatak_store::{StoreError, metrics::MetricRecord, versions::VersionRecord};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        metric::{Metric, MetricsOf},
        tag::TagsOf,
    },
    Version,
    loaders::{HyperparametersOf, ParametersOf},
    values::{Hyperparameter, Parameter},
};

/// As many as a page has: more columns than anybody reads.
const MAX_COMPARED: usize = 100;

#[derive(Default, Debug)]
pub struct CompareQuery;

#[Object]
impl CompareQuery {
    /// Versions side by side, of any projects. Costs its fields once for each id.
    #[graphql(complexity = "ids.len() * child_complexity + 1")]
    async fn compare_versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "2 to 100, each once: `ver_…`")] ids: Vec<ID>,
    ) -> Result<VersionComparison, ApiError> {
        let parsed = parse(&ids)?;
        let loaded = try_join_all(parsed.iter().map(|id| ctx.load(*id))).await?;
        let mut found = VersionComparison { versions: Vec::new(), missing: Vec::new() };
        for (id, version) in ids.into_iter().zip(loaded) {
            match version {
                Some(version) => found.versions.push(version),
                None => found.missing.push(id),
            }
        }
        Ok(found)
    }
}

fn parse(ids: &[ID]) -> Result<Vec<VersionId>, StoreError> {
    let refused = |code, message: String| Err(Problem::new(code, message).at("ids").into());
    if ids.len() > MAX_COMPARED {
        let message = format!("{} versions are too many side by side; at most {MAX_COMPARED}", ids.len());
        return refused("LIMIT_EXCEEDED", message);
    }
    if ids.len() < 2 {
        return refused("INVALID_INPUT", "give at least two versions to compare".to_owned());
    }
    let mut parsed = Vec::with_capacity(ids.len());
    for (place, id) in ids.iter().enumerate() {
        let version: VersionId = parse_id(id, &place.to_string()).map_err(|error| match error {
            StoreError::Invalid(problems) => {
                StoreError::Invalid(problems.into_iter().map(|problem| problem.at("ids")).collect())
            }
            other => other,
        })?;
        if parsed.contains(&version) {
            return refused("DUPLICATE_KEY", format!("{version} is given twice; give each version once"));
        }
        parsed.push(version);
    }
    Ok(parsed)
}

/// Versions side by side. Lists have what differs first, then the rest, each by name; `values` and `present` have an
/// entry for each of `versions`, in their order.
#[derive(Debug, Clone)]
pub struct VersionComparison {
    versions: Vec<VersionRecord>,
    missing: Vec<ID>,
}

/// Versions side by side. Lists have what differs first, then the rest, each by name; `values` and `present` have an
/// entry for each of `versions`, in their order.
#[Object]
impl VersionComparison {
    /// Those that you may see, in the order asked.
    async fn versions(&self) -> Vec<Version> {
        self.versions.iter().cloned().map(Version::from).collect()
    }

    /// The ids asked for that are not there, or not for your eyes: the two look the same.
    async fn missing(&self) -> &[ID] {
        &self.missing
    }

    /// What was chosen before training.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn hyperparameters(&self, ctx: &Context<'_>) -> Result<Vec<ComparedHyperparameter>, ApiError> {
        let loaded = self.versions.iter().map(|version| ctx.load(HyperparametersOf(version.row, None)));
        let rows = side_by_side(columns(try_join_all(loaded).await?), same_value).into_iter();
        Ok(rows
            .map(|Row { key, differs, values }| ComparedHyperparameter {
                values: named(&key, values, Hyperparameter),
                key,
                differs,
            })
            .collect())
    }

    /// What was learned or noted besides.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn parameters(&self, ctx: &Context<'_>) -> Result<Vec<ComparedParameter>, ApiError> {
        let loaded = self.versions.iter().map(|version| ctx.load(ParametersOf(version.row, None)));
        let rows = side_by_side(columns(try_join_all(loaded).await?), same_value).into_iter();
        Ok(rows
            .map(|Row { key, differs, values }| ComparedParameter {
                values: named(&key, values, Parameter),
                key,
                differs,
            })
            .collect())
    }

    /// What was measured.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn metrics(&self, ctx: &Context<'_>) -> Result<Vec<ComparedMetric>, ApiError> {
        let loaded = self.versions.iter().map(|version| ctx.load(MetricsOf(version.row, None)));
        let keyed =
            |metrics: Vec<MetricRecord>| metrics.into_iter().map(|metric| (metric.key.clone(), metric)).collect();
        let loaded = columns(try_join_all(loaded).await?).into_iter().map(keyed).collect();
        let rows = side_by_side(loaded, same_metric).into_iter();
        let row = |Row { key, differs, values }: Row<MetricRecord>| ComparedMetric {
            key,
            differs,
            values: values.into_iter().map(|value| value.map(Metric::from)).collect(),
        };
        Ok(rows.map(row).collect())
    }

    /// The tags that any of them has.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<ComparedTag>, ApiError> {
        let loaded = self.versions.iter().map(|version| ctx.load(TagsOf(version.row)));
        let names = columns(try_join_all(loaded).await?).into_iter();
        let names = names.map(|tags| tags.into_iter().map(|tag| (tag.name, ())).collect()).collect();
        let rows = side_by_side(names, |(), ()| true).into_iter();
        let present = |values: Vec<Option<()>>| values.iter().map(Option::is_some).collect();
        Ok(rows
            .map(|Row { key, differs, values }| ComparedTag { name: key, differs, present: present(values) })
            .collect())
    }

    /// Where they come from, as far as that differs: detector, dataset, git.
    async fn origins(&self, ctx: &Context<'_>) -> Result<Vec<ComparedOrigin>, ApiError> {
        let text = |of: fn(&VersionRecord) -> Option<String>| -> Vec<_> {
            self.versions.iter().map(|version| of(version).map(|text| (text.clone(), text))).collect()
        };
        let git = [
            (OriginField::GitBranch, text(|version| version.git.as_ref()?.branch.clone())),
            (OriginField::GitCommit, text(|version| version.git.as_ref()?.commit.clone())),
            (OriginField::GitDirty, text(|version| Some(version.git.as_ref()?.dirty?.to_string()))),
        ];
        let detector = text(|version| version.detector.as_ref().map(|(name, version)| format!("{name} {version}")));
        let dataset = try_join_all(self.versions.iter().map(|version| dataset(ctx, version))).await?;
        let all = [(OriginField::Detector, detector), (OriginField::Dataset, dataset)].into_iter().chain(git);
        let differing = all.filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1]));
        let shown = |values: Vec<Option<(String, String)>>| values.into_iter().map(|value| Some(value?.1)).collect();
        Ok(differing.map(|(field, values)| ComparedOrigin { field, values: shown(values) }).collect())
    }
}

/// What the dataset is told by, and how it is shown; nothing where it is unknown or not for these eyes.
async fn dataset(ctx: &Context<'_>, version: &VersionRecord) -> Result<Option<(String, String)>, ApiError> {
    let Some(id) = version.dataset_version else {
        return Ok(version.dataset_name.clone().map(|name| (name.clone(), name)));
    };
    let Some(table) = ctx.load(id).await? else { return Ok(None) };
    let Some(dataset) = ctx.load(table.dataset).await? else { return Ok(None) };
    Ok(Some((id.to_string(), format!("{} v{}", dataset.name, table.number))))
}

/// One hyperparameter of several versions.
#[derive(SimpleObject, Debug, Clone)]
pub struct ComparedHyperparameter {
    /// Its name.
    key: String,
    /// Whether any two differ; one that lacks it differs from one that has it.
    differs: bool,
    /// Each version's, null where it has none.
    values: Vec<Option<Hyperparameter>>,
}

/// One parameter of several versions.
#[derive(SimpleObject, Debug, Clone)]
pub struct ComparedParameter {
    /// Its name.
    key: String,
    /// Whether any two differ; one that lacks it differs from one that has it.
    differs: bool,
    /// Each version's, null where it has none.
    values: Vec<Option<Parameter>>,
}

/// One metric of several versions.
#[derive(SimpleObject, Debug, Clone)]
pub struct ComparedMetric {
    /// Its name.
    key: String,
    /// Whether `last`, `min`, `max` or `best` of any two differ, exactly; NaN equals NaN. One that lacks it differs
    /// from one that has it.
    differs: bool,
    /// Each version's, null where it has none.
    values: Vec<Option<Metric>>,
}

/// One tag on several versions.
#[derive(SimpleObject, Debug, Clone)]
pub struct ComparedTag {
    /// Its name.
    name: String,
    /// Whether some have it and some have not.
    differs: bool,
    /// Whether each version has it.
    present: Vec<bool>,
}

/// Something that tells where a version comes from.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginField {
    /// Name and version of the detector.
    Detector,
    /// The dataset's name, with its version where it is kept here.
    Dataset,
    /// The branch that was checked out.
    GitBranch,
    /// The commit's hash.
    GitCommit,
    /// Whether files differed from the commit: `true` or `false`.
    GitDirty,
}

/// Where several versions come from, in one respect in which they differ.
#[derive(SimpleObject, Debug, Clone)]
pub struct ComparedOrigin {
    /// In which respect.
    field: OriginField,
    /// Each version's, null where it is unknown or not for your eyes.
    values: Vec<Option<String>>,
}

#[derive(Debug, PartialEq)]
struct Row<T> {
    key: String,
    differs: bool,
    values: Vec<Option<T>>,
}

fn columns<T: Default>(loaded: Vec<Option<T>>) -> Vec<T> {
    loaded.into_iter().map(Option::unwrap_or_default).collect()
}

fn named<T>(key: &str, values: Vec<Option<Scalar>>, value: fn((String, Scalar)) -> T) -> Vec<Option<T>> {
    values.into_iter().map(|scalar| Some(value((key.to_owned(), scalar?)))).collect()
}

/// A row for each key that any column has; those that differ first.
fn side_by_side<T>(columns: Vec<Vec<(String, T)>>, same: fn(&T, &T) -> bool) -> Vec<Row<T>> {
    let count = columns.len();
    let mut rows: BTreeMap<String, Vec<Option<T>>> = BTreeMap::new();
    for (place, column) in columns.into_iter().enumerate() {
        for (key, value) in column {
            rows.entry(key).or_insert_with(|| (0..count).map(|_| None).collect())[place] = Some(value);
        }
    }
    let alike = |pair: &[Option<T>]| match (&pair[0], &pair[1]) {
        (Some(one), Some(other)) => same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    let row = |(key, values): (String, Vec<Option<T>>)| Row { differs: !values.windows(2).all(alike), key, values };
    let (mut differing, rest): (Vec<_>, Vec<_>) = rows.into_iter().map(row).partition(|row| row.differs);
    differing.extend(rest);
    differing
}

fn same_float(one: f64, other: f64) -> bool {
    one == other || (one.is_nan() && other.is_nan())
}

fn same_value(one: &Scalar, other: &Scalar) -> bool {
    match (one, other) {
        (Scalar::Number(one), Scalar::Number(other)) => same_float(*one, *other),
        _ => one == other,
    }
}

fn same_metric(one: &MetricRecord, other: &MetricRecord) -> bool {
    let floats = |metric: &MetricRecord| [metric.last, metric.min, metric.max, metric.best];
    floats(one).into_iter().zip(floats(other)).all(|(one, other)| same_float(one, other))
}
