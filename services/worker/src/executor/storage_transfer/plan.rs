//! From two listings to batches.

use super::delta::{Decision, Delta, Step};
use super::entry::{Side, SinkItem, SourceItem};
use super::ledger::Ledger;
use super::list::Listing;
use super::report::Batch;
use operation::{Code, Failure};

/// When a batch is full: what comes first.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// So many objects to copy or delete.
    pub effects: usize,
    /// So many bytes to copy.
    pub bytes: u64,
}

/// A batch without much to do is full as well, lest it be long before its end is told.
const MOST: usize = 1024;

/// Makes batches of what the listings tell, as far as they have come.
pub struct Plan {
    delta: Delta,
    cut: Cut,
    source: (Listing<SourceItem>, Side<SourceItem>),
    sink: (Listing<SinkItem>, Side<SinkItem>),
    batch: Vec<Decision>,
    effects: usize,
    bytes: u64,
    /// Which span of the ledger the batch lies in.
    span: Option<usize>,
    /// The first of the next batch.
    held: Option<Decision>,
    ended: bool,
}

impl Plan {
    /// A plan from the beginnings of both listings.
    pub fn new(delta: Delta, cut: Cut, source: Listing<SourceItem>, sink: Listing<SinkItem>) -> Self {
        Self {
            delta,
            cut,
            source: (source, Side::default()),
            sink: (sink, Side::default()),
            batch: Vec::new(),
            effects: 0,
            bytes: 0,
            span: None,
            held: None,
            ended: false,
        }
    }

    /// Whether all batches were made.
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// The next batch, begun in the ledger; none at the end. Safe to drop while it waits.
    ///
    /// # Errors
    /// A listing failed.
    pub async fn next(&mut self, ledger: &mut Ledger) -> Result<Option<Batch>, Failure> {
        while !self.ended {
            let decision = match self.held.take() {
                Some(held) => held,
                None => match self.delta.step(&mut self.source.1, &mut self.sink.1) {
                    Step::Decided(decision) => decision,
                    Step::NeedSource => {
                        fill(&mut self.source).await?;
                        continue;
                    }
                    Step::NeedSink => {
                        fill(&mut self.sink).await?;
                        continue;
                    }
                    Step::End => {
                        self.ended = true;
                        break;
                    }
                },
            };
            if !ledger.wants(decision.key().unwrap_or_else(|| broken_key(&decision))) {
                continue;
            }
            let span = decision.key().map_or(self.span, |key| ledger.span_of(key));
            if !self.batch.is_empty() && span != self.span {
                self.held = Some(decision);
                return Ok(Some(self.take(ledger)));
            }
            self.span = span;
            if self.add(decision) {
                return Ok(Some(self.take(ledger)));
            }
        }
        let last = (!self.batch.is_empty()).then(|| self.take(ledger));
        if last.is_none() {
            ledger.listed();
        }
        Ok(last)
    }

    /// Whether the batch is full.
    fn add(&mut self, decision: Decision) -> bool {
        match &decision {
            Decision::Copy(entry) => {
                self.effects += 1;
                self.bytes += entry.size;
            }
            Decision::Delete(_) => self.effects += 1,
            Decision::Skip(..) | Decision::Broken(_) | Decision::Folder(_) | Decision::Unlisted(_) => {}
        }
        self.batch.push(decision);
        self.effects >= self.cut.effects || self.bytes >= self.cut.bytes || self.batch.len() >= MOST
    }

    fn take(&mut self, ledger: &mut Ledger) -> Batch {
        (self.effects, self.bytes) = (0, 0);
        let decisions = std::mem::take(&mut self.batch);
        let to = decisions.iter().rev().find_map(Decision::key);
        let objects =
            decisions.iter().filter(|decision| !matches!(decision, Decision::Folder(_) | Decision::Unlisted(_)));
        let id = ledger.begin(to, objects.count() as u64);
        Batch { id, decisions }
    }
}

/// What a nameless thing is called, to be told from what was told before.
fn broken_key(decision: &Decision) -> &str {
    match decision {
        Decision::Broken(broken) | Decision::Unlisted(broken) => &broken.key,
        Decision::Copy(_) | Decision::Skip(..) | Decision::Delete(_) | Decision::Folder(_) => "",
    }
}

async fn fill<T>((listing, side): &mut (Listing<T>, Side<T>)) -> Result<(), Failure> {
    let Some(items) = listing.recv().await else {
        // Whoever lists has died: what it did not tell of must not be taken for missing.
        let message = "a listing ended before its end".to_owned();
        return Err(Failure { code: Code::Internal, message, retryable: true });
    };
    let items = items?;
    side.ended = items.is_empty();
    side.items.extend(items);
    Ok(())
}
