//! From a filter to what an index serves: a conjunction in which each field has a set of values or a span of time.
//! OR and NOT are served within one field of few values (`state = PENDING OR state = RUNNING`), where they are a set
//! again.

use super::kind_set::Kinds;
use super::syntax::{Comparator, Expression, Restriction};
use crate::operations::ListFilter;
use operation::{Kind, State};
use std::collections::{BTreeMap, BTreeSet};
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime, UtcOffset};

/// What a list's filters may name.
#[derive(Debug)]
pub struct Language {
    /// The fields, by all names they have. A name that ends with a dot stands before a label's.
    pub fields: &'static [(&'static str, Field)],
    /// The vendor's words for kinds. Another word is that of no operation.
    pub verbs: &'static [(&'static str, Kind)],
    /// What is served, for errors: the end of "This list serves …".
    pub help: &'static str,
}

/// A field that an index serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Whether it has ended.
    Done,
    /// The kind.
    Kind,
    /// A word for the kind ([`Language::verbs`]).
    Verb,
    /// The state.
    State,
    /// The resource it works on.
    Target,
    /// When it was created.
    CreateTime,
    /// One of its labels.
    Label,
}

/// What a filter selects.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it a request, and it is taken apart at once")]
pub enum Selection {
    /// What matches this.
    Matching(ListFilter),
    /// Nothing can match: `done = true AND done = false`.
    Nothing,
}

impl Default for Selection {
    fn default() -> Self {
        Self::Matching(ListFilter::default())
    }
}

/// Turns a filter into a selection.
///
/// # Errors
/// Why no index serves it.
pub fn translate(expression: &Expression, language: &Language) -> Result<Selection, String> {
    let conditions = conditions(expression, language, false)?;
    Ok(conditions.into_selection())
}

/// For each field what it may be; `None` means anything.
#[derive(Debug, Clone, Default, PartialEq)]
struct Conditions {
    done: Option<BTreeSet<bool>>,
    kinds: Option<Kinds>,
    states: Option<Vec<State>>,
    target: Option<String>,
    labels: BTreeMap<String, String>,
    from: Option<OffsetDateTime>,
    before: Option<OffsetDateTime>,
    contradiction: bool,
    /// The fields it names.
    named: BTreeSet<Field>,
}

/// The times a list can be asked about. Beyond them a comparison is decided without asking.
const FIRST: OffsetDateTime = datetime!(1970-01-01 00:00 UTC);
const LAST: OffsetDateTime = datetime!(9990-01-01 00:00 UTC);
/// The database's clock tells microseconds: "after" is "from the next one".
const TICK: Duration = Duration::microseconds(1);

/// `negated` hands a NOT down to what it can be served for.
fn conditions(expression: &Expression, language: &Language, negated: bool) -> Result<Conditions, String> {
    match expression {
        Expression::Not(inner) => conditions(inner, language, !negated),
        Expression::Restriction(restriction) => of_restriction(restriction, language, negated),
        Expression::Anywhere(value) => {
            Err(format!("{value:?} names no field with a comparator: a search over all fields is not served"))
        }
        // De Morgan: NOT (a AND b) is NOT a OR NOT b.
        Expression::All(items) if negated => any(items, language, true),
        Expression::Any(items) if negated => all(items, language, true),
        Expression::All(items) => all(items, language, false),
        Expression::Any(items) => any(items, language, false),
    }
}

fn all(items: &[Expression], language: &Language, negated: bool) -> Result<Conditions, String> {
    items.iter().try_fold(Conditions::default(), |both, item| Ok(both.and(conditions(item, language, negated)?)))
}

fn any(items: &[Expression], language: &Language, negated: bool) -> Result<Conditions, String> {
    let mut either: Option<Conditions> = None;
    for item in items {
        let next = conditions(item, language, negated)?;
        either = Some(match either {
            None => next,
            Some(either) => either.or(next)?,
        });
    }
    Ok(either.unwrap_or_default())
}

fn of_restriction(restriction: &Restriction, language: &Language, negated: bool) -> Result<Conditions, String> {
    let Restriction { field: name, comparator, value } = restriction;
    let known =
        language.fields.iter().find(|(known, _)| known == name || (known.ends_with('.') && name.starts_with(known)));
    let (prefix, field) = *known.ok_or_else(|| format!("the field {name:?} is not served"))?;
    let mut conditions = Conditions { named: BTreeSet::from([field]), ..Conditions::default() };
    if field == Field::CreateTime {
        return of_time(restriction, negated, conditions);
    }
    let equal = match comparator {
        Comparator::Equal | Comparator::Has => !negated,
        Comparator::NotEqual => negated,
        Comparator::Less | Comparator::LessOrEqual | Comparator::Greater | Comparator::GreaterOrEqual => {
            return Err(format!("{name} does not compare with {}", comparator.as_str()));
        }
    };
    match field {
        Field::Done => {
            let done = truth(value).ok_or_else(|| format!("{name} is true or false, not {value:?}"))?;
            conditions.done = Some(BTreeSet::from([done == equal]));
        }
        Field::Kind => {
            let kind: Kind = value.parse().map_err(|error| format!("{name}: {error}"))?;
            conditions.kinds = Some(Kinds::of([kind], equal));
        }
        // A verb that we have no operations of matches nothing, and its opposite all.
        Field::Verb => {
            let kinds = language.verbs.iter().filter(|(verb, _)| verb == value).map(|(_, kind)| kind.clone());
            conditions.kinds = Some(Kinds::of(kinds, equal));
        }
        Field::State => {
            let states = State::ALL.map(State::as_str).join(", ");
            let state: State = value.parse().map_err(|()| format!("{name} is one of {states}, not {value:?}"))?;
            conditions.states = Some(State::ALL.into_iter().filter(|other| (*other == state) == equal).collect());
        }
        Field::Target | Field::Label if !equal => return Err(format!("{name} is served for equality alone")),
        Field::Target if value.contains('*') => return Err(format!("{name} is served without wildcards")),
        Field::Target => conditions.target = Some(value.clone()),
        Field::Label => {
            conditions.labels.insert(name[prefix.len()..].to_owned(), value.clone());
        }
        Field::CreateTime => {}
    }
    Ok(conditions)
}

fn of_time(restriction: &Restriction, negated: bool, conditions: Conditions) -> Result<Conditions, String> {
    let Restriction { field: name, comparator, value } = restriction;
    let parsed = OffsetDateTime::parse(value, &Rfc3339).ok().and_then(|time| time.checked_to_offset(UtcOffset::UTC));
    let time = parsed.ok_or_else(|| format!("{name} compares with an RFC 3339 time, not {value:?}"))?;
    // To the microsecond: `tick` is the first one not before the time, `next` the first one after it.
    let floor = time.clamp(FIRST, LAST);
    let floor = floor - Duration::nanoseconds(i64::from(floor.nanosecond() % 1_000));
    let next = floor + TICK;
    let exact = floor == time;
    let tick = if exact { floor } else { next };
    Ok(match (comparator, negated) {
        (Comparator::Less, false) | (Comparator::GreaterOrEqual, true) => {
            Conditions { before: Some(tick), ..conditions }
        }
        (Comparator::LessOrEqual, false) | (Comparator::Greater, true) => {
            Conditions { before: Some(next), ..conditions }
        }
        (Comparator::GreaterOrEqual, false) | (Comparator::Less, true) => Conditions { from: Some(tick), ..conditions },
        (Comparator::Greater, false) | (Comparator::LessOrEqual, true) => Conditions { from: Some(next), ..conditions },
        (Comparator::Equal, false) | (Comparator::NotEqual, true) => {
            Conditions { from: Some(floor), before: Some(next), contradiction: !exact, ..conditions }
        }
        (Comparator::NotEqual, false) | (Comparator::Equal, true) | (Comparator::Has, _) => {
            return Err(format!("{name} is served for <, <=, >, >= and = alone"));
        }
    })
}

fn truth(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Conditions {
    fn and(self, other: Self) -> Self {
        let contradiction = self.contradiction
            || other.contradiction
            || matches!((&self.target, &other.target), (Some(one), Some(two)) if one != two)
            || other.labels.iter().any(|(key, value)| self.labels.get(key).is_some_and(|other| other != value));
        let mut labels = self.labels;
        labels.extend(other.labels);
        Self {
            labels,
            done: intersection(self.done, other.done, |one, two| &one & &two),
            kinds: intersection(self.kinds, other.kinds, Kinds::and),
            states: intersection(self.states, other.states, common),
            target: self.target.or(other.target),
            from: intersection(self.from, other.from, Ord::max),
            before: intersection(self.before, other.before, Ord::min),
            contradiction,
            named: &self.named | &other.named,
        }
    }

    /// Served where both name the same one field, of few values.
    fn or(self, other: Self) -> Result<Self, String> {
        let named = &self.named | &other.named;
        let of_few_values = match named.iter().collect::<Vec<_>>()[..] {
            [Field::Done | Field::Kind | Field::Verb | Field::State] => true,
            [Field::Target | Field::CreateTime | Field::Label] | [] | [_, _, ..] => false,
        };
        if !of_few_values {
            return Err("OR is served within one of the fields of few values alone".to_owned());
        }
        Ok(Self {
            done: self.done.zip(other.done).map(|(one, two)| &one | &two),
            kinds: self.kinds.zip(other.kinds).map(|(one, two)| one.or(two)),
            states: self.states.zip(other.states).map(either),
            named,
            ..Self::default()
        })
    }

    fn into_selection(self) -> Selection {
        let empty_span = matches!((self.from, self.before), (Some(from), Some(before)) if from >= before);
        let nothing = self.contradiction
            || empty_span
            || self.done.as_ref().is_some_and(BTreeSet::is_empty)
            || self.kinds.as_ref().is_some_and(Kinds::is_empty)
            || self.states.as_ref().is_some_and(Vec::is_empty);
        if nothing {
            return Selection::Nothing;
        }
        let (kinds, excluded_kinds) = self.kinds.map(Kinds::into_lists).unwrap_or_default();
        Selection::Matching(ListFilter {
            collection: None,
            collection_prefix: None,
            target: self.target,
            targets: Vec::new(),
            ids: Vec::new(),
            labels: self.labels,
            done: self.done.filter(|done| done.len() == 1).and_then(|done| done.first().copied()),
            kinds,
            excluded_kinds,
            // All there are means any: an empty list.
            states: self.states.filter(|states| states.len() < State::ALL.len()).unwrap_or_default(),
            created_from: self.from,
            created_before: self.before,
        })
    }
}

fn intersection<T>(one: Option<T>, two: Option<T>, both: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, two) {
        (Some(one), Some(two)) => Some(both(one, two)),
        (one, two) => one.or(two),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `intersection` takes")]
fn common<T: PartialEq>(one: Vec<T>, two: Vec<T>) -> Vec<T> {
    one.into_iter().filter(|item| two.contains(item)).collect()
}

fn either<T: PartialEq>((mut one, two): (Vec<T>, Vec<T>)) -> Vec<T> {
    for item in two {
        if !one.contains(&item) {
            one.push(item);
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::filter::select;

    const EXPORT: Kind = Kind::from_static("acme.export");

    const LANGUAGE: Language = Language {
        fields: &[
            ("done", Field::Done),
            ("kind", Field::Kind),
            ("verb", Field::Verb),
            ("state", Field::State),
            ("target", Field::Target),
            ("create_time", Field::CreateTime),
            ("labels.", Field::Label),
        ],
        verbs: &[("export", EXPORT)],
        help: "these",
    };

    fn matching() -> ListFilter {
        ListFilter::default()
    }

    #[track_caller]
    fn check(filter: &str, expected: ListFilter) {
        assert_eq!(select(filter, &LANGUAGE).map_err(|e| e.to_string()), Ok(Selection::Matching(expected)), "{filter}");
    }

    #[test]
    fn sets_are_served() {
        check("", matching());
        check("done = true", ListFilter { done: Some(true), ..matching() });
        check("NOT done=true", ListFilter { done: Some(false), ..matching() });
        check("done != true", ListFilter { done: Some(false), ..matching() });
        check("-done != true", ListFilter { done: Some(true), ..matching() });
        check("done=true OR done=false", matching());
        check("kind = acme.reindex", ListFilter { kinds: vec![Kind::from_static("acme.reindex")], ..matching() });
        check("kind != acme.export", ListFilter { excluded_kinds: vec![EXPORT], ..matching() });
        check("kind = acme.export OR kind != acme.export", matching());
        check("verb = \"export\"", ListFilter { kinds: vec![EXPORT], ..matching() });
        check("verb != import", matching());
        check(
            "state = RUNNING OR state = PENDING",
            ListFilter { states: vec![State::Running, State::Pending], ..matching() },
        );
        check(
            "NOT (state = RUNNING OR state = PENDING)",
            ListFilter { states: vec![State::Paused, State::Succeeded, State::Failed, State::Cancelled], ..matching() },
        );
        check(
            "NOT (state != RUNNING AND state != PENDING)",
            ListFilter { states: vec![State::Running, State::Pending], ..matching() },
        );
        check(
            "target = projects/p AND done = false verb:export",
            ListFilter { target: Some("projects/p".to_owned()), done: Some(false), kinds: vec![EXPORT], ..matching() },
        );
    }

    #[test]
    fn labels_are_served_for_equality() {
        let labelled = |labels: &[(&str, &str)]| ListFilter {
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..matching()
        };
        check("labels.env = prod", labelled(&[("env", "prod")]));
        check("labels.env = \"a b\" labels.tier:x", labelled(&[("env", "a b"), ("tier", "x")]));
        assert_eq!(select("labels.env = a labels.env = b", &LANGUAGE).ok(), Some(Selection::Nothing));
        for filter in ["labels.env != a", "labels.env = a OR labels.env = b", "labels = a", "NOT labels.env = a"] {
            assert!(select(filter, &LANGUAGE).is_err(), "{filter}");
        }
    }

    #[test]
    fn times_are_served_to_the_microsecond() {
        let at = datetime!(2026-11-23 10:00 UTC);
        let from = |from| ListFilter { created_from: Some(from), ..matching() };
        let before = |before| ListFilter { created_before: Some(before), ..matching() };
        check("create_time >= 2026-11-23T10:00:00Z", from(at));
        check("create_time >= \"2026-11-23T12:00:00+02:00\"", from(at));
        check("create_time > 2026-11-23T10:00:00Z", from(at + TICK));
        check("create_time < 2026-11-23T10:00:00Z", before(at));
        check("create_time <= 2026-11-23T10:00:00Z", before(at + TICK));
        check("NOT create_time < 2026-11-23T10:00:00Z", from(at));
        check("create_time > 2026-11-23T10:00:00.000000500Z", from(at + TICK));
        check("create_time >= 2026-11-23T10:00:00.000000500Z", from(at + TICK));
        check("create_time < 2026-11-23T10:00:00.000000500Z", before(at + TICK));
        check(
            "create_time = 2026-11-23T10:00:00Z",
            ListFilter { created_from: Some(at), created_before: Some(at + TICK), ..matching() },
        );
        check(
            "create_time >= 2026-11-23T10:00:00Z create_time < 2026-11-24T00:00:00Z create_time < 2026-11-25T00:00:00Z",
            ListFilter { created_from: Some(at), created_before: Some(datetime!(2026-11-24 0:00 UTC)), ..matching() },
        );
        // The ends of the calendar do not overflow.
        check("create_time < 9999-12-31T23:59:59.999999999Z", before(LAST + TICK));
        check("create_time > 0000-01-01T00:00:00Z", from(FIRST + TICK));
    }

    #[test]
    fn contradictions_select_nothing() {
        for filter in [
            "done=true AND done=false",
            "verb = import",
            "verb != export AND kind = acme.export",
            "state = RUNNING state = PENDING",
            "target = a AND target = b",
            "create_time > 2026-11-23T10:00:00Z AND create_time < 2026-11-23T10:00:00Z",
            "create_time = 2026-11-23T10:00:00.000000500Z",
        ] {
            assert_eq!(select(filter, &LANGUAGE).unwrap(), Selection::Nothing, "{filter}");
        }
    }

    #[test]
    fn what_no_index_serves_is_refused_with_what_is() {
        let check = |filter: &str, expected: &str| {
            let got = select(filter, &LANGUAGE).expect_err(filter).to_string();
            assert_eq!(got, format!("INVALID_ARGUMENT: filter: {expected}. This list serves these"), "{filter}");
        };
        check("endTime > 2026-11-23T10:00:00Z", "the field \"endTime\" is not served");
        check("export", "\"export\" names no field with a comparator: a search over all fields is not served");
        check("done = true OR target = x", "OR is served within one of the fields of few values alone");
        check("NOT (done = true AND target = x)", "target is served for equality alone");
        check("target = a OR target = b", "OR is served within one of the fields of few values alone");
        check(
            "create_time < 2026-11-23T10:00:00Z OR create_time > 2026-11-24T10:00:00Z",
            "OR is served within one of the fields of few values alone",
        );
        check("target != a", "target is served for equality alone");
        check("NOT target = a", "target is served for equality alone");
        check("target = \"a*\"", "target is served without wildcards");
        check("target > a", "target does not compare with >");
        check("done = yes", "done is true or false, not \"yes\"");
        check(
            "state = running",
            "state is one of PENDING, RUNNING, PAUSED, SUCCEEDED, FAILED, CANCELLED, not \"running\"",
        );
        check(
            "kind = x",
            "kind: \"x\" is not a kind of operation: two or three lower-case words with dots between them",
        );
        check("create_time > yesterday", "create_time compares with an RFC 3339 time, not \"yesterday\"");
        check(
            "create_time > 9999-12-31T23:59:59-23:59",
            "create_time compares with an RFC 3339 time, not \"9999-12-31T23:59:59-23:59\"",
        );
        check("create_time != 2026-11-23T10:00:00Z", "create_time is served for <, <=, >, >= and = alone");
        check("size(x) > 3", "functions are not served (at character 5)");
    }
}
