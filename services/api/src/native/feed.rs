//! What a client of the stream of an operation's events is sent, in the form of server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). Pure: what is known comes in, text goes out.

use super::translate;
use crate::kinds::own::Units;
use crate::operations::Operation;
use crate::operations::watch::Known;
use crate::wire::merge_patch;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A line that says nothing, lest somebody on the way takes the stream for dead.
pub const HEARTBEAT: &str = ":\n\n";
/// How soon a client comes back when a stream breaks off.
pub const RETRY: &str = "retry: 1000\n\n";

/// What one client was sent.
#[derive(Debug)]
pub struct Feed {
    units: Units,
    /// The revision it had when it came, by `Last-Event-ID`.
    resumed: Option<i64>,
    sent: Option<Arc<Operation>>,
    over: bool,
}

impl Feed {
    /// For a client that has seen this event last. What is no revision of ours is as good as none.
    pub fn new(last_event_id: Option<&str>, units: Units) -> Self {
        Self { units, resumed: last_event_id.and_then(|id| id.trim().parse().ok()), sent: None, over: false }
    }

    /// Whether all has been said.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// What it is to be sent next, or nothing.
    pub fn next(&mut self, known: &Known) -> String {
        match known {
            Known::Nothing => String::new(),
            Known::Gone => {
                self.over = true;
                "event: deleted\ndata: {}\n\n".to_owned()
            }
            Known::There(operation) => self.state(operation),
        }
    }

    fn state(&mut self, operation: &Arc<Operation>) -> String {
        let mut text = match (&self.sent, self.resumed) {
            (Some(sent), _) if sent.revision >= operation.revision => String::new(),
            (Some(sent), _) => step(&self.units, sent, operation),
            // It was told of a newer one, by a replica that had looked later. It must not go back (INV-6).
            (None, Some(resumed)) if resumed > operation.revision && !operation.state.is_done() => {
                return String::new();
            }
            (None, Some(resumed)) if resumed == operation.revision => String::new(),
            (None, _) => snapshot(&self.units, operation),
        };
        self.sent = Some(operation.clone());
        if operation.state.is_done() && !self.over {
            self.over = true;
            text.push_str("event: end\ndata: {}\n\n");
        }
        text
    }
}

/// From what it was sent to what is now. What no merge patch can say is sent whole.
fn step(units: &Units, sent: &Operation, operation: &Operation) -> String {
    match merge_patch::between(&json(units, sent), &json(units, operation)) {
        Some(patch) => event("delta", operation.revision, &Value::Object(patch)),
        None => snapshot(units, operation),
    }
}

fn snapshot(units: &Units, operation: &Operation) -> String {
    event("snapshot", operation.revision, &Value::Object(json(units, operation)))
}

fn json(units: &Units, operation: &Operation) -> Map<String, Value> {
    let shown = serde_json::to_value(translate::operation(units, operation.clone()));
    // A struct of texts and numbers always is an object.
    if let Ok(Value::Object(members)) = shown { members } else { Map::new() }
}

/// JSON as we write it holds no line break.
fn event(name: &str, revision: i64, data: &Value) -> String {
    format!("id: {revision}\nevent: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::watch::tests::at_revision;
    use operation::{OperationId, State};
    use serde_json::json;

    fn known(revision: i64, state: State) -> Known {
        let id = OperationId::from_uuid(uuid::Uuid::nil());
        Known::There(Arc::new(at_revision(id, revision, state)))
    }

    /// The names of the events in a text, with their ids.
    fn names(text: &str) -> Vec<String> {
        let events = text.split_terminator("\n\n").map(|event| {
            let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("-").to_owned();
            format!("{} {}", line("event: "), line("id: "))
        });
        events.collect()
    }

    #[test]
    fn first_the_whole_then_what_changes_then_the_end() {
        let mut feed = Feed::new(None, Units::of_native_kinds());
        assert_eq!(feed.next(&Known::Nothing), "");
        assert_eq!(names(&feed.next(&known(1, State::Pending))), ["snapshot 1"]);
        assert_eq!(feed.next(&known(1, State::Pending)), "");
        let patch = json!({"revision": "3", "state": "RUNNING"});
        assert_eq!(feed.next(&known(3, State::Running)), format!("id: 3\nevent: delta\ndata: {patch}\n\n"));
        assert_eq!(feed.next(&known(2, State::Pending)), "", "never back");
        assert!(!feed.is_over());
        assert_eq!(names(&feed.next(&known(4, State::Failed))), ["delta 4", "end -"]);
        assert!(feed.is_over());
        let mut feed = Feed::new(None, Units::of_native_kinds());
        feed.next(&known(1, State::Running));
        assert_eq!(names(&feed.next(&Known::Gone)), ["deleted -"]);
        assert!(feed.is_over());
    }

    #[test]
    fn who_comes_back_is_told_what_it_does_not_know() {
        let check = |last: &str, first: &[&str]| {
            let mut feed = Feed::new(Some(last), Units::of_native_kinds());
            assert_eq!(names(&feed.next(&known(5, State::Running))), first, "{last}");
            feed
        };
        check("4", &["snapshot 5"]);
        check("", &["snapshot 5"]);
        check("five", &["snapshot 5"]);
        let mut same = check("5", &[]);
        assert_eq!(names(&same.next(&known(6, State::Running))), ["delta 6"]);
        // The replica looks late: it waits until it has caught up.
        let mut ahead = check("7", &[]);
        assert_eq!(names(&ahead.next(&known(6, State::Running))), [""; 0]);
        assert_eq!(names(&ahead.next(&known(7, State::Running))), [""; 0]);
        assert_eq!(names(&ahead.next(&known(8, State::Running))), ["delta 8"]);
        let mut passed = check("7", &[]);
        assert_eq!(names(&passed.next(&known(9, State::Running))), ["snapshot 9"]);
        let mut ended = Feed::new(Some("5"), Units::of_native_kinds());
        assert_eq!(names(&ended.next(&known(5, State::Succeeded))), ["end -"]);
        // No replica can be behind an end: this id was none of ours.
        let mut foreign = Feed::new(Some("99"), Units::of_native_kinds());
        assert_eq!(names(&foreign.next(&known(5, State::Succeeded))), ["snapshot 5", "end -"]);
    }
}
