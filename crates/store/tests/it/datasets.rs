use nunatak_authz::{Action, Actor};
use nunatak_domain::{PageRequest, Role};
use nunatak_store::{
    IdempotencyKey, StoreError,
    datasets::{ColumnRole, ColumnType, DatasetRecord, NewDataset, Wishes},
};

use crate::fixture::{Fixture, codes, name};

const PUMPS: &str = "time,pressure,flow,label\n\
                     2026-01-01T00:00:00Z,1.5,10,0\n\
                     2026-01-01T00:01:00Z,2.5,,1\n\
                     2026-01-01T00:02:00Z,3.5,NaN,0\n";

async fn create(
    fixture: &Fixture,
    file_name: &str,
    bytes: &[u8],
    columns: Wishes,
) -> Result<DatasetRecord, StoreError> {
    let upload = fixture.upload(file_name, bytes).await;
    let permit = fixture.permit(Action::WriteDatasets).await;
    let new = NewDataset { name: name("vibration"), description: String::new(), upload, columns };
    fixture.store.create_dataset(&permit, new, None).await
}

fn wishes(time: Option<&str>, label: Option<&str>) -> Wishes {
    Wishes { time_column: time.map(str::to_owned), label_column: label.map(str::to_owned), ..Wishes::default() }
}

#[tokio::test]
async fn a_table_is_profiled() {
    let fixture = Fixture::new().await;
    let dataset = create(&fixture, "pumps.csv", PUMPS.as_bytes(), Wishes::default()).await.unwrap();
    let version = fixture.store.dataset_version_by_number(&fixture.dev, dataset.id, 1).await.unwrap();
    assert_eq!((version.row_count, version.anomaly_count, version.format.as_str()), (3, Some(1), "PARQUET"));
    assert_eq!((version.time_column.as_deref(), version.label_column.as_deref()), (Some("time"), Some("label")));
    let [time, pressure, flow, label] = version.columns.as_slice() else { panic!("{version:?}") };
    assert_eq!((time.kind, time.role, time.distinct), (ColumnType::Time, ColumnRole::Time, Some(3)));
    assert_eq!(time.max.unwrap() - time.min.unwrap(), 120_000.0);
    assert_eq!((pressure.min, pressure.max, pressure.mean), (Some(1.5), Some(3.5), Some(2.5)));
    assert!((pressure.std.unwrap() - (2.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    assert_eq!((flow.missing, flow.distinct, flow.std, flow.role), (2, Some(1), Some(0.0), ColumnRole::Feature));
    assert_eq!(label.role, ColumnRole::Label);

    let preview = fixture.store.dataset_preview(&version, 2).await.unwrap();
    assert_eq!(preview.len(), 2);
    assert_eq!(preview[1][1..], [Some("2.5".to_owned()), None, Some("1".to_owned())]);
    assert_eq!(codes(fixture.store.dataset_preview(&version, 101).await), ["LIMIT_EXCEEDED"]);
    let file = fixture.store.dataset_file(&fixture.dev, version.id).await.unwrap();
    assert_eq!(file.file_name, "vibration-v1.parquet");
}

#[tokio::test]
async fn what_cannot_be_learned_from_is_refused_with_a_code() {
    let fixture = Fixture::new().await;
    let wide = (0..1001).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
    let long = format!("a,b\n1,\"{}", "1,2\n".repeat(1_200_000));
    let cases: &[(&str, &[u8], Wishes, &[&str])] = &[
        ("a.csv", b"\n", wishes(None, None), &["EMPTY_FILE"]),
        ("a.csv", b"\xef\xbb\xbf", wishes(None, None), &["EMPTY_FILE"]),
        ("a.csv", b"a,b\n", wishes(None, None), &["NO_ROWS"]),
        ("a.csv", b"a,b\n1,2\n3\n", wishes(None, None), &["RAGGED_ROW"]),
        ("a.csv", b"a,a\n1,2\n", wishes(None, None), &["DUPLICATE_COLUMN"]),
        ("a.csv", b",a\n1,2\n", wishes(None, None), &["UNNAMED_COLUMN"]),
        ("a.csv", b"a,b,c\n1,1,2\nx,3,y\n", wishes(None, None), &["NON_NUMERIC", "NON_NUMERIC"]),
        ("a.csv", b"a,b\n1,inf\n", wishes(None, None), &["NON_NUMERIC"]),
        ("a.csv", b"a,b\n1,\n2,NA\n", wishes(None, None), &["ALL_MISSING"]),
        ("a.csv", b"a,b\n1,7\n2,3\n", wishes(None, Some("b")), &["BAD_LABEL"]),
        ("a.csv", b"a,b\n1,0\n2,\n", wishes(None, Some("b")), &["BAD_LABEL"]),
        ("a.csv", b"a,b\n1,-1\n2,1\n", wishes(None, Some("b")), &["BAD_LABEL"]),
        ("a.csv", b"a,b\n1,0\n", wishes(Some("t"), Some("l")), &["UNKNOWN_COLUMN", "UNKNOWN_COLUMN"]),
        ("a.csv", b"a,b\n1,0\n", wishes(Some("a"), Some("a")), &["DUPLICATE_COLUMN"]),
        ("a.csv", b"a,t\n1,soon\n", wishes(Some("t"), None), &["INVALID_TIME"]),
        ("a.csv", b"a,time\n1,soon\n", wishes(None, None), &["INVALID_TIME"]),
        ("a.csv", b"a,b\n1,\xff\n", wishes(None, None), &["NOT_UTF8"]),
        ("a.csv", b"\xff\xfea\0", wishes(None, None), &["NOT_UTF8"]),
        ("a.csv", b"time,label\n1,0\n", wishes(None, None), &["NO_FEATURES"]),
        ("a.csv", wide.as_bytes(), wishes(None, None), &["TOO_MANY_COLUMNS"]),
        ("a.csv", long.as_bytes(), wishes(None, None), &["ROW_TOO_LONG"]),
        ("a.csv", b"PK\x03\x04rest", wishes(None, None), &["UNREADABLE_FILE"]),
        ("a.csv.gz", b"\x1f\x8b\x08", wishes(None, None), &["UNSUPPORTED_FORMAT"]),
        ("A.PARQUET", b"a,b\n1,2\n", wishes(None, None), &["UNSUPPORTED_FORMAT"]),
    ];
    for (file_name, bytes, columns, expected) in cases {
        let result = create(&fixture, file_name, bytes, columns.clone()).await;
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        assert_eq!(codes(result), *expected, "{text:?}");
    }
    let page = fixture.store.datasets(&fixture.dev, None, &PageRequest::first(20)).await.unwrap();
    assert!(page.items.is_empty(), "nothing is half written");
}

#[tokio::test]
async fn messages_name_the_place() {
    let fixture = Fixture::new().await;
    let long = format!("a,b\n1,2\n3,{}\n", "z".repeat(100));
    let error = create(&fixture, "a.csv", long.as_bytes(), Wishes::default()).await.unwrap_err();
    let problem = &error.problems()[0];
    assert!(problem.message.starts_with(&format!("row 2 of the column `b` is `{}…`", "z".repeat(40))), "{problem}");
    assert_eq!(problem.path, ["upload"]);
    let error = create(&fixture, "a.csv", b"a,b\n1,2\n", wishes(None, Some("y"))).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no column `y`; the header has: a, b");
    assert_eq!(error.problems()[0].path, ["labelColumn"]);
}

#[tokio::test]
async fn odd_but_good_tables_are_taken() {
    let fixture = Fixture::new().await;
    // A byte order mark, quotes, CRLF, one row, a constant, a `time` that is a number.
    let bytes = "\u{feff}\"a\",b,time,c\r\n1e3,0.5,,7\r\n";
    let dataset = create(&fixture, "odd.txt", bytes.as_bytes(), Wishes::default()).await;
    assert_eq!(codes(dataset), ["ALL_MISSING"]);
    let bytes = "\u{feff}\"a\",b,time,c\r\n1e3,0.5,,7\r\n1e3,0,5,7\r\n";
    let dataset = create(&fixture, "odd.txt", bytes.as_bytes(), Wishes::default()).await.unwrap();
    let version = fixture.store.dataset_version_by_number(&fixture.dev, dataset.id, 1).await.unwrap();
    assert!(version.columns.iter().all(|column| column.role == ColumnRole::Feature), "{:?}", version.columns);
    assert_eq!(version.columns[0].name, "a");
    assert_eq!((version.columns[2].missing, version.columns[3].std), (1, Some(0.0)));
    assert_eq!(version.anomaly_count, None);
}

#[tokio::test]
async fn versions_count_and_keep_their_columns() {
    let fixture = Fixture::new().await;
    let permit = fixture.permit(Action::WriteDatasets).await;
    let first = b"when,a,broken\n1,2,0\n2,3,1\n";
    let dataset = create(&fixture, "a.csv", first, wishes(Some("when"), Some("broken"))).await.unwrap().id;
    fixture.advance_hours(1);
    let store = &fixture.store;
    let again = fixture.upload("again.csv", first).await;
    let same = store.add_dataset_version(&permit, dataset, again, Wishes::default(), None).await.unwrap_err();
    assert_eq!(same.problems()[0].code, "SAME_CONTENT");
    assert!(same.to_string().contains("version 1"), "{same}");

    let upload = fixture.upload("b.csv", b"when,a,broken\n1,2,0\n").await;
    let key = IdempotencyKey::new("k".to_owned(), &upload).unwrap();
    let second = store.add_dataset_version(&permit, dataset, upload, Wishes::default(), Some(&key)).await.unwrap();
    assert_eq!((second.number, second.label_column.as_deref(), second.anomaly_count), (2, Some("broken"), Some(0)));
    let replay = store.add_dataset_version(&permit, dataset, upload, Wishes::default(), Some(&key)).await.unwrap();
    assert_eq!(replay, second);
    let latest = store.latest_dataset_versions(&fixture.dev, &[dataset]).await.unwrap();
    assert_eq!(latest[&dataset], second);
    let page = store.dataset_versions(&fixture.dev, dataset, &PageRequest::first(1)).await.unwrap();
    assert_eq!((page.items[0].1.number, page.has_next), (2, true));
    assert_eq!(codes(create(&fixture, "c.csv", b"a\n1\n", Wishes::default()).await), ["TAKEN"]);
}

#[tokio::test]
async fn a_deleted_dataset_is_gone_and_its_name_free() {
    let fixture = Fixture::new().await;
    let dataset = create(&fixture, "a.csv", PUMPS.as_bytes(), Wishes::default()).await.unwrap();
    let version = fixture.store.dataset_version_by_number(&fixture.dev, dataset.id, 1).await.unwrap().id;
    let boss = fixture.other("boss", Some(Role::Maintainer)).await;
    let write = fixture.permit(Action::WriteDatasets).await;
    let described = fixture.store.update_dataset(&write, dataset.id, "three rows".to_owned()).await.unwrap();
    assert_eq!(described.description, "three rows");
    let permit = fixture.store.project_permit(&boss, Action::DeleteDatasets, fixture.project).await.unwrap();
    fixture.store.delete_dataset(&permit, dataset.id).await.unwrap();
    assert!(matches!(fixture.store.dataset(&fixture.dev, dataset.id).await, Err(StoreError::NotFound(_))));
    assert!(matches!(fixture.store.dataset_file(&fixture.dev, version).await, Err(StoreError::NotFound(_))));
    create(&fixture, "a.csv", PUMPS.as_bytes(), Wishes::default()).await.unwrap();
}

#[tokio::test]
async fn each_sees_only_what_is_for_them() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let dataset = create(&fixture, "a.csv", PUMPS.as_bytes(), Wishes::default()).await.unwrap().id;
    let permit = fixture.permit(Action::WriteDatasets).await;
    let upload = fixture.upload("b.csv", b"a\n1\n").await;
    let second = store.add_dataset_version(&permit, dataset, upload, Wishes::default(), None).await.unwrap().id;
    let first = store.dataset_version_by_number(&fixture.dev, dataset, 1).await.unwrap().id;
    let reporter = fixture.other("reporter", Some(Role::Reporter)).await;
    assert!(store.dataset_file(&reporter, first).await.is_ok());

    let guest = fixture.other("guest", Some(Role::Guest)).await;
    let stranger = fixture.other("stranger", None).await;
    for actor in [guest, stranger, Actor::Anonymous] {
        assert!(matches!(store.dataset_file(&actor, first).await, Err(StoreError::NotFound(_))), "{actor:?}");
        assert!(store.datasets_by_ids(&actor, &[dataset]).await.unwrap().is_empty());
        assert!(store.dataset_versions_by_ids(&actor, &[first, second]).await.unwrap().is_empty());
    }

    let job = fixture.running_job(first).await;
    assert!(store.dataset_file(&job, first).await.is_ok());
    assert!(matches!(store.dataset_file(&job, second).await, Err(StoreError::NotFound(_))));
    let seen = store.dataset_versions_by_ids(&job, &[first, second]).await.unwrap();
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [first]);
    let Actor::Job { id, project, on_behalf_of, .. } = job else { unreachable!() };
    let stale = Actor::Job { id, attempt: 0, project, on_behalf_of };
    assert!(matches!(store.dataset_file(&stale, first).await, Err(StoreError::NotFound(_))));
    fixture.execute("UPDATE jobs SET status = 2", Vec::new()).await;
    assert!(matches!(store.dataset_file(&job_at(&stale), first).await, Err(StoreError::NotFound(_))));
}

/// The first attempt's actor.
fn job_at(actor: &Actor) -> Actor {
    let Actor::Job { id, project, on_behalf_of, .. } = actor else { unreachable!() };
    Actor::Job { id: *id, attempt: 1, project: *project, on_behalf_of: *on_behalf_of }
}
