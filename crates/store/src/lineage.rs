//! Where things come from and what came of them: dataset version, job, version, prediction, and back.
//!
//! A step of the walk is one statement for each kind of arrow, over all that the step before has found; what the actor may
//! not see is left out, and nothing is looked for behind it.

mod step;

use std::collections::{BTreeSet, HashSet};

use nunatak_authz::Actor;
use nunatak_domain::{DatasetVersionId, JobId, PredictionId, VersionId};

use crate::{Store, StoreError};

/// Something that comes from something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineageNode {
    DatasetVersion(DatasetVersionId),
    Job(JobId),
    Version(VersionId),
    Prediction(PredictionId),
}

/// What an arrow says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineageKind {
    /// A dataset version was read by a job.
    ReadBy,
    /// A dataset version is what a version was trained on elsewhere, without a job.
    TrainedInto,
    /// A job made a version or a prediction.
    Made,
    /// A version was applied by a job.
    AppliedBy,
    /// A version is the parent of another.
    ParentOf,
}

/// An arrow, in the direction in which data flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineageEdge {
    pub from: LineageNode,
    pub kind: LineageKind,
    pub to: LineageNode,
}

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineageDirection {
    /// To what it comes from.
    Upstream,
    /// To what came of it.
    Downstream,
    /// From the beginning to the end: what it comes from, and what came of it. Not what else came of that.
    Both,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    /// Begins with what was asked about; the nearest first.
    pub nodes: Vec<LineageNode>,
    pub edges: Vec<LineageEdge>,
    /// There is more than is shown.
    pub truncated: bool,
}

/// A picture of more is not looked at.
pub const MAX_LINEAGE_NODES: usize = 500;
pub const MAX_LINEAGE_DEPTH: usize = 20;

impl Store {
    /// What `start` comes from and what came of it, at most `depth` arrows away.
    ///
    /// # Errors
    /// `NotFound` where the actor may not see it, database.
    pub async fn lineage(
        &self,
        actor: &Actor,
        start: LineageNode,
        direction: LineageDirection,
        depth: usize,
    ) -> Result<Lineage, StoreError> {
        if !self.visible_nodes(actor, &BTreeSet::from([start])).await?.contains(&start) {
            return Err(StoreError::NotFound("thing"));
        }
        let mut lineage = Lineage { nodes: vec![start], ..Lineage::default() };
        let ways: &[LineageDirection] = match direction {
            LineageDirection::Both => &[LineageDirection::Upstream, LineageDirection::Downstream],
            LineageDirection::Upstream => &[LineageDirection::Upstream],
            LineageDirection::Downstream => &[LineageDirection::Downstream],
        };
        for way in ways {
            self.walk(actor, start, *way, depth.min(MAX_LINEAGE_DEPTH), &mut lineage).await?;
        }
        Ok(lineage)
    }

    async fn walk(
        &self,
        actor: &Actor,
        start: LineageNode,
        way: LineageDirection,
        depth: usize,
        lineage: &mut Lineage,
    ) -> Result<(), StoreError> {
        let mut known: HashSet<LineageNode> = lineage.nodes.iter().copied().collect();
        let mut frontier = BTreeSet::from([start]);
        for _ in 0..depth {
            if frontier.is_empty() {
                break;
            }
            let room = MAX_LINEAGE_NODES.saturating_sub(lineage.nodes.len());
            let (edges, cut) = step::edges(self.0.db.read(), &frontier, way, MAX_LINEAGE_NODES).await?;
            lineage.truncated |= cut;
            let far = |edge: &LineageEdge| if way == LineageDirection::Upstream { edge.from } else { edge.to };
            let reached: BTreeSet<LineageNode> = edges.iter().map(far).collect();
            let seen = self.visible_nodes(actor, &reached).await?;
            let new: Vec<LineageNode> = seen.iter().filter(|node| !known.contains(node)).copied().collect();
            lineage.truncated |= new.len() > room;
            let new = &new[..new.len().min(room)];
            known.extend(new);
            lineage.nodes.extend(new);
            lineage
                .edges
                .extend(edges.into_iter().filter(|edge| seen.contains(&far(edge)) && known.contains(&far(edge))));
            frontier = new.iter().copied().collect();
        }
        Ok(())
    }

    /// Those that the actor may see.
    async fn visible_nodes(
        &self,
        actor: &Actor,
        nodes: &BTreeSet<LineageNode>,
    ) -> Result<BTreeSet<LineageNode>, StoreError> {
        let (mut datasets, mut jobs, mut versions, mut predictions) = (vec![], vec![], vec![], vec![]);
        for node in nodes {
            match *node {
                LineageNode::DatasetVersion(id) => datasets.push(id),
                LineageNode::Job(id) => jobs.push(id),
                LineageNode::Version(id) => versions.push(id),
                LineageNode::Prediction(id) => predictions.push(id),
            }
        }
        let mut seen = BTreeSet::new();
        if !datasets.is_empty() {
            let found = self.dataset_versions_by_ids(actor, &datasets).await?;
            seen.extend(found.into_keys().map(LineageNode::DatasetVersion));
        }
        if !jobs.is_empty() {
            seen.extend(self.jobs_by_ids(actor, &jobs).await?.into_keys().map(LineageNode::Job));
        }
        if !versions.is_empty() {
            seen.extend(self.versions_by_ids(actor, &versions).await?.into_keys().map(LineageNode::Version));
        }
        if !predictions.is_empty() {
            seen.extend(self.predictions_by_ids(actor, &predictions).await?.into_keys().map(LineageNode::Prediction));
        }
        Ok(seen)
    }
}
