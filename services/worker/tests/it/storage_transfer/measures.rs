//! Measurements, by hand: `TRANSFER_BENCH` names a folder on a tmpfs.

use super::world::{OLD, World, content};
use std::fs;

/// By hand, with `TRANSFER_BENCH` naming a folder on a tmpfs: how quick it is beside `rsync -a` and `cp -a`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn beside_rsync_and_cp() {
    let Ok(place) = std::env::var("TRANSFER_BENCH") else { return };
    let world = World::within(tempfile::tempdir_in(place).unwrap()).await;
    let files = std::env::var("TRANSFER_FILES").map_or(10_000, |files| files.parse().unwrap());
    let large: usize = std::env::var("TRANSFER_LARGE").map_or(0, |large| large.parse().unwrap());
    for number in 0..if large > 0 { 0 } else { files } {
        world.put(&format!("{}/{number}", number / 100), &content(number, 1024 + number * 7919 % 15_360));
    }
    for number in 0..if large > 0 { 5 } else { 0 } {
        let block = content(number, 1024 * 1024);
        let mut file = fs::File::create(world.source().join(number.to_string())).unwrap();
        for _ in 0..large {
            std::io::Write::write_all(&mut file, &block).unwrap();
        }
    }
    let by = |program: &str| {
        let mut command = std::process::Command::new(program);
        command.arg("-a").arg(format!("{}/.", world.source().display())).arg(world.sink());
        let begun = std::time::Instant::now();
        assert!(command.status().unwrap().success());
        begun.elapsed()
    };
    for _ in 0..5 {
        let run = world.transfer().await;
        let begun = std::time::Instant::now();
        run.succeeds().await;
        let ours = begun.elapsed();
        fs::remove_dir_all(world.sink()).unwrap();
        let rsync = by("rsync");
        fs::remove_dir_all(world.sink()).unwrap();
        fs::create_dir(world.sink()).unwrap();
        let cp = by("cp");
        fs::remove_dir_all(world.sink()).unwrap();
        let times = rsync.as_secs_f64() / ours.as_secs_f64();
        println!("ours {ours:?}, rsync {rsync:?}, cp {cp:?}: {times:.2} times rsync");
    }
}

/// The most memory that this process has had since the last reset, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// By how much the listings of `TRANSFER_FILES` files (a million), in one folder each, make the process grow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn the_memory_of_long_listings() {
    let Ok(place) = std::env::var("TRANSFER_BENCH") else { return };
    let world = World::within(tempfile::tempdir_in(place).unwrap()).await;
    let files: usize = std::env::var("TRANSFER_FILES").map_or(1_000_000, |files| files.parse().unwrap());
    for number in 0..files {
        fs::File::create(world.source().join(format!("object-{number:07}"))).unwrap();
    }
    super::world::put(&world.source().join("last"), b"x", OLD);
    for round in ["to an empty sink", "to one that has them all"] {
        let run = world.transfer().await;
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = peak();
        let begun = std::time::Instant::now();
        let counters = run.succeeds().await;
        let grown = peak() - before;
        let done = counters.objects_copied_to_sink + counters.objects_from_source_skipped_by_sync;
        println!("{done} objects {round}: {} KiB more (of {before}), {:?}", grown, begun.elapsed());
        assert!(grown < 64 * 1024, "{grown} KiB");
    }
}
