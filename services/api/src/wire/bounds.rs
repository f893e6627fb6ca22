//! How much a request may say, and an error repeat. `openapi/limits.rs` states the limits of requests in the document, from
//! these constants.

/// Names in one JSON object.
pub const MOST_NAMES: usize = 128;
/// Items in a list.
pub const MOST_ITEMS: usize = 1_000;
/// Characters of a text, unless the field has a limit of its own.
pub const LONGEST_TEXT: usize = 2_048;
/// Parameters of a call.
pub const MOST_PARAMETERS: usize = 100;
/// Characters of a filter that is a JSON object: two lists of 256 names are less.
pub const LONGEST_JSON_FILTER: usize = 131_072;

/// The text without what an error need not repeat: cut to so many bytes, and without control characters, each of which
/// takes six bytes in JSON.
pub fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    if text.contains(char::is_control) { text.replace(char::is_control, "\u{fffd}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_lose_control_characters() {
        let check = |text: &str, most, expected: &str| assert_eq!(cut(text.to_owned(), most), expected);
        check("", 0, "");
        check("abc", 3, "abc");
        check("abcd", 3, "abc…");
        check("aää", 4, "aä…");
        check("\u{0}a\nb", 9, "\u{fffd}a\u{fffd}b");
    }
}
