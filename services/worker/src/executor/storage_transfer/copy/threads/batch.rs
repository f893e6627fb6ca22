//! A batch from folder to folder, on one thread.
//!
//! First all of it is carried out, then the sink is made durable, then what was moved is deleted from the source. Each
//! object is counted after its last step, in order, so that a batch that is stopped in between reports exactly how far it has
//! come.

use super::copy::{Copied, Copier};
use crate::executor::storage_transfer::copy::context::Context;
use crate::executor::storage_transfer::decide::delta::Decision;
use crate::executor::storage_transfer::decide::plan::Batch;
use crate::executor::storage_transfer::decide::proof::{Compared, Proof};
use crate::executor::storage_transfer::places::entry::Entry;
use crate::executor::storage_transfer::places::folder::file::FileId;
use crate::executor::storage_transfer::places::miss::Miss;
use crate::executor::storage_transfer::report::Report;
use crate::executor::storage_transfer::report::ledger::Done;
use kinds::storage_transfer::OverwriteWhen;
use operation::{Code, Failure};
use rustix::fd::AsFd;
use std::borrow::Cow;

/// What was done about one object.
enum Outcome {
    /// It was copied: so many bytes.
    Copied(u64),
    /// It was not copied.
    Skipped,
    /// It was deleted from the sink, or there was nothing to do but to count it.
    Done,
    /// Something is wrong with it.
    Missed(Code, Cow<'static, str>),
}

/// What is to be done in the source then.
enum Then {
    /// Nothing.
    Keep,
    /// It is deleted, with this proof, or with another that must be had first.
    Delete(Option<Proof<FileId>>),
    /// It stays, because it could not be compared.
    Refuse(Code, Cow<'static, str>),
}

type Step = (Outcome, Then);

/// Carries a batch out, to its end or to a stop.
pub fn run(context: &Context, batch: &Batch) -> Report {
    let mut report = Report::new(batch.id);
    let Some((source, sink)) = context.folders() else {
        report.failure = Some(Failure::fatal(Code::Internal, "threads copy between folders alone"));
        return report;
    };
    let mut copier =
        Copier::new(source, sink.root.as_fd(), &sink.temporary, sink.umask, &context.halt, context.throttle.as_ref());
    let mut steps = Vec::with_capacity(batch.decisions.len());
    for decision in &batch.decisions {
        if context.halt.before_object().is_err() {
            break;
        }
        match carry_out(context, decision, &mut copier) {
            Ok(step) => steps.push(step),
            Err(Miss::Object(code, details)) => steps.push((Outcome::Missed(code, details), Then::Keep)),
            Err(Miss::Halted) => break,
            Err(Miss::All(failure)) => {
                report.failure = Some(failure);
                break;
            }
        }
    }
    settle(report, context, batch, &mut copier, steps)
}

fn carry_out(context: &Context, decision: &Decision, copier: &mut Copier<'_>) -> Result<Step, Miss> {
    match decision {
        Decision::Copy(entry) => copy(context, entry, copier),
        Decision::Skip(entry, true) if context.moves() => skip_or_copy(context, entry, copier),
        Decision::Skip(..) => Ok((Outcome::Skipped, Then::Keep)),
        Decision::Delete(entry) => {
            copier.delete(entry)?;
            Ok((Outcome::Done, Then::Keep))
        }
        Decision::Broken(_) | Decision::Folder(_) | Decision::Unlisted(_) => Ok((Outcome::Done, Then::Keep)),
    }
}

fn copy(context: &Context, entry: &Entry, copier: &mut Copier<'_>) -> Result<Step, Miss> {
    let Copied { bytes, proof } = copier.copy(entry, context.replaces(entry))?;
    Ok((Outcome::Copied(bytes), if context.moves() { Then::Delete(proof) } else { Then::Keep }))
}

/// In a move: what looks the same is compared, and copied if it is not.
fn skip_or_copy(context: &Context, entry: &Entry, copier: &mut Copier<'_>) -> Result<Step, Miss> {
    let then = match copier.compare(&entry.key) {
        Ok(Compared::Equal(proof)) => Then::Delete(Some(proof)),
        Ok(Compared::Changed) => Then::Delete(None),
        Ok(Compared::Differ) if context.overwrite != OverwriteWhen::Never => return copy(context, entry, copier),
        Ok(Compared::Differ | Compared::SourceMissing) => Then::Keep,
        Err(Miss::Object(code, details)) => Then::Refuse(code, details),
        Err(miss) => return Err(miss),
    };
    Ok((Outcome::Skipped, then))
}

/// Deletes from the source what is to be deleted, once the sink is durable, and counts.
fn settle(mut report: Report, context: &Context, batch: &Batch, copier: &mut Copier<'_>, steps: Vec<Step>) -> Report {
    if steps.iter().any(|(_, then)| matches!(then, Then::Delete(_)))
        && let Err(miss) = context.sync_or_halt()
    {
        // They are skipped next time, and deleted then.
        if let Miss::All(failure) = miss {
            report.failure.get_or_insert(failure);
        }
        return report;
    }
    let all = steps.len() == batch.decisions.len();
    for (decision, (outcome, then)) in batch.decisions.iter().zip(steps) {
        let deleted = match (then, decision) {
            (Then::Delete(proof), Decision::Copy(entry) | Decision::Skip(entry, _)) => {
                Some(copier.delete_from_source(&entry.key, proof))
            }
            (Then::Refuse(code, details), _) => Some(Err(Miss::Object(code, details))),
            (Then::Delete(_) | Then::Keep, _) => None,
        };
        match deleted.transpose() {
            Ok(deleted) => count(&mut report, decision, outcome, deleted.map(Ok)),
            Err(Miss::Object(code, details)) => {
                count(&mut report, decision, outcome, Some(Err((code, details.into_owned()))));
            }
            // It was not counted: it is skipped next time, and deleted then.
            Err(Miss::Halted) => return report,
            Err(Miss::All(failure)) => {
                report.failure.get_or_insert(failure);
                return report;
            }
        }
        if let Some(key) = decision.key() {
            report.done = Done::To(key.to_owned());
        }
    }
    if all {
        report.done = Done::All;
    }
    report
}

fn count(report: &mut Report, decision: &Decision, outcome: Outcome, deleted: Option<Result<(), (Code, String)>>) {
    match (decision, outcome) {
        (Decision::Copy(entry) | Decision::Skip(entry, _), Outcome::Copied(bytes)) => {
            report.copied(bytes);
            report.record_move(entry, deleted);
        }
        (Decision::Skip(entry, _), Outcome::Skipped) => {
            report.skipped(entry);
            report.record_move(entry, deleted);
        }
        (decision, Outcome::Missed(code, details)) => report.missed(decision, code, details),
        (decision, Outcome::Copied(_) | Outcome::Skipped | Outcome::Done) => report.record(decision),
    }
}
