//! What is to be done, from two sorted listings: a merge that holds one item of each, whatever their length.

use crate::executor::guarded::{Expected, Version};
use crate::executor::storage_transfer::list::conditions::Conditions;
use crate::executor::storage_transfer::places::entry::{Broken, Entry, Side, SinkItem, SourceItem};
use kinds::storage_transfer::{DeleteOption, OverwriteWhen, TransferOptions};
use std::cmp::Ordering;

/// What a sink can tell of the objects in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkKind {
    /// A folder: a file has the time of the object that it was copied from.
    Folder,
    /// A store: an object has the time at which it was put there.
    Store,
}

/// What is to be done about one object. Together, in the order of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It goes into the sink.
    Copy(Entry),
    /// It stays as it is in the sink; whether the listings show no difference. That is no proof: a source object is not
    /// deleted for it.
    Skip(Entry, bool),
    /// It is deleted from the sink.
    Delete(Entry),
    /// It can't be transferred.
    Broken(Broken),
    /// A folder of the source was found.
    Folder(String),
    /// A folder of the source can't be read.
    Unlisted(Broken),
}

impl Decision {
    /// What it is sorted by; nothing where that is not its name.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Copy(entry) | Self::Skip(entry, _) | Self::Delete(entry) => Some(&entry.key),
            Self::Broken(broken) | Self::Unlisted(broken) => (!broken.nameless).then_some(&broken.key),
            Self::Folder(key) => Some(key),
        }
    }
}

/// What the next step of the merge is.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Something is to be done.
    Decided(Decision),
    /// More of the source is needed.
    NeedSource,
    /// More of the sink is needed.
    NeedSink,
    /// That was all.
    End,
}

/// The merge.
#[derive(Debug)]
pub struct Delta {
    conditions: Conditions,
    overwrite: OverwriteWhen,
    delete: Option<DeleteOption>,
    sink: SinkKind,
    /// A folder of the source that can't be read: of what the sink has beneath it, nobody knows whether the source has it.
    unread: Option<String>,
}

impl Delta {
    /// A merge for a sink of this kind.
    pub fn new(conditions: Conditions, options: &TransferOptions, sink: SinkKind) -> Self {
        Self { conditions, overwrite: options.overwrite(), delete: options.delete, sink, unread: None }
    }

    /// Takes what it can decide upon from the listings.
    pub fn step(&mut self, source: &mut Side<SourceItem>, sink: &mut Side<SinkItem>) -> Step {
        loop {
            if source.items.is_empty() && !source.ended {
                return Step::NeedSource;
            }
            if sink.items.is_empty() && !sink.ended {
                return Step::NeedSink;
            }
            let order = match (source.items.front(), sink.items.front()) {
                (None, None) => return Step::End,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(source), Some(sink)) => source.key().cmp(&sink.entry.key),
            };
            let there = if order == Ordering::Less { None } else { sink.items.pop_front() };
            let wanted = if order == Ordering::Greater { None } else { source.items.pop_front() };
            let decision = match (wanted, there) {
                (Some(item), there) => self.of_source(item, there.as_ref()),
                (None, there) => there.and_then(|item| self.of_sink_alone(item)),
            };
            if let Some(decision) = decision {
                return Step::Decided(decision);
            }
        }
    }

    fn of_source(&mut self, item: SourceItem, there: Option<&SinkItem>) -> Option<Decision> {
        match item {
            SourceItem::Object(entry) => {
                if !self.conditions.admit_name(&entry.key) || !self.conditions.admit_time(entry.modified) {
                    return None;
                }
                Some(match there {
                    Some(there) if !self.copies(&entry, there) => {
                        let same = self.same(&entry, there);
                        Decision::Skip(Entry { over: over(Some(there)), ..entry }, same)
                    }
                    there => Decision::Copy(Entry { over: over(there), ..entry }),
                })
            }
            SourceItem::Broken(broken) => self.conditions.admit_name(&broken.key).then_some(Decision::Broken(broken)),
            SourceItem::Folder(key) => Some(Decision::Folder(key)),
            SourceItem::Unlisted(broken) => {
                self.unread = Some(broken.key.clone());
                Some(Decision::Unlisted(broken))
            }
        }
    }

    fn of_sink_alone(&self, item: SinkItem) -> Option<Decision> {
        let unread = self.unread.as_ref().is_some_and(|folder| item.entry.key.starts_with(folder.as_str()));
        let meant = item.is_object && !unread && self.conditions.admit_name(&item.entry.key);
        (meant && self.delete == Some(DeleteOption::UniqueInSink)).then_some(Decision::Delete(item.entry))
    }

    fn copies(&self, source: &Entry, there: &SinkItem) -> bool {
        match self.overwrite {
            OverwriteWhen::Always => true,
            OverwriteWhen::Never => false,
            OverwriteWhen::Different => !self.same(source, there),
        }
    }

    /// Whether the sink's object is the source's, as far as anybody can tell without reading both.
    fn same(&self, source: &Entry, there: &SinkItem) -> bool {
        let sink = &there.entry;
        if !there.is_object || source.size != sink.size {
            return false;
        }
        if let (Some(one), Some(other)) = (source.md5, sink.md5) {
            return one == other;
        }
        match (source.modified, sink.modified) {
            (Some(changed), Some(written)) if self.sink == SinkKind::Store => written >= changed,
            (Some(one), Some(other)) => one == other,
            // Nothing else is told.
            (None, _) | (_, None) => true,
        }
    }
}

/// What a copy replaces.
fn over(there: Option<&SinkItem>) -> Expected {
    match there {
        None => Expected::Absent,
        Some(there) => {
            there.entry.tag.as_ref().map_or(Expected::Unknown, |tag| Expected::Version(Version::tagged(tag)))
        }
    }
}

#[cfg(test)]
mod tests;
