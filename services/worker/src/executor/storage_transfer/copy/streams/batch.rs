//! A batch whose objects stream: where one side, or both, is no folder.

use super::compare::{compare, delete_from_source};
use super::reader::Reader;
use super::writer::{Writer, memory};
use crate::executor::guarded::Look;
use crate::executor::storage_transfer::copy::context::{Context, Sink, Source, folder_of};
use crate::executor::storage_transfer::copy::hosts;
use crate::executor::storage_transfer::decide::delta::Decision;
use crate::executor::storage_transfer::decide::plan::Batch;
use crate::executor::storage_transfer::decide::proof::{Compared, Proof, Version};
use crate::executor::storage_transfer::places::entry::{Entry, objection_to_path};
use crate::executor::storage_transfer::places::folder::{Folders, file};
use crate::executor::storage_transfer::places::miss::Miss;
use crate::executor::storage_transfer::places::thread::blocking;
use crate::executor::storage_transfer::report::Report;
use crate::executor::storage_transfer::report::ledger::Done;
use crate::executor::storage_transfer::report::note::Note;
use kinds::storage_transfer::OverwriteWhen;
use md5::{Digest, Md5};
use operation::Code;
use rustix::fd::AsFd;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Why an object stays in the sink.
const CHANGED: &str = "it was changed after it was listed, and so not deleted";

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
            Err(Miss::Object(code, details)) => report.missed(decision, code, details),
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
        Decision::Copy(entry) => copy_or_move(context, entry, notes, report).await,
        Decision::Skip(entry, true) if context.moves() => skip_or_copy(context, entry, notes, report).await,
        Decision::Skip(entry, _) => {
            report.skipped(entry);
            Ok(())
        }
        Decision::Delete(entry) => {
            delete_from_sink(context, entry).await?;
            report.record(decision);
            Ok(())
        }
        Decision::Broken(_) | Decision::Folder(_) | Decision::Unlisted(_) => {
            report.record(decision);
            Ok(())
        }
    }
}

/// Copies an object, and deletes it from the source where that is asked for. It is counted after the last step: if that
/// can't be done now, the next attempt finds it in the sink.
async fn copy_or_move(
    context: &Arc<Context>,
    entry: &Entry,
    notes: &mpsc::UnboundedSender<Note>,
    report: &mut Report,
) -> Result<(), Miss> {
    let (bytes, proof) = copy(context, entry, notes).await?;
    let deleted =
        if context.moves() { Some(settled(delete_from_source(context, &entry.key, proof).await)?) } else { None };
    report.copied(bytes);
    report.record_move(entry, deleted);
    Ok(())
}

/// In a move: what looks the same is compared, and copied if it is not.
async fn skip_or_copy(
    context: &Arc<Context>,
    entry: &Entry,
    notes: &mpsc::UnboundedSender<Note>,
    report: &mut Report,
) -> Result<(), Miss> {
    let proof = match compare(context, &entry.key).await {
        Ok(Compared::Equal(proof)) => Ok(Some(proof)),
        Ok(Compared::Changed) => Ok(None),
        Ok(Compared::Differ) if context.overwrite != OverwriteWhen::Never => {
            return copy_or_move(context, entry, notes, report).await;
        }
        Ok(Compared::Differ | Compared::SourceMissing) => {
            report.skipped(entry);
            return Ok(());
        }
        Err(miss) => Err(miss),
    };
    let deleted = match proof {
        Ok(proof) => delete_from_source(context, &entry.key, proof).await,
        Err(miss) => Err(miss),
    };
    let deleted = settled(deleted)?;
    report.skipped(entry);
    report.record_move(entry, Some(deleted));
    Ok(())
}

/// What became of a delete, for the report; an error where it concerns more than the object.
fn settled(deleted: Result<(), Miss>) -> Result<Result<(), (Code, String)>, Miss> {
    match deleted {
        Ok(()) => Ok(Ok(())),
        Err(Miss::Object(code, details)) => Ok(Err((code, details.into_owned()))),
        Err(miss @ (Miss::All(_) | Miss::Halted)) => Err(miss),
    }
}

/// Copies an object; returns its size, and the versions that were read and written, as far as both are known.
async fn copy(
    context: &Arc<Context>,
    entry: &Entry,
    notes: &mpsc::UnboundedSender<Note>,
) -> Result<(u64, Option<Proof>), Miss> {
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
        let (bytes, source) = pour(context, entry, &mut reader, &mut writer).await?;
        let sink = writer.publish(&entry.key, reader.about, context.replaces(entry)).await?;
        Ok((bytes, source.zip(sink).map(|(source, sink)| Proof { source, sink })))
    };
    let copied = copied.await;
    if copied.is_err() {
        writer.abort().await;
    }
    copied
}

/// From the reader to the writer; returns how much that was, and of which version, where that is certain.
async fn pour(
    context: &Arc<Context>,
    entry: &Entry,
    reader: &mut Reader,
    writer: &mut Writer<'_>,
) -> Result<(u64, Option<Version>), Miss> {
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
    let version = reader.whole(context, bytes).await?;
    if let (Some(hash), Some(md5)) = (hash, entry.md5) {
        let read = hash.finalize().into();
        if read != md5 && !reads_the_same(context, entry, read).await? {
            return Err(Miss::object(Code::DataLoss, "its bytes are not those that its MD5 is of"));
        }
    }
    Ok((bytes, version))
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
        let deleted = place.delete(&entry.key, entry.tag.as_deref(), Look::IfNeeded, &context.halt).await?;
        return if deleted { Ok(()) } else { Err(Miss::object(Code::FailedPrecondition, CHANGED)) };
    }
    let (work, context, key) = (context.halt.work(), context.clone(), entry.key.clone());
    blocking(work, move || {
        let sink = folder_of(&context)?;
        file::delete_from_sink(&mut Folders::new(sink.root.as_fd(), true), &key, &context.halt)
    })
    .await
}
