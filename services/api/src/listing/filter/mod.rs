//! List filters in the language of AIP-160: read by `syntax`, turned into what an index serves by `served`.

mod kind_set;
mod served;
mod syntax;

pub use served::{Field, Language, Selection};
pub use syntax::LONGEST;

use crate::wire::error::ApiError;

/// What a filter selects, in a list's own language. No filter selects all.
///
/// # Errors
/// `INVALID_ARGUMENT`: the filter can't be read, or no index serves it; the message names what is served.
pub fn select(filter: &str, language: &Language) -> Result<Selection, ApiError> {
    let refuse = |why: String| ApiError::invalid_field("filter", format!("{why}. This list serves {}", language.help));
    match syntax::parse(filter).map_err(|error| refuse(error.to_string()))? {
        Some(expression) => served::translate(&expression, language).map_err(refuse),
        None => Ok(Selection::default()),
    }
}
