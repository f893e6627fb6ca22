//! Pages of lists (AIP-158), the same for all dialects.

use crate::call::Call;
use crate::error::ApiError;
use crate::filter::{self, Language, Selection};
use crate::operations::{ListFilter, Operation, Order};
use crate::page_token::List;
use crate::query::Query;
use runtime::clock;

/// One page, and the token of the next one.
#[derive(Debug)]
pub struct Paged<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// Absent on the last page.
    pub next_page_token: Option<String>,
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
    let text = query.text("filter")?.unwrap_or_default();
    let selection = filter::select(text, language)?;
    // A token's position means another thing in another order.
    let parent = match order {
        Order::NewestFirst => parent.to_owned(),
        Order::OldestFirst => format!("{parent}, oldest first"),
    };
    let list = List { project: call.project.as_str(), parent: &parent, filter: text };
    let after = match query.text("pageToken")? {
        Some(token) => {
            let position = call.api().page_tokens.open(list, token, clock::now())?;
            Some(position.parse().map_err(|_| ApiError::internal())?)
        }
        None => None,
    };
    let Selection::Matching(filter) = selection else {
        return Ok(Paged { items: Vec::new(), next_page_token: None });
    };
    let filter = match collections {
        Collections::All => filter,
        Collections::One(collection) => ListFilter { collection: Some(collection), ..filter },
        Collections::StartingWith(prefix) => ListFilter { collection_prefix: Some(prefix), ..filter },
    };
    let page = call.api().operations.list(call.project.clone(), filter, order, after, size).await?;
    let next_page_token = match page.next {
        Some(position) => Some(call.api().page_tokens.seal(list, &position.to_string(), clock::now())?),
        None => None,
    };
    Ok(Paged { items: page.operations, next_page_token })
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
    let after = match query.text("pageToken")? {
        Some(token) => Some(call.api().page_tokens.open(list, token, clock::now())?),
        None => None,
    };
    let mut rest = names.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after)).peekable();
    let items: Vec<_> = rest.by_ref().take(size).collect();
    let next_page_token = match items.last().filter(|_| rest.peek().is_some()) {
        Some(position) => Some(call.api().page_tokens.seal(list, position, clock::now())?),
        None => None,
    };
    Ok(Paged { items, next_page_token })
}
