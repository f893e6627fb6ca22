//! Whether the two places of a move are one, whatever their names: a bucket by two endpoints, a folder by two mounts, a
//! bucket and the folder in which its server keeps it. There each object would look like its own copy, and be deleted.
//!
//! Names can't tell. So the move leaves a mark in the sink, which nobody else can have made, and looks for it in the source.

use super::context::{Context, Sink, Source, folder_of};
use crate::executor::guarded::{Content, Expected, Look, NotPublished, publish};
use crate::executor::storage_transfer::places::entry::temporary_folder;
use crate::executor::storage_transfer::places::find::MEET;
use crate::executor::storage_transfer::places::folder::failure::of_source;
use crate::executor::storage_transfer::places::folder::{Folders, file};
use crate::executor::storage_transfer::places::miss::Miss;
use crate::executor::storage_transfer::places::thread::blocking;
use operation::{Code, Failure, Fence};
use rustix::fd::AsFd;
use rustix::fs::Mode;
use std::sync::Arc;

/// What came of a check.
pub struct Checked {
    /// Whether what appears in the sink does not appear in the source: `INVALID_ARGUMENT` if it does.
    pub apart: Result<(), Miss>,
    /// Whether the mark may still be in the sink.
    pub left: bool,
}

/// The name of the mark, as the user is told of it.
pub fn name_of_mark(context: &Context, fence: Fence) -> String {
    format!("{}{}", context.sink_name, temporary_folder(fence.id, fence.attempt))
}

/// Checks that what appears in the sink does not appear in the source. To be run to its end: it removes its mark.
pub async fn check(context: Arc<Context>, fence: Fence) -> Checked {
    let mut left = false;
    let (key, tag) = match leave_mark(&context, fence, &mut left).await {
        Ok(mark) => mark,
        Err(miss) => return Checked { apart: Err(miss), left },
    };
    let seen = is_in_source(&context, &key).await;
    let left = !remove_mark(&context, &key, tag.as_deref()).await;
    let meet = || Miss::All(Failure::fatal(Code::InvalidArgument, MEET));
    Checked { apart: seen.and_then(|seen| if seen { Err(meet()) } else { Ok(()) }), left }
}

/// Makes an object in the sink whose name no listing shows and no other attempt has; returns its key, and its entity tag.
/// Tells in `left` whether it may be there in spite of an error.
async fn leave_mark(context: &Arc<Context>, fence: Fence, left: &mut bool) -> Result<(String, Option<String>), Miss> {
    if let Sink::Cloud(place) = &context.sink {
        let key = temporary_folder(fence.id, fence.attempt);
        let (path, mark, author) = (place.path(&key)?, key.clone().into(), context.halt.author());
        let put = publish(&place.store, &path, Content::Whole(&mark), &Expected::Absent, true, &author).await;
        *left = matches!(put, Err(NotPublished::Store(_) | NotPublished::NotHeld));
        return Ok((key, put.map_err(|error| place.not_published(&error, &context.halt))?));
    }
    let (work, context) = (context.halt.work(), context.clone());
    blocking(work, move || {
        let sink = folder_of(&context)?;
        let file = sink.temporary.file();
        file::create(&sink.temporary, &file, Mode::RUSR | Mode::WUSR)?;
        Ok((format!("{}/{file}", sink.temporary.name()), None))
    })
    .await
}

async fn is_in_source(context: &Arc<Context>, key: &str) -> Result<bool, Miss> {
    match &context.source {
        Source::Cloud(place) => Ok(place.head(key).await?.is_some()),
        Source::Folder(_) => {
            let (work, context, key) = (context.halt.work(), context.clone(), key.to_owned());
            blocking(work, move || {
                let Source::Folder(root) = &context.source else { return Ok(false) };
                let state = file::state(&mut Folders::new(root.as_fd(), false), &key);
                Ok(state.map_err(of_source)?.is_some())
            })
            .await
        }
        Source::Http(_) => Ok(false),
    }
}

/// A mark in a folder goes with the folder of temporary files. One in a store that does not let us delete stays: then this
/// returns `false`.
async fn remove_mark(context: &Context, key: &str, tag: Option<&str>) -> bool {
    let Sink::Cloud(place) = &context.sink else { return true };
    let removed = place.delete(key, tag, Look::IfNeeded, &context.halt).await.is_ok();
    if !removed {
        tracing::warn!(bucket = place.bucket, key, "the mark of a move could not be removed from the sink");
    }
    removed
}
