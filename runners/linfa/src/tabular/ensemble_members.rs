//! The members of an ensemble: which may be, how each is trained, and how they lie in one artefact.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, FittedDetector, Frame, Hyperparameters, InputKind, Learning,
    Standardization, find_detector,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The detector that is none of its own members.
pub(super) const NAME: &str = "ensemble";

/// More names than there are detectors are a mistake.
pub(super) const MAX_MEMBERS: usize = 20;

/// The detectors that may be members: all tabular ones that need no classes, but not an ensemble.
pub(super) fn candidates() -> Vec<Box<dyn Detector>> {
    let mut all = super::all();
    all.retain(|detector| {
        let spec = detector.spec();
        spec.name != NAME && spec.learning == Learning::Unsupervised && spec.input_kind == InputKind::Tabular
    });
    all
}

/// The names in `list`, each of which is that of a candidate.
pub(super) fn names(list: &str) -> Result<Vec<String>, DetectorError> {
    let refuse = |message: String| DetectorError::hyperparameter("detectors", message);
    let known: Vec<String> = candidates().iter().map(|detector| detector.spec().name).collect();
    let names: Vec<String> = list.split(',').map(|name| name.trim().to_string()).collect();
    for (i, name) in names.iter().enumerate() {
        if !known.contains(name) {
            let shown: String = name.chars().take(60).collect();
            return Err(refuse(format!("`{shown}` cannot be a member; choose from {}", known.join(", "))));
        }
        if names[..i].contains(name) {
            return Err(refuse(format!("`{name}` is named twice")));
        }
    }
    if names.len() > MAX_MEMBERS {
        return Err(refuse(format!("at most {MAX_MEMBERS} members, not {}", names.len())));
    }
    Ok(names)
}

/// What a version has to know of a member besides its arrays.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) detector: String,
    version: String,
    hyperparameters: BTreeMap<String, Value>,
    preprocessing: Option<Standardization>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) entry: Entry,
    pub(super) fitted: Box<dyn FittedDetector>,
}

impl Member {
    /// The member and its scores of the training rows.
    pub(super) fn fit(
        detector: &dyn Detector,
        frame: &Frame,
        random_state: usize,
        ctx: &Context<'_>,
    ) -> Result<(Self, Vec<f64>), DetectorError> {
        let spec = detector.spec();
        let seeded = spec.hyperparameters["properties"].get("random_state").is_some();
        let given = if seeded { json!({"random_state": random_state}) } else { Value::Null };
        let hyperparameters = Hyperparameters::resolve(&spec.hyperparameters, &given)?;
        let fitted = detector.fit(frame, &hyperparameters, ctx)?;
        let scores = fitted.training_scores(frame, ctx)?;
        if !scores.iter().all(|score| score.is_finite()) {
            return Err(DetectorError::numeric(format!("the scores of the member `{}` are not finite", spec.name)));
        }
        let entry = Entry {
            detector: spec.name,
            version: spec.version,
            hyperparameters: hyperparameters.as_map().clone(),
            preprocessing: fitted.save().preprocessing,
        };
        Ok((Self { entry, fitted }, scores))
    }

    pub(super) fn load(
        entry: Entry,
        artifact: &Artifact,
        detectors: &[Box<dyn Detector>],
    ) -> Result<Self, DetectorError> {
        let detector = find_detector(detectors, &entry.detector)?;
        let ours = detector.spec().version;
        if ours.split('.').next() != entry.version.split('.').next() {
            let message = format!("its member `{}` is of a version that is not readable here", entry.detector);
            return Err(DetectorError::artifact(message));
        }
        let n_features = artifact.header.n_features();
        let sound = entry.preprocessing.as_ref().is_none_or(|scaling| {
            let finite = scaling.mean.iter().chain(&scaling.scale).all(|value| value.is_finite());
            let positive = scaling.scale.iter().all(|scale| *scale > 0.0);
            scaling.mean.len() == n_features && scaling.scale.len() == n_features && finite && positive
        });
        if !sound {
            return Err(DetectorError::artifact("the standardisation of a member does not fit its columns"));
        }
        let mut header = artifact.header.clone();
        header.detector.clone_from(&entry.detector);
        header.detector_version.clone_from(&entry.version);
        header.hyperparameters.clone_from(&entry.hyperparameters);
        header.preprocessing.clone_from(&entry.preprocessing);
        let prefix = format!("{}/", entry.detector);
        let own = artifact.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?, tensor)));
        let tensors = own.map(|(name, tensor)| (name.to_string(), tensor.clone())).collect();
        Ok(Self { fitted: detector.load(&Artifact { header, tensors })?, entry })
    }

    /// What each feature contributes to this member's scores of `rows`, in any unit.
    pub(super) fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        typical: &[f64],
        ctx: &Context<'_>,
    ) -> Result<Array2<f64>, DetectorError> {
        if let Some(own) = self.fitted.contributions(frame, rows, ctx)? {
            return Ok(own);
        }
        let chosen = frame.select_rows(rows);
        let scores = self.fitted.score(&chosen, ctx)?;
        let mut falls = Array2::zeros((rows.len(), frame.n_features()));
        for (feature, mut falls) in falls.columns_mut().into_iter().enumerate() {
            ctx.check_cancelled()?;
            let mut values = chosen.values().to_owned();
            values.column_mut(feature).fill(typical[feature]);
            let without = self.fitted.score(&chosen.with_values(chosen.columns().to_vec(), values)?, ctx)?;
            falls.iter_mut().zip(scores.iter().zip(without)).for_each(|(fall, (with, without))| *fall = with - without);
        }
        Ok(falls)
    }
}

/// The members as JSON, one byte an entry: names and settings are no numbers, and the header has no room for them.
pub(super) fn write_manifest(members: &[Member]) -> Vec<u32> {
    let entries: Vec<&Entry> = members.iter().map(|member| &member.entry).collect();
    serde_json::to_vec(&entries).unwrap_or_default().into_iter().map(u32::from).collect()
}

pub(super) fn read_manifest(artifact: &Artifact) -> Result<Vec<Entry>, DetectorError> {
    let bytes: Vec<u8> = artifact.indices("members")?.iter().map(|byte| u8::try_from(*byte).unwrap_or(0)).collect();
    serde_json::from_slice(&bytes)
        .map_err(|error| DetectorError::artifact(format!("its list of members is damaged: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_checked_by_name() {
        assert_eq!(names(" knn,pca ").unwrap(), ["knn", "pca"]);
        for (list, fault) in [
            ("knn, ensemble", "`ensemble` cannot be a member"),
            ("robust_zscore", "`robust_zscore` cannot be a member"),
            ("", "`` cannot be a member"),
            ("knn, pca, knn", "`knn` is named twice"),
        ] {
            let message = names(list).unwrap_err().to_string();
            assert!(message.contains(fault), "{message}");
        }
    }
}
