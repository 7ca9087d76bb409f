//! What a page's statement brings along with its versions, so that it need not be asked for afterwards.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use nunatak_domain::{ModelId, Timestamp, UserId};
use sea_orm::{DbErr, QueryResult};

use super::{VersionRecord, maps, record::COLUMNS_BESIDE_MODEL};
use crate::{Actor, StoreError, cells::Cells, identity::UserRecord, models::ModelRecord};

/// What is wanted along with the versions; their models always come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Along {
    /// Their [`maps`](VersionRecord::maps).
    pub maps: bool,
    pub authors: bool,
}

/// What came along with some versions.
#[derive(Debug, Default)]
pub struct Company {
    /// But for those that are deleted.
    pub models: HashMap<ModelId, ModelRecord>,
    /// Empty unless asked for, and for an actor who may not know of users.
    pub authors: HashMap<UserId, UserRecord>,
}

// A planner that cannot see how few rows the segments find would read whole tables to join them.
const JOINS_POSTGRES: [&str; 3] = [
    "CROSS JOIN LATERAL (SELECT * FROM versions v WHERE v.row_id = u.row_id OFFSET 0) AS versions \
     CROSS JOIN LATERAL (SELECT * FROM models d WHERE d.id = versions.model_id OFFSET 0) AS m",
    " LEFT JOIN LATERAL (SELECT * FROM version_maps d WHERE d.version_row = u.row_id OFFSET 0) AS vm ON TRUE",
    " CROSS JOIN LATERAL (SELECT * FROM users d WHERE d.id = versions.created_by OFFSET 0) AS a",
];
const JOINS_SQLITE: [&str; 3] = [
    "CROSS JOIN versions ON versions.row_id = u.row_id CROSS JOIN models m ON m.id = versions.model_id",
    " LEFT JOIN version_maps vm ON vm.version_row = versions.row_id",
    " CROSS JOIN users a ON a.id = versions.created_by",
];
const MODEL: [&str; 6] = ["m.deleted_at", "m.name", "m.description", "m.created_by", "m.created_at", "m.updated_at"];
const AUTHOR: &str = ", a.login, a.email, a.full_name, a.is_admin, a.is_service, a.created_at";

impl Along {
    /// What of it the actor may get: who is not signed in knows of no users.
    pub(super) fn for_actor(self, actor: &Actor) -> Self {
        Self { authors: self.authors && *actor != Actor::Anonymous, ..self }
    }

    /// What a statement selects to [read](Reading::row) a version and its company, of the row number `u.row_id`.
    pub(super) fn columns(self, postgres: bool) -> String {
        let mut columns = COLUMNS_BESIDE_MODEL.to_owned();
        if self.maps {
            columns.push_str(", ");
            columns.push_str(&maps::columns(postgres));
        }
        columns.push_str(", ");
        columns.push_str(&MODEL.join(", "));
        if self.authors {
            columns.push_str(AUTHOR);
        }
        columns
    }

    /// Where it finds them.
    pub(super) fn joins(self, postgres: bool) -> String {
        let [versions, maps, authors] = if postgres { JOINS_POSTGRES } else { JOINS_SQLITE };
        [versions, if self.maps { maps } else { "" }, if self.authors { authors } else { "" }].concat()
    }
}

/// Rows on their way to records: of each model and author only the first row is read.
pub(super) struct Reading<'a> {
    actor: &'a Actor,
    along: Along,
    models: HashMap<ModelId, Option<ModelRecord>>,
    authors: HashMap<UserId, UserRecord>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(actor: &'a Actor, along: Along) -> Self {
        Self { actor, along, models: HashMap::new(), authors: HashMap::new() }
    }

    pub(super) fn row(&mut self, row: &QueryResult) -> Result<VersionRecord, StoreError> {
        let mut cells = Cells::of(row);
        let mut version = VersionRecord::take(&mut cells)?;
        if self.along.maps {
            version.maps = Some(Arc::new(maps::Maps::take(version.row, &mut cells)?));
        }
        match self.models.entry(version.model) {
            Entry::Occupied(_) => cells.skip(MODEL.len()),
            Entry::Vacant(place) => {
                place.insert(model(&version, &mut cells)?);
            }
        }
        if let (true, Entry::Vacant(place)) = (self.along.authors, self.authors.entry(version.created_by)) {
            place.insert(author(version.created_by, &mut cells)?.seen_by(self.actor));
        }
        Ok(version)
    }

    pub(super) fn company(self) -> Company {
        let models = self.models.into_iter().filter_map(|(id, model)| Some((id, model?))).collect();
        Company { models, authors: self.authors }
    }
}

fn model(version: &VersionRecord, cells: &mut Cells<'_>) -> Result<Option<ModelRecord>, DbErr> {
    let deleted: Option<i64> = cells.take()?;
    let model = ModelRecord {
        id: version.model,
        project: version.project,
        name: cells.take()?,
        description: cells.take()?,
        created_by: UserId(cells.take()?),
        created_at: Timestamp::from_micros(cells.take()?),
        updated_at: Timestamp::from_micros(cells.take()?),
    };
    Ok(deleted.is_none().then_some(model))
}

fn author(id: UserId, cells: &mut Cells<'_>) -> Result<UserRecord, DbErr> {
    Ok(UserRecord {
        id,
        login: cells.take()?,
        email: cells.take()?,
        full_name: cells.take()?,
        is_admin: cells.take()?,
        is_service: cells.take()?,
        created_at: Timestamp::from_micros(cells.take()?),
    })
}
