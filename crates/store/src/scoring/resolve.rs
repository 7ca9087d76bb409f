//! From what a request names to the version that scores, in one statement: it is asked for every row that comes.

use nunatak_authz::{Action, Actor, Scope};
use nunatak_domain::{
    AliasName, ModelId, Name, Problem, ProjectId, Role, UserId, VersionId, VersionStatus, Visibility, WorkspaceId,
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value, entity::prelude::Uuid};

use crate::{Store, StoreError, db, jobs::checks::InputColumn, scope::role};

/// Which version is to score.
#[derive(Debug, Clone)]
pub enum Target {
    Version(VersionId),
    /// The version that an alias points at now.
    Alias(ModelId, AliasName),
    /// The same, the model by its project and name.
    Named(ProjectId, Name, AliasName),
}

/// A version that rows can be scored with, and all that is asked about it on the way.
#[derive(Debug)]
pub struct Scorable {
    pub version: VersionId,
    pub project: ProjectId,
    pub artifact_sha256: String,
    /// Bytes.
    pub artifact_size: i64,
    pub detector_name: String,
    /// The one that trained; another of the same major number reads its file.
    pub detector_version: String,
    /// The version's threshold, which may differ from that in the file.
    pub threshold: Option<f64>,
    /// What it expects of the rows; a runner may have said nothing of it.
    pub(super) input_schema: Option<Vec<InputColumn>>,
}

const COLUMNS: &str = "v.id, v.status, v.visibility, v.created_by, v.detector_name, v.detector_version, \
    v.artifact_sha256, v.artifact_size, v.threshold, v.input_schema, p.id AS project_id, p.row_id AS project_row, \
    p.workspace_id, (SELECT MAX(m.role) FROM memberships m \
    WHERE m.user_id = $1 AND (m.workspace_id = p.workspace_id OR m.project_id = p.id)) AS role";
const PLACE: &str = "JOIN projects p ON p.row_id = v.project_row JOIN workspaces w ON w.id = p.workspace_id";
const THERE: &str = "v.deleted_at IS NULL AND p.deleted_at IS NULL AND w.deleted_at IS NULL";

impl Target {
    /// Where the version is found, with the values from `$2` on.
    fn source(&self) -> (&'static str, &'static str, Vec<Value>) {
        match self {
            Self::Version(id) => ("versions v", "v.id = $2", vec![id.0.into()]),
            Self::Alias(model, alias) => (
                "aliases a JOIN versions v ON v.row_id = a.version_row",
                "a.model_id = $2 AND a.name = $3",
                vec![model.0.into(), alias.as_str().into()],
            ),
            Self::Named(project, model, alias) => (
                "models o JOIN aliases a ON a.model_id = o.id JOIN versions v ON v.row_id = a.version_row",
                "o.project_id = $2 AND o.name = $3 AND o.deleted_at IS NULL AND a.name = $4",
                vec![project.0.into(), model.as_str().into(), alias.as_str().into()],
            ),
        }
    }

    const fn noun(&self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::Alias(..) | Self::Named(..) => "alias",
        }
    }
}

impl Store {
    /// The version that `target` means at this moment, for an actor who may score with it.
    ///
    /// # Errors
    /// `NotFound` where the actor does not see the version, [`StoreError::Denied`] where it may only look,
    /// `NOT_APPLICABLE` for a version that cannot be applied.
    pub async fn scorable(&self, actor: &Actor, target: &Target) -> Result<Scorable, StoreError> {
        let (source, condition, values) = target.source();
        let text = format!("SELECT {COLUMNS} FROM {source} {PLACE} WHERE {condition} AND {THERE}");
        let user = match actor {
            Actor::User { id, .. } => Some(id.0),
            Actor::Anonymous | Actor::Job { .. } | Actor::Scorer { .. } => None,
        };
        let values = std::iter::once(Value::Uuid(user)).chain(values).collect();
        let db = self.0.db.read();
        let row = db.query_one_raw(db::sql(db, &text, values)).await?.ok_or(StoreError::NotFound(target.noun()))?;
        let found = Found::read(&row)?;
        self.may_score(actor, &found, target.noun())?;
        applicable(&row, &found)
    }

    fn may_score(&self, actor: &Actor, found: &Found, noun: &'static str) -> Result<(), StoreError> {
        let absent = |_| StoreError::NotFound(noun);
        let permit = |action| self.authorizer().permit(actor, action, found.scope);
        permit(Action::ReadVersions).map_err(absent)?;
        if found.visibility == Visibility::Private && actor.user_id() != Some(found.created_by) {
            permit(Action::ReadPrivateVersions).map_err(absent)?;
        }
        permit(Action::Score)?;
        Ok(())
    }
}

/// What decides who may score.
struct Found {
    version: VersionId,
    scope: Scope,
    project: ProjectId,
    visibility: Visibility,
    created_by: UserId,
}

impl Found {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let uuid = |column| row.try_get::<Uuid>("", column);
        let held: Option<i16> = row.try_get("", "role")?;
        let held: Option<Role> = held.map(role).transpose()?;
        let (project, workspace) = (ProjectId(uuid("project_id")?), WorkspaceId(uuid("workspace_id")?));
        let number: i16 = row.try_get("", "visibility")?;
        let visibility = Visibility::from_number(number);
        Ok(Self {
            version: VersionId(uuid("id")?),
            scope: Scope::Project { id: project, row: row.try_get("", "project_row")?, workspace, role: held },
            project,
            visibility: visibility.ok_or_else(|| StoreError::Corrupt(format!("visibility {number}")))?,
            created_by: UserId(uuid("created_by")?),
        })
    }
}

fn applicable(row: &QueryResult, found: &Found) -> Result<Scorable, StoreError> {
    let refuse = |message: &str| Err(Problem::new("NOT_APPLICABLE", message).at("version").into());
    if row.try_get::<i16>("", "status")? != VersionStatus::Ready.number() {
        return refuse("this version is not ready: its file has not been stored yet");
    }
    let text = |column| row.try_get::<Option<String>>("", column);
    let (Some(artifact_sha256), Some(artifact_size)) = (text("artifact_sha256")?, row.try_get("", "artifact_size")?)
    else {
        return refuse("this version has no file to apply");
    };
    let (Some(detector_name), Some(detector_version)) = (text("detector_name")?, text("detector_version")?) else {
        return refuse("this version was not made by a detector that runners know");
    };
    let schema = text("input_schema")?.map(|schema| serde_json::from_str(&schema)).transpose();
    let corrupt = |error| StoreError::Corrupt(format!("the input schema of {}: {error}", found.version));
    Ok(Scorable {
        version: found.version,
        project: found.project,
        artifact_sha256,
        artifact_size,
        detector_name,
        detector_version,
        threshold: row.try_get::<Option<f64>>("", "threshold").map_err(|error: DbErr| StoreError::from(error))?,
        input_schema: schema.map_err(corrupt)?,
    })
}
