//! What a session does with an operation: drawn from the dice, without looking at anything.

use crate::dice::Dice;
use serde_json::{Value, json};

/// The folder of the bucket that all operations of a run write to.
pub const FOLDER: &str = "ops";

/// What a session does with its next operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Waits for its end.
    Watch,
    /// Cancels it at once; most wait for a slot then.
    CancelAtOnce,
    /// Cancels it while it runs.
    Cancel,
    /// The same, and again, by two replicas at once.
    CancelTwice,
    /// Cancels it when it is done.
    CancelDone,
    /// Pauses it and lets it go on.
    Pause,
    /// Pauses it, and cancels it while it is paused.
    PauseCancel,
    /// Deletes it while it runs: refused, then with a cancel.
    DeleteRunning,
    /// Deletes it when it is done.
    DeleteDone,
    /// It hangs; cancels it then.
    CancelHung,
}

pub fn plan(dice: &mut Dice) -> Plan {
    dice.pick(&[
        (24, Plan::Watch),
        (12, Plan::CancelAtOnce),
        (26, Plan::Cancel),
        (9, Plan::CancelTwice),
        (9, Plan::CancelDone),
        (9, Plan::Pause),
        (4, Plan::PauseCancel),
        (3, Plan::DeleteRunning),
        (4, Plan::DeleteDone),
        (4, Plan::CancelHung),
    ])
}

/// The name that an operation's objects begin with.
pub fn object(number: u64) -> String {
    format!("{FOLDER}/{number}")
}

/// What is asked for. Only operations that are left alone misbehave, and those that hang, which are always cancelled.
pub fn spec(dice: &mut Dice, plan: Plan, number: u64) -> Value {
    let steps = dice.between(3, 30);
    let mut spec = json!({
        "bucket": "exports", "object": object(number), "steps": steps, "stepMillis": dice.between(5, 50),
    });
    let at = dice.between(1, steps);
    if plan == Plan::CancelHung {
        spec["hangAt"] = json!(at);
    }
    if plan == Plan::Watch {
        match dice.between(1, 100) {
            1..=6 => spec["failAt"] = json!(at),
            7..=9 => {
                spec["failAt"] = json!(at);
                spec["failRetryable"] = json!(true);
            }
            10..=12 => spec["panicAt"] = json!(at),
            13..=16 => {
                spec["spinAt"] = json!(at);
                spec["spinMillis"] = json!(dice.between(200, 2_500));
            }
            _ => {}
        }
    }
    spec
}
