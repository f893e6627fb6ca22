//! A bucket's objects in the order of their names, a page at a time.
//!
//! The crate that speaks to the store refuses a whole page for one name that it can't take (`a//b`). Such a page is asked
//! for in halves until the name stands alone, is told as broken, and the listing goes on behind it. And it takes a slash
//! from the end of a name, so that what consoles put in the place of folders (`a/`) looks like `a`: where that shows in the
//! order, it is told as what it is.

use crate::executor::guarded::Expected;
use crate::executor::storage_transfer::places::cloud::CloudPlace;
use crate::executor::storage_transfer::places::entry::{Broken, Entry, Stamp, is_unfinished, plain_md5};
use object_store::list::PaginatedListOptions;
use object_store::{Error, ObjectMeta, path};
use operation::{Code, Failure};

/// As much as S3 and GCS tell at a time.
const MOST: usize = 1000;

/// What a listing tells of.
pub enum Listed {
    /// An object.
    Object(Entry),
    /// Something that we can't name.
    Broken(Broken),
}

enum At {
    /// Behind this full name.
    After(Option<String>),
    /// Where the store says.
    Token(String),
    End,
}

/// A listing under way.
pub struct Pages {
    place: CloudPlace,
    at: At,
    size: usize,
    last: Option<String>,
}

impl Pages {
    /// Begins after a key.
    pub fn new(place: CloudPlace, after: Option<String>) -> Self {
        let after = after.map(|after| format!("{}{after}", place.prefix));
        Self { place, at: At::After(after), size: MOST, last: None }
    }

    /// The next page; none at the end.
    ///
    /// # Errors
    /// The store's, or it does not list in order.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, Failure> {
        loop {
            let (offset, page_token) = match &self.at {
                At::After(name) => (name.clone(), None),
                At::Token(token) => (None, Some(token.clone())),
                At::End => return Ok(None),
            };
            let options = PaginatedListOptions {
                offset,
                page_token,
                max_keys: Some(self.size),
                ..PaginatedListOptions::default()
            };
            let prefix = (!self.place.prefix.is_empty()).then_some(self.place.prefix.as_str());
            match self.place.store.pages.list_paginated(prefix, options).await {
                Ok(page) => {
                    self.at = page.page_token.map_or(At::End, At::Token);
                    self.size = (self.size * 2).min(MOST);
                    let objects = page.result.objects;
                    return Ok(Some(
                        objects
                            .into_iter()
                            .filter_map(|meta| self.listed(meta).transpose())
                            .collect::<Result<_, _>>()?,
                    ));
                }
                Err(Error::InvalidPath { source }) => {
                    if self.size > 1 {
                        self.size /= 2;
                        continue;
                    }
                    let Some(name) = name_in(&source) else { return Err(self.place.failure(&source.into())) };
                    self.at = At::After(Some(name.clone()));
                    if let Some(key) = name.strip_prefix(&self.place.prefix) {
                        return Ok(Some(vec![Listed::Broken(broken(key))]));
                    }
                }
                Err(error) => return Err(self.place.failure(&error)),
            }
        }
    }

    fn listed(&mut self, meta: ObjectMeta) -> Result<Option<Listed>, Failure> {
        // What has no key is the place's own mark in the console.
        let Some(key) = meta.location.as_ref().strip_prefix(&self.place.prefix) else { return Ok(None) };
        if let Some(last) = &self.last
            && key <= last.as_str()
        {
            let marker = format!("{key}/");
            if marker.as_str() <= last.as_str() && marker != *last {
                let message =
                    format!("the store of the bucket {} does not list in the order of names", self.place.bucket);
                return Err(Failure::fatal(Code::FailedPrecondition, message));
            }
            let listed = Listed::Broken(broken(&marker));
            self.last = Some(marker);
            return Ok(Some(listed));
        }
        self.last = Some(key.to_owned());
        if key.split('/').any(is_unfinished) {
            return Ok(None);
        }
        let modified =
            Stamp { seconds: meta.last_modified.timestamp(), nanos: meta.last_modified.timestamp_subsec_nanos() };
        Ok(Some(Listed::Object(Entry {
            key: key.to_owned(),
            size: meta.size,
            modified: Some(modified),
            md5: meta.e_tag.as_deref().and_then(plain_md5),
            tag: meta.e_tag,
            mode: None,
            over: Expected::Absent,
        })))
    }
}

fn broken(key: &str) -> Broken {
    let details = "its name begins or ends with a slash, has two in a row, a segment . or .., or a control character";
    Broken { key: key.to_owned(), code: Code::InvalidArgument, details: details.to_owned(), nameless: false }
}

fn name_in(error: &path::Error) -> Option<String> {
    if let path::Error::EmptySegment { path } | path::Error::BadSegment { path, .. } = error {
        Some(path.clone())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::guarded::CloudStore;
    use object_store::ObjectStoreExt;
    use object_store::aws::AmazonS3Builder;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    /// A listing of the prefix `in/`, which makes no request.
    fn pages() -> Pages {
        let builder = AmazonS3Builder::new().with_bucket_name("b").with_region("r");
        let store = CloudStore::s3(builder.with_access_key_id("k").with_secret_access_key("s"), true).unwrap();
        Pages::new(CloudPlace { bucket: "b".to_owned(), store, prefix: "in/".to_owned(), host: String::new() }, None)
    }

    async fn told(names: &[&str]) -> Result<Vec<String>, Failure> {
        let memory = InMemory::new();
        let mut pages = pages();
        let mut told = Vec::new();
        for name in names {
            let location = Path::parse(name).unwrap();
            memory.put(&location, "x".into()).await.unwrap();
            match pages.listed(memory.head(&location).await.unwrap())? {
                Some(Listed::Object(entry)) => told.push(entry.key),
                Some(Listed::Broken(broken)) => told.push(format!("broken {}", broken.key)),
                None => {}
            }
        }
        Ok(told)
    }

    /// The merge stands on it: out of order, what is in the sink alone and what is not could not be told apart.
    #[tokio::test]
    async fn a_store_that_does_not_list_in_order_is_refused() {
        assert_eq!(told(&["in/a", "in/a/b", "in/b"]).await.unwrap(), ["a", "a/b", "b"]);
        let failure = told(&["in/b", "in/a"]).await.unwrap_err();
        assert_eq!((failure.code, failure.retryable), (Code::FailedPrecondition, false));
    }

    #[tokio::test]
    async fn what_stands_in_the_place_of_a_folder_is_told_as_what_it_is() {
        // The store says `in/`, `in/a-b`, `in/a/`, `in/a/c`, and the crate takes the last slash.
        let names = ["in", "in/a-b", "in/a", "in/a/c"];
        assert_eq!(told(&names).await.unwrap(), ["a-b", "broken a/", "a/c"]);
        let hidden = ".safepoint-0190a000-0000-7000-8000-000000000000.1/0";
        assert_eq!(told(&[&format!("in/{hidden}"), "in/a"]).await.unwrap(), ["a"]);
    }
}
