use futures_util::{StreamExt, TryStreamExt, stream};
use nunatak_authz::{Action, Actor};
use nunatak_domain::{Role, UploadStatus};
use nunatak_store::{
    IdempotencyKey, StoreError,
    files::{BlobRecord, NewUpload, PartRange, UploadWriteError},
};
use sha2::{Digest, Sha256};
use tokio_util::bytes::Bytes;

use crate::fixture::{Fixture, codes, pieces};

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Bytes that do not repeat within a chunk.
fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

async fn read(fixture: &Fixture, blob: &BlobRecord, range: std::ops::Range<u64>) -> Vec<u8> {
    let stream = fixture.store.read_blob(blob, range).await.unwrap();
    stream.map_ok(|piece| piece.to_vec()).try_concat().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_in_and_comes_out() {
    let fixture = Fixture::new().await;
    let bytes = noise(3_000_000);
    let upload = fixture.announce("pump.bin", &bytes, Some(&sha256(&bytes).to_uppercase())).await;
    assert_eq!((upload.received, upload.status), (0, UploadStatus::Pending));
    let body = pieces(&bytes, 100_000);
    let received = fixture.store.write_upload(&fixture.dev, upload.id, PartRange::Whole, body).await.unwrap();
    assert_eq!(received, 3_000_000);
    let permit = fixture.permit(Action::CreateUpload).await;
    let done = fixture.store.complete_upload(&permit, upload.id).await.unwrap();
    assert_eq!(done.sha256.as_deref(), Some(sha256(&bytes).as_str()));
    assert_eq!(fixture.store.complete_upload(&permit, upload.id).await.unwrap(), done);

    let blob = BlobRecord { sha256: sha256(&bytes), size: 3_000_000, file_name: String::new() };
    assert_eq!(read(&fixture, &blob, 0..3_000_000).await, bytes);
    assert_eq!(read(&fixture, &blob, 1_000_000..2_500_001).await, bytes[1_000_000..2_500_001]);
    assert_eq!(read(&fixture, &blob, 2_999_999..3_000_000).await, bytes[2_999_999..]);
    let wrong = BlobRecord { size: 5, ..blob };
    assert!(matches!(fixture.store.read_blob(&wrong, 0..5).await.err(), Some(StoreError::Files(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_upload_is_resumed_even_after_a_restart() {
    let fixture = Fixture::new().await;
    let bytes = noise(500_000);
    let upload = fixture.announce("a.bin", &bytes, Some(&sha256(&bytes))).await.id;
    let broken = pieces(&bytes[..200_000], 10_000).chain(stream::iter([Err(std::io::Error::other("gone"))]));
    let error = fixture.store.write_upload(&fixture.dev, upload, PartRange::Whole, broken).await.unwrap_err();
    assert!(matches!(error, UploadWriteError::Interrupted { received: 200_000 }), "{error:?}");

    let elsewhere = PartRange::Resume { start: 100_000, length: 10 };
    let error = fixture.store.write_upload(&fixture.dev, upload, elsewhere, pieces(&[0; 10], 10)).await.unwrap_err();
    assert!(matches!(error, UploadWriteError::OffsetMismatch { received: 200_000 }), "{error:?}");

    let store = fixture.restarted().await;
    assert_eq!(store.upload(&fixture.dev, upload).await.unwrap().received, 200_000);
    let permit = fixture.permit(Action::CreateUpload).await;
    assert_eq!(codes(store.complete_upload(&permit, upload).await), ["UPLOAD_INCOMPLETE"]);
    let rest = PartRange::Resume { start: 200_000, length: 300_000 };
    store.write_upload(&fixture.dev, upload, rest, pieces(&bytes[200_000..], 10_000)).await.unwrap();
    let done = store.complete_upload(&permit, upload).await.unwrap();
    assert_eq!(done.sha256, Some(sha256(&bytes)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_request_leaves_what_arrived() {
    let fixture = Fixture::new().await;
    let bytes = noise(300_000);
    let upload = fixture.announce("a.bin", &bytes, None).await.id;
    let stalled = pieces(&bytes[..100_000], 10_000).chain(stream::pending());
    {
        let write = fixture.store.write_upload(&fixture.dev, upload, PartRange::Whole, stalled);
        let mut write = std::pin::pin!(write);
        let arrived = async {
            while fixture.store.upload(&fixture.dev, upload).await.unwrap().received < 100_000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = &mut write => panic!("the body never ends"),
            () = arrived => {}
        }
        let second = fixture.store.write_upload(&fixture.dev, upload, PartRange::Whole, pieces(&bytes, 1000)).await;
        assert!(matches!(second.unwrap_err(), UploadWriteError::Busy));
        let permit = fixture.permit(Action::CreateUpload).await;
        assert_eq!(codes(fixture.store.complete_upload(&permit, upload).await), ["UPLOAD_BUSY"]);
    }
    let rest = PartRange::Resume { start: 100_000, length: 200_000 };
    let resumed = loop {
        // The threads of the dropped request let go of the lock when they see it gone.
        match fixture.store.write_upload(&fixture.dev, upload, rest, pieces(&bytes[100_000..], 9_000)).await {
            Err(UploadWriteError::Busy) => tokio::task::yield_now().await,
            other => break other,
        }
    };
    assert_eq!(resumed.unwrap(), 300_000);
    let permit = fixture.permit(Action::CreateUpload).await;
    let done = fixture.store.complete_upload(&permit, upload).await.unwrap();
    assert_eq!(done.sha256, Some(sha256(&bytes)));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_dropped_and_too_many_refused() {
    let fixture = Fixture::new().await;
    let permit = fixture.permit(Action::CreateUpload).await;
    let upload = fixture.announce("a.bin", b"abc", Some(&sha256(b"other"))).await.id;
    let long = fixture.store.write_upload(&fixture.dev, upload, PartRange::Whole, pieces(b"abcd", 4)).await;
    assert!(matches!(long.unwrap_err(), UploadWriteError::TooLarge { size: 3 }));
    let beyond = PartRange::Resume { start: 0, length: 4 };
    let long = fixture.store.write_upload(&fixture.dev, upload, beyond, pieces(b"abcd", 4)).await;
    assert!(matches!(long.unwrap_err(), UploadWriteError::TooLarge { size: 3 }));
    fixture.store.write_upload(&fixture.dev, upload, PartRange::Whole, pieces(b"abc", 3)).await.unwrap();
    assert_eq!(codes(fixture.store.complete_upload(&permit, upload).await), ["CHECKSUM_MISMATCH"]);
    assert_eq!(fixture.store.upload(&fixture.dev, upload).await.unwrap().status, UploadStatus::Aborted);
    assert_eq!(std::fs::read_dir(fixture.data_dir.join("uploads")).unwrap().count(), 0);
    assert_eq!(codes(fixture.store.complete_upload(&permit, upload).await), ["UPLOAD_CLOSED"]);
}

#[tokio::test]
async fn only_its_creator_sees_an_upload() {
    let fixture = Fixture::new().await;
    let upload = fixture.announce("a.bin", b"abc", None).await.id;
    let colleague = fixture.other("colleague", Some(Role::Owner)).await;
    let reader = fixture.other("reader", Some(Role::Reporter)).await;
    for actor in [&colleague, &reader, &Actor::Anonymous] {
        assert!(matches!(fixture.store.upload(actor, upload).await, Err(StoreError::NotFound("upload"))));
        let write = fixture.store.write_upload(actor, upload, PartRange::Whole, stream::empty::<Result<Bytes, _>>());
        assert!(matches!(write.await, Err(UploadWriteError::Store(StoreError::NotFound(_)))));
    }
    let permit = fixture.store.project_permit(&colleague, Action::CreateUpload, fixture.project).await.unwrap();
    assert!(matches!(fixture.store.complete_upload(&permit, upload).await, Err(StoreError::NotFound("upload"))));
}

#[tokio::test]
async fn what_is_abandoned_goes_away() {
    let fixture = Fixture::new().await;
    let old = fixture.announce("a.bin", b"abc", None).await.id;
    let some = fixture.store.write_upload(&fixture.dev, old, PartRange::Whole, pieces(b"ab", 2)).await;
    assert_eq!(some.unwrap(), 2);
    fixture.advance_hours(23);
    let young = fixture.announce("b.bin", b"abc", None).await.id;
    assert_eq!(fixture.store.sweep_uploads().await.unwrap(), 0);
    fixture.advance_hours(1);
    assert_eq!(fixture.store.sweep_uploads().await.unwrap(), 2, "the upload and its file");
    assert_eq!(fixture.store.upload(&fixture.dev, old).await.unwrap().status, UploadStatus::Aborted);
    assert_eq!(fixture.store.upload(&fixture.dev, young).await.unwrap().status, UploadStatus::Pending);
    let late = fixture.store.write_upload(&fixture.dev, old, PartRange::Whole, pieces(b"abc", 3)).await;
    let Err(UploadWriteError::Store(error)) = late else { panic!("{late:?}") };
    assert_eq!(error.problems()[0].code, "UPLOAD_CLOSED");
}

#[tokio::test]
async fn announcements_are_checked_and_repeatable() {
    let fixture = Fixture::new().await;
    for bad in ["", " ", "..", "a/b.csv", "a\\b", "a\nb", &"x".repeat(256)] {
        assert_eq!(codes(NewUpload::parse(bad.to_owned(), 1, None)), ["INVALID_FILE_NAME"], "{bad:?}");
    }
    let all = NewUpload::parse("a/b".to_owned(), 0, Some("12".to_owned()));
    assert_eq!(codes(all), ["INVALID_FILE_NAME", "EMPTY_FILE", "INVALID_SHA256"]);
    let permit = fixture.permit(Action::CreateUpload).await;
    let large = NewUpload::parse("a".to_owned(), (50 << 30) + 1, None).unwrap();
    assert_eq!(codes(fixture.store.create_upload(&permit, large, None).await), ["LIMIT_EXCEEDED"]);
    let new = NewUpload::parse("a".to_owned(), 5, None).unwrap();
    let key = IdempotencyKey::new("k1".to_owned(), &new).unwrap();
    let first = fixture.store.create_upload(&permit, new.clone(), Some(&key)).await.unwrap();
    assert_eq!(fixture.store.create_upload(&permit, new, Some(&key)).await.unwrap(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_body_begins_anew() {
    let fixture = Fixture::new().await;
    let upload = fixture.announce("a.bin", b"right", None).await.id;
    let begun = fixture.store.write_upload(&fixture.dev, upload, PartRange::Whole, pieces(b"wro", 1)).await;
    assert_eq!(begun.unwrap(), 3);
    fixture.store.write_upload(&fixture.dev, upload, PartRange::Whole, pieces(b"right", 2)).await.unwrap();
    let permit = fixture.permit(Action::CreateUpload).await;
    let done = fixture.store.complete_upload(&permit, upload).await.unwrap();
    assert_eq!(done.sha256, Some(sha256(b"right")));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_two_servers_took_are_hashed_together() {
    let fixture = Fixture::new().await;
    let other = fixture.restarted().await;
    let upload = fixture.announce("a.bin", b"abc", None).await.id;
    for (start, store) in [(0, &fixture.store), (1, &other), (2, &fixture.store)] {
        let piece = [b"abc"[start]];
        let range = PartRange::Resume { start: start as u64, length: 1 };
        store.write_upload(&fixture.dev, upload, range, pieces(&piece, 1)).await.unwrap();
    }
    let permit = fixture.permit(Action::CreateUpload).await;
    let done = fixture.store.complete_upload(&permit, upload).await.unwrap();
    assert_eq!(done.sha256, Some(sha256(b"abc")));
}
