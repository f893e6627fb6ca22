//! Which point does what in which process, and how it is brought about.

use runtime::failpoint::POINTS;

/// The process in which a point fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Api,
    Keeper,
    Worker,
}

/// One run of the scenario.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub point: &'static str,
    pub action: &'static str,
    pub role: Role,
    /// Whether the worker is asked to end in mid-run.
    pub drained: bool,
}

/// The longer delay is longer than a worker goes without a renewal, and than an api lets its caller wait.
const ACTIONS: [&str; 7] = ["abort", "abort-after", "error", "lost", "twice", "delay-300", "delay-2600"];

/// What makes no sense, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    // A part is appended to a stream, a file renamed, and an output given up for good: nothing repeats them.
    ("worker.export_part", "twice"),
    ("worker.export_publish", "twice"),
    ("worker.export_abort", "twice"),
];

/// Only a sink in a cloud stores before its next step: `postgres_export: cloud` of the worker's tests has it. Transfers are
/// tried in `storage_transfer: failpoints` there.
const ELSEWHERE: [&str; 4] =
    ["worker.save", "worker.transfer_batch", "worker.transfer_put", "worker.transfer_complete"];

impl Case {
    /// All of them, or those whose name holds `FAILPOINT_ONLY`.
    pub fn all() -> Vec<Self> {
        let only = std::env::var("FAILPOINT_ONLY").unwrap_or_default();
        let places = POINTS.into_iter().filter(|point| !ELSEWHERE.contains(point)).flat_map(places);
        let cases = places.flat_map(|(point, role, drained)| {
            ACTIONS.into_iter().map(move |action| Self { point, action, role, drained })
        });
        cases
            .filter(|case| !LEFT_OUT.contains(&(case.point, case.action)))
            .filter(|case| format!("{} {}", case.point, case.action).contains(&only))
            .collect()
    }

    /// `FAILPOINTS` for it.
    pub fn failpoints(&self) -> String {
        // Only a claim that failed is followed by a look at what is owned, short of 15 s.
        let before = if self.point == "worker.reconcile" { "worker.claim=1*return(lost);" } else { "" };
        format!("{before}{}=1*return({})", self.point, self.action)
    }

    /// Whether an attempt may have done a step of which it was told that it failed.
    pub fn loses_a_step(&self) -> bool {
        (self.point, self.action) == ("worker.step", "lost")
    }

    /// What must be there, by a look at our database, before the process starts with its failpoint.
    pub fn armed_when(&self) -> &'static str {
        match (self.role, self.point) {
            (Role::Worker, _) => "SELECT count(*) >= 8 FROM operations WHERE project_id = 'p' AND state = 'PENDING'",
            (_, "keeper.sweep") => {
                "SELECT count(*) > 0 FROM operations o JOIN workers w ON w.id = o.worker_id WHERE w.expires_at < now()"
            }
            (_, "keeper.fail_overdue") => {
                "SELECT count(*) > 0 FROM operations WHERE state = 'PENDING' AND deadline < now()"
            }
            (_, "keeper.compact") => "SELECT count(*) > 0 FROM operations WHERE project_id = 'p' AND state = 'RUNNING'",
            _ => "SELECT true",
        }
    }

    /// Whether the point lies on the way of what the keeper does when it starts, and then seldom.
    pub fn keeps_house(&self) -> bool {
        self.role == Role::Keeper && !["keeper.sweep", "keeper.fail_overdue", "keeper.compact"].contains(&self.point)
    }
}

/// Where, and how, a point is reached.
fn places(point: &'static str) -> Vec<(&'static str, Role, bool)> {
    match point {
        "broker.publish" => vec![(point, Role::Api, false), (point, Role::Worker, false)],
        // A release is a finish of its own sort.
        "worker.finish" => vec![(point, Role::Worker, false), (point, Role::Worker, true)],
        "worker.retire" => vec![(point, Role::Worker, true)],
        _ if point.starts_with("api.") => vec![(point, Role::Api, false)],
        _ if point.starts_with("worker.") => vec![(point, Role::Worker, false)],
        _ => vec![(point, Role::Keeper, false)],
    }
}
