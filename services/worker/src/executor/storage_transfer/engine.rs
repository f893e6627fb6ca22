//! Carries a plan out: some batches at a time, each settled in the ledger when it ends. A stop ends the making of batches;
//! those under way see it themselves and tell how far they have come, so the ledger is exact whenever it is written.
//!
//! What the checkpoint says is done is durable: files are synced, all at once, before the ledger that counts them is
//! written, about once a second. Stores are durable by themselves.

use super::copy::context::Context;
use super::copy::{streams, threads};
use super::decide::plan::{Batch, Plan};
use super::report::Report;
use super::report::ledger::Ledger;
use super::report::note::Note;
use crate::executor::sink::{PULSE, wait};
use crate::safepoint::{Ended, Safepoint};
use kinds::storage_transfer::TransferPosition;
use operation::{Code, Failure};
use runtime::failpoint;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// How often files are synced and the ledger written.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How long a stop waits for the disk.
const SYNCED_WITHIN: Duration = Duration::from_secs(10);
/// What happens while nothing ends.
const WAITING: &str = "objects under way";

/// What carries a plan out.
pub struct Engine<'a> {
    cx: &'a Safepoint,
    context: Arc<Context>,
    plan: Plan,
    /// What is done.
    pub ledger: Ledger,
    /// What may be left in the sink, by name.
    pub unknown: Vec<String>,
    running: JoinSet<Result<Report, Ended>>,
    notes: (mpsc::UnboundedSender<Note>, mpsc::UnboundedReceiver<Note>),
    syncing: Option<(JoinHandle<io::Result<()>>, TransferPosition)>,
    synced: Instant,
    /// Whose the failure was that ended it.
    blamed: Option<String>,
}

enum Event {
    Ended(Result<Report, Ended>),
    Told(Note),
    Planned(Option<Batch>),
    Synced(io::Result<()>),
}

impl<'a> Engine<'a> {
    /// Nothing is begun yet.
    pub fn new(cx: &'a Safepoint, context: Arc<Context>, plan: Plan, ledger: Ledger) -> Self {
        Self {
            cx,
            context,
            plan,
            ledger,
            unknown: Vec::new(),
            running: JoinSet::new(),
            notes: mpsc::unbounded_channel(),
            syncing: None,
            synced: Instant::now(),
            blamed: None,
        }
    }

    /// Carries the plan out, to its end or to a stop. Nothing is under way when this returns, and what was done is in the
    /// ledger and in the attempt's checkpoint.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn run(&mut self) -> Result<(), Ended> {
        let ended = self.go_on().await;
        if let Err(Ended::Failure(failure)) = &ended {
            self.context.halt.abandon();
            // One that passes is not told of for ever.
            if !failure.retryable {
                let place = self.blamed.take().unwrap_or_else(|| self.context.source_name.clone());
                self.ledger.failed(failure.code, place, failure.message.clone());
            }
        }
        let settled = self.settle(ended.is_ok()).await;
        ended.and(settled)
    }

    async fn go_on(&mut self) -> Result<(), Ended> {
        loop {
            let (cx, progress) = (self.cx, self.ledger.progress());
            match wait(cx, WAITING, progress, self.next_event()).await?? {
                Event::Planned(Some(batch)) => self.begin(batch),
                Event::Planned(None) if self.running.is_empty() => return Ok(()),
                Event::Planned(None) => {}
                Event::Told(note) => self.hear(note).await?,
                Event::Ended(report) => {
                    self.absorb(report?)?;
                    self.publish()?;
                }
                Event::Synced(synced) => {
                    let position = self.syncing.take().map(|(_, position)| position);
                    synced.map_err(|error| not_synced(&error))?;
                    let position = position.unwrap_or_else(|| self.ledger.position());
                    self.cx.reach_with("objects durable", &position, self.ledger.progress())?;
                }
            }
        }
    }

    /// Safe to drop while it waits.
    async fn next_event(&mut self) -> Result<Event, Failure> {
        let Self { context, plan, ledger, running, notes, syncing, .. } = self;
        let room = running.len() < context.at_a_time && !plan.ended();
        if !room && running.is_empty() && syncing.is_none() {
            return Ok(Event::Planned(plan.next(ledger).await?));
        }
        let synced = async {
            match syncing {
                Some((syncing, _)) => syncing.await.map_err(io::Error::other).flatten(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(note) = notes.1.recv() => Ok(Event::Told(note)),
            Some(ended) = running.join_next() => Ok(Event::Ended(ended.unwrap_or_else(|_| Err(died().into())))),
            synced = synced => Ok(Event::Synced(synced)),
            planned = plan.next(ledger), if room => Ok(Event::Planned(planned?)),
        }
    }

    fn begin(&mut self, batch: Batch) {
        let (context, notes, mut batch) = (self.context.clone(), self.notes.0.clone(), batch);
        self.cx.work().spawn_in(&mut self.running, async move {
            let batch = &mut batch;
            // A batch that was carried out unheard is found in the sink by the next attempt.
            failpoint::around!(
                "worker.transfer_batch",
                carry_out(context.clone(), std::mem::take(batch), notes.clone()).await
            )
        });
    }

    async fn hear(&mut self, note: Note) -> Result<(), Ended> {
        match note {
            Note::Begun(upload, written) => {
                self.ledger.uploads().push(upload);
                self.cx.save(&self.ledger.position()).await?;
                // Who waited may have been stopped meanwhile.
                let _ = written.send(());
            }
            Note::Over(upload) => self.ledger.uploads().retain(|open| *open != upload),
            Note::Unknown(name) => self.unknown.push(name),
        }
        Ok(())
    }

    fn absorb(&mut self, report: Report) -> Result<(), Failure> {
        for trouble in report.troubles {
            let place = if trouble.in_sink { &self.context.sink_name } else { &self.context.source_name };
            self.ledger.failed(trouble.code, format!("{place}{}", trouble.key), trouble.details);
        }
        self.ledger.settle(report.id, report.done, report.counters);
        report.failure.map_or(Ok(()), |failure| {
            self.blamed.get_or_insert_with(|| self.context.sink_name.clone());
            Err(failure)
        })
    }

    /// Lets it be known what is done: at once where it is durable, otherwise when it will be.
    fn publish(&mut self) -> Result<(), Ended> {
        let progress = self.ledger.progress();
        if !self.context.syncs() {
            return self.cx.reach_with("object copied", &self.ledger.position(), progress);
        }
        if self.syncing.is_none() && self.synced.elapsed() >= SYNC_EVERY {
            self.sync();
        }
        Ok(self.cx.reach("object copied", progress)?)
    }

    fn sync(&mut self) {
        let context = self.context.clone();
        let syncing = self.cx.work().blocking(move || context.sync());
        self.syncing = Some((syncing, self.ledger.position()));
        self.synced = Instant::now();
    }

    /// Waits for what is under way, which ends by itself or by the stop, and writes the ledger.
    async fn settle(&mut self, whole: bool) -> Result<(), Ended> {
        let mut failed = None;
        while !self.running.is_empty() {
            // Safe to drop, and so is its report within.
            if let Ok(Some(Ok(Ok(report)))) = timeout(PULSE, self.running.join_next()).await {
                failed = self.absorb(report).err().or(failed);
            }
            while let Ok(note) = self.notes.1.try_recv() {
                self.hear_last(note);
            }
            // Seen to be alive; the stop itself is known.
            let _ = self.cx.reach(WAITING, self.ledger.progress());
        }
        while let Ok(note) = self.notes.1.try_recv() {
            self.hear_last(note);
        }
        let synced = self.sync_last(whole).await;
        let written = self.cx.reach_with("objects settled", &self.ledger.position(), self.ledger.progress());
        synced?;
        failed.map_or(written, |failure| Err(failure.into()))
    }

    fn hear_last(&mut self, note: Note) {
        match note {
            // It goes no further: whoever waits to hear that it is written down aborts it, or leaves it to the next attempt.
            Note::Begun(upload, _) => self.ledger.uploads().push(upload),
            Note::Over(upload) => self.ledger.uploads().retain(|open| *open != upload),
            Note::Unknown(name) => self.unknown.push(name),
        }
    }

    /// A stop does not wait for ever: what was not synced is as durable as what any program writes.
    async fn sync_last(&mut self, whole: bool) -> Result<(), Failure> {
        self.syncing = None;
        if !self.context.syncs() {
            return Ok(());
        }
        let context = self.context.clone();
        let mut syncing = self.cx.work().blocking(move || context.sync());
        let begun = Instant::now();
        loop {
            match timeout(PULSE, &mut syncing).await {
                Ok(synced) => return synced.map_err(io::Error::other).flatten().map_err(|error| not_synced(&error)),
                Err(_) if !whole && begun.elapsed() > SYNCED_WITHIN => {
                    tracing::warn!("the disk did not follow in time");
                    return Ok(());
                }
                Err(_) => {
                    let _ = self.cx.reach("waiting for the disk", self.ledger.progress());
                }
            }
        }
    }
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        // Threads go on by themselves otherwise.
        self.context.halt.abandon();
    }
}

async fn carry_out(context: Arc<Context>, batch: Batch, notes: mpsc::UnboundedSender<Note>) -> Result<Report, Ended> {
    if !context.on_threads() {
        return Ok(streams::batch::run(&context, batch, &notes).await);
    }
    let work = context.halt.work().clone();
    work.blocking(move || threads::batch::run(&context, &batch)).await.map_err(|_| died().into())
}

fn died() -> Failure {
    tracing::error!("a batch of a transfer died");
    Failure { code: Code::Internal, message: "a batch of the transfer died".to_owned(), retryable: true }
}

fn not_synced(error: &io::Error) -> Failure {
    tracing::warn!(%error, "the sink's disk could not be synced");
    Failure::passing("the sink's disk could not be synced")
}
