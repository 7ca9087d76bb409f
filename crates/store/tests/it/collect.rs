//! Files that nothing refers to go; those that something refers to never do.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use nunatak_authz::Action;
use nunatak_domain::UploadStatus;
use nunatak_store::{
    Store, StoreError,
    datasets::{NewDataset, Wishes},
    files::{Collect, Collected, HOLDERS, PartRange, Tally},
};

use crate::fixture::{Fixture, codes, name, pieces};

const DAY: Collect = Collect { grace: Duration::from_secs(24 * 3600), dry_run: false };
const AT_ONCE: Collect = Collect { grace: Duration::ZERO, dry_run: false };
const CSV: &[u8] = b"a,b\n1,2\n3,4\n5,6\n";

/// The files of `blobs/` and those of `uploads/`.
fn files(fixture: &Fixture) -> (usize, usize) {
    let below = |directories: Vec<PathBuf>| -> Vec<PathBuf> {
        let entries = directories.iter().flat_map(|directory| std::fs::read_dir(directory).unwrap());
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let blobs = below(below(below(vec![fixture.data_dir.join("blobs")])));
    (blobs.len(), below(vec![fixture.data_dir.join("uploads")]).len())
}

async fn dataset(
    fixture: &Fixture,
    store: &Store,
    title: &str,
    upload: nunatak_domain::UploadId,
) -> Result<(), StoreError> {
    let permit = fixture.permit(Action::WriteDatasets).await;
    let new = NewDataset { name: name(title), description: String::new(), upload, columns: Wishes::default() };
    store.create_dataset(&permit, new, None).await.map(drop)
}

fn blobs(files: u64, bytes: u64) -> Collected {
    Collected { blobs: Tally { files, bytes }, parts: Tally::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_used_goes_after_its_grace_and_what_is_used_stays() {
    let fixture = Fixture::new().await;
    let used = fixture.upload("used.csv", CSV).await;
    let unused = fixture.upload("unused.csv", b"nobody wants this").await;
    dataset(&fixture, &fixture.store, "rows", used).await.unwrap();
    fixture.advance_hours(23);
    assert_eq!(fixture.store.collect(DAY).await.unwrap(), Collected::default(), "within its grace");
    fixture.advance_hours(1);
    let counted = fixture.store.collect(Collect { dry_run: true, ..DAY }).await.unwrap();
    assert_eq!((counted, files(&fixture)), (blobs(1, 17), (3, 0)));
    assert_eq!(fixture.store.collect(DAY).await.unwrap(), blobs(1, 17));
    assert_eq!(files(&fixture), (2, 0), "the table, and the file that it was made of");
    assert_eq!(fixture.store.collect(DAY).await.unwrap(), Collected::default());
    let stats = fixture.store.stats().files;
    assert_eq!((stats.held.files, stats.freed), (2, Tally { files: 1, bytes: 17 }));

    assert_eq!(fixture.store.upload(&fixture.dev, unused).await.unwrap().status, UploadStatus::Aborted);
    assert_eq!(codes(dataset(&fixture, &fixture.store, "late", unused).await), ["UPLOAD_CLOSED"]);
    let again = fixture.upload("unused.csv", CSV).await;
    dataset(&fixture, &fixture.store, "again", again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_keeps_its_file() {
    let fixture = Fixture::new().await;
    let upload = fixture.upload("rows.csv", CSV).await;
    dataset(&fixture, &fixture.store, "rows", upload).await.unwrap();
    fixture.execute("UPDATE datasets SET deleted_at = 1", vec![]).await;
    assert_eq!(fixture.store.collect(AT_ONCE).await.unwrap(), Collected::default());
    assert_eq!(files(&fixture), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_sent_again_begins_a_new_grace() {
    let fixture = Fixture::new().await;
    fixture.upload("one.csv", CSV).await;
    fixture.advance_hours(30);
    let again = fixture.upload("two.csv", CSV).await;
    assert_eq!(fixture.store.collect(DAY).await.unwrap(), Collected::default());
    dataset(&fixture, &fixture.store, "rows", again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_done_things_of_a_killed_server_go() {
    let fixture = Fixture::new().await;
    let live = fixture.announce("live.bin", b"abc", None).await.id;
    fixture.store.write_upload(&fixture.dev, live, PartRange::Whole, pieces(b"ab", 2)).await.unwrap();
    let gone = "a".repeat(64);
    let shard = fixture.data_dir.join("blobs/aa/aa");
    std::fs::create_dir_all(&shard).unwrap();
    std::fs::write(shard.join(&gone), b"a blob without a row").unwrap();
    std::fs::write(shard.join("notes.txt"), b"not ours").unwrap();
    std::fs::write(fixture.data_dir.join("uploads").join(format!("removed-{}", "b".repeat(64))), b"half removed")
        .unwrap();
    std::fs::write(fixture.data_dir.join(format!("uploads/.{live}")), b"ab").unwrap();

    let collected = fixture.store.collect(DAY).await.unwrap();
    let expected = Collected { blobs: Tally { files: 1, bytes: 20 }, parts: Tally { files: 1, bytes: 12 } };
    assert_eq!((collected, files(&fixture)), (expected, (1, 2)), "the upload under way and a stranger's file stay");
    fixture.advance_hours(24);
    assert_eq!(fixture.store.collect(DAY).await.unwrap().parts, Tally { files: 2, bytes: 4 });
    assert_eq!(files(&fixture), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_a_job_that_is_over_are_given_up() {
    let fixture = Fixture::new().await;
    let rows = fixture.upload("rows.csv", CSV).await;
    dataset(&fixture, &fixture.store, "rows", rows).await.unwrap();
    let versions = fixture.store.latest_dataset_versions(&fixture.dev, &fixture.datasets().await).await.unwrap();
    let runner = fixture.running_job(versions.values().next().unwrap().id).await;
    let permit = fixture.store.project_permit(&runner, Action::CreateUpload, fixture.project).await.unwrap();
    let new = nunatak_store::files::NewUpload::parse("model".to_owned(), 9, None).unwrap();
    let upload = fixture.store.create_upload(&permit, new, None).await.unwrap().id;
    fixture.store.write_upload(&runner, upload, PartRange::Whole, pieces(b"half", 2)).await.unwrap();
    assert_eq!(fixture.store.collect(AT_ONCE).await.unwrap(), Collected::default(), "while it runs");
    fixture.execute("UPDATE jobs SET status = 3", vec![]).await;
    assert_eq!(fixture.store.collect(AT_ONCE).await.unwrap().parts, Tally { files: 1, bytes: 4 });
    assert_eq!(files(&fixture), (2, 0));
}

/// The hardest case: the same few contents are sent and used by four, and taken away by two who grant no grace, over two
/// servers with one directory. Whoever was told that a dataset is there must find its file.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collecting_races_with_uploads_of_the_same_content_and_loses_nothing() {
    let fixture = Fixture::new().await;
    let other = fixture.restarted().await;
    let (made, refused, removed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let working = AtomicUsize::new(4);
    let send = async |writer: usize| {
        let store = if writer.is_multiple_of(2) { &fixture.store } else { &other };
        for round in 0..40 {
            let csv = format!("a,b\n1,2\n3,{}\n", round % 3);
            let kept = match fixture.upload_to(store, csv.as_bytes()).await {
                Ok(upload) => dataset(&fixture, store, &format!("rows {writer} {round}"), upload).await,
                Err(error) => Err(error),
            };
            let counter = if kept.is_ok() { &made } else { &refused };
            counter.fetch_add(1, Relaxed);
        }
        working.fetch_sub(1, Relaxed);
    };
    let collect = async |store: &Store| {
        while working.load(Relaxed) > 0 {
            let collected = store.collect(AT_ONCE).await.unwrap();
            removed.fetch_add(usize::try_from(collected.blobs.files).unwrap(), Relaxed);
            // What was kept so far is let go, so that the same content comes and goes many times.
            fixture.execute("DELETE FROM dataset_versions WHERE number > 1000", vec![]).await;
            let age = "UPDATE dataset_versions SET number = number + 500";
            fixture.execute(age, vec![]).await;
        }
    };
    tokio::join!(send(0), send(1), send(2), send(3), collect(&fixture.store), collect(&other));

    let held = "SELECT sha256 FROM dataset_versions UNION \
                SELECT source_sha256 FROM dataset_versions WHERE source_sha256 IS NOT NULL";
    let held: BTreeSet<String> = fixture.texts(held).await.into_iter().collect();
    let rows: BTreeSet<String> = fixture.texts("SELECT sha256 FROM blobs").await.into_iter().collect();
    assert!(held.is_subset(&rows));
    for sha256 in &held {
        let path = fixture.data_dir.join("blobs").join(&sha256[..2]).join(&sha256[2..4]).join(sha256);
        assert!(path.is_file(), "{sha256} was lost");
    }
    let (made, removed) = (made.into_inner(), removed.into_inner());
    assert!(made > 10 && removed > 10, "{made} made, {removed} removed, {} refused", refused.into_inner());
    fixture.store.collect(AT_ONCE).await.unwrap();
    assert_eq!(files(&fixture), (held.len(), 0));
}

/// Whoever adds a column that names a blob must tell the collector, or it would take that column's files away.
#[tokio::test]
async fn every_column_that_names_a_blob_is_known_and_a_foreign_key() {
    let fixture = Fixture::new().await;
    let (columns, references) = if fixture.is_postgres() {
        (
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' \
             AND (column_name LIKE '%sha256%' OR column_name LIKE '%blob%')",
            "SELECT c.conrelid::regclass || '.' || a.attname FROM pg_constraint c \
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) \
             WHERE c.contype = 'f' AND c.confrelid = 'blobs'::regclass",
        )
    } else {
        (
            "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND (c.name LIKE '%sha256%' OR c.name LIKE '%blob%')",
            "SELECT m.name || '.' || k.\"from\" FROM sqlite_master m, pragma_foreign_key_list(m.name) k \
             WHERE k.\"table\" = 'blobs'",
        )
    };
    let known: BTreeSet<String> = HOLDERS.iter().map(|(table, column)| format!("{table}.{column}")).collect();
    // An upload holds its blob for the grace only; what it is expected to hash to names no blob.
    let apart = ["blobs.sha256", "uploads.sha256", "uploads.expected_sha256"].map(str::to_owned);
    let found: BTreeSet<String> =
        fixture.texts(columns).await.into_iter().filter(|name| !apart.contains(name)).collect();
    assert_eq!(found, known, "a column of the schema that `files::collect::HOLDERS` does not have, or the reverse");
    let references: BTreeSet<String> = fixture.texts(references).await.into_iter().collect();
    let expected: BTreeSet<String> = known.into_iter().chain([apart[1].clone()]).collect();
    assert_eq!(references, expected, "what names a blob must be a foreign key to it, on both databases");
}
