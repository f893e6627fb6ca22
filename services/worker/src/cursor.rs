//! Where the look over the projects begins: a claim looks at a bounded number of them, the next one at those behind, and at
//! the end it starts over.

use store::Claim;

/// What a claim leaves to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// There was nothing, or all was taken.
    Nothing,
    /// There may be more to claim at once.
    More,
    /// There is work that waits for the end of other work: all slots are taken, or as many of a project run as may.
    Waiting,
    /// Another worker was claiming of the same project: a moment later there may be more.
    PassedOver,
}

/// The place in the round over all projects.
#[derive(Debug, Default)]
pub struct Cursor {
    from: String,
    claimed: bool,
    held_back: bool,
    passed_over: bool,
}

impl Cursor {
    /// The project to begin with.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Goes on behind what a claim has looked at, which was asked for `free` operations.
    pub fn advance(&mut self, claim: &Claim, free: usize) -> Left {
        self.held_back |= claim.held_back;
        self.passed_over |= claim.passed_over;
        if let Some(last) = claim.operations.iter().map(|claimed| claimed.project.as_str()).max() {
            last.clone_into(&mut self.from);
            self.claimed = true;
            return if claim.operations.len() == free { Left::More } else { self.left() };
        }
        if let Some(on) = &claim.look_on {
            on.clone_into(&mut self.from);
            return Left::More;
        }
        // The end of the projects: once more from the start, if this round brought something.
        let (left, again) = (self.left(), self.claimed);
        *self = Self::default();
        if again { Left::More } else { left }
    }

    fn left(&self) -> Left {
        match (self.passed_over, self.held_back) {
            (true, _) => Left::PassedOver,
            (false, true) => Left::Waiting,
            (false, false) => Left::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use operation::{AttemptNumber, Fence, Nonce, OperationId, RetryPolicy};
    use std::time::Duration;
    use store::Claimed;
    use uuid::Uuid;

    fn claimed(project: &str) -> Claimed {
        Claimed {
            fence: Fence {
                id: OperationId::from_uuid(Uuid::nil()),
                attempt: AttemptNumber(1),
                nonce: Nonce::from_uuid(Uuid::nil()),
            },
            project: project.parse().unwrap(),
            kind: kinds::demo_steps::KIND,
            spec: Err(String::new()),
            checkpoint: None,
            trace_parent: None,
            failures: 0,
            retry: RetryPolicy::default(),
            deadline_in: None,
            waited: Duration::ZERO,
        }
    }

    fn claim(projects: &[&str], held_back: bool, passed_over: bool, look_on: Option<&str>) -> Claim {
        let operations = projects.iter().map(|project| claimed(project)).collect();
        Claim { operations, held_back, passed_over, look_on: look_on.map(str::to_owned) }
    }

    #[test]
    fn a_round_goes_over_all_projects_and_ends() {
        let mut cursor = Cursor::default();
        let mut check = |claim: &Claim, left: Left, from: &str| {
            assert_eq!((cursor.advance(claim, 2), cursor.from()), (left, from));
        };
        check(&claim(&[], false, false, None), Left::Nothing, "");
        // As many as asked for: there may be more behind them, and then before them.
        check(&claim(&["b", "c"], false, false, None), Left::More, "c");
        check(&claim(&["d"], false, false, None), Left::Nothing, "d");
        check(&claim(&[], false, false, None), Left::More, "");
        check(&claim(&[], false, false, None), Left::Nothing, "");
        // Projects that may not run more do not hide those behind them, and nobody turns in circles.
        check(&claim(&[], true, false, Some("m")), Left::More, "m");
        check(&claim(&[], false, false, Some("t")), Left::More, "t");
        check(&claim(&[], false, false, None), Left::Waiting, "");
        check(&claim(&[], true, false, Some("m")), Left::More, "m");
        check(&claim(&["n"], false, false, Some("t")), Left::Waiting, "n");
        check(&claim(&[], false, true, None), Left::More, "");
        check(&claim(&[], true, true, None), Left::PassedOver, "");
    }
}
