//! Copies of transfers.

use super::{FORMER, Former, Store, befall, is_fenced, is_refused, soon};
use crate::storage_transfer::moto::part;
use crate::storage_transfer::world::{World, content};
use kinds::storage_transfer::{OverwriteWhen, StorageTransfer, TransferPosition, TransferSink, TransferUpload};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use operation::Code;

const MIB: usize = 1024 * 1024;
/// Objects that go by one request, and by an upload.
const SIZES: [usize; 2] = [100, 9 * MIB];

pub(super) async fn world(store: &Store) -> World {
    let mut world = World::new().await;
    world.config.buckets.push(store.bucket("s3"));
    world
}

fn into_s3(world: &World) -> StorageTransfer {
    StorageTransfer { sink: TransferSink::Bucket(part("s3", "")), ..world.spec() }
}

fn publishes(size: usize, key: &str) -> String {
    if size > MIB { format!("POST /data/prefix/{key}?uploadId") } else { format!("PUT /data/prefix/{key}") }
}

/// The sibling of the instance in transfers.
#[tokio::test]
async fn a_late_request_of_a_former_attempt_does_not_replace_a_copy() {
    let Some(store) = Store::start().await else { return };
    for (size, former, stands) in SIZES
        .into_iter()
        .flat_map(|size| FORMER.into_iter().flat_map(move |f| [false, true].map(|stands| (size, f, stands))))
    {
        let world = world(&store).await;
        if stands {
            store.put("object", "of another time").await;
        }
        world.put("object", &content(1, size));
        let first = world.begin(into_s3(&world)).await;
        let held = store.front.hold(&publishes(size, "object"));
        let (task, clock) = (first.start(), first.clock.clone());
        soon(held.arrived()).await;
        befall(former, &clock, &held).await;
        store.front.fail("DELETE /data/prefix/object?uploadId", 403);
        let second = content(2, size + 1);
        world.put("object", &second);
        world.take_over(first, None).await.succeeds().await;
        let late = soon(held.release()).await;
        is_refused(late);
        assert!(store.moto.objects("prefix").await["object"] == second, "{size} {former:?} {stands}");
        is_fenced(task).await;
        store.delete("object").await;
    }
}

#[tokio::test]
async fn a_copy_whose_answer_is_lost_is_counted_and_written_once() {
    let Some(store) = Store::start().await else { return };
    for size in SIZES {
        let world = world(&store).await;
        world.put("object", &content(1, size));
        let line = publishes(size, "object");
        let before = store.front.requests(&line).len();
        store.front.lose_answer(&line);
        let counters = world.begin(into_s3(&world)).await.succeeds().await;
        assert_eq!(counters.objects_copied_to_sink, 1);
        assert_eq!(store.front.requests(&line).len() - before, 1, "written once");
        store.delete("object").await;
    }
}

/// The listing says what stands there, so no object is looked at before it is written.
#[tokio::test]
async fn objects_are_not_looked_at_one_by_one() {
    let Some(store) = Store::start().await else { return };
    let world = world(&store).await;
    for number in 0..5 {
        world.put(&format!("new-{number}"), &content(number, 100));
        world.put(&format!("old-{number}"), &content(number, 100));
        store.put(&format!("old-{number}"), "of another time").await;
    }
    let counters = world.begin(into_s3(&world)).await.succeeds().await;
    assert_eq!(counters.objects_copied_to_sink, 10);
    assert_eq!(store.front.requests("HEAD "), Vec::<String>::new());
    let with = |line: &str, condition: &str| {
        let requests = store.front.requests(line);
        requests.iter().filter(|request| request.contains(condition)).count()
    };
    assert_eq!(with("PUT /data/prefix/new-", "if-none-match: *"), 5);
    assert_eq!(with("PUT /data/prefix/old-", "if-match: \""), 5);
}

/// What appears in the sink after it was listed is replaced, unless nothing is ever to be overwritten.
#[tokio::test]
async fn what_appears_meanwhile_stays_where_nothing_is_overwritten() {
    let Some(store) = Store::start().await else { return };
    for (overwrite, stays) in [(OverwriteWhen::Never, true), (OverwriteWhen::Different, false)] {
        let world = world(&store).await;
        world.put("object", b"ours");
        let mut spec = into_s3(&world);
        spec.options.overwrite_when = Some(overwrite);
        let run = world.begin(spec).await;
        let held = store.front.hold("PUT /data/prefix/object");
        let task = run.start();
        soon(held.arrived()).await;
        store.put("object", "theirs").await;
        assert_eq!(held.release().await, 412);
        assert_eq!(soon(task).await.unwrap().is_err(), stays);
        let errors = if stays { vec![(Code::AlreadyExists.name().to_owned(), 1)] } else { Vec::new() };
        assert_eq!(run.errors(), errors);
        assert_eq!(store.object("object").await.unwrap(), if stays { "theirs" } else { "ours" });
        store.delete("object").await;
    }
}

/// An attempt that is fenced by what it finds in the sink ends, though its own clock stands: it does not succeed with what it
/// has not copied.
#[tokio::test]
async fn an_attempt_that_finds_its_successor_stops() {
    let Some(store) = Store::start().await else { return };
    let world = world(&store).await;
    for key in ["a", "b", "c"] {
        world.put(key, &content(1, 100));
    }
    let first = world.begin(into_s3(&world)).await;
    let held = ["a", "b", "c"].map(|key| store.front.hold(&format!("PUT /data/prefix/{key}")));
    let (task, clock) = (first.start(), first.clock.clone());
    for held in &held {
        soon(held.arrived()).await;
    }
    befall(Former::IsUnaware, &clock, &held[0]).await;
    world.take_over(first, None).await.succeeds().await;
    for held in &held {
        assert_eq!(held.release().await, 412);
    }
    is_fenced(task).await;
}

/// Where a bucket is used without conditions, the upload of a dead attempt must be gone before the next one begins.
#[tokio::test]
async fn without_conditions_a_former_upload_must_be_gone() {
    let Some(store) = Store::start().await else { return };
    let mut world = world(&store).await;
    world.put("object", b"ours");
    let path = Path::from("prefix/object");
    let id = store.moto.store().create_multipart(&path).await.unwrap();
    let of = world.begin(into_s3(&world)).await;
    let upload = TransferUpload { path: path.to_string(), id };
    let stored =
        TransferPosition { of: Some(of.attempt.fence.id), uploads: vec![upload], ..TransferPosition::default() };
    for bucket in &mut world.config.buckets {
        bucket.conditional_writes = false;
    }
    let next = world.take_over(of, Some(stored)).await;
    store.front.fail("DELETE /data/prefix/object?uploadId", 403);
    let failure = next.fails().await;
    assert!(failure.retryable && failure.message.contains("earlier attempt"), "{failure}");
    assert_eq!(store.object("object").await, None);
    world.again(next).await.succeeds().await;
    store.moto.has_no_open_upload();
}
