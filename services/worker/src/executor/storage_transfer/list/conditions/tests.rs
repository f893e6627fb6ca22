use super::*;
use time::macros::datetime;

const BEGAN: Stamp = Stamp { seconds: 1_000_000, nanos: 500 };

fn conditions(change: impl FnOnce(&mut TransferConditions)) -> Conditions {
    let mut conditions = TransferConditions::default();
    change(&mut conditions);
    Conditions::new(&conditions, BEGAN).unwrap()
}

fn owned(prefixes: &[&str]) -> Vec<String> {
    prefixes.iter().map(|&prefix| prefix.to_owned()).collect()
}

#[test]
fn names_go_by_prefixes_and_glob() {
    let check = |include: &[&str], exclude: &[&str], glob: Option<&str>, key: &str, expect: bool| {
        let conditions = conditions(|of| {
            of.include_prefixes = owned(include);
            of.exclude_prefixes = owned(exclude);
            of.match_glob = glob.map(ToOwned::to_owned);
        });
        assert_eq!(conditions.admit_name(key), expect, "{include:?} {exclude:?} {glob:?} {key}");
    };
    check(&[], &[], None, "a/b", true);
    check(&["a/"], &[], None, "a/b", true);
    check(&["a/"], &[], None, "ab", false);
    check(&["a"], &[], None, "ab", true);
    check(&["a/", "c"], &["a/b"], None, "a/bc", false);
    check(&["a/", "c"], &["a/b"], None, "a/cb", true);
    check(&["a/", "c"], &["a/b"], None, "cat", true);
    check(&[], &[], Some("*.csv"), "a.csv", true);
    check(&[], &[], Some("*.csv"), "d/a.csv", false);
    check(&[], &[], Some("**/*.csv"), "d/e/a.csv", true);
    check(&[], &[], Some("**/*.csv"), "a.csv", true);
    check(&[], &[], Some("d/**"), "d/e/f", true);
    check(&[], &[], Some("d/?"), "d/e", true);
    // The matcher goes by bytes.
    check(&[], &[], Some("d/?"), "d/é", false);
    check(&[], &[], Some("d/é*"), "d/éa", true);
    check(&[], &[], Some("d?e"), "d/e", false);
    check(&[], &[], Some("{a,b}/[x-z]"), "b/y", true);
    check(&["b"], &[], Some("{a,b}/[x-z]"), "a/y", false);
}

#[test]
fn folders_that_hold_nothing_that_is_meant_are_not_entered() {
    let check = |include: &[&str], exclude: &[&str], folder: &str, expect: bool| {
        let conditions = conditions(|of| {
            of.include_prefixes = owned(include);
            of.exclude_prefixes = owned(exclude);
        });
        assert_eq!(conditions.admit_folder(folder), expect, "{include:?} {exclude:?} {folder}");
    };
    check(&[], &[], "", true);
    check(&["a/b"], &[], "", true);
    check(&["a/b"], &[], "a/", true);
    check(&["a/b"], &[], "a/bc/", true);
    check(&["a/b"], &[], "a/c/", false);
    check(&[], &["a/b"], "a/", true);
    check(&[], &["a/b"], "a/bc/d/", false);
}

#[test]
fn times_are_counted_from_the_beginning() {
    let stamp = |seconds, nanos| Some(Stamp { seconds, nanos });
    let at_least = conditions(|of| of.min_time_elapsed = Some(Duration::from_secs(100)));
    let at_most = conditions(|of| of.max_time_elapsed = Some(Duration::new(100, 600)));
    let between = conditions(|of| {
        of.modified_since = Some(datetime!(1970-01-12 00:00 UTC));
        of.modified_before = Some(datetime!(1970-01-12 00:01 UTC));
    });
    let always = conditions(|of| of.max_time_elapsed = Some(Duration::MAX));
    let midnight = 11 * 86_400;
    for (of, modified, expect) in [
        (&at_least, stamp(999_900, 500), true),
        (&at_least, stamp(999_900, 501), false),
        (&at_most, stamp(999_899, 999_999_900), true),
        (&at_most, stamp(999_899, 999_999_899), false),
        (&between, stamp(midnight, 0), true),
        (&between, stamp(midnight - 1, 999_999_999), false),
        (&between, stamp(midnight + 60, 0), false),
        (&between, None, true),
        (&always, stamp(i64::MIN, 0), false),
        (&always, stamp(0, 0), true),
    ] {
        assert_eq!(of.admit_time(modified), expect, "{of:?} {modified:?}");
    }
}

#[test]
fn a_glob_that_is_none_is_refused() {
    let conditions = TransferConditions { match_glob: Some("a[".to_owned()), ..TransferConditions::default() };
    let failure = Conditions::new(&conditions, BEGAN).unwrap_err();
    assert_eq!(failure.code, Code::InvalidArgument);
    assert!(failure.message.starts_with("matchGlob: "), "{failure}");
}

#[test]
fn an_operations_id_tells_when_it_was_made() {
    let id = "0190a000-0000-7000-8000-000000000000".parse().unwrap();
    assert_eq!(began(id), Stamp { seconds: 1_720_671_272, nanos: 960_000_000 });
}
