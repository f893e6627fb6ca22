//! A batch whose objects stream: where one side, or both, is no folder.

use super::context::{Context, Sink, Source};
use super::delta::Decision;
use super::engine::Note;
use super::entry::{Entry, Stamp, objection_to_path};
use super::folder::{Folders, copy};
use super::hosts;
use super::ledger::Done;
use super::reader::{Reader, blocking};
use super::report::{Batch, Miss, Report};
use super::writer::{Writer, folder_of, memory};
use crate::executor::guarded::Look;
use md5::{Digest, Md5};
use operation::Code;
use rustix::fd::AsFd;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Carries a batch out, to its end or to a stop.
pub async fn run(context: &Arc<Context>, batch: Batch, notes: &mpsc::UnboundedSender<Note>) -> Report {
    let mut report = Report::new(batch.id);
    for decision in &batch.decisions {
        if context.halt.before_object().is_err() {
            return report;
        }
        match carry_out(context, decision, notes, &mut report).await {
            Ok(()) => {}
            Err(Miss::Halted) => return report,
            Err(Miss::All(failure)) => {
                report.failure = Some(failure);
                return report;
            }
            Err(Miss::Object(code, details)) => match decision {
                Decision::Copy(entry) => report.not_copied(entry, code, details),
                Decision::Delete(entry) => report.deleted(entry, Err((code, details.into_owned()))),
                Decision::Skip(..) | Decision::Broken(_) | Decision::Folder(_) | Decision::Unlisted(_) => {}
            },
        }
        if let Some(key) = decision.key() {
            report.done = Done::To(key.to_owned());
        }
    }
    report.done = Done::All;
    report
}

async fn carry_out(
    context: &Arc<Context>,
    decision: &Decision,
    notes: &mpsc::UnboundedSender<Note>,
    report: &mut Report,
) -> Result<(), Miss> {
    match decision {
        Decision::Copy(entry) => {
            let (bytes, modified) = copy(context, entry, notes).await?;
            report.copied(bytes);
            delete_from_source(context, entry, modified, report).await?;
        }
        Decision::Skip(entry, same) => {
            report.skipped(entry);
            if *same {
                delete_from_source(context, entry, entry.modified, report).await?;
            }
        }
        Decision::Delete(entry) => {
            delete_from_sink(context, entry).await?;
            report.deleted(entry, Ok(()));
        }
        Decision::Broken(broken) => report.broken(broken),
        Decision::Folder(_) => report.folder(),
        Decision::Unlisted(broken) => report.unlisted(broken),
    }
    Ok(())
}

/// Copies an object; returns its size, and when it had been changed.
async fn copy(
    context: &Arc<Context>,
    entry: &Entry,
    notes: &mpsc::UnboundedSender<Note>,
) -> Result<(u64, Option<Stamp>), Miss> {
    if matches!(context.sink, Sink::Folder(_))
        && let Some(objection) = objection_to_path(&entry.key)
    {
        return Err(Miss::object(Code::InvalidArgument, objection));
    }
    let halt = &context.halt;
    let _memory = halt.or_halt(context.budget.take(memory(context, entry.size))).await?;
    let _hosts = halt.or_halt(hosts::take(context.hosts(&entry.key))).await?;
    let mut reader = halt.or_halt(Reader::open(context, entry)).await??;
    let mut writer = Writer::begin(context, entry, reader.about, notes).await?;
    let copied = async {
        let bytes = pour(context, entry, &mut reader, &mut writer).await?;
        writer.publish(&entry.key, reader.about).await?;
        Ok((bytes, reader.about.modified))
    };
    let copied = copied.await;
    if copied.is_err() {
        writer.abort().await;
    }
    copied
}

/// From the reader to the writer; returns how much that was.
async fn pour(
    context: &Arc<Context>,
    entry: &Entry,
    reader: &mut Reader,
    writer: &mut Writer<'_>,
) -> Result<u64, Miss> {
    let halt = &context.halt;
    let mut hash = entry.md5.map(|_| Md5::new());
    let mut bytes = 0;
    while let Some(block) = halt.or_halt(reader.next(context)).await?? {
        bytes += block.len() as u64;
        if let Some(throttle) = &context.throttle {
            throttle.wait(block.len() as u64, halt).await?;
        }
        if let Some(hash) = &mut hash {
            hash.update(&block);
        }
        halt.within_object()?;
        if bytes > reader.about.size {
            // It grows: that is seen by the next look.
            break;
        }
        writer.write(block).await?;
    }
    reader.whole(context, bytes).await?;
    if let (Some(hash), Some(md5)) = (hash, entry.md5) {
        let read = hash.finalize().into();
        if read != md5 && !reads_the_same(context, entry, read).await? {
            return Err(Miss::object(Code::DataLoss, "its bytes are not those that its MD5 is of"));
        }
    }
    Ok(bytes)
}

/// Entity tags that look like an MD5 are none where a store encrypts with keys of its own, and nothing in a listing tells of
/// that. Then the object reads the same a second time, and what was read stands.
async fn reads_the_same(context: &Arc<Context>, entry: &Entry, first: [u8; 16]) -> Result<bool, Miss> {
    if !matches!(context.source, Source::Cloud(_)) {
        return Ok(false);
    }
    let halt = &context.halt;
    let mut reader = halt.or_halt(Reader::open(context, entry)).await??;
    let mut hash = Md5::new();
    while let Some(block) = halt.or_halt(reader.next(context)).await?? {
        hash.update(&block);
    }
    let same = <[u8; 16]>::from(hash.finalize()) == first;
    tracing::warn!(same, "an object's MD5 is not its entity tag; it was read again");
    Ok(same)
}

async fn delete_from_sink(context: &Arc<Context>, entry: &Entry) -> Result<(), Miss> {
    if let Sink::Cloud(place) = &context.sink {
        return place.delete(entry, Look::IfNeeded, &context.halt).await;
    }
    let (work, context, key) = (context.halt.work(), context.clone(), entry.key.clone());
    blocking(work, move || {
        let sink = folder_of(&context)?;
        copy::delete_from_sink(&mut Folders::new(sink.root.as_fd(), true), &key, &context.halt)
    })
    .await
}

/// Deletes from the source what is in the sink, if that is asked for and it is still what was copied.
async fn delete_from_source(
    context: &Arc<Context>,
    entry: &Entry,
    copied: Option<Stamp>,
    report: &mut Report,
) -> Result<(), Miss> {
    if !context.moves() {
        return Ok(());
    }
    if context.syncs() {
        sync(context).await?;
    }
    let deleted = match &context.source {
        Source::Cloud(place) => place.delete(entry, Look::First, &context.halt).await,
        Source::Folder(_) => {
            let (work, context, entry) = (context.halt.work(), context.clone(), entry.clone());
            blocking(work, move || {
                let Source::Folder(root) = &context.source else { return Ok(()) };
                let mut folders = Folders::new(root.as_fd(), false);
                copy::delete_from_source(&mut folders, &entry.key, copied, &context.halt)
            })
            .await
        }
        Source::Http(_) => Err(Miss::object(Code::Unimplemented, "nothing is deleted from lists of URLs")),
    };
    match deleted {
        Ok(()) => report.deleted_from_source(entry, Ok(())),
        Err(Miss::Object(code, details)) => report.deleted_from_source(entry, Err((code, details.into_owned()))),
        Err(other) => return Err(other),
    }
    Ok(())
}

async fn sync(context: &Arc<Context>) -> Result<(), Miss> {
    let (work, context) = (context.halt.work(), context.clone());
    blocking(work, move || {
        context.sync().map_err(|error| {
            tracing::warn!(%error, "the sink's disk could not be synced");
            Miss::All(operation::Failure::passing("the sink's disk could not be synced"))
        })
    })
    .await
}
