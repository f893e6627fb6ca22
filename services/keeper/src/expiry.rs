//! Takes away operations that ended longer ago than they are kept.

use crate::TRY_AGAIN;
use operation::Kind;
use prometheus::{IntCounter, IntCounterVec, register_int_counter, register_int_counter_vec};
use runtime::retention::Retention;
use runtime::{clock, failpoint};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use store::{Dropping, Partition, Store, StoreError};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_mins(10);
/// As many as one statement takes: short statements hold short locks.
const BATCH: u32 = 500;
const WEEK: Duration = Duration::from_hours(7 * 24);

static EXPIRED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("safepoint_expired_total", "Old operations taken away one by one", &["kind"])
        .expect("the metric's name is ours alone")
});

static DROPPED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!("safepoint_partitions_dropped_total", "Partitions of old operations taken away as a whole")
        .expect("the metric's name is ours alone")
});

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// What was old is gone.
    Done,
    /// A partition was in use when it was to be dropped: it wants another look soon.
    Busy,
}

/// What there is to do in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// All in it may be old: drop it, if nothing in it is still needed.
    pub drop: bool,
    /// The kinds whose old operations go row by row.
    pub kinds: Vec<Kind>,
}

/// Looks every ten minutes until `shutdown`.
pub async fn expire(store: Store, retention: Retention, shutdown: CancellationToken) {
    loop {
        let wait = match round(&store, &retention, &shutdown).await {
            Ok(Round::Done) => EVERY,
            Ok(Round::Busy) => TRY_AGAIN,
            Err(error) => {
                tracing::warn!(%error, "old operations could not be taken away; trying again");
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(0.5 + clock::jitter())) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Takes away once what is old now.
///
/// # Errors
/// [`StoreError`].
pub async fn round(store: &Store, retention: &Retention, shutdown: &CancellationToken) -> Result<Round, StoreError> {
    let mut came_to = Round::Done;
    let registered = store.kinds().await?.into_iter().map(|kind| kind.info.kind);
    let kinds: BTreeSet<_> = kinds::ALL.iter().map(|info| info.kind.clone()).chain(registered).collect();
    for partition in store.partitions().await? {
        let Due { drop, kinds } = due(&partition, retention, &kinds);
        if drop {
            match dropping(store, &partition, retention.longest()).await? {
                Dropping::Dropped => continue,
                Dropping::Busy => {
                    came_to = Round::Busy;
                    continue;
                }
                Dropping::Kept => {}
            }
        }
        for kind in kinds {
            let expired = rows(store, &partition, &kind, retention.of(&kind), shutdown).await?;
            if expired > 0 {
                tracing::info!(partition = partition.name, kind = %kind, expired, "old operations taken away");
            }
        }
    }
    while failpoint::around!("keeper.forget_labels", store.forget_labels(BATCH).await)? == u64::from(BATCH)
        && !shutdown.is_cancelled()
    {}
    Ok(came_to)
}

/// What there is to do: rows of kinds that are kept shorter than others, and the partition when the longest kept may be
/// old. A week later something in it keeps it, and its other rows are not kept for that.
pub fn due(partition: &Partition, retention: &Retention, kinds: &BTreeSet<Kind>) -> Due {
    let Some(age) = partition.ended_seconds_ago else {
        return Due { drop: false, kinds: kinds.iter().cloned().collect() };
    };
    let (longest, week) = (retention.longest(), WEEK.as_secs_f64());
    let stays = age >= longest.as_secs_f64() + week;
    let row_by_row = |kind: &Kind| {
        let kept = retention.of(kind);
        // What was created in this week can't have ended before it.
        (stays || kept < longest) && age + week >= kept.as_secs_f64()
    };
    Due { drop: age >= longest.as_secs_f64(), kinds: kinds.iter().filter(|kind| row_by_row(kind)).cloned().collect() }
}

async fn dropping(store: &Store, partition: &Partition, kept: Duration) -> Result<Dropping, StoreError> {
    let dropping = failpoint::around!("keeper.drop_partition", store.drop_partition(partition, kept).await)?;
    let name = &partition.name;
    match dropping {
        Dropping::Dropped => {
            DROPPED.inc();
            tracing::info!(partition = name, "an old partition is dropped");
        }
        Dropping::Kept => {
            tracing::info!(partition = name, "an old partition stays: not all in it has ended, or long enough ago");
        }
        Dropping::Busy => tracing::info!(partition = name, "an old partition is dropped later: it is in use"),
    }
    Ok(dropping)
}

async fn rows(
    store: &Store,
    partition: &Partition,
    kind: &Kind,
    kept: Duration,
    shutdown: &CancellationToken,
) -> Result<u64, StoreError> {
    let mut total = 0;
    loop {
        let started = Instant::now();
        let expired = failpoint::around!("keeper.expire", store.expire(partition, kind, kept, BATCH).await)?;
        EXPIRED.with_label_values(&[kind.as_str()]).inc_by(expired);
        total += expired;
        if expired < u64::from(BATCH) || shutdown.is_cancelled() {
            return Ok(total);
        }
        // As long as the statement took: others get at least half of the database.
        tokio::time::sleep(started.elapsed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    const DAY: f64 = 24.0 * 3600.0;

    /// Kept a day.
    const SHORT: Kind = Kind::from_static("acme.reindex");
    /// Kept 30 days.
    const LONG: Kind = Kind::from_static("acme.report");

    fn check(days_ago: Option<f64>, drop: bool, kinds: &[Kind]) {
        let retention = Retention { kinds: [(SHORT, NonZeroU32::MIN)].into(), ..Retention::default() };
        let known = [SHORT, LONG].into();
        let partition = Partition { name: "p".to_owned(), ended_seconds_ago: days_ago.map(|days| days * DAY) };
        assert_eq!(due(&partition, &retention, &known), Due { drop, kinds: kinds.to_vec() }, "{days_ago:?} days");
    }

    #[test]
    fn a_partition_is_due_by_its_age() {
        let all = [SHORT, LONG];
        check(Some(-14.0), false, &[]);
        check(Some(-6.5), false, &[]);
        // This week: what was created on Monday may be a day old.
        check(Some(-5.0), false, &[SHORT]);
        check(Some(29.9), false, &[SHORT]);
        check(Some(30.0), true, &[SHORT]);
        check(Some(36.9), true, &[SHORT]);
        check(Some(37.0), true, &all);
        // The default partition holds ids of any time.
        check(None, false, &all);
    }
}
