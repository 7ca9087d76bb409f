use std::collections::BTreeSet;

use nunatak_domain::{DatasetVersionId, JobId, PredictionId, VersionId};
use sea_orm::{ConnectionTrait, entity::prelude::Uuid};

use super::{LineageDirection, LineageEdge, LineageKind, LineageNode};
use crate::{StoreError, db, versions::sql::Binds};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noun {
    DatasetVersion,
    Job,
    Version,
    Prediction,
}

/// One kind of arrow, and where the database keeps it.
struct Arrow {
    kind: LineageKind,
    from: Noun,
    to: Noun,
    /// Selects from `source` the ids of both ends.
    from_id: &'static str,
    to_id: &'static str,
    source: &'static str,
}

const ARROWS: [Arrow; 6] = [
    Arrow {
        kind: LineageKind::ReadBy,
        from: Noun::DatasetVersion,
        to: Noun::Job,
        from_id: "j.dataset_version_id",
        to_id: "j.id",
        source: "jobs j",
    },
    Arrow {
        kind: LineageKind::TrainedInto,
        from: Noun::DatasetVersion,
        to: Noun::Version,
        from_id: "v.dataset_version_id",
        to_id: "v.id",
        source: "versions v WHERE v.job_id IS NULL AND v.deleted_at IS NULL",
    },
    Arrow {
        kind: LineageKind::Made,
        from: Noun::Job,
        to: Noun::Version,
        from_id: "v.job_id",
        to_id: "v.id",
        source: "versions v WHERE v.deleted_at IS NULL",
    },
    Arrow {
        kind: LineageKind::Made,
        from: Noun::Job,
        to: Noun::Prediction,
        from_id: "p.job_id",
        to_id: "p.id",
        source: "predictions p",
    },
    Arrow {
        kind: LineageKind::AppliedBy,
        from: Noun::Version,
        to: Noun::Job,
        from_id: "v.id",
        to_id: "j.id",
        source: "jobs j JOIN versions v ON v.row_id = j.version_row WHERE j.kind <> 0",
    },
    Arrow {
        kind: LineageKind::ParentOf,
        from: Noun::Version,
        to: Noun::Version,
        from_id: "parent.id",
        to_id: "child.id",
        source: "versions child JOIN versions parent ON parent.row_id = child.parent_row WHERE child.deleted_at IS NULL",
    },
];

impl LineageNode {
    const fn split(self) -> (Noun, Uuid) {
        match self {
            Self::DatasetVersion(id) => (Noun::DatasetVersion, id.0),
            Self::Job(id) => (Noun::Job, id.0),
            Self::Version(id) => (Noun::Version, id.0),
            Self::Prediction(id) => (Noun::Prediction, id.0),
        }
    }
}

impl Noun {
    const fn node(self, id: Uuid) -> LineageNode {
        match self {
            Self::DatasetVersion => LineageNode::DatasetVersion(DatasetVersionId(id)),
            Self::Job => LineageNode::Job(JobId(id)),
            Self::Version => LineageNode::Version(VersionId(id)),
            Self::Prediction => LineageNode::Prediction(PredictionId(id)),
        }
    }
}

/// The arrows that leave (or, upstream, reach) `frontier`, the newest first, at most `most` of each kind; and whether there
/// are more.
pub(super) async fn edges(
    db: &impl ConnectionTrait,
    frontier: &BTreeSet<LineageNode>,
    way: LineageDirection,
    most: usize,
) -> Result<(BTreeSet<LineageEdge>, bool), StoreError> {
    let (mut found, mut cut) = (BTreeSet::new(), false);
    let upstream = way == LineageDirection::Upstream;
    for arrow in &ARROWS {
        let (near, near_id) = if upstream { (arrow.to, arrow.to_id) } else { (arrow.from, arrow.from_id) };
        let ids: Vec<Uuid> =
            frontier.iter().map(|node| node.split()).filter(|(noun, _)| *noun == near).map(|(_, id)| id).collect();
        if ids.is_empty() {
            continue;
        }
        let mut binds = Binds::default();
        let ids = binds.list(ids);
        let limit = binds.bind(i64::try_from(most).unwrap_or(i64::MAX) + 1);
        let (Arrow { from_id, to_id, source, .. }, word) =
            (arrow, if arrow.source.contains(" WHERE ") { "AND" } else { "WHERE" });
        let text = format!(
            "SELECT {from_id} AS from_id, {to_id} AS to_id FROM {source} {word} {near_id} IN ({ids}) \
             AND {from_id} IS NOT NULL ORDER BY {to_id} DESC LIMIT {limit}"
        );
        let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
        cut |= rows.len() > most;
        for row in rows.iter().take(most) {
            let (from, to): (Uuid, Uuid) = (row.try_get("", "from_id")?, row.try_get("", "to_id")?);
            found.insert(LineageEdge { from: arrow.from.node(from), kind: arrow.kind, to: arrow.to.node(to) });
        }
    }
    Ok((found, cut))
}
