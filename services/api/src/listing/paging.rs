//! Pages of lists (AIP-158), the same for all dialects.

use crate::admission::call::Call;
use crate::listing::filter::{self, Language, Selection};
use crate::operations::{ListFilter, Operation, Order};
use crate::wire::error::ApiError;
use crate::wire::page_token::List;
use crate::wire::query::Query;
use runtime::clock;
use std::str::FromStr;

/// One page, and the token of the next one.
#[derive(Debug)]
pub struct Paged<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// Absent on the last page.
    pub next_page_token: Option<String>,
}

/// The position after which the page begins that `pageToken` asks for. None for the first page.
///
/// # Errors
/// `INVALID_ARGUMENT`: the token is not one of this list, or has expired.
pub fn position<P: FromStr>(call: &Call, query: &Query, list: List<'_>) -> Result<Option<P>, ApiError> {
    let Some(token) = query.text("pageToken")? else { return Ok(None) };
    let position = call.api().page_tokens.open(list, token, clock::now())?;
    position.parse().map(Some).map_err(|_| ApiError::internal())
}

/// The token of the page that begins after `position`, if there is one.
///
/// # Errors
/// INTERNAL: it can't be sealed.
pub fn next_page_token(
    call: &Call,
    list: List<'_>,
    position: Option<&impl ToString>,
) -> Result<Option<String>, ApiError> {
    let seal = |position: &_| call.api().page_tokens.seal(list, &ToString::to_string(position), clock::now());
    position.map(seal).transpose()
}

/// Which operations a list is about, before any filter.
#[derive(Debug, Clone)]
pub enum Collections {
    /// All of the project.
    All,
    /// One collection.
    One(String),
    /// All whose names start so.
    StartingWith(String),
}

/// A page of operations, as `pageSize`, `pageToken` and `filter` ask for.
///
/// # Errors
/// `INVALID_ARGUMENT` for parameters that are wrong; what the store says.
pub async fn operations(
    call: &Call,
    query: &Query,
    parent: &str,
    collections: Collections,
    language: &Language,
    order: Order,
) -> Result<Paged<Operation>, ApiError> {
    let size = query.page_size()?;
    let text = query.long_text("filter", filter::LONGEST)?.unwrap_or_default();
    let selection = filter::select(text, language)?;
    // A token's position means another thing in another order.
    let parent = match order {
        Order::NewestFirst => parent.to_owned(),
        Order::OldestFirst => format!("{parent}, oldest first"),
    };
    let list = List { project: call.project.as_str(), parent: &parent, filter: text };
    let after = position(call, query, list)?;
    let Selection::Matching(filter) = selection else {
        return Ok(Paged { items: Vec::new(), next_page_token: None });
    };
    let filter = match collections {
        Collections::All => filter,
        Collections::One(collection) => ListFilter { collection: Some(collection), ..filter },
        Collections::StartingWith(prefix) => ListFilter { collection_prefix: Some(prefix), ..filter },
    };
    let page = call.api().operations.list(call.project.clone(), filter, order, after, size).await?;
    let next_page_token = next_page_token(call, list, page.next.as_ref())?;
    Ok(Paged { items: page.operations, next_page_token })
}

/// What of a list is shown on a page, where each row has to be looked at.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept<T, P> {
    /// What is on the page.
    pub items: Vec<T>,
    /// Where the next page goes on, if there may be one.
    pub next: Option<P>,
}

/// How many rows are looked at for one page, at the most, if few of them are kept: then it comes back short (AIP-158).
const MOST_LOOKED_AT: usize = 2_048;
/// How many of them come at a time.
const AT_A_TIME: u32 = 256;

/// Walks on from `after` until `size` rows are kept, or enough were looked at. `fetch` reads at most so many rows, and tells
/// whether there are more.
///
/// # Errors
/// What `fetch` says.
pub async fn kept<T, P: Clone>(
    size: u32,
    after: Option<P>,
    keeps: Option<&dyn Fn(&T) -> bool>,
    position: impl Fn(&T) -> P,
    fetch: impl AsyncFn(Option<P>, u32) -> Result<(Vec<T>, bool), ApiError>,
) -> Result<Kept<T, P>, ApiError> {
    let (mut items, mut looked_at, mut after) = (Vec::new(), 0, after);
    loop {
        let step = if keeps.is_some() { AT_A_TIME } else { size };
        let (rows, more) = fetch(after.clone(), step).await?;
        looked_at += rows.len();
        let mut rows = rows.into_iter();
        while let Some(row) = rows.next() {
            let here = position(&row);
            if keeps.is_none_or(|keeps| keeps(&row)) {
                items.push(row);
            }
            after = Some(here);
            if items.len() >= size as usize {
                let next = after.filter(|_| more || rows.len() > 0);
                return Ok(Kept { items, next });
            }
        }
        if !more || looked_at >= MOST_LOOKED_AT {
            return Ok(Kept { items, next: after.filter(|_| more) });
        }
    }
}

/// A page of what is configured: sorted names, all in memory.
///
/// # Errors
/// `INVALID_ARGUMENT` for parameters that are wrong.
pub fn names(call: &Call, query: &Query, parent: &str, names: Vec<String>) -> Result<Paged<String>, ApiError> {
    // They are few: nobody needs to sort or filter them, and to ignore the wish would be wrong.
    query.refuse(&["filter", "orderBy"])?;
    let size = query.page_size()? as usize;
    let list = List { project: call.project.as_str(), parent, filter: "" };
    let after: Option<String> = position(call, query, list)?;
    let mut rest = names.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after)).peekable();
    let items: Vec<_> = rest.by_ref().take(size).collect();
    let next_page_token = next_page_token(call, list, items.last().filter(|_| rest.peek().is_some()))?;
    Ok(Paged { items, next_page_token })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Walks through the numbers below `count`; the pages, and how often rows were fetched for each.
    async fn walk(count: u32, size: u32, keeps: Option<&dyn Fn(&u32) -> bool>) -> Vec<(Vec<u32>, u32)> {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let fetches = Cell::new(0);
            let fetch = async |after: Option<u32>, most: u32| {
                fetches.set(fetches.get() + 1);
                let first = after.map_or(0, |after| after + 1);
                let last = count.min(first + most);
                Ok(((first..last).collect(), last < count))
            };
            let page = kept(size, after, keeps, |row| *row, fetch).await.expect("a page");
            pages.push((page.items, fetches.get()));
            after = page.next;
            if after.is_none() {
                return pages;
            }
        }
    }

    #[actix_web::test]
    async fn a_page_without_a_look_is_one_fetch() {
        assert_eq!(walk(5, 2, None).await, [(vec![0, 1], 1), (vec![2, 3], 1), (vec![4], 1)]);
        assert_eq!(walk(4, 2, None).await, [(vec![0, 1], 1), (vec![2, 3], 1)]);
        assert_eq!(walk(0, 2, None).await, [(vec![], 1)]);
    }

    #[actix_web::test]
    async fn a_page_of_what_is_seldom_kept_is_short_and_the_walk_is_whole() {
        let hundreds = |row: &u32| row.is_multiple_of(100);
        let pages = walk(10_000, 7, Some(&hundreds)).await;
        let walked: Vec<_> = pages.iter().flat_map(|(items, _)| items.clone()).collect();
        assert_eq!(walked, (0..100).map(|number| number * 100).collect::<Vec<_>>());
        let nothing = |_: &u32| false;
        let pages = walk(5_000, 7, Some(&nothing)).await;
        assert_eq!(pages, [(vec![], 8), (vec![], 8), (vec![], 4)], "no page looks at more than it may");
        // The last row of a fetch fills the page: there is no empty page behind it.
        let all = |_: &u32| true;
        assert_eq!(walk(256, 256, Some(&all)).await.len(), 1);
    }
}
