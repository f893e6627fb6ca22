use super::*;
use crate::operations::samples;
use operation::State;
use runtime::clock;

fn watches(most: usize) -> Watches {
    let terms = Terms { most, ..Terms::new(100) };
    Watches(Arc::new(Shared { registry: Mutex::default(), terms, ended: CancellationToken::new() }))
}

/// An operation of no account, at this revision and in this state.
pub(crate) fn at_revision(id: OperationId, revision: i64, state: State) -> Operation {
    Operation { id, revision, state, ..samples::created() }
}

#[tokio::test]
async fn what_is_known_only_gets_newer_and_is_shared() {
    let (watches, id) = (watches(10), clock::new_operation_id());
    let (mut one, mut two) = (watches.watch(id).expect("room"), watches.watch(id).expect("room"));
    assert!(matches!(one.known(), Known::Nothing));
    assert!(watches.seen().is_empty(), "who asked looks first");
    assert_eq!(watches.seen_of(&HashSet::from([id, clock::new_operation_id()])), [(id, 0)]);
    for (revision, known) in [(3, 3), (2, 3), (4, 4), (3, 4)] {
        one.learn(at_revision(id, revision, State::Running));
        assert_eq!(two.known().revision(), known, "after {revision}");
    }
    assert_eq!(watches.seen(), [(id, 4)]);
    one.learn(at_revision(id, 5, State::Paused));
    assert_eq!(two.changed().await, Woken::Changed);
    one.learn(at_revision(id, 6, State::Succeeded));
    assert!(watches.seen().is_empty(), "what has ended does not change");
    watches.learn(id, Known::Gone);
    one.learn(at_revision(id, 7, State::Running));
    assert!(matches!(two.known(), Known::Gone));
}

#[test]
fn places_are_counted_and_come_free() {
    let (watches, id) = (watches(2), clock::new_operation_id());
    let (one, two) = (watches.watch(id).expect("room"), watches.watch(id).expect("room"));
    assert_eq!(watches.watch(id).map(|_| ()), Err(Full));
    drop(one);
    let three = watches.watch(clock::new_operation_id()).expect("room again");
    drop((two, three));
    assert!(watches.lock().watched.is_empty());
}

#[test]
fn half_of_the_files_are_left_to_other_calls() {
    for (files, most) in [(0, 0), (1024, 512), (20_000, 10_000), (u64::MAX, 10_000)] {
        assert_eq!(Terms::new(files).most, most);
    }
}

#[tokio::test]
async fn a_wait_ends_at_its_deadline_at_the_end_and_with_the_process() {
    let (watches, id) = (watches(10), clock::new_operation_id());
    let mut waiting = watches.watch(id).expect("room");
    waiting.learn(at_revision(id, 1, State::Running));
    assert_eq!(waiting.settled(Instant::now()).await.revision(), 1);
    let far = Instant::now() + Duration::from_hours(1);
    waiting.learn(at_revision(id, 2, State::Succeeded));
    assert_eq!(waiting.settled(far).await.revision(), 2);
    let other = clock::new_operation_id();
    let mut last = watches.watch(other).expect("room");
    watches.0.ended.cancel();
    assert!(matches!(last.settled(far).await, Known::Nothing));
    assert_eq!(last.changed().await, Woken::Ended);
}
