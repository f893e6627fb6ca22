//! Opens the two places of a transfer, and removes what earlier attempts left in the sink.

use super::copy::apart::{self, Checked};
use super::copy::budget::Budget;
use super::copy::context::{Context, FolderSink, Sink, Source, umask};
use super::copy::streams::upload::abort_former;
use super::copy::throttle::Throttle;
use super::list::conditions::{Conditions, began};
use super::list::{self, Listing};
use super::places::cloud::CloudPlace;
use super::places::entry::{SinkItem, SourceItem};
use super::places::find::{At, Spot, are_known_apart, bytes_per_second, find};
use super::places::folder::temporary::{Temporary, clear_earlier, clear_ended};
use super::places::folder::{failure, open_root};
use super::places::halt::Halt;
use super::places::http_list;
use super::places::miss::Miss;
use super::places::thread::blocking;
use super::report::ledger::Ledger;
use crate::executor::sink::wait;
use crate::safepoint::{Ended, Safepoint};
use crate::work::Work;
use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use kinds::storage_transfer::{DeleteOption, StorageTransfer};
use operation::{Code, Failure, Fence, OperationId, Progress, ProjectId};
use runtime::config::Config;
use rustix::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::time::timeout;

/// Both places, opened, and their listings begun.
pub struct Opened {
    pub context: Context,
    pub conditions: Conditions,
    pub source: Listing<SourceItem>,
    pub sink: Listing<SinkItem>,
    /// Whether the source is a folder.
    pub in_folder: bool,
    /// Whether the names of the places tell that they are two.
    pub known_apart: bool,
}

/// What is done while places are opened.
const OPENING: &str = "opening source and sink";
/// How long a stop waits for the check of a move to remove its mark.
const CHECKED_WITHIN: Duration = Duration::from_secs(5);

/// Opens both.
///
/// # Errors
/// [`Ended`], and the place that it is about.
pub async fn open(
    spec: &StorageTransfer,
    project: &ProjectId,
    config: &Config,
    store: &Store,
    ledger: &mut Ledger,
    cx: &Safepoint,
) -> Result<Opened, (String, Ended)> {
    let nowhere = |failure: Failure| (String::new(), Ended::from(failure));
    let (source_spot, sink_spot) = find(spec, project, config).map_err(nowhere)?;
    let conditions = || Conditions::new(&spec.conditions, began(cx.fence().id));
    let (merged, listed) = (conditions().map_err(nowhere)?, Arc::new(conditions().map_err(nowhere)?));
    if spec.options.delete == Some(DeleteOption::FromSourceAfterTransfer) && matches!(source_spot.at, At::List(_)) {
        let message = "deleteObjectsFromSourceAfterTransfer: nothing is deleted from lists of URLs";
        return Err(nowhere(Failure::fatal(Code::Unimplemented, message)));
    }
    let known_apart = are_known_apart(&source_spot.at, &sink_spot.at);
    let halt = Halt::new(cx.attempt().clone());
    let after = ledger.begins_after().map(ToOwned::to_owned);
    let (source_name, sink_name) = (source_spot.name.clone(), sink_spot.name.clone());
    let in_source = |ended| (source_name.clone(), ended);
    let source = open_source(source_spot, project, config, &halt, cx, (listed.clone(), after.clone())).await;
    // What earlier attempts left goes in any case; a sink that is not there is made only if there is a source.
    let sink = open_sink(sink_spot, source.is_ok(), store, ledger, cx, (listed, after)).await;
    let (source, source_listing) = source.map_err(in_source)?;
    let (sink, sink_listing) = sink.map_err(|ended| (sink_name.clone(), ended))?;
    Ok(Opened {
        in_folder: matches!(source, Source::Folder(_)),
        known_apart,
        context: Context {
            at_a_time: Context::at_a_time(&source, &sink),
            source,
            sink,
            source_name,
            sink_name,
            delete: spec.options.delete,
            overwrite: spec.options.overwrite(),
            budget: Budget::default(),
            throttle: bytes_per_second(spec, project, config).map(Throttle::new),
            halt,
        },
        conditions: merged,
        source: source_listing,
        sink: sink_listing,
    })
}

type Begin = (Arc<Conditions>, Option<String>);

async fn open_source(
    spot: Spot,
    project: &ProjectId,
    config: &Config,
    halt: &Halt,
    cx: &Safepoint,
    (conditions, after): Begin,
) -> Result<(Source, Listing<SourceItem>), Ended> {
    match spot.at {
        At::Folder { configured, beneath } => {
            let opened = blocking(cx.work(), move || open_folder(&configured, &beneath, false, &spot.name));
            let (root, listed) = in_time(cx, opened).await?;
            Ok((Source::Folder(root), list::folder_of_source(cx.work(), listed, conditions, after)))
        }
        At::Cloud { place, .. } => {
            let listing = list::cloud_of_source(cx.work(), place.clone(), after);
            Ok((Source::Cloud(place), listing))
        }
        At::List(url) => {
            let opened = http_list::open(&url, project, &config.destinations, halt);
            let (source, items) = in_time(cx, opened).await?;
            Ok((Source::Http(source), list::known(items)))
        }
    }
}

async fn open_sink(
    spot: Spot,
    create: bool,
    store: &Store,
    ledger: &mut Ledger,
    cx: &Safepoint,
    (conditions, after): Begin,
) -> Result<(Sink, Listing<SinkItem>), Ended> {
    match spot.at {
        At::Folder { configured, beneath } => {
            let opened = blocking(cx.work(), move || open_folder(&configured, &beneath, create, &spot.name));
            let (root, listed) = in_time(cx, opened).await?;
            let sink = prepare_folder(root, store, cx).await?;
            Ok((Sink::Folder(sink), list::folder_of_sink(cx.work(), listed, conditions, after)))
        }
        At::Cloud { place, .. } => {
            abort_uploads(&place, ledger, cx).await?;
            let listing = list::cloud_of_sink(cx.work(), place.clone(), after);
            Ok((Sink::Cloud(place), listing))
        }
        At::List(_) => Err(Failure::fatal(Code::InvalidArgument, "a list of URLs is no sink").into()),
    }
}

/// A folder twice: to work in, and to be listed.
fn open_folder(configured: &Path, beneath: &Path, create: bool, name: &str) -> Result<(OwnedFd, OwnedFd), Miss> {
    open_root(configured, Path::new(""), false).map_err(|error| Miss::All(failure::of_root(name, true, error)))?;
    let open = |create| open_root(configured, beneath, create);
    let opened = open(create).and_then(|root| Ok((root, open(false)?)));
    opened.map_err(|error| Miss::All(failure::of_root(name, false, error)))
}

/// Removes what earlier attempts left, and what others left that have ended; makes the place for what is not whole.
async fn prepare_folder(root: OwnedFd, store: &Store, cx: &Safepoint) -> Result<FolderSink, Ended> {
    let fence = cx.fence();
    let not_cleared = |error| Miss::All(failure::of_root("the sink", false, error));
    let cleared = blocking(cx.work(), move || Ok((clear_earlier(root.as_fd(), fence).map_err(not_cleared)?, root)));
    let (others, root) = in_time(cx, cleared).await?;
    let ended = ended_of(others, store, cx).await?;
    in_time(cx, blocking(cx.work(), move || make_temporary(root, fence, &ended))).await
}

fn make_temporary(root: OwnedFd, fence: Fence, ended: &[OperationId]) -> Result<FolderSink, Miss> {
    if let Err(error) = clear_ended(root.as_fd(), ended) {
        // Not this operation's concern.
        tracing::warn!(%error, "what other operations left in a sink could not be removed");
    }
    let made = root.try_clone().map_err(|error| {
        tracing::warn!(%error, "the machine ran out of files");
        Miss::All(Failure::passing("the worker ran out of files"))
    });
    let temporary = Temporary::create(made?, fence);
    let temporary = temporary.map_err(|error| Miss::All(failure::of_root("the sink", false, error)))?;
    Ok(FolderSink { root, temporary, umask: umask() })
}

/// Which of them have ended, as far as the database tells.
async fn ended_of(others: Vec<OperationId>, store: &Store, cx: &Safepoint) -> Result<Vec<OperationId>, Ended> {
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let told = wait(cx, OPENING, Progress::default(), store.ended(&others)).await?;
    Ok(told.unwrap_or_else(|error| {
        tracing::warn!(%error, "what other operations left in a sink stays: nobody tells whether they have ended");
        Vec::new()
    }))
}

async fn abort_uploads(place: &CloudPlace, ledger: &mut Ledger, cx: &Safepoint) -> Result<(), Ended> {
    let former = ledger.uploads().clone();
    if former.is_empty() {
        return Ok(());
    }
    let completes_conditionally = place.store.once.completes_conditionally();
    let place = place.clone();
    // Dropped at a stop, the wait leaves this to finish; the checkpoint still names the uploads.
    let aborting = Work::clean_up(async move { abort_former(&place, former).await });
    if let Ok(left) = wait(cx, OPENING, ledger.progress(), aborting).await? {
        *ledger.uploads() = left;
    }
    if !completes_conditionally && !ledger.uploads().is_empty() {
        // Completed late, one of them would replace this attempt's object.
        return Err(Failure::passing("an upload of an earlier attempt could not be aborted").into());
    }
    Ok(())
}

/// Checks that a move does not lead onto itself. Returns the name of what it may have left in the sink, too.
pub async fn check_apart(context: &Arc<Context>, cx: &Safepoint) -> (Result<(), Ended>, Option<String>) {
    let checking = cx.work().spawn(apart::check(context.clone(), cx.fence()));
    let abort = checking.abort_handle();
    let mut checking = checking.fuse();
    let (checked, stop) = match wait(cx, OPENING, Progress::default(), &mut checking).await {
        Ok(checked) => (Some(checked), None),
        Err(stop) if checking.is_terminated() => (None, Some(stop)),
        // Nothing of it may come after the end, and it removes its mark.
        Err(stop) => (timeout(CHECKED_WITHIN, &mut checking).await.ok(), Some(stop)),
    };
    abort.abort();
    let (apart, left) = match checked {
        Some(Ok(Checked { apart, left })) => (apart.map_err(ended_by), left),
        _ => (Err(Failure::passing("a check died").into()), true),
    };
    let apart = stop.map_or(apart, |stop| Err(stop.into()));
    (apart, left.then(|| apart::name_of_mark(context, cx.fence())))
}

/// Waits for what is safe to drop.
async fn in_time<T>(cx: &Safepoint, opening: impl Future<Output = Result<T, Miss>>) -> Result<T, Ended> {
    wait(cx, OPENING, Progress::default(), opening).await?.map_err(ended_by)
}

fn ended_by(miss: Miss) -> Ended {
    match miss {
        Miss::All(failure) => failure.into(),
        Miss::Object(code, details) => Failure::fatal(code, details).into(),
        // The wait has seen the stop, or sees it next: it stands for good.
        Miss::Halted => Failure::passing("the transfer was stopped while it began").into(),
    }
}
