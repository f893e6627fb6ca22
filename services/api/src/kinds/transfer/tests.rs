//! Each rule, by what breaks it.

use super::*;
use crate::operations::samples;
use kinds::storage_transfer::{DeleteOption, S3CompatiblePath, TransferOptions};
use runtime::config::{Config, Folder};

fn catalog() -> Catalog {
    let project = |name: &str| vec![name.parse().unwrap()];
    let bucket = |name: &str, url: &str| Bucket::new(name, url, project("p"));
    let mut s3 = bucket("s3", "s3://s3/within");
    s3.endpoint = Some("http://127.0.0.1:9000".to_owned());
    let mut elsewhere = bucket("elsewhere", "s3://s3/within");
    elsewhere.endpoint = Some("http://127.0.0.1:9001".to_owned());
    let theirs = Bucket::new("theirs", "file:///theirs/", project("q"));
    let buckets = vec![
        bucket("exports", "file:///data/exports/"),
        bucket("sink", "file:///data/sink/"),
        bucket("spaced", "file:///data/a%20b/"),
        bucket("gcs", "gs://gcs"),
        s3,
        elsewhere,
        theirs,
    ];
    let folders = vec![Folder { path: "/data".into(), projects: project("p") }];
    Catalog::new(&Config { buckets, folders, ..Config::default() }).unwrap()
}

fn told(check: impl FnOnce(&mut Judge<'_>)) -> String {
    let (catalog, project) = (catalog(), "p".parse().unwrap());
    let destinations =
        toml::from_str::<Config>("[[destinations]]\nprojects = [\"p\"]\nhost = \"lists.example.com\"\nports = [443]\n")
            .unwrap()
            .destinations;
    let mut violations = Violations::default();
    let (catalog, destinations) = (&catalog, &destinations);
    check(&mut Judge { catalog, destinations, project: &project, violations: &mut violations });
    violations.into_result().err().map(|error| error.to_string()).unwrap_or_default()
}

fn expect(got: &str, expected: &str, about: &str) {
    let fits = if expected.is_empty() { got.is_empty() } else { got.contains(expected) };
    assert!(fits, "{about}: {got:?} and not {expected:?}");
}

#[test]
fn paths_in_buckets_end_with_a_slash() {
    for (path, expected) in [
        ("", ""),
        ("a/", ""),
        ("a/b c/ä/", ""),
        ("a", "must be empty or end with /"),
        ("/", "must not begin with /"),
        ("/a/", "must not begin with /"),
        ("a//", "a segment that is empty"),
        ("a//b/", "a segment that is empty"),
        ("../", "a segment that is empty, . or .."),
        ("a/./b/", "a segment that is empty, . or .."),
        ("a\nb/", "control characters"),
    ] {
        expect(&told(|judge| judge.path(path, "path")), expected, path);
    }
    expect(&told(|judge| judge.path(&format!("{}/", "x".repeat(1023)), "path")), "", "the longest");
    expect(&told(|judge| judge.path(&format!("{}/", "x".repeat(1024)), "path")), "longer than 1,024", "one more");
}

#[test]
fn buckets_are_of_the_project_and_of_the_right_sort() {
    for (bucket, expected) in [
        ("s3", ""),
        ("exports", "which is configured as another sort of store"),
        ("gcs", "which is configured as another sort of store"),
        ("theirs", "bucket: names the bucket \"theirs\", which is not configured for this project"),
        ("nobodys", "bucket: names the bucket \"nobodys\", which is not configured for this project"),
    ] {
        let got = told(|judge| {
            judge.s3_bucket(bucket, "bucket");
        });
        expect(&got, expected, bucket);
    }
}

#[test]
fn an_endpoint_is_the_configured_one_with_or_without_its_scheme() {
    let configured = Some("http://127.0.0.1:9000");
    for (given, expected) in [
        ("http://127.0.0.1:9000", ""),
        ("http://127.0.0.1:9000/", ""),
        ("127.0.0.1:9000", ""),
        ("https://127.0.0.1:9000", "endpoint: is not the endpoint"),
        ("127.0.0.1", "endpoint: is not the endpoint"),
        ("169.254.169.254", "endpoint: is not the endpoint"),
    ] {
        let got = told(|judge| {
            let stored = judge.endpoint(configured, given, "endpoint");
            assert!(stored == "http://127.0.0.1:9000" || stored == given);
        });
        expect(&got, expected, given);
    }
    let none = told(|judge| {
        judge.endpoint(None, "s3.example.com", "endpoint");
    });
    expect(&none, "endpoint: is not the endpoint", "none is configured");
}

#[test]
fn folders_lie_beneath_configured_ones() {
    for (path, expected) in [
        ("/data", ""),
        ("/data/a/b", ""),
        ("/data/a/", ""),
        ("/database", "is beneath no folder that is configured"),
        ("/etc", "is beneath no folder that is configured"),
        ("/", "must be an absolute path"),
        ("data", "must be an absolute path"),
        ("/data/../etc", "must be an absolute path"),
        ("/data//a", "must be an absolute path"),
        ("/data/a\nb", "control characters"),
    ] {
        let got = told(|judge| {
            assert!(!judge.folder(path, "folder").ends_with('/') || path == "/");
        });
        expect(&got, expected, path);
    }
}

#[test]
fn lists_are_fetched_from_where_the_project_may_reach() {
    for (url, expected) in [
        ("https://lists.example.com/list.tsv", ""),
        ("https://lists.example.com/list.tsv?x=1", ""),
        ("http://lists.example.com/list.tsv", "names a server that this project may not reach"),
        ("https://other.example.com/list.tsv", "names a server that this project may not reach"),
        ("https://169.254.169.254/latest", "names a server that this project may not reach"),
        ("https://me:secret@lists.example.com/list.tsv", "must hold no user and no password"),
        ("ftp://lists.example.com/list.tsv", "must be a URL that begins with"),
        ("lists.example.com", "must be a URL that begins with"),
        ("file:///etc/passwd", "must be a URL that begins with"),
    ] {
        expect(&told(|judge| judge.list_url(url, "listUrl")), expected, url);
    }
}

fn fields() -> ConditionFields {
    let name = ToOwned::to_owned;
    ConditionFields {
        include_prefixes: name("include"),
        exclude_prefixes: name("exclude"),
        min_time_elapsed: name("min"),
        max_time_elapsed: name("max"),
        match_glob: name("glob"),
    }
}

#[test]
fn prefixes_part_the_names() {
    let check = |include: &[&str], exclude: &[&str], expected: &str| {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let conditions = TransferConditions {
            include_prefixes: owned(include),
            exclude_prefixes: owned(exclude),
            ..TransferConditions::default()
        };
        expect(&told(|judge| judge.conditions(&conditions, &fields())), expected, &format!("{include:?} {exclude:?}"));
    };
    check(&["a/", "b/", "ab"], &["a/x", "b/y/"], "");
    check(&[], &["a", "b"], "");
    check(&["a", "b", "ab"], &[], "include[2]: begins with another prefix of this list");
    check(&["ab", "a0", "a"], &[], "include[1]: begins with another prefix of this list");
    check(&["a", "a"], &[], "include[1]: begins with another prefix of this list");
    check(&[""], &[], "include[0]: is empty");
    check(&["/a"], &[], "include[0]: must not begin with /");
    check(&["a\nb"], &[], "include[0]: has a carriage return or a line feed");
    check(&[&"x".repeat(1025)], &[], "include[0]: is longer than 1,024 bytes");
    check(&["a/"], &["b/"], "exclude[0]: begins with none of the included prefixes");
    let many: Vec<_> = (0..1001).map(|number| format!("{number:04}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    check(&many[..1000], &[], "");
    check(&many, &[], "include: holds more than 1,000 prefixes");
    check(&["a", "ab"], &["abc"], "include[1]: begins with another prefix of this list");
    check(&["a", "b/c", "d"], &["b/c", "dd"], "");
    check(&["a", "b/c", "d"], &["b/"], "exclude[0]: begins with none of the included prefixes");
    check(&["b"], &["a"], "exclude[0]: begins with none of the included prefixes");
}

#[test]
fn globs_are_closed() {
    for (glob, expected) in [
        ("**/*.csv", ""),
        ("{a,b}/[0-9]?", ""),
        ("[{]", ""),
        (r"\[a", ""),
        ("[a", "glob: opens a [ that is not closed"),
        ("{a,b", "glob: opens a { that is not closed"),
        (&format!("{}a{}", "{".repeat(100), "}".repeat(100)), ""),
        (&format!("{}a{}", "{".repeat(101), "}".repeat(101)), "glob: has more than 100 { in one another"),
        ("a}", "glob: closes a { that was not opened"),
        ("a\\", "glob: ends with a \\ that escapes nothing"),
        ("a\nb", "glob: has control characters"),
    ] {
        let conditions = TransferConditions { match_glob: Some(glob.to_owned()), ..TransferConditions::default() };
        expect(&told(|judge| judge.conditions(&conditions, &fields())), expected, glob);
    }
}

#[test]
fn what_is_deleted_from_the_sink_depends_on_no_time() {
    let times = TransferConditions { min_time_elapsed: Some(Duration::from_secs(1)), ..TransferConditions::default() };
    let deletes = |delete, conditions: &TransferConditions| StorageTransfer {
        options: TransferOptions { delete: Some(delete), ..TransferOptions::default() },
        conditions: conditions.clone(),
        ..samples::transfer_of_buckets()
    };
    for (transfer, expected) in [
        (deletes(DeleteOption::UniqueInSink, &times), "delete: does not go with conditions on times"),
        (deletes(DeleteOption::UniqueInSink, &TransferConditions::default()), ""),
        (deletes(DeleteOption::FromSourceAfterTransfer, &times), ""),
        (
            StorageTransfer {
                source: TransferSource::HttpList("https://lists.example.com/l".to_owned()),
                ..deletes(DeleteOption::FromSourceAfterTransfer, &times)
            },
            "delete: does not go with a list of URLs",
        ),
    ] {
        expect(&told(|judge| judge.together(&transfer, "sink", "delete")), expected, &format!("{transfer:?}"));
    }
}

#[test]
fn a_sink_is_no_part_of_its_source() {
    let bucket = |bucket: &str, path: &str| BucketPath { bucket: bucket.to_owned(), path: path.to_owned() };
    let from = |name: &str, path: &str| TransferSource::Bucket(bucket(name, path));
    let to = |name: &str, path: &str| TransferSink::Bucket(bucket(name, path));
    let folder = |path: &str| path.to_owned();
    let compatible = S3CompatiblePath {
        bucket: "s3".to_owned(),
        path: "a/".to_owned(),
        endpoint: String::new(),
        region: String::new(),
    };
    for (source, sink, overlaps) in [
        (from("exports", ""), to("sink", ""), false),
        (from("exports", ""), to("exports", ""), true),
        (from("exports", "a/"), to("exports", "a/"), true),
        (from("exports", "a/"), to("exports", "a/b/"), true),
        (from("exports", "a/b/"), to("exports", "a/"), true),
        (from("exports", "a/"), to("exports", "ab/"), false),
        (from("exports", "a/"), to("exports", ""), true),
        (TransferSource::Folder(folder("/data")), to("exports", ""), true),
        (TransferSource::Folder(folder("/data/exports/a")), to("exports", ""), true),
        (TransferSource::Folder(folder("/data/other")), to("exports", ""), false),
        (TransferSource::Folder(folder("/data/a b/c")), to("spaced", ""), true),
        (TransferSource::Folder(folder("/data/a")), TransferSink::Folder(folder("/data/a/b")), true),
        (TransferSource::Folder(folder("/data/a")), TransferSink::Folder(folder("/data/ab")), false),
        (TransferSource::S3(bucket("s3", "a/")), to("s3", "a/b/"), true),
        (TransferSource::S3Compatible(compatible), to("s3", "a/b/"), true),
        (from("s3", ""), to("elsewhere", ""), false),
        (from("s3", ""), to("gcs", ""), false),
        (TransferSource::HttpList("https://lists.example.com/l".to_owned()), to("sink", ""), false),
    ] {
        let transfer = StorageTransfer { source, sink, ..samples::transfer_of_buckets() };
        let expected = if overlaps { "sink: is the source, lies in it, or contains it" } else { "" };
        expect(&told(|judge| judge.together(&transfer, "sink", "delete")), expected, &format!("{transfer:?}"));
    }
}
