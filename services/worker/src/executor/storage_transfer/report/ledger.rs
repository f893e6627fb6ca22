//! What is done, exactly: several batches are on their way at a time and end in any order, an attempt may end between any
//! two objects, and still each object is counted once over all attempts.
//!
//! A batch is a span of names without gaps: from the end of the batch before it (exclusive) to its own last name. Spans
//! that are begun and not done are `pending` in the checkpoint. An attempt that resumes lists again from the first of
//! them, passes over what is done, and never puts two of the spans, or one of them and what is new, into one batch.

use kinds::storage_transfer::{TransferCounters, TransferPosition, TransferSpan, TransferUpload};
use operation::{Code, Progress};
use std::collections::{BTreeMap, VecDeque};

/// How far a batch has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// To its end.
    All,
    /// To this name, and no further.
    To(String),
    /// Nothing of it.
    Nothing,
}

/// The account of one operation.
#[derive(Debug)]
pub struct Ledger {
    /// Counters, errors and uploads; the cursor is the end of the last batch that was begun.
    position: TransferPosition,
    /// Where the attempts before left off: the cursor, and the spans before it.
    resumed: (Option<String>, Vec<TransferSpan>),
    /// Those of the spans that this attempt has not come to, by their place in `resumed`.
    carried: VecDeque<(usize, TransferSpan)>,
    open: BTreeMap<u64, (TransferSpan, u64)>,
    left: Vec<TransferSpan>,
    batches: u64,
    listed: bool,
}

impl Ledger {
    /// Goes on from a checkpoint.
    pub fn new(mut position: TransferPosition) -> Self {
        let pending = std::mem::take(&mut position.pending);
        Self {
            resumed: (position.cursor.clone(), pending.clone()),
            carried: pending.into_iter().enumerate().collect(),
            position,
            open: BTreeMap::new(),
            left: Vec::new(),
            batches: 0,
            listed: false,
        }
    }

    /// Whether nothing was begun before.
    pub fn is_new(&self) -> bool {
        self.resumed == (None, Vec::new())
    }

    /// The name after which the listings begin.
    pub fn begins_after(&self) -> Option<&str> {
        let first = self.resumed.1.first().map(|span| span.after.as_str());
        first.or(self.resumed.0.as_deref()).filter(|after| !after.is_empty())
    }

    /// Whether something of this name was not done before.
    pub fn wants(&self, key: &str) -> bool {
        self.resumed.0.as_deref().is_none_or(|cursor| cursor < key) || self.span_of(key).is_some()
    }

    /// Which of the spans of the checkpoint a name lies in; what lies in different ones goes into different batches.
    pub fn span_of(&self, key: &str) -> Option<usize> {
        self.resumed.1.iter().position(|span| span.holds(key))
    }

    /// A batch of so many objects begins, up to and with this name; all that came before it in the listing has begun.
    pub fn begin(&mut self, to: Option<&str>, objects: u64) -> u64 {
        self.batches += 1;
        let Some(to) = to else {
            // Of names that nothing goes by.
            let nothing = TransferSpan { after: String::new(), to: String::new() };
            self.open.insert(self.batches, (nothing, objects));
            return self.batches;
        };
        let of = self.span_of(to);
        // Where the listing has passed a span, nothing is left in it.
        while self.carried.front().is_some_and(|(place, _)| of.is_none_or(|of| *place < of)) {
            self.carried.pop_front();
        }
        let after = match self.carried.front_mut() {
            Some((_, span)) => std::mem::replace(&mut span.after, to.to_owned()),
            None => self.position.cursor.replace(to.to_owned()).unwrap_or_default(),
        };
        if self.carried.front().is_some_and(|(_, span)| span.after >= span.to) {
            self.carried.pop_front();
        }
        self.open.insert(self.batches, (TransferSpan { after, to: to.to_owned() }, objects));
        self.batches
    }

    /// The listings have come to their ends, and all in them has begun.
    pub fn listed(&mut self) {
        self.carried.clear();
        self.listed = true;
    }

    /// A batch has ended, with what was counted and what went wrong.
    pub fn settle(&mut self, batch: u64, done: Done, counters: TransferCounters) {
        self.position.counters += counters;
        let Some((mut span, _)) = self.open.remove(&batch) else { return };
        match done {
            Done::All => return,
            Done::To(key) => span.after = span.after.max(key),
            Done::Nothing => {}
        }
        if span.after < span.to {
            self.left.push(span);
        }
    }

    /// Something went wrong with an object, whose full name this is.
    pub fn failed(&mut self, code: Code, url: String, details: String) {
        self.position.failed(code, url, details);
    }

    /// What was counted.
    pub fn counters(&self) -> &TransferCounters {
        &self.position.counters
    }

    /// For folders that are counted before the first batch.
    pub fn count(&mut self, counters: TransferCounters) {
        self.position.counters += counters;
    }

    /// The uploads that may be open.
    pub fn uploads(&mut self) -> &mut Vec<TransferUpload> {
        &mut self.position.uploads
    }

    /// What the next attempt goes on from.
    pub fn position(&self) -> TransferPosition {
        let open = self.open.values().map(|(span, _)| span).filter(|span| span.after < span.to);
        let carried = self.carried.iter().map(|(_, span)| span);
        let mut pending: Vec<_> = open.chain(&self.left).chain(carried).cloned().collect();
        pending.sort_unstable_by(|one, other| one.after.cmp(&other.after));
        TransferPosition { pending, ..self.position.clone() }
    }

    /// The same in the words of all kinds. How much there is in all is known when the listings have ended.
    pub fn progress(&self) -> Progress {
        let of = &self.position.counters;
        let items_done = of.objects_copied_to_sink
            + of.objects_from_source_skipped_by_sync
            + of.objects_from_source_failed
            + of.objects_deleted_from_sink
            + of.objects_failed_to_delete_from_sink;
        let open: u64 = self.open.values().map(|(_, objects)| objects).sum();
        Progress {
            items_done,
            items_total: self.listed.then_some(items_done + open),
            bytes_done: of.bytes_copied_to_sink,
        }
    }

    /// The most frequent error, and how many there are in all.
    pub fn worst(&self) -> Option<(&kinds::storage_transfer::ErrorSummary, u64)> {
        let worst = self.position.errors.iter().rev().max_by_key(|summary| summary.count)?;
        Some((worst, self.position.errors.iter().map(|summary| summary.count).sum()))
    }
}

#[cfg(test)]
mod tests;
