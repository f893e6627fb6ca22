//! Rules of the house that no lint knows.

mod imports;
mod kinds;

use imports::{Import, circle, imports, room};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All Rust files of the project.
fn sources() -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> = ["shared", "services", "loadtest"].iter().map(|part| root().join(part)).collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                sources.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(sources.len() > 50, "the walk finds the project");
    sources
}

/// One direction: each driver stands in one crate alone (ARCHITECTURE.md, "Who may import whom").
#[test]
fn drivers_stand_where_they_belong() {
    for (driver, homes) in [
        ("sqlx", vec!["shared/store"]),
        // The benchmark measures a bare floor beside the product: it speaks to the broker without our code.
        ("lapin", vec!["shared/runtime", "loadtest"]),
        ("actix-web", vec!["services/api"]),
        ("object_store", vec!["services/worker"]),
        ("refinery", vec!["shared/store"]),
    ] {
        for member in members() {
            let manifest = fs::read_to_string(root().join(&member).join("Cargo.toml")).expect("a manifest");
            let uses = manifest
                .lines()
                .any(|line| line.starts_with(&format!("{driver}.")) || line.starts_with(&format!("{driver} ")));
            assert!(!uses || homes.contains(&member.as_str()), "{member} depends on {driver}: it belongs to {homes:?}");
        }
    }
}

#[test]
fn crates_know_only_what_lies_below_them() {
    for (member, allowed) in [
        ("shared/operation", vec![]),
        ("shared/kinds", vec!["operation"]),
        ("shared/tls", vec![]),
        ("shared/store", vec!["operation", "tls"]),
        ("shared/runtime", vec!["operation", "tls"]),
        ("services/api", vec!["operation", "kinds", "store", "runtime"]),
        ("services/worker", vec!["operation", "kinds", "store", "runtime", "tls"]),
        ("services/keeper", vec!["operation", "kinds", "store", "runtime"]),
        ("loadtest", vec![]),
    ] {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).expect("a manifest");
        let product = manifest.split("[dev-dependencies]").next().expect("the first part");
        for ours in ["operation", "kinds", "store", "tls", "runtime", "testkit", "api", "worker", "keeper"] {
            let uses = product.lines().any(|line| line == format!("{ours}.workspace = true"));
            assert!(!uses || allowed.contains(&ours), "{member} depends on {ours}");
        }
    }
}

/// Every path in a crate's `src`.
fn imports_of(member: &str) -> Vec<Import> {
    let start = format!("{member}/src/");
    let sources = sources();
    let files = sources.iter().filter_map(|(name, text)| Some((name.strip_prefix(&start)?, text)));
    let found: Vec<_> = files.flat_map(|(file, text)| imports(file, text)).collect();
    assert!(found.len() > 1_000, "the walk finds the imports of {member}: {}", found.len());
    found
}

/// A dialect sees what is below it in the api, and never the store or another dialect.
#[test]
fn dialects_see_neither_the_store_nor_one_another() {
    const BELOW: [&str; 7] = ["admission", "kinds", "listing", "openapi", "operations", "state", "wire"];
    let mut looked_at = 0;
    for import in imports_of("services/api").iter().filter(|import| room(&import.file) == "dialect") {
        let Some((own, _)) = import.file["dialect/".len()..].split_once('/') else { continue };
        let path: Vec<&str> = import.path.iter().map(String::as_str).collect();
        let allowed = match (import.of_crate, path.as_slice()) {
            (true, ["dialect", dialect, ..]) => *dialect == own,
            (true, path) => path.first().is_some_and(|head| BELOW.contains(head)),
            (false, path) => !["store", "sqlx", "api"].contains(&path[0]),
        };
        assert!(allowed, "services/api/src/{}: {}", import.file, path.join("::"));
        looked_at += 1;
    }
    assert!(looked_at > 500, "the walk finds the dialects: {looked_at}");
}

#[test]
fn only_the_routes_import_native_and_dialects() {
    let mut composed = BTreeSet::new();
    for import in imports_of("services/api").iter().filter(|import| import.of_crate) {
        let (from, to) = (room(&import.file), import.path.first().map_or("", String::as_str));
        if ["native", "dialect"].contains(&to) && from != to {
            assert_eq!(from, "routes", "services/api/src/{}: {}", import.file, import.path.join("::"));
            composed.insert(to.to_owned());
        }
    }
    assert_eq!(composed.len(), 2, "{composed:?}");
}

/// A folder of `src` with all that is in it is a room, and so is each file beside the folders.
#[test]
fn no_rooms_import_one_another_in_a_circle() {
    for member in ["services/api", "services/worker"] {
        if let Some(circle) = circle(&imports_of(member)) {
            panic!("{member} has a circle:\n{}", circle.join("\n"));
        }
    }
}

/// Each statement has a deadline on this process's clock: so there is one place that reaches the pool or a raw connection.
#[test]
fn statements_reach_the_pool_in_one_place() {
    const HOME: &str = "shared/store/src/pool/";
    let mut there = 0;
    for (name, text) in sources().iter().filter(|(name, _)| name.contains("/src/")) {
        let raw = ["PgPool", "PgConnection", "PoolConnection", ".acquire().await", "self.pool"];
        for word in raw.into_iter().filter(|word| text.contains(word)) {
            let names_no_pool_of_ours = word == ".acquire().await" && !name.starts_with("shared/store/");
            // How a URL is read.
            let options_only =
                name == "shared/store/src/link.rs" && !text.replace("PgConnectOptions", "").contains(word);
            assert!(name.starts_with(HOME) || names_no_pool_of_ours || options_only, "{name} says {word}");
            there += 1;
        }
    }
    assert!(there > 4, "the walk finds the pool");
}

#[test]
fn files_stay_small() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{name} has {lines} lines: split it");
    }
}

#[test]
fn tests_wait_on_signals_and_never_sleep() {
    for (name, text) in sources().iter().filter(|(name, _)| name.contains("/tests/") && !name.ends_with("tidy.rs")) {
        assert!(!text.contains("::sleep("), "{name} sleeps");
    }
}

/// An attempt that is aborted has ended when all of its work has (`worker/src/work.rs`): what is started past that is not seen.
#[test]
fn executors_start_tasks_and_threads_through_their_attempt() {
    let mut starts = 0;
    for (name, text) in sources().iter().filter(|(name, _)| name.contains("worker/src/executor/")) {
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in product.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
            for other in
                ["spawn_blocking", "block_in_place", "tokio::spawn", "task::spawn", "thread::spawn", "thread::Builder"]
            {
                assert!(!line.contains(other), "{name}: {line}");
            }
            if line.contains(".spawn(") || line.contains(".spawn_in(") || line.contains(".spawn_local(") {
                let ours = ["work.spawn", "work().spawn", "command.spawn("].iter().any(|start| line.contains(start));
                assert!(ours, "{name}: {line}");
                starts += 1;
            }
        }
    }
    assert!(starts >= 4, "the walk finds what executors start");
}

/// The test of failpoints runs through the table: what is missing in it, or in the code, would not be tried.
#[test]
fn each_failpoint_stands_in_the_table_and_once_in_the_code() {
    const USE: &str = "failpoint::around!(";
    let product = |name: &str| name.contains("/src/") && !name.ends_with("src/failpoint.rs");
    let mut used: Vec<String> = sources()
        .iter()
        .filter(|(name, _)| product(name))
        .flat_map(|(_, text)| text.split(USE).skip(1).map(|rest| rest.split('"').nth(1).unwrap_or_default().to_owned()))
        .collect();
    used.sort();
    let mut listed = runtime::failpoint::POINTS.map(ToOwned::to_owned);
    listed.sort();
    assert_eq!(used, listed);
}

fn members() -> Vec<String> {
    let mut members = vec!["loadtest".to_owned()];
    for group in ["shared", "services"] {
        for entry in fs::read_dir(root().join(group)).expect("a folder") {
            members.push(format!("{group}/{}", entry.expect("an entry").file_name().to_string_lossy()));
        }
    }
    members
}
