use nunatak_client::{
    Client,
    datasets::CreateDatasetInput,
    jobs::{JobStatus, TrainModelInput},
};
use nunatak_test_support::TestDb;
use serde_json::json;

use crate::processes::{eventually, runner, serve, server, signed_in};

const SHUTTLE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/shuttle.csv"));

/// A project with the shuttle data: the project's id and the dataset version's.
async fn shuttle(client: &Client) -> (String, String) {
    let workspace = client.create_workspace("Plant", "").await.unwrap();
    let project = client.create_project(&workspace, "Shuttle", "").await.unwrap();
    let upload = client.upload(&project, SHUTTLE.to_vec(), "shuttle.csv").await.unwrap();
    let input = CreateDatasetInput {
        project: project.clone(),
        name: "shuttle".into(),
        description: String::new(),
        upload,
        format: None,
        time_column: None,
        label_column: None,
        idempotency_key: None,
    };
    let dataset = client.create_dataset(input).await.unwrap();
    (project, dataset.latest_version.unwrap().id)
}

/// kill -9 of a runner in the middle of a job: another one finishes it, and it is registered once.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_runners_job_is_finished_by_another_and_registered_once() {
    let db = TestDb::fresh().await;
    let (_server, url) = server(&db);
    let client = signed_in(&db, &url).await;
    let (project, dataset) = shuttle(&client).await;
    let mut first = runner(&db, &url, "first");
    let input = TrainModelInput {
        // Some seconds of work: long enough to be killed in the middle.
        hyperparameters: Some(json!({ "max_samples": 8000 })),
        ..TrainModelInput::new(&project, "shuttle", "one_class_svm", &dataset)
    };
    let job = eventually("the runner's registration", async || client.train_model(input.clone()).await.ok()).await;
    let status = async || client.job(&job).await.unwrap().unwrap();
    eventually("the start", async || Some(status().await).filter(|job| job.status == JobStatus::Running)).await;

    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let _second = runner(&db, &url, "second");
    let ended = eventually("the end", async || Some(status().await).filter(|job| job.status.is_final())).await;
    assert_eq!(ended.status, JobStatus::Succeeded, "{ended:?}");
    assert_eq!(ended.attempt, 2);
    let raw = db.connect().await;
    let rows = sea_orm::Statement::from_string(
        sea_orm::ConnectionTrait::get_database_backend(&raw),
        "SELECT number FROM versions",
    );
    assert_eq!(sea_orm::ConnectionTrait::query_all_raw(&raw, rows).await.unwrap().len(), 1);
}

#[test]
fn a_second_server_on_the_same_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let command = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nunatak"));
        command.args(["server", "--port", "0", "--runner-embedded", "false", "--data-dir"]).arg(dir.path());
        command.env_clear();
        command
    };
    let (_first, _) = serve(command());
    let second = command().output().unwrap();
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && error.contains("another server is using"), "{error}");
}
