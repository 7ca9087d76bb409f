use futures_util::TryStreamExt;
use nunatak_authz::{Action, Actor};
use nunatak_domain::{DatasetVersionId, ModelId, PredictionId, Role, VersionId};
use nunatak_store::{
    StoreError,
    datasets::{NewDataset, Wishes},
};

use crate::fixture::{Fixture, name};

struct Files {
    fixture: Fixture,
    dataset: DatasetVersionId,
    public: VersionId,
    private: VersionId,
}

/// A dataset, a public and a private version of the developer's, each with a file.
async fn files() -> Files {
    let fixture = Fixture::new().await;
    let upload = fixture.upload("a.csv", b"a\n1\n").await;
    let permit = fixture.permit(Action::WriteDatasets).await;
    let new = NewDataset { name: name("a"), description: String::new(), upload, columns: Wishes::default() };
    let dataset = fixture.store.create_dataset(&permit, new, None).await.unwrap().id;
    let dataset = fixture.store.dataset_version_by_number(&fixture.dev, dataset, 1).await.unwrap().id;
    let model = ModelId::new(fixture.store.now());
    let text = "INSERT INTO models (id, project_id, name, description, next_number, created_by, created_at, updated_at) \
                VALUES ($1, $2, 'm', '', 3, $3, 0, 0)";
    let user = fixture.dev.user_id().unwrap();
    fixture.execute(text, vec![model.0.into(), fixture.project.0.into(), user.0.into()]).await;
    let [public, private] = [version(&fixture, model, 1).await, version(&fixture, model, 2).await];
    Files { fixture, dataset, public, private }
}

/// Number 2 is private.
async fn version(fixture: &Fixture, model: ModelId, number: i64) -> VersionId {
    let upload = fixture.upload("model.bin", format!("model {number}").as_bytes()).await;
    let id = VersionId::new(fixture.store.now());
    let text = "INSERT INTO versions (row_id, id, project_row, model_id, number, status, visibility, description, \
                artifact_sha256, artifact_size, artifact_name, created_by, created_at, updated_at) \
                SELECT $1, $2, p.row_id, $3, $1, 1, $4, '', u.sha256, u.size, 'model.bin', $5, 0, 0 \
                FROM projects p JOIN uploads u ON u.project_id = p.id WHERE u.id = $6";
    let visibility = i16::try_from(number - 1).unwrap();
    let user = fixture.dev.user_id().unwrap().0;
    let values = vec![number.into(), id.0.into(), model.0.into(), visibility.into(), user.into(), upload.0.into()];
    fixture.execute(text, values).await;
    id
}

fn is_absent<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::NotFound(_)))
}

#[tokio::test]
async fn artefacts_are_for_those_who_see_the_version_and_may_download() {
    let Files { fixture, public, private, .. } = files().await;
    let store = &fixture.store;
    let blob = store.version_artifact(&fixture.dev, private).await.unwrap();
    assert_eq!((blob.size, blob.file_name.as_str()), (7, "model.bin"));
    let (_, size) = store.open_blob(&blob).await.unwrap();
    assert_eq!(size, 7);
    let reporter = fixture.other("reporter", Some(Role::Reporter)).await;
    assert!(store.version_artifact(&reporter, public).await.is_ok());
    assert!(is_absent(store.version_artifact(&reporter, private).await));
    let maintainer = fixture.other("maintainer", Some(Role::Maintainer)).await;
    assert!(store.version_artifact(&maintainer, private).await.is_ok());
    let guest = fixture.other("guest", Some(Role::Guest)).await;
    let stranger = fixture.other("stranger", None).await;
    for actor in [guest, stranger, Actor::Anonymous] {
        assert!(is_absent(store.version_artifact(&actor, public).await), "{actor:?}");
    }
    fixture.execute("UPDATE versions SET deleted_at = 1", Vec::new()).await;
    assert!(is_absent(store.version_artifact(&fixture.dev, public).await));
}

#[tokio::test]
async fn a_job_reads_its_own_version_only() {
    let Files { fixture, dataset, public, private } = files().await;
    let store = &fixture.store;
    let training = fixture.running_job(dataset).await;
    assert!(is_absent(store.version_artifact(&training, public).await));
    fixture.execute("UPDATE jobs SET version_row = 2", Vec::new()).await;
    assert!(store.version_artifact(&training, private).await.is_ok());
    assert!(is_absent(store.version_artifact(&training, public).await));
    fixture.execute("UPDATE jobs SET attempt = 2", Vec::new()).await;
    assert!(is_absent(store.version_artifact(&training, private).await));
    assert!(is_absent(store.dataset_file(&training, dataset).await));
}

#[tokio::test]
async fn scores_come_as_csv() {
    let Files { fixture, dataset, .. } = files().await;
    let scores: Vec<f64> = (0..20_000).map(|row| f64::from(row) / 8.0).chain([f64::NAN]).collect();
    let labels: Vec<u8> = (0..scores.len()).map(|row| u8::from(row % 3 == 0)).collect();
    let header = concat!(
        r#"{"score":{"dtype":"F64","shape":[20001],"data_offsets":[0,160008]},"#,
        r#""label":{"dtype":"U8","shape":[20001],"data_offsets":[160008,180009]}}  "#
    );
    let mut bytes = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(scores.iter().flat_map(|score| score.to_le_bytes()));
    bytes.extend(&labels);
    let prediction = prediction(&fixture, dataset, &bytes).await;

    let blob = fixture.store.prediction_scores(&fixture.dev, prediction).await.unwrap();
    let pieces: Vec<_> = fixture.store.scores_csv(&blob).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.len() > 1);
    let text = String::from_utf8(pieces.concat()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 20_002);
    assert_eq!(lines[..3], ["row_idx,score,label", "0,0,1", "1,0.125,0"]);
    assert_eq!(lines[20_001], "20000,NaN,0");
    let guest = fixture.other("guest", Some(Role::Guest)).await;
    assert!(is_absent(fixture.store.prediction_scores(&guest, prediction).await));
}

#[tokio::test]
async fn a_file_that_is_no_scores_is_not_made_up() {
    let Files { fixture, dataset, .. } = files().await;
    let prediction = prediction(&fixture, dataset, b"\xff\xff\xff\xff\xff\xff\xff\xff not scores").await;
    let blob = fixture.store.prediction_scores(&fixture.dev, prediction).await.unwrap();
    assert!(matches!(fixture.store.scores_csv(&blob).await.err(), Some(StoreError::Corrupt(_))));
}

async fn prediction(fixture: &Fixture, dataset: DatasetVersionId, bytes: &[u8]) -> PredictionId {
    let upload = fixture.upload("scores.safetensors", bytes).await;
    let Actor::Job { id: job, .. } = fixture.running_job(dataset).await else { unreachable!() };
    let id = PredictionId::new(fixture.store.now());
    let text = "INSERT INTO predictions (id, project_id, version_row, dataset_version_id, job_id, row_count, \
                anomaly_count, threshold, metrics, sha256, size, created_by, created_at) \
                SELECT $1, u.project_id, 1, $2, $3, 20001, 0, 0.5, '[]', u.sha256, u.size, u.created_by, 0 \
                FROM uploads u WHERE u.id = $4";
    fixture.execute(text, vec![id.0.into(), dataset.0.into(), job.0.into(), upload.0.into()]).await;
    id
}
