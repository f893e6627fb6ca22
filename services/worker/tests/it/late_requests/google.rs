//! A bucket in GCS, as far as an S3 server with Google's headers before it can play one: generations on all requests but the
//! completion of an upload. The address of a GCS comes from the environment, and a test can't set its own. So it starts
//! itself, as a child with the environment set, to run its ignored half.

use super::{FORMER, Store, befall, is_fenced, is_refused, soon};
use crate::postgres_export::world::{Run, World as Exports};
use crate::storage_transfer::moto::part;
use crate::storage_transfer::world::World;
use kinds::storage_transfer::{DeleteOption, StorageTransfer, TransferSink, TransferSource};
use runtime::config::Bucket;
use std::net::SocketAddr;
use testkit::{S3Front, free_address};

const SMALL: &str = "SELECT pg_backend_pid()";
const LARGE: &str = "SELECT pg_backend_pid(), repeat('x', 1000) FROM generate_series(1, 9000)";

#[tokio::test]
async fn late_requests_to_gcs_are_refused_by_generation() {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    let half = "late_requests::google::late_requests_to_gcs_are_refused";
    let address = free_address().unwrap();
    command
        .args(["--exact", "--ignored", "--nocapture", half])
        .env("TEST_GCS", &address)
        .env("GOOGLE_BASE_URL", format!("http://{address}"))
        .env("GOOGLE_BEARER_TOKEN", "test");
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn bucket(name: &str) -> Bucket {
    Bucket::new(name, "gs://data/prefix", vec![crate::fixture::project()])
}

fn line(method: &str, object: &str) -> String {
    format!("{method} /data/prefix%2F{object}")
}

#[tokio::test]
#[ignore = "the half of late_requests_to_gcs_are_refused_by_generation that runs with the environment set"]
async fn late_requests_to_gcs_are_refused() {
    let address: SocketAddr = std::env::var("TEST_GCS").unwrap().parse().unwrap();
    let Some(mut store) = Store::start().await else { return };
    store.front = S3Front::as_gcs(&store.moto.endpoint, address).await;
    Box::pin(exports(&store)).await;
    Box::pin(copies(&store)).await;
    Box::pin(deletes(&store)).await;
}

async fn exports(store: &Store) {
    let world = Exports::new().await;
    let into = |run: Run| Run { bucket: bucket("exports"), ..run };
    for (number, (query, former)) in
        [SMALL, LARGE].into_iter().flat_map(|query| FORMER.map(|former| (query, former))).enumerate()
    {
        for stands in [false, true] {
            let name = format!("e{number}{stands}");
            if stands {
                store.put(&name, "of another time").await;
            }
            let publishes = if query == SMALL { line("PUT", &name) } else { line("POST", &format!("{name}?uploadId")) };
            let first = into(world.csv(query, &name).await);
            let held = store.front.hold(&publishes);
            let (task, clock) = (first.start(), first.clock.clone());
            soon(held.arrived()).await;
            befall(former, &clock, &held).await;
            into(world.again(first).await).succeeds().await;
            let whole = store.object(&name).await.unwrap();
            is_refused(soon(held.release()).await);
            assert!(store.object(&name).await.unwrap() == whole, "{name}: attempt 2's object was replaced");
            is_fenced(task).await;
        }
    }
    store.front.lose_answer(&line("PUT", "lost"));
    into(world.csv(SMALL, "lost").await).succeeds().await;
    assert_eq!(store.front.requests(&line("PUT", "lost")).len(), 1);
}

async fn copies(store: &Store) {
    let mut world = World::new().await;
    world.config.buckets.push(bucket("gcs"));
    for key in ["new", "old"] {
        world.put(key, b"ours");
    }
    store.put("c/old", "of another time").await;
    let spec = StorageTransfer { sink: TransferSink::Bucket(part("gcs", "c/")), ..world.spec() };
    assert_eq!(world.begin(spec).await.succeeds().await.objects_copied_to_sink, 2);
    assert_eq!(store.object("c/old").await.unwrap(), "ours");
    let new = store.front.requests(&line("PUT", "c%2Fnew"));
    assert!(new[0].ends_with("x-goog-if-generation-match: 0"), "{new:?}");
}

async fn deletes(store: &Store) {
    let mut world = World::new().await;
    world.config.buckets.push(bucket("gcs"));
    let mut moves = StorageTransfer { source: TransferSource::Bucket(part("gcs", "d/")), ..world.spec() };
    moves.options.delete = Some(DeleteOption::FromSourceAfterTransfer);
    let mut clears = StorageTransfer { sink: TransferSink::Bucket(part("gcs", "d/")), ..world.spec() };
    clears.options.delete = Some(DeleteOption::UniqueInSink);
    for spec in [moves, clears] {
        store.put("d/object", "old").await;
        let run = world.begin(spec).await;
        let held = store.front.hold(&line("DELETE", "d%2Fobject"));
        let task = run.start();
        soon(held.arrived()).await;
        store.put("d/object", "new").await;
        assert_eq!(soon(held.release()).await, 412);
        assert_eq!(store.object("d/object").await.unwrap(), "new");
        soon(task).await.unwrap().unwrap_err();
    }
}
