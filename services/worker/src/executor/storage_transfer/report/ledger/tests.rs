use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn copied(objects: u64) -> TransferCounters {
    TransferCounters { objects_copied_to_sink: objects, ..TransferCounters::default() }
}

fn spans(position: &TransferPosition) -> Vec<(&str, &str)> {
    position.pending.iter().map(|span| (span.after.as_str(), span.to.as_str())).collect()
}

#[test]
fn what_is_begun_and_not_done_is_pending() {
    let mut ledger = Ledger::new(TransferPosition::default());
    assert!(ledger.is_new() && ledger.begins_after().is_none() && ledger.wants("a"));
    let (first, second, third) = (ledger.begin(Some("c"), 3), ledger.begin(Some("f"), 3), ledger.begin(Some("i"), 3));
    ledger.settle(second, Done::All, copied(3));
    let position = ledger.position();
    assert_eq!((position.cursor.as_deref(), spans(&position)), (Some("i"), vec![("", "c"), ("f", "i")]));
    ledger.settle(third, Done::To("g".to_owned()), copied(1));
    ledger.settle(first, Done::Nothing, copied(0));
    let position = ledger.position();
    assert_eq!(spans(&position), [("", "c"), ("g", "i")]);

    let mut next = Ledger::new(position);
    assert_eq!(next.begins_after(), None);
    let wanted: Vec<_> = ["a", "c", "d", "g", "h", "i", "j"].into_iter().filter(|key| next.wants(key)).collect();
    assert_eq!(wanted, ["a", "c", "h", "i", "j"]);
    assert_eq!(["a", "h", "j"].map(|key| next.span_of(key)), [Some(0), Some(1), None]);
    let first = next.begin(Some("b"), 1);
    assert_eq!(spans(&next.position()), [("", "b"), ("b", "c"), ("g", "i")]);
    next.settle(first, Done::All, copied(1));
    // The listing has nothing more in the first span.
    let second = next.begin(Some("i"), 1);
    assert_eq!(spans(&next.position()), [("g", "i")]);
    next.settle(second, Done::All, copied(2));
    let third = next.begin(Some("j"), 1);
    next.listed();
    assert_eq!(next.progress().items_total, Some(8));
    next.settle(third, Done::All, copied(1));
    let position = next.position();
    assert_eq!((position.cursor.as_deref(), position.pending.len()), (Some("j"), 0));
    assert_eq!(position.counters.objects_copied_to_sink, 8);
}

#[test]
fn names_that_nothing_goes_by_move_no_cursor() {
    let mut ledger = Ledger::new(TransferPosition::default());
    let first = ledger.begin(None, 1);
    ledger.settle(first, Done::All, copied(0));
    assert_eq!(ledger.position(), TransferPosition::default());
}

/// One attempt: takes what is wanted in batches, several at a time; they end as `fate` says, until one does not.
fn attempt(ledger: &mut Ledger, keys: &[String], fate: &mut impl Iterator<Item = (usize, bool)>) -> Vec<String> {
    let mut batches: Vec<Vec<&String>> = Vec::new();
    let mut span = None;
    for key in keys.iter().filter(|key| ledger.begins_after().is_none_or(|after| after < key.as_str())) {
        if !ledger.wants(key) {
            continue;
        }
        match batches.last_mut() {
            Some(batch) if batch.len() < 3 && span == Some(ledger.span_of(key)) => batch.push(key),
            _ => batches.push(vec![key]),
        }
        span = Some(ledger.span_of(key));
    }
    let (mut done, mut open) = (Vec::new(), VecDeque::new());
    let mut batches = batches.into_iter();
    let mut stopped = false;
    loop {
        while open.len() < 3 && !stopped {
            let Some(batch) = batches.next() else { break };
            open.push_back((ledger.begin(batch.last().map(|key| key.as_str()), batch.len() as u64), batch));
        }
        if open.is_empty() {
            if !stopped {
                ledger.listed();
            }
            return done;
        }
        let (which, stops) = fate.next().unwrap_or((0, false));
        stopped |= stops;
        let (id, batch) = open.remove(which % open.len()).unwrap();
        let upto = if stopped { which % (batch.len() + 1) } else { batch.len() };
        done.extend(batch[..upto].iter().map(ToString::to_string));
        let end = match upto {
            0 => Done::Nothing,
            all if all == batch.len() => Done::All,
            some => Done::To(batch[some - 1].clone()),
        };
        ledger.settle(id, end, copied(upto as u64));
    }
}

proptest! {
    /// Whatever order batches end in, and wherever attempts stop: each name is done once, and counted once.
    #[test]
    fn each_name_is_done_once_over_all_attempts(
        keys in prop::collection::btree_set("[a-c]{1,3}", 1..30),
        fates in prop::collection::vec((0_usize..7, prop::bool::weighted(0.2)), 0..60),
    ) {
        let keys: Vec<String> = keys.into_iter().collect();
        let mut fates = fates.into_iter();
        let mut position = TransferPosition::default();
        let mut done = Vec::new();
        for _ in 0..100 {
            let mut ledger = Ledger::new(position);
            done.extend(attempt(&mut ledger, &keys, &mut fates));
            position = ledger.position();
            prop_assert_eq!(position.counters.objects_copied_to_sink, done.len() as u64);
        }
        let once: BTreeSet<_> = done.iter().cloned().collect();
        prop_assert_eq!(once.len(), done.len(), "nothing is done twice");
        prop_assert_eq!(once.into_iter().collect::<Vec<_>>(), keys);
        prop_assert!(position.pending.is_empty());
    }
}
