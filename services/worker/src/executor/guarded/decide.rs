//! What to do after a request that was not answered with success: pure functions of the answer and of what is now at the
//! destination.

use super::condition::{Condition, Found, Mark, same_tag};

/// What is known of a request that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The condition did not hold, or another write to the same name came in between (412, 409).
    Refused,
    /// What the request is about does not exist: the upload, the object to replace, or the bucket (404).
    Missing,
    /// The store refused for another reason (other 4xx).
    Denied,
    /// Nobody knows whether the request took effect: no answer, or an error of the store (5xx).
    Unheard,
}

/// What to do about a write.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterWrite {
    /// Nothing: our object is there.
    Published,
    /// Send it again, with this condition.
    Send(Condition),
    /// A later attempt has written: this one is fenced.
    TakenOver,
    /// Somebody else's object is there, and it must stay.
    Occupied,
    /// An object is there that we cannot see, and so cannot replace.
    Hidden,
    /// Give up with the store's error.
    Fail,
}

/// After a write that was sent with this condition. `overwrites` says whether another writer's object may be replaced.
pub fn after_write(answer: Answer, sent: &Condition, found: &Found, mark: &Mark, overwrites: bool) -> AfterWrite {
    match found.mark() {
        Some(there) if there == mark => return AfterWrite::Published,
        Some(there) if there.is_later_than(mark) => return AfterWrite::TakenOver,
        _ => {}
    }
    let next = if *sent == Condition::Any { Condition::Any } else { found.condition() };
    let unchanged = next == *sent;
    match answer {
        Answer::Denied => AfterWrite::Fail,
        Answer::Refused if *found == Found::Hidden => AfterWrite::Hidden,
        // Nothing has changed at the destination, so what is missing is the upload or the bucket.
        Answer::Missing if unchanged => AfterWrite::Fail,
        Answer::Refused | Answer::Missing | Answer::Unheard => {
            let ours = found.mark().is_some_and(|there| there.is_same_operation(mark));
            let foreign = matches!(found, Found::Object(..)) && !ours;
            if foreign && !overwrites && !unchanged { AfterWrite::Occupied } else { AfterWrite::Send(next) }
        }
    }
}

/// What to do about a delete.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterDelete {
    /// Nothing: the object is gone.
    Deleted,
    /// Send it again, with this condition.
    Send(Condition),
    /// Another object is there: it stays.
    Changed,
    /// Give up with the store's error.
    Fail,
}

/// After a delete of the object with this tag.
pub fn after_delete(answer: Answer, sent: &Condition, found: &Found, tag: Option<&str>) -> AfterDelete {
    match (answer, found) {
        (Answer::Missing, _) | (_, Found::Absent) => AfterDelete::Deleted,
        (Answer::Denied, _) | (Answer::Unheard, Found::Hidden) => AfterDelete::Fail,
        (Answer::Refused, Found::Hidden) => AfterDelete::Changed,
        (Answer::Refused | Answer::Unheard, Found::Object(version, _)) => {
            if !is_version(version.tag.as_deref(), tag) {
                AfterDelete::Changed
            } else if *sent == Condition::Any {
                AfterDelete::Send(Condition::Any)
            } else {
                AfterDelete::Send(found.condition())
            }
        }
    }
}

/// Whether an object with the tag `there` is the listed one. A store that gives no tags cannot tell.
pub fn is_version(there: Option<&str>, listed: Option<&str>) -> bool {
    match (there, listed) {
        (None, _) => true,
        (Some(there), Some(listed)) => same_tag(there, listed),
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Version;
    use super::*;
    use operation::AttemptNumber;
    use uuid::Uuid;

    fn mark(operation: u128, attempt: u32) -> Mark {
        let operation = Uuid::from_u128(operation).to_string().parse().unwrap();
        Mark { operation, attempt: AttemptNumber(attempt), write: Uuid::from_u128(u128::from(attempt)) }
    }

    fn version(tag: &str) -> Version {
        Version { tag: Some(tag.to_owned()), generation: None }
    }

    fn named(tag: &str) -> Condition {
        Condition::Version(version(tag))
    }

    fn object(tag: &str, mark: Option<Mark>) -> Found {
        Found::Object(version(tag), mark)
    }

    #[test]
    fn a_write_is_repeated_only_against_what_is_now_there() {
        use AfterWrite::{Fail, Hidden, Occupied, Published, Send, TakenOver};
        use Answer::{Denied, Missing, Refused, Unheard};
        use Condition::{Absent, Any};
        let me = mark(1, 2);
        let (mine, earlier, later) =
            (object("m", Some(me)), object("e", Some(mark(1, 1))), object("l", Some(mark(1, 3))));
        let (foreign, unmarked) = (object("f", Some(mark(2, 9))), object("u", None));
        for (answer, sent, found, expect) in [
            // Whatever the answer was, our object is there.
            (Refused, Absent, &mine, Published),
            (Missing, Absent, &mine, Published),
            (Denied, named("e"), &mine, Published),
            (Unheard, Any, &mine, Published),
            // A later attempt has written, whatever we heard.
            (Refused, Absent, &later, TakenOver),
            (Unheard, Absent, &later, TakenOver),
            (Unheard, Any, &later, TakenOver),
            // An earlier attempt's late write, or another writer's: it is replaced, by its name.
            (Refused, Absent, &earlier, Send(named("e"))),
            (Refused, named("x"), &foreign, Send(named("f"))),
            (Refused, named("x"), &unmarked, Send(named("u"))),
            (Refused, named("x"), &Found::Absent, Send(Absent)),
            (Missing, named("x"), &Found::Absent, Send(Absent)),
            // A conflict that has passed.
            (Refused, named("u"), &unmarked, Send(named("u"))),
            // Not heard: the same again, which the first one can't then undo.
            (Unheard, Absent, &Found::Absent, Send(Absent)),
            (Unheard, named("u"), &unmarked, Send(named("u"))),
            (Unheard, Any, &unmarked, Send(Any)),
            (Unheard, Absent, &Found::Hidden, Send(Absent)),
            // The upload or the bucket is gone.
            (Missing, Absent, &Found::Absent, Fail),
            (Missing, named("u"), &unmarked, Fail),
            (Missing, Any, &unmarked, Fail),
            (Denied, Absent, &Found::Absent, Fail),
            (Denied, Absent, &foreign, Fail),
            (Refused, Absent, &Found::Hidden, Hidden),
        ] {
            assert_eq!(after_write(answer, &sent, found, &me, true), expect, "{answer:?} {sent:?} {found:?}");
        }
        for (sent, found, expect) in [
            (Absent, &foreign, Occupied),
            (Absent, &unmarked, Occupied),
            (Absent, &earlier, Send(named("e"))),
            (Absent, &mine, Published),
        ] {
            assert_eq!(after_write(Refused, &sent, found, &me, false), expect, "{sent:?} {found:?}");
        }
    }

    #[test]
    fn a_delete_is_repeated_only_for_the_object_that_was_listed() {
        use AfterDelete::{Changed, Deleted, Fail, Send};
        use Answer::{Denied, Missing, Refused, Unheard};
        let sent = named("\"t\"");
        for (answer, found, expect) in [
            (Missing, object("other", None), Deleted),
            (Unheard, Found::Absent, Deleted),
            (Refused, Found::Absent, Deleted),
            (Refused, object("other", None), Changed),
            (Unheard, object("other", None), Changed),
            (Unheard, object("t", None), Send(named("t"))),
            (Refused, object("t", None), Send(named("t"))),
            (Denied, object("t", None), Fail),
            (Unheard, Found::Hidden, Fail),
            (Refused, Found::Hidden, Changed),
        ] {
            assert_eq!(after_delete(answer, &sent, &found, Some("\"t\"")), expect, "{answer:?} {found:?}");
        }
        let again = after_delete(Unheard, &Condition::Any, &object("t", None), Some("t"));
        assert_eq!(again, Send(Condition::Any));
        assert_eq!(after_delete(Unheard, &Condition::Any, &object("t", None), None), Changed);
    }
}
