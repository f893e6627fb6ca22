//! A batch from folder to folder, on one thread.

use super::context::Context;
use super::delta::Decision;
use super::entry::{Entry, Stamp};
use super::folder::copy::Copier;
use super::ledger::Done;
use super::report::{Batch, Miss, Report};
use operation::{Code, Failure};
use rustix::fd::AsFd;

/// Carries a batch out, to its end or to a stop.
pub fn run(context: &Context, batch: &Batch) -> Report {
    let mut report = Report::new(batch.id);
    let Some((source, sink)) = context.folders() else {
        report.failure = Some(Failure::fatal(Code::Internal, "threads copy between folders alone"));
        return report;
    };
    let mut copier =
        Copier::new(source, sink.root.as_fd(), &sink.temporary, sink.umask, &context.halt, context.throttle.as_ref());
    // What is in the sink, and to be deleted from the source.
    let mut moved = Vec::new();
    for decision in &batch.decisions {
        if context.halt.before_object().is_err() {
            return settle(report, context, &mut copier, moved);
        }
        match carry_out(decision, &mut copier, &mut report) {
            Ok(Some(entry)) if context.moves() => {
                let stamp = copier.stamp_in_sink(entry);
                moved.push((entry.clone(), stamp));
            }
            Ok(_) => {}
            Err(Miss::Halted) => return settle(report, context, &mut copier, moved),
            Err(Miss::All(failure)) => {
                report.failure = Some(failure);
                return settle(report, context, &mut copier, moved);
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
    settle(report, context, &mut copier, moved)
}

/// Returns what is in the sink now as it is in the source.
fn carry_out<'d>(
    decision: &'d Decision,
    copier: &mut Copier<'_>,
    report: &mut Report,
) -> Result<Option<&'d Entry>, Miss> {
    match decision {
        Decision::Copy(entry) => {
            let bytes = copier.copy(entry)?;
            report.copied(bytes);
            return Ok(Some(entry));
        }
        Decision::Skip(entry, same) => {
            report.skipped(entry);
            return Ok(same.then_some(entry));
        }
        Decision::Delete(entry) => {
            copier.delete(entry)?;
            report.deleted(entry, Ok(()));
        }
        Decision::Broken(broken) => report.broken(broken),
        Decision::Folder(_) => report.folder(),
        Decision::Unlisted(broken) => report.unlisted(broken),
    }
    Ok(None)
}

/// Deletes from the source what is in the sink, once it is durable there.
fn settle(
    mut report: Report,
    context: &Context,
    copier: &mut Copier<'_>,
    moved: Vec<(Entry, Option<Stamp>)>,
) -> Report {
    if moved.is_empty() {
        return report;
    }
    if let Err(error) = context.sync() {
        tracing::warn!(%error, "the sink's disk could not be synced");
        // They are skipped next time, and deleted then.
        let failure = report.failure.unwrap_or_else(|| Failure::passing("the sink's disk could not be synced"));
        return Report { failure: Some(failure), ..Report::new(report.id) };
    }
    for (entry, copied) in moved {
        match copier.delete_from_source(&entry, copied) {
            Ok(()) => report.deleted_from_source(&entry, Ok(())),
            Err(Miss::Object(code, details)) => {
                report.deleted_from_source(&entry, Err((code, details.into_owned())));
            }
            Err(Miss::All(failure)) => {
                report.failure.get_or_insert(failure);
            }
            Err(Miss::Halted) => {}
        }
    }
    report
}
