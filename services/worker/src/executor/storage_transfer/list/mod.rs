//! The listings of both sides, as they come: each from a part that runs apart, a bounded number of items ahead.

mod cloud;
pub mod conditions;
mod names;
mod walk;

use super::places::cloud::CloudPlace;
use super::places::entry::{Broken, Entry, SinkItem, SourceItem};
use super::places::folder::failure;
use crate::executor::guarded::Expected;
use crate::work::Work;
use cloud::{Listed, Pages};
use conditions::Conditions;
use operation::{Code, Failure};
use rustix::fd::OwnedFd;
use std::sync::Arc;
use tokio::sync::mpsc;
use walk::{Found, Walk};

/// Items that come together.
const PAGE: usize = 512;
/// Pages that wait to be looked at.
const AHEAD: usize = 2;

/// A listing: pages of items, and an empty one at the end. One that ends without has failed.
pub type Listing<T> = mpsc::Receiver<Result<Vec<T>, Failure>>;

/// The objects of a folder.
pub fn folder_of_source(
    work: &Work,
    root: OwnedFd,
    conditions: Arc<Conditions>,
    after: Option<String>,
) -> Listing<SourceItem> {
    walk(work, root, conditions, after, |found| Ok(Some(of_source(found))))
}

/// The objects of a folder that is a sink.
pub fn folder_of_sink(
    work: &Work,
    root: OwnedFd,
    conditions: Arc<Conditions>,
    after: Option<String>,
) -> Listing<SinkItem> {
    walk(work, root, conditions, after, of_sink)
}

fn walk<T: Send + 'static>(
    work: &Work,
    root: OwnedFd,
    conditions: Arc<Conditions>,
    after: Option<String>,
    item: fn(Found) -> Result<Option<T>, Failure>,
) -> Listing<T> {
    let (send, listing) = mpsc::channel(AHEAD);
    work.blocking(move || {
        let mut walk = match Walk::new(root, conditions, after) {
            Ok(walk) => walk,
            Err(error) => {
                // Nobody may listen any more.
                let _ = send.blocking_send(Err(failure::of_root("a folder of the transfer", false, error)));
                return;
            }
        };
        loop {
            let items: Result<Vec<T>, Failure> =
                walk.by_ref().filter_map(|found| item(found).transpose()).take(PAGE).collect();
            let ended = items.as_ref().map_or(true, Vec::is_empty);
            if send.blocking_send(items).is_err() || ended {
                return;
            }
        }
    });
    listing
}

fn of_source(found: Found) -> SourceItem {
    let broken = |key, code, details: &str, nameless| Broken { key, code, details: details.to_owned(), nameless };
    match found {
        Found::File(entry) => SourceItem::Object(entry),
        Found::Folder(key) => SourceItem::Folder(key),
        Found::Other(key, what) => SourceItem::Broken(Broken {
            key,
            code: Code::Unimplemented,
            details: format!("it is {what}: files alone are transferred"),
            nameless: false,
        }),
        Found::Nameless(key, true) => {
            SourceItem::Unlisted(broken(key, Code::InvalidArgument, "its name is not UTF-8", true))
        }
        Found::Nameless(key, false) => {
            SourceItem::Broken(broken(key, Code::InvalidArgument, "its name is not UTF-8", true))
        }
        Found::Unread(key, error) => {
            tracing::warn!(%error, "a folder of the source can't be read");
            let (code, details) = match error {
                rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => {
                    (Code::PermissionDenied, "the worker may not read the folder")
                }
                _ => (Code::Unknown, "the folder can't be read"),
            };
            SourceItem::Unlisted(broken(key, code, details, false))
        }
    }
}

fn of_sink(found: Found) -> Result<Option<SinkItem>, Failure> {
    match found {
        Found::File(entry) => Ok(Some(SinkItem { entry, is_object: true })),
        Found::Other(key, _) => {
            let over = Expected::Absent;
            let entry = Entry { key, size: 0, modified: None, tag: None, md5: None, mode: None, over };
            Ok(Some(SinkItem { entry, is_object: false }))
        }
        // Nothing of ours is called so, and nothing is deleted that can't be named.
        Found::Folder(_) | Found::Nameless(..) => Ok(None),
        Found::Unread(key, error) => {
            // What is in it can't be told from what is missing.
            Err(failure::of_root(&format!("the folder {key} of the sink"), false, error))
        }
    }
}

/// The objects of a part of a bucket.
pub fn cloud_of_source(work: &Work, place: CloudPlace, after: Option<String>) -> Listing<SourceItem> {
    pages(work, place, after, |listed| {
        Some(match listed {
            Listed::Object(entry) => SourceItem::Object(entry),
            Listed::Broken(broken) => SourceItem::Broken(broken),
        })
    })
}

/// The objects of a part of a bucket that is a sink.
pub fn cloud_of_sink(work: &Work, place: CloudPlace, after: Option<String>) -> Listing<SinkItem> {
    pages(work, place, after, |listed| match listed {
        Listed::Object(entry) => Some(SinkItem { entry, is_object: true }),
        Listed::Broken(_) => None,
    })
}

fn pages<T: Send + 'static>(
    work: &Work,
    place: CloudPlace,
    after: Option<String>,
    item: fn(Listed) -> Option<T>,
) -> Listing<T> {
    let (send, listing) = mpsc::channel(AHEAD);
    work.spawn(async move {
        let mut pages = Pages::new(place, after);
        loop {
            let page = pages.next().await;
            let ended = page.as_ref().map_or(true, Option::is_none);
            let items = page.map(|page| page.into_iter().flatten().filter_map(item).collect::<Vec<_>>());
            // An empty page is the end.
            if !ended && items.as_ref().is_ok_and(Vec::is_empty) {
                continue;
            }
            if send.send(items).await.is_err() || ended {
                return;
            }
        }
    });
    listing
}

/// A listing that is known.
pub fn known(items: Vec<SourceItem>) -> Listing<SourceItem> {
    let (send, listing) = mpsc::channel(2);
    // There is room for both.
    if !items.is_empty() {
        let _ = send.try_send(Ok(items));
    }
    let _ = send.try_send(Ok(Vec::new()));
    listing
}
