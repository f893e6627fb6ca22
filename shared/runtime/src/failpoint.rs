//! Points between two effects, at which a test lets a process die, or an effect fail, come late, or happen twice.
//!
//! With the cargo feature `failpoints` the variable `FAILPOINTS` says what happens where, e.g.
//! `worker.finish=1*return(lost)`: once, in the words of the crate `fail`. Without the feature, [`around`] is its effect and
//! nothing else. The action `pause` is the crate's own: it blocks the thread for good, as code that hangs does.

/// All points, as `<process>.<effect>`. A test runs through this table, and another holds it against the code.
pub const POINTS: [&str; 45] = [
    "api.create",
    "api.cancel",
    "api.pause",
    "api.resume",
    "api.retry",
    "api.delete",
    "api.cancel_and_delete",
    "api.create_resource",
    "api.update_resource",
    "api.run_resource",
    "broker.publish",
    "broker.notify",
    "worker.register",
    "worker.renew",
    "worker.retire",
    "worker.claim",
    "worker.reconcile",
    "worker.requests",
    "worker.checkpoint",
    "worker.save",
    "worker.commit_point",
    "worker.finish",
    "worker.step",
    "worker.bulk_cancel",
    "worker.export_part",
    "worker.export_publish",
    "worker.export_abort",
    "worker.transfer_batch",
    "worker.transfer_put",
    "worker.transfer_complete",
    "keeper.sweep",
    "keeper.bury",
    "keeper.fail_overdue",
    "keeper.compact",
    "keeper.make_partitions",
    "keeper.expire",
    "keeper.drop_partition",
    "keeper.forget_audit_log",
    "keeper.forget_keys",
    "keeper.forget_labels",
    "keeper.forget_resources",
    "keeper.run_resource",
    "keeper.pass_over",
    "keeper.to_notify",
    "keeper.notified",
];

/// Does an effect: `failpoint::around!("worker.finish", store.finish(&ends).await)?`. The name is in [`POINTS`]; the effect is
/// a `Result` whose error can be made of an [`std::io::Error`], and can be had twice. A macro, since the futures of a closure
/// that borrows are not known to be `Send`.
pub use crate::__around as around;

#[cfg(not(feature = "failpoints"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __around {
    ($name:literal, $effect:expr) => {
        $effect
    };
}

#[cfg(feature = "failpoints")]
#[doc(hidden)]
#[macro_export]
macro_rules! __around {
    ($name:literal, $effect:expr) => {
        match $crate::failpoint::before($name).await {
            $crate::failpoint::Then::GoOn => $effect,
            $crate::failpoint::Then::Fail => ::std::result::Result::Err($crate::failpoint::injected()),
            $crate::failpoint::Then::Abort => {
                let _ = $effect;
                ::std::process::abort()
            }
            $crate::failpoint::Then::Lose => match $effect {
                ::std::result::Result::Ok(_) => ::std::result::Result::Err($crate::failpoint::injected()),
                failed => failed,
            },
            $crate::failpoint::Then::Repeat => {
                let _ = $effect;
                $effect
            }
        }
    };
}

#[cfg(feature = "failpoints")]
pub use armed::{Then, before, injected};

#[cfg(feature = "failpoints")]
mod armed {
    use std::io;
    use std::sync::Once;
    use std::time::Duration;

    static READ: Once = Once::new();

    /// What is left to be done at a point.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Then {
        /// The effect.
        GoOn,
        /// An error instead of the effect.
        Fail,
        /// The effect, and the process dies before it can use the answer.
        Abort,
        /// The effect, and its answer is lost.
        Lose,
        /// The effect, and once more.
        Repeat,
    }

    /// Stands before an effect: dies here, waits here, or says what follows.
    ///
    /// # Panics
    /// `FAILPOINTS` says what is not known here.
    pub async fn before(name: &'static str) -> Then {
        let Some(action) = action(name) else { return Then::GoOn };
        // Before anything else: a process that dies here has said where.
        tracing::warn!(failpoint = name, action, "a failpoint fires");
        match action.as_str() {
            "abort" => std::process::abort(),
            "abort-after" => Then::Abort,
            "error" => Then::Fail,
            "lost" => Then::Lose,
            "twice" => Then::Repeat,
            delay => {
                let millis = delay.strip_prefix("delay-").and_then(|millis| millis.parse().ok());
                tokio::time::sleep(Duration::from_millis(millis.expect("an action of a failpoint"))).await;
                Then::GoOn
            }
        }
    }

    /// The error of an effect that failed, or whose answer was lost.
    pub fn injected<E: From<io::Error>>() -> E {
        io::Error::other("injected by a failpoint").into()
    }

    fn action(name: &'static str) -> Option<String> {
        // The scenario stands for good: dropped, it would take all points away.
        READ.call_once(|| std::mem::forget(fail::FailScenario::setup()));
        fail::fail_point!(name, |action| action);
        None
    }
}
