//! From two listings to batches.

use super::delta::{Decision, Delta, Step};
use crate::executor::storage_transfer::list::Listing;
use crate::executor::storage_transfer::places::entry::{Side, SinkItem, SourceItem};
use crate::executor::storage_transfer::report::ledger::Ledger;
use operation::{Code, Failure};

/// A run of decisions without a gap, to be carried out in their order.
#[derive(Debug, Default)]
pub struct Batch {
    /// Its number in the ledger.
    pub id: u64,
    /// What is to be done.
    pub decisions: Vec<Decision>,
}

/// When a batch is full: what comes first.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// So many objects to copy or delete.
    pub effects: usize,
    /// So many bytes to copy.
    pub bytes: u64,
    /// Whether objects that are skipped are read, to be compared, and so count as well.
    pub compares: bool,
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
            Decision::Skip(entry, true) if self.cut.compares => {
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
        Decision::Copy(..) | Decision::Skip(..) | Decision::Delete(_) | Decision::Folder(_) => "",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::guarded::Expected;
    use crate::executor::storage_transfer::decide::delta::SinkKind;
    use crate::executor::storage_transfer::list::conditions::Conditions;
    use crate::executor::storage_transfer::list::known;
    use crate::executor::storage_transfer::places::entry::{Entry, Stamp};
    use kinds::storage_transfer::{DeleteOption, TransferConditions, TransferOptions, TransferPosition, TransferSpan};
    use tokio::sync::mpsc;

    const BEGAN: Stamp = Stamp { seconds: 0, nanos: 0 };

    fn entry(key: &str) -> Entry {
        Entry { key: key.to_owned(), size: 1, modified: None, tag: None, md5: None, mode: None, over: Expected::Absent }
    }

    fn objects(keys: &[&str]) -> Listing<SourceItem> {
        known(keys.iter().map(|key| SourceItem::Object(entry(key))).collect())
    }

    fn plan(source: Listing<SourceItem>, sink: Listing<SinkItem>) -> Plan {
        let options = TransferOptions { delete: Some(DeleteOption::UniqueInSink), ..TransferOptions::default() };
        let conditions = Conditions::new(&TransferConditions::default(), BEGAN).unwrap();
        let cut = Cut { effects: 3, bytes: 100, compares: false };
        Plan::new(Delta::new(conditions, &options, SinkKind::Folder), cut, source, sink)
    }

    /// A listing whose lister has told of these and died.
    fn died<T>(items: Vec<T>) -> Listing<T> {
        let (send, listing) = mpsc::channel(1);
        assert!(send.try_send(Ok(items)).is_ok());
        listing
    }

    fn ended<T>() -> Listing<T> {
        let (send, listing) = mpsc::channel(1);
        assert!(send.try_send(Ok(Vec::new())).is_ok());
        listing
    }

    async fn batches(mut plan: Plan, ledger: &mut Ledger) -> Result<Vec<Vec<String>>, Failure> {
        let mut batches = Vec::new();
        while let Some(batch) = plan.next(ledger).await? {
            batches.push(batch.decisions.iter().filter_map(Decision::key).map(ToOwned::to_owned).collect());
        }
        Ok(batches)
    }

    /// What it did not tell of must not be deleted from the sink.
    #[tokio::test]
    async fn a_listing_that_breaks_off_is_no_end() {
        let there = || ["a", "b"].map(|key| SinkItem { entry: entry(key), is_object: true }).into();
        let ledger = || Ledger::new(TransferPosition::default());
        let broken = plan(died(vec![SourceItem::Object(entry("a"))]), died(there()));
        let failure = batches(broken, &mut ledger()).await.unwrap_err();
        assert_eq!((failure.code, failure.retryable), (Code::Internal, true));
        let broken = plan(objects(&["a"]), died(there()));
        assert!(batches(broken, &mut ledger()).await.is_err());
        assert_eq!(batches(plan(objects(&["a"]), ended()), &mut ledger()).await.unwrap(), [["a"]]);
    }

    #[tokio::test]
    async fn a_batch_lies_in_one_span() {
        let span = |after: &str, to: &str| TransferSpan { after: after.to_owned(), to: to.to_owned() };
        let pending = vec![span("a", "c"), span("d", "e")];
        let position = TransferPosition { cursor: Some("f".to_owned()), pending, ..TransferPosition::default() };
        let mut ledger = Ledger::new(position);
        let source = objects(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
        let batches = batches(plan(source, ended()), &mut ledger).await.unwrap();
        assert_eq!(batches, [vec!["b", "c"], vec!["e"], vec!["g", "h", "i"], vec!["j"]]);
        assert_eq!(ledger.progress().items_total, Some(7));
    }
}
