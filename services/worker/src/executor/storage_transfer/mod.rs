//! `storage.transfer`: makes a sink hold what a source holds.
//!
//! Both sides are opened (`open.rs`), listed in the order of names (`list`) and merged into decisions (`decide/delta.rs`),
//! which go in batches (`decide/plan.rs`) to those who carry them out (`engine.rs`): threads from folder to folder
//! (`copy/threads`), streams otherwise (`copy/streams`). Each batch ends with a report (`report`). What is done is kept in a
//! ledger (`report/ledger.rs`), which is the checkpoint.
//!
//! The folders import in one direction: `copy` from `decide`, `decide` from `list` and `report`, all of them from `places`,
//! which imports from none of them. Only this file, `open.rs` and `engine.rs` put them together.
//!
//! Each object appears in the sink whole or not at all, and stays there whatever becomes of the operation: a stop takes
//! back what is not whole alone. The fence holds at the sink: the lease is looked at right before each rename and each
//! request that makes an object visible, and whoever takes over first removes the folder of temporary files, and aborts
//! the uploads, of the attempts before.

mod copy;
mod decide;
mod engine;
mod list;
mod open;
mod places;
mod report;

use super::services::Services;
use crate::executors::Executor;
use crate::safepoint::{Ended, Safepoint};
use copy::context::{Context, Sink};
use decide::delta::{Delta, SinkKind};
use decide::plan::{Cut, Plan};
use engine::Engine;
use kinds::storage_transfer::{INFO, StorageTransfer, StorageTransferResponse, TransferCounters, TransferPosition};
use open::{Opened, check_apart, open};
use operation::{Cleanup, CleanupStatus, Code, Failure, KindInfo, ProjectId};
use report::ledger::Ledger;
use runtime::config::Config;
use std::sync::Arc;
use store::Store;

/// Runs the operations of `storage.transfer`.
#[derive(Debug)]
pub struct StorageTransferrer(Arc<Services>);

impl StorageTransferrer {
    /// An executor on what is configured.
    pub const fn new(services: Arc<Services>) -> Self {
        Self(services)
    }
}

impl Executor for StorageTransferrer {
    type Spec = StorageTransfer;
    type Response = StorageTransferResponse;

    fn info(&self) -> KindInfo {
        INFO.clone()
    }

    async fn run(&self, spec: &StorageTransfer, cx: &Safepoint) -> Result<StorageTransferResponse, Ended> {
        run(spec, cx.project(), &self.0.config, &self.0.store, cx).await
    }
}

/// Batches of threads: a millisecond or two each.
const OF_THREADS: Cut = Cut { effects: 64, bytes: 8 * 1024 * 1024, compares: false };
/// Streams take one object at a time.
const OF_STREAMS: Cut = Cut { effects: 1, bytes: 0, compares: false };

/// Transfers.
///
/// # Errors
/// [`Ended`]: nothing that is not whole is in the sink, or the receipt names it.
pub async fn run(
    spec: &StorageTransfer,
    project: &ProjectId,
    config: &Config,
    store: &Store,
    cx: &Safepoint,
) -> Result<StorageTransferResponse, Ended> {
    let mut position: TransferPosition = cx.checkpoint()?.unwrap_or_default();
    let id = cx.fence().id;
    if position.of != Some(id) {
        // A retry of another operation looks at all objects again: what is in the sink is skipped, what failed is not.
        position = TransferPosition { of: Some(id), uploads: position.uploads, ..TransferPosition::default() };
    }
    let mut ledger = Ledger::new(position);
    let opened = match open(spec, project, config, store, &mut ledger, cx).await {
        Ok(opened) => opened,
        Err((place, ended)) => return Err(not_begun(ledger, place, ended, Vec::new(), cx)),
    };
    let Opened { context, conditions, source, sink, in_folder, known_apart } = opened;
    let context = Arc::new(context);
    let mut unknown = Vec::new();
    if context.moves() && !known_apart {
        let (apart, left) = check_apart(&context, cx).await;
        unknown.extend(left);
        if let Err(ended) = apart {
            return Err(not_begun(ledger, String::new(), ended, unknown, cx));
        }
    }
    if in_folder && ledger.is_new() {
        let root = TransferCounters {
            directories_found_from_source: 1,
            directories_successfully_listed_from_source: 1,
            ..TransferCounters::default()
        };
        ledger.count(root);
    }
    let kind = match context.sink {
        Sink::Folder(_) => SinkKind::Folder,
        Sink::Cloud(_) => SinkKind::Store,
    };
    let cut = match &context.throttle {
        _ if !context.on_threads() => OF_STREAMS,
        Some(throttle) => Cut { bytes: OF_THREADS.bytes.min(throttle.batch()), ..OF_THREADS },
        None => OF_THREADS,
    };
    let cut = Cut { compares: context.moves(), ..cut };
    let plan = Plan::new(Delta::new(conditions, &spec.options, kind), cut, source, sink);
    let mut engine = Engine::new(cx, context.clone(), plan, ledger);
    let ended = engine.run().await;
    unknown.append(&mut engine.unknown);
    unknown.extend(tidy(&context).await);
    if let Err(ended) = ended {
        cx.cleaned(left(engine.ledger.counters(), &context.sink_name, unknown));
        return Err(ended);
    }
    Ok(conclude(&engine.ledger, context.moves())?)
}

/// Removes the temporary files; returns what may be left.
async fn tidy(context: &Arc<Context>) -> Option<String> {
    let (work, context) = (context.halt.work(), context.clone());
    let removed = work.blocking(move || match &context.sink {
        Sink::Folder(sink) => sink.temporary.remove().err().map(|error| {
            tracing::warn!(%error, "a temporary folder could not be removed");
            format!("{}{}", context.sink_name, sink.temporary.name())
        }),
        Sink::Cloud(_) => None,
    });
    removed.await.unwrap_or_else(|_| Some("a temporary folder".to_owned()))
}

/// A failure before the first object is told of where failures of objects are.
fn not_begun(mut ledger: Ledger, place: String, ended: Ended, unknown: Vec<String>, cx: &Safepoint) -> Ended {
    if let Ended::Failure(failure) = &ended
        && !failure.retryable
    {
        ledger.failed(failure.code, place, failure.message.clone());
        let _ = cx.reach_with("not begun", &ledger.position(), ledger.progress());
    }
    cx.cleaned(left(ledger.counters(), "", unknown));
    ended
}

/// What an end without success leaves: objects that are whole stay.
fn left(counters: &TransferCounters, sink: &str, unknown: Vec<String>) -> Cleanup {
    if !unknown.is_empty() {
        return Cleanup { status: CleanupStatus::Unknown, outputs: unknown };
    }
    match counters.objects_copied_to_sink {
        0 => Cleanup { status: CleanupStatus::Removed, outputs: Vec::new() },
        _ => Cleanup { status: CleanupStatus::Kept, outputs: vec![sink.to_owned()] },
    }
}

/// What comes of a transfer that has gone through all objects.
fn conclude(ledger: &Ledger, moves: bool) -> Result<StorageTransferResponse, Failure> {
    let of = ledger.counters();
    let Some((worst, errors)) = ledger.worst() else {
        let there = of.objects_copied_to_sink + of.objects_from_source_skipped_by_sync;
        let kept = || there.saturating_sub(of.objects_deleted_from_source).to_string();
        return Ok(StorageTransferResponse {
            objects_copied: of.objects_copied_to_sink.to_string(),
            bytes_copied: of.bytes_copied_to_sink.to_string(),
            objects_skipped: of.objects_from_source_skipped_by_sync.to_string(),
            objects_deleted_from_sink: of.objects_deleted_from_sink.to_string(),
            objects_deleted_from_source: of.objects_deleted_from_source.to_string(),
            objects_kept_in_source: moves.then(kept),
        });
    };
    let all = of.objects_found_from_source + of.objects_from_source_skipped_by_sync;
    let what = match of.objects_from_source_failed {
        0 if errors == 1 => "All objects were transferred, with one error besides".to_owned(),
        0 => format!("All objects were transferred, with {errors} errors besides"),
        1 => format!("1 of {all} objects was not transferred"),
        failed => format!("{failed} of {all} objects were not transferred"),
    };
    let first = worst
        .examples
        .first()
        .map_or_else(String::new, |first| format!("; the first: {}: {}", first.url, first.details));
    Err(Failure::fatal(Code::by_name(&worst.code).unwrap_or(Code::Unknown), format!("{what}{first}.")))
}
