//! The merge, case by case and against a model that has all in memory.

use super::*;
use crate::executor::storage_transfer::places::entry::Stamp;
use kinds::storage_transfer::TransferConditions;
use operation::Code;
use proptest::prelude::*;
use std::collections::BTreeMap;

const BEGAN: Stamp = Stamp { seconds: 1000, nanos: 0 };

fn entry(key: &str, size: u64, seconds: i64) -> Entry {
    let modified = Some(Stamp { seconds, nanos: 0 });
    Entry { key: key.to_owned(), size, modified, tag: None, md5: None, mode: None, over: Expected::Absent }
}

fn object(key: &str, size: u64, seconds: i64) -> SourceItem {
    SourceItem::Object(entry(key, size, seconds))
}

fn there(key: &str, size: u64, seconds: i64) -> SinkItem {
    SinkItem { entry: entry(key, size, seconds), is_object: true }
}

fn broken(key: &str) -> Broken {
    Broken { key: key.to_owned(), code: Code::Unimplemented, details: String::new(), nameless: false }
}

fn options(overwrite: OverwriteWhen, delete: Option<DeleteOption>) -> TransferOptions {
    TransferOptions { overwrite_existing: false, overwrite_when: Some(overwrite), delete }
}

fn delta(conditions: &TransferConditions, options: &TransferOptions, sink: SinkKind) -> Delta {
    Delta::new(Conditions::new(conditions, BEGAN).unwrap(), options, sink)
}

/// Runs a merge whose listings come in pieces of these lengths.
fn run(mut delta: Delta, source: Vec<SourceItem>, sink: Vec<SinkItem>, pieces: (usize, usize)) -> Vec<Decision> {
    let (mut source, mut sink) = (source.into_iter(), sink.into_iter());
    let (mut left, mut right) = (Side::default(), Side::default());
    let mut decided = Vec::new();
    loop {
        match delta.step(&mut left, &mut right) {
            Step::Decided(decision) => decided.push(decision),
            Step::NeedSource => {
                left.items.extend(source.by_ref().take(pieces.0));
                left.ended = left.items.is_empty();
            }
            Step::NeedSink => {
                right.items.extend(sink.by_ref().take(pieces.1));
                right.ended = right.items.is_empty();
            }
            Step::End => return decided,
        }
    }
}

fn told(decision: &Decision) -> String {
    match decision {
        Decision::Copy(entry) => format!("copy {}", entry.key),
        Decision::Skip(entry, same) => format!("skip {}{}", entry.key, if *same { "" } else { " that differs" }),
        Decision::Delete(entry) => format!("delete {}", entry.key),
        Decision::Broken(broken) => format!("broken {}", broken.key),
        Decision::Folder(key) => format!("folder {key}"),
        Decision::Unlisted(broken) => format!("unlisted {}", broken.key),
    }
}

fn check(delta: Delta, source: Vec<SourceItem>, sink: Vec<SinkItem>, expect: &[&str]) {
    let decided: Vec<_> = run(delta, source, sink, (1, 1)).iter().map(told).collect();
    assert_eq!(decided, expect);
}

#[test]
fn what_is_missing_or_differs_is_copied() {
    use DeleteOption::UniqueInSink;
    use OverwriteWhen::{Always, Different, Never};
    let source = || vec![object("a", 1, 5), object("b", 1, 5), object("c", 2, 5), object("d", 1, 6), object("f", 1, 5)];
    let sink = || vec![there("b", 1, 5), there("c", 1, 5), there("d", 1, 5), there("e", 1, 5), there("g", 1, 5)];
    let plain = TransferConditions::default();
    let of = |overwrite, delete, kind| delta(&plain, &options(overwrite, delete), kind);
    let differing = ["copy a", "skip b", "copy c", "copy d", "copy f"];
    check(of(Different, None, SinkKind::Folder), source(), sink(), &differing);
    let never = ["copy a", "skip b", "skip c that differs", "skip d that differs", "copy f"];
    check(of(Never, None, SinkKind::Folder), source(), sink(), &never);
    let always = ["copy a", "copy b", "copy c", "copy d", "copy f"];
    check(of(Always, None, SinkKind::Folder), source(), sink(), &always);
    let deleting = ["copy a", "skip b", "copy c", "copy d", "delete e", "copy f", "delete g"];
    check(of(Different, Some(UniqueInSink), SinkKind::Folder), source(), sink(), &deleting);
    check(of(Different, Some(UniqueInSink), SinkKind::Store), vec![], sink()[3..].to_vec(), &["delete e", "delete g"]);
}

#[test]
fn a_store_has_times_of_its_own_and_tags_that_tell_more() {
    let check = |kind, changed, written, md5: Option<(u8, u8)>, expect: &str| {
        let delta = delta(&TransferConditions::default(), &TransferOptions::default(), kind);
        let (mut one, mut other) = (entry("k", 1, changed), there("k", 1, written));
        (one.md5, other.entry.md5) = md5.map(|(one, other)| ([one; 16], [other; 16])).unzip();
        let decided = run(delta, vec![SourceItem::Object(one)], vec![other], (1, 1));
        assert_eq!(decided.iter().map(told).collect::<Vec<_>>(), [expect], "{kind:?} {changed} {written} {md5:?}");
    };
    check(SinkKind::Store, 5, 6, None, "skip k");
    check(SinkKind::Store, 5, 5, None, "skip k");
    check(SinkKind::Store, 6, 5, None, "copy k");
    check(SinkKind::Folder, 5, 6, None, "copy k");
    check(SinkKind::Store, 5, 6, Some((1, 2)), "copy k");
    check(SinkKind::Store, 6, 5, Some((1, 1)), "skip k");
}

#[test]
fn what_is_left_out_by_name_is_left_alone_in_the_sink() {
    let conditions = TransferConditions {
        exclude_prefixes: vec!["x/".to_owned()],
        min_time_elapsed: Some(std::time::Duration::from_secs(100)),
        ..TransferConditions::default()
    };
    let deleting = options(OverwriteWhen::Different, Some(DeleteOption::UniqueInSink));
    let source = vec![object("a", 1, 5), object("b", 1, 950), object("x/1", 1, 5), SourceItem::Broken(broken("x/2"))];
    let sink = vec![there("b", 2, 5), there("c", 1, 5), there("x/0", 1, 5), there("x/1", 2, 5)];
    check(delta(&conditions, &deleting, SinkKind::Folder), source, sink, &["copy a", "delete c"]);
}

#[test]
fn nothing_is_deleted_where_the_source_cannot_be_seen() {
    let deleting = options(OverwriteWhen::Different, Some(DeleteOption::UniqueInSink));
    let source = vec![
        SourceItem::Folder("d/".to_owned()),
        SourceItem::Unlisted(broken("d/e/")),
        object("d/f", 1, 5),
        SourceItem::Broken(broken("d/g")),
    ];
    let link = SinkItem { is_object: false, ..there("d/h", 1, 5) };
    let sink = vec![there("d/a", 1, 5), there("d/e/x", 1, 5), there("d/e0", 1, 5), there("d/g", 1, 5), link];
    let expect = ["folder d/", "delete d/a", "unlisted d/e/", "delete d/e0", "copy d/f", "broken d/g"];
    check(delta(&TransferConditions::default(), &deleting, SinkKind::Folder), source, sink, &expect);
}

#[test]
fn what_is_no_object_in_the_sink_is_like_nothing() {
    let link = SinkItem { is_object: false, ..there("a", 1, 5) };
    let of = |overwrite| delta(&TransferConditions::default(), &options(overwrite, None), SinkKind::Folder);
    check(of(OverwriteWhen::Different), vec![object("a", 1, 5)], vec![link.clone()], &["copy a"]);
    check(of(OverwriteWhen::Never), vec![object("a", 1, 5)], vec![link], &["skip a that differs"]);
}

/// The same by a look at all at once.
fn model(
    source: &BTreeMap<String, (u64, i64)>,
    sink: &BTreeMap<String, (u64, i64)>,
    of: &TransferOptions,
) -> Vec<String> {
    let mut keys: Vec<_> = source.keys().chain(sink.keys()).collect();
    keys.sort();
    keys.dedup();
    let decide = |key: &String| match (source.get(key), sink.get(key)) {
        (Some(_), None) => Some(format!("copy {key}")),
        (None, Some(_)) => (of.delete == Some(DeleteOption::UniqueInSink)).then(|| format!("delete {key}")),
        (Some(one), Some(other)) => Some(match of.overwrite() {
            OverwriteWhen::Always => format!("copy {key}"),
            OverwriteWhen::Different if one != other => format!("copy {key}"),
            OverwriteWhen::Never if one != other => format!("skip {key} that differs"),
            OverwriteWhen::Different | OverwriteWhen::Never => format!("skip {key}"),
        }),
        (None, None) => None,
    };
    keys.into_iter().filter_map(decide).collect()
}

fn listing() -> impl Strategy<Value = BTreeMap<String, (u64, i64)>> {
    prop::collection::btree_map("[a-c/.]{1,4}", (0_u64..3, 0_i64..3), 0..24)
}

proptest! {
    #[test]
    fn the_merge_says_what_a_look_at_all_at_once_says(
        source in listing(),
        sink in listing(),
        overwrite in prop::sample::select(vec![OverwriteWhen::Different, OverwriteWhen::Never, OverwriteWhen::Always]),
        delete in prop::sample::select(vec![None, Some(DeleteOption::UniqueInSink), Some(DeleteOption::FromSourceAfterTransfer)]),
        pieces in (1_usize..5, 1_usize..5),
    ) {
        let of = options(overwrite, delete);
        let left = source.iter().map(|(key, (size, time))| object(key, *size, *time)).collect();
        let right = sink.iter().map(|(key, (size, time))| there(key, *size, *time)).collect();
        let merge = delta(&TransferConditions::default(), &of, SinkKind::Folder);
        let decided: Vec<_> = run(merge, left, right, pieces).iter().map(told).collect();
        prop_assert_eq!(decided, model(&source, &sink, &of));
    }
}
