//! A version as it is written in a page, with what came or was loaded along with it.

use nunatak_store::versions::{Git as StoredGit, Maps, VersionRecord};

use super::{
    super::{
        alias::{Alias, AliasesOf},
        metric::Metric,
        model::Model,
        plain::{Json, Plain, Wanted},
        project::Project,
        tag::{Tag, TagsOf},
        viewer::User,
    },
    Version, VersionStatus, Visibility,
    git::Git,
    types::DetectorUsed,
    values::{Hyperparameter, Parameter},
};

impl Plain for Version {
    type Record = VersionRecord;

    fn record(&self) -> &VersionRecord {
        &self.0
    }

    fn write(record: &VersionRecord, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "id" => out.id(&record.id),
            "number" => out.any(&record.number),
            "description" => out.any(&record.description),
            "status" => out.variant(&VersionStatus::from(record.status)),
            "visibility" => out.variant(&Visibility::from(record.visibility)),
            "model" => out.child::<Model>(&record.model, field),
            "project" => out.child::<Project>(&record.project, field),
            "createdBy" => out.child::<User>(&record.created_by, field),
            "createdAt" => out.time(record.created_at),
            "updatedAt" => out.time(record.updated_at),
            "threshold" => out.float(record.threshold.unwrap_or(f64::NAN)),
            "tags" => out.children::<Tag>(&TagsOf(record.row), field),
            "aliases" => out.children::<Alias>(&AliasesOf(record.row), field),
            "detector" => match &record.detector {
                Some(detector) => out.object::<DetectorUsed>(detector, &field.fields),
                None => out.null(),
            },
            "git" => match &record.git {
                Some(git) => out.object::<Git>(git, &field.fields),
                None => out.null(),
            },
            _ => write_map(record.maps.as_deref()?, field, out),
        }
    }

    fn heeds_arguments(name: &str) -> bool {
        matches!(name, "hyperparameters" | "parameters" | "metrics")
    }
}

fn write_map(maps: &Maps, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
    let keys = field.keys()?;
    let wanted = |key: &String| keys.as_ref().is_none_or(|keys| keys.contains(&key.as_str()));
    match field.name {
        "hyperparameters" => {
            let values = maps.hyperparameters.as_ref()?;
            out.list::<Hyperparameter>(values.iter().filter(|(key, _)| wanted(key)), &field.fields)
        }
        "parameters" => {
            let values = maps.parameters.as_ref()?;
            out.list::<Parameter>(values.iter().filter(|(key, _)| wanted(key)), &field.fields)
        }
        "metrics" => {
            let metrics = maps.metrics.as_ref()?;
            out.list::<Metric>(metrics.iter().filter(|metric| wanted(&metric.key)), &field.fields)
        }
        _ => None,
    }
}

impl Plain for DetectorUsed {
    /// Name and version.
    type Record = (String, String);

    fn record(&self) -> &(String, String) {
        &self.0
    }

    fn write((name, version): &(String, String), field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "name" => out.any(name),
            "version" => out.any(version),
            _ => None,
        }
    }
}

impl Plain for Git {
    type Record = StoredGit;

    fn record(&self) -> &StoredGit {
        &self.0
    }

    fn write(record: &StoredGit, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "branch" => out.any(&record.branch),
            "commit" => out.any(&record.commit),
            "dirty" => out.any(&record.dirty),
            _ => None,
        }
    }
}
