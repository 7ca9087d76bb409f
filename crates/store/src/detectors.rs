//! The catalogue of detectors: what runners offer, each with the JSON Schema of its hyperparameters.
//!
//! Every signed-in user sees it: it holds no data of any project.

use std::collections::HashMap;

use nunatak_authz::{Actor, Permit};
use nunatak_domain::{DetectorId, InputKind, Name, Page, PageRequest, Problem, Timestamp, UserId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, sea_query::OnConflict,
};
use serde_json::Value;

use crate::{Store, StoreError, entities::detectors, jobs::try_page, paging::page_by_id};

/// One version of one detector.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorRecord {
    pub id: DetectorId,
    pub name: String,
    pub version: String,
    pub title: String,
    pub summary: String,
    pub description: String,
    pub input_kind: InputKind,
    /// JSON Schema of an object.
    pub hyperparameter_schema: Value,
    pub registered_by: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a runner says of a detector that it offers.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDetector {
    pub name: String,
    pub version: String,
    pub title: String,
    pub summary: String,
    pub description: String,
    pub input_kind: InputKind,
    pub hyperparameter_schema: Value,
}

/// A schema is a form that people fill in; ten times the largest of the built-in ones.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;
const MAX_VERSION_BYTES: usize = 60;
const MAX_TITLE_CHARS: usize = 200;
const MAX_TEXT_BYTES: usize = 64 * 1024;

impl NewDetector {
    /// # Errors
    /// Everything that is wrong with it, each at its field.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if let Err(problem) = Name::parse(&self.name) {
            problems.push(problem.at("name"));
        }
        let version_fits = (1..=MAX_VERSION_BYTES).contains(&self.version.len())
            && self.version.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
        if !version_fits {
            let message = "a detector's version has 1 to 60 characters of a-z A-Z 0-9 . _ + -";
            problems.push(Problem::new("INVALID_INPUT", message).at("version"));
        }
        if self.title.chars().count() > MAX_TITLE_CHARS {
            problems.push(Problem::new("INVALID_INPUT", "a title has at most 200 characters").at("title"));
        }
        for (field, text) in [("summary", &self.summary), ("description", &self.description)] {
            if text.len() > MAX_TEXT_BYTES {
                problems.push(Problem::new("INVALID_INPUT", "a text has at most 65536 bytes").at(field));
            }
        }
        problems.extend(self.check_schema().err().map(|problem| problem.at("hyperparameterSchema")));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn check_schema(&self) -> Result<(), Problem> {
        let invalid = |message: String| Err(Problem::new("INVALID_SCHEMA", message));
        if !self.hyperparameter_schema.is_object() {
            return invalid("the schema must be a JSON object".to_owned());
        }
        if self.hyperparameter_schema.to_string().len() > MAX_SCHEMA_BYTES {
            return invalid(format!("the schema may have at most {MAX_SCHEMA_BYTES} bytes"));
        }
        if let Some(keyword) = unbounded_keyword(&self.hyperparameter_schema) {
            let message = format!("`{keyword}` is not taken in a hyperparameter schema: write the schema out in full");
            return invalid(message);
        }
        match jsonschema::validator_for(&self.hyperparameter_schema) {
            Ok(_) => Ok(()),
            Err(error) => invalid(format!("this is no valid JSON Schema: {error}")),
        }
    }

    fn describes(&self, row: &detectors::Model) -> bool {
        row.title == self.title
            && row.summary == self.summary
            && row.description == self.description
            && row.input_kind == self.input_kind.number()
            && self.same_schema(row)
    }

    fn same_schema(&self, row: &detectors::Model) -> bool {
        serde_json::from_str::<Value>(&row.hyperparameter_schema).is_ok_and(|kept| kept == self.hyperparameter_schema)
    }
}

/// The first keyword, anywhere in a schema, with which a small schema could make validation endless: references,
/// which may run in circles or multiply, and regular expressions, which may backtrack.
fn unbounded_keyword(schema: &Value) -> Option<&'static str> {
    const REFUSED: [&str; 5] = ["$ref", "$dynamicRef", "$recursiveRef", "pattern", "patternProperties"];
    match schema {
        Value::Object(fields) => REFUSED
            .into_iter()
            .find(|keyword| fields.contains_key(*keyword))
            .or_else(|| fields.values().find_map(unbounded_keyword)),
        Value::Array(items) => items.iter().find_map(unbounded_keyword),
        _ => None,
    }
}

impl TryFrom<detectors::Model> for DetectorRecord {
    type Error = StoreError;

    fn try_from(row: detectors::Model) -> Result<Self, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of detector {} {}", row.name, row.version));
        let hyperparameter_schema = serde_json::from_str(&row.hyperparameter_schema).map_err(|_| corrupt("schema"))?;
        let input_kind = InputKind::from_number(row.input_kind).ok_or_else(|| corrupt("input kind"))?;
        Ok(Self {
            id: row.id.into(),
            input_kind,
            hyperparameter_schema,
            registered_by: row.registered_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
            name: row.name,
            version: row.version,
            title: row.title,
            summary: row.summary,
            description: row.description,
        })
    }
}

/// Reading the catalogue needs no role anywhere, only a name to answer for it.
pub(crate) const fn signed_in(actor: &Actor) -> bool {
    matches!(actor, Actor::User { .. })
}

/// Newer means the larger numbers, part by part: 1.10.0 is newer than 1.9.2.
fn version_order(version: &str) -> Vec<(u64, &str)> {
    version.split(['.', '-', '+']).map(|part| (part.parse().unwrap_or(0), part)).collect()
}

/// The detector of that name: the version asked for, or the newest.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    name: &str,
    version: Option<&str>,
) -> Result<Option<DetectorRecord>, StoreError> {
    let mut select = detectors::Entity::find().filter(detectors::Column::Name.eq(name));
    if let Some(version) = version {
        select = select.filter(detectors::Column::Version.eq(version));
    }
    let rows = select.all(db).await?;
    let newest = rows.into_iter().max_by(|a, b| version_order(&a.version).cmp(&version_order(&b.version)));
    newest.map(DetectorRecord::try_from).transpose()
}

/// The newest registered version that reads what `version` of the detector made: of the same major number, as
/// semantic versions promise. `version` itself where no newer one is registered.
pub(crate) async fn reader_of(db: &impl ConnectionTrait, name: &str, version: String) -> Result<String, StoreError> {
    let rows = detectors::Entity::find().filter(detectors::Column::Name.eq(name)).all(db).await?;
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    let wanted = major(&version);
    let readers = rows.into_iter().map(|row| row.version).filter(|other| major(other) == wanted).chain([version]);
    let newest = readers.max_by(|a, b| version_order(a).cmp(&version_order(b)));
    Ok(newest.unwrap_or_default())
}

impl Store {
    /// The detector of that name: the version asked for, or the newest.
    ///
    /// # Errors
    /// Database.
    pub async fn detector(
        &self,
        actor: &Actor,
        name: &str,
        version: Option<&str>,
    ) -> Result<Option<DetectorRecord>, StoreError> {
        if !signed_in(actor) {
            return Ok(None);
        }
        find(self.0.db.read(), name, version).await
    }

    /// Those of `ids` that there are.
    ///
    /// # Errors
    /// Database.
    pub async fn detectors_by_ids(
        &self,
        actor: &Actor,
        ids: &[DetectorId],
    ) -> Result<HashMap<DetectorId, DetectorRecord>, StoreError> {
        if !signed_in(actor) {
            return Ok(HashMap::new());
        }
        let filter = detectors::Column::Id.is_in(ids.iter().map(|id| id.0));
        let rows = detectors::Entity::find().filter(filter).all(self.0.db.read()).await?;
        rows.into_iter().map(|row| Ok((row.id.into(), row.try_into()?))).collect()
    }

    /// Those of `pairs` (name and version) that there are, in no particular order.
    ///
    /// # Errors
    /// Database.
    pub async fn detectors_by_names(
        &self,
        actor: &Actor,
        pairs: &[(String, String)],
    ) -> Result<Vec<DetectorRecord>, StoreError> {
        if !signed_in(actor) {
            return Ok(Vec::new());
        }
        let filter = detectors::Column::Name.is_in(pairs.iter().map(|(name, _)| name));
        let rows = detectors::Entity::find().filter(filter).all(self.0.db.read()).await?;
        let asked =
            |row: &detectors::Model| pairs.iter().any(|(name, version)| row.name == *name && row.version == *version);
        rows.into_iter().filter(asked).map(TryInto::try_into).collect()
    }

    /// The catalogue, the newest entry first; all versions of one detector where `name` is given.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn detector_page(
        &self,
        actor: &Actor,
        name: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<DetectorRecord>, StoreError> {
        let mut select = detectors::Entity::find();
        if let Some(name) = name {
            select = select.filter(detectors::Column::Name.eq(name));
        }
        if !signed_in(actor) {
            select = select.filter(sea_orm::sea_query::Expr::cust("1 = 0"));
        }
        let db = self.0.db.read();
        let page = page_by_id(db, select, detectors::Column::Id, "detectors", page, |row| row.id).await?;
        try_page(page, TryInto::try_into)
    }

    /// Adds a detector to the catalogue or brings its entry up to date, and answers its id.
    ///
    /// What is registered stays as it is for everybody but an administrator and the user that registered it:
    /// jobs and versions rely on a name and version meaning one thing.
    pub(crate) async fn upsert_detector(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        new: &NewDetector,
    ) -> Result<DetectorId, StoreError> {
        let now = self.now();
        keep_the_name(txn, permit, new).await?;
        let row = detectors::ActiveModel {
            id: Set(DetectorId::new(now).0),
            name: Set(new.name.clone()),
            version: Set(new.version.clone()),
            title: Set(new.title.clone()),
            summary: Set(new.summary.clone()),
            description: Set(new.description.clone()),
            input_kind: Set(new.input_kind.number()),
            hyperparameter_schema: Set(new.hyperparameter_schema.to_string()),
            registered_by: Set(permit.user().0),
            created_at: Set(now.micros()),
            updated_at: Set(now.micros()),
        };
        let unique = OnConflict::columns([detectors::Column::Name, detectors::Column::Version]).do_nothing().to_owned();
        detectors::Entity::insert(row).on_conflict(unique).exec_without_returning(txn).await?;
        let kept = detectors::Entity::find()
            .filter(detectors::Column::Name.eq(&new.name))
            .filter(detectors::Column::Version.eq(&new.version))
            .one(txn)
            .await?
            .ok_or_else(|| StoreError::Corrupt(format!("detector {} {} vanished", new.name, new.version)))?;
        let id = kept.id.into();
        if new.describes(&kept) {
            return Ok(id);
        }
        if kept.registered_by == permit.user().0 || permit.actor().is_admin() {
            update(txn, kept, new, now).await?;
        } else if !new.same_schema(&kept) {
            let message = format!(
                "detector {} {} is registered already with another hyperparameter schema; raise its version",
                new.name, new.version
            );
            return Err(Problem::new("CONFLICT", message).at("hyperparameterSchema").into());
        }
        Ok(id)
    }
}

/// A detector's name belongs to who registered it first: a newer version of somebody else's would be what
/// everybody's trainings take from then on.
async fn keep_the_name(txn: &DatabaseTransaction, permit: &Permit, new: &NewDetector) -> Result<(), StoreError> {
    if permit.actor().is_admin() {
        return Ok(());
    }
    let of_this_name = detectors::Entity::find().filter(detectors::Column::Name.eq(&new.name)).all(txn).await?;
    let offers_what_is_there = of_this_name.iter().any(|kept| kept.version == new.version);
    let others = of_this_name.iter().any(|kept| kept.registered_by != permit.user().0);
    if others && !offers_what_is_there {
        let message = format!("the detector name `{}` is another account's; choose a name of your own", new.name);
        return Err(Problem::new("CONFLICT", message).at("name").into());
    }
    Ok(())
}

async fn update(
    txn: &DatabaseTransaction,
    kept: detectors::Model,
    new: &NewDetector,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut row = kept.into_active_model();
    row.title = Set(new.title.clone());
    row.summary = Set(new.summary.clone());
    row.description = Set(new.description.clone());
    row.input_kind = Set(new.input_kind.number());
    row.hyperparameter_schema = Set(new.hyperparameter_schema.to_string());
    row.updated_at = Set(now.micros());
    row.update(txn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::version_order;

    #[test]
    fn ten_comes_after_nine() {
        assert!(version_order("1.10.0") > version_order("1.9.2"));
        assert!(version_order("2.0.0") > version_order("1.10.0"));
        assert!(version_order("1.0.0") < version_order("1.0.1"));
    }
}
