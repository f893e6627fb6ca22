//! The parameters of a call that stand behind the `?`, or in the form of a GET that was sent as a POST.

use crate::wire::bounds::{LONGEST_TEXT, MOST_PARAMETERS};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::snake_case;
use crate::wire::time_text::thousands;
use operation::Code;
use url::form_urlencoded;

const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1000;

/// The parameters of a call, by name.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Parses `a=b&c=d`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for more parameters than any call has.
    pub fn parse(text: &[u8]) -> Result<Self, ApiError> {
        let given: Vec<_> = form_urlencoded::parse(text).into_owned().take(MOST_PARAMETERS + 1).collect();
        if given.len() > MOST_PARAMETERS {
            return Err(ApiError::invalid_field("(query)", format!("has more than {MOST_PARAMETERS} parameters")));
        }
        Ok(Self(given))
    }

    /// These parameters, and others that win over them.
    pub fn overlaid(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// One parameter, by its camelCase or `snake_case` name; the last one where there are several. An empty one is
    /// absent: Google's clients send them.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for one that is too long, or has NUL in it, which no text of Postgres can hold.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        self.long_text(name, LONGEST_TEXT)
    }

    /// The same, of at most so many characters.
    ///
    /// # Errors
    /// As [`Query::text`].
    pub fn long_text(&self, name: &str, most: usize) -> Result<Option<&str>, ApiError> {
        Ok(self.given(name, most)?.filter(|value| !value.is_empty()))
    }

    /// The same, where an empty one is no value of its type.
    fn given(&self, name: &str, most: usize) -> Result<Option<&str>, ApiError> {
        let snake = snake_case(name);
        let found = self.0.iter().rev().find(|(given, _)| given == name || *given == snake);
        match found.map(|(_, value)| value.as_str()) {
            Some(value) if value.chars().nth(most).is_some() => {
                Err(ApiError::invalid_field(name, format!("is longer than {} characters", thousands(most as u64))))
            }
            Some(value) if value.contains('\0') => {
                Err(ApiError::invalid_field(name, "must not contain the character \\u0000"))
            }
            value => Ok(value),
        }
    }

    /// How long a page may be (AIP-158): absent or 0 means the default, too much is coerced.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a negative number, or none.
    pub fn page_size(&self) -> Result<u32, ApiError> {
        let Some(text) = self.given("pageSize", LONGEST_TEXT)? else { return Ok(DEFAULT_PAGE) };
        match text.parse::<i64>() {
            Ok(0) => Ok(DEFAULT_PAGE),
            Ok(size) if size > 0 => Ok(u32::try_from(size).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)),
            Ok(_) => Err(ApiError::invalid_field("pageSize", "must not be negative")),
            Err(_) => Err(ApiError::invalid_field("pageSize", "must be a whole number")),
        }
    }

    /// Refuses `returnPartialSuccess=true`: our lists are never partial, and may not say that they are (operations.proto).
    ///
    /// # Errors
    /// UNIMPLEMENTED where it is set; `INVALID_ARGUMENT` where it is no truth value.
    pub fn refuse_partial_success(&self) -> Result<(), ApiError> {
        match self.given("returnPartialSuccess", LONGEST_TEXT)? {
            None | Some("false" | "False" | "0") => Ok(()),
            Some("true" | "True" | "1") => Err(ApiError::new(
                Code::Unimplemented,
                "PARTIAL_SUCCESS_NOT_IMPLEMENTED",
                "returnPartialSuccess is not supported: lists are always whole",
            )),
            Some(_) => Err(ApiError::invalid_field("returnPartialSuccess", "must be true or false")),
        }
    }

    /// A truth value; false where it is absent.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` where it is none.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.given(name, LONGEST_TEXT)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::invalid_field(name, "must be true or false")),
        }
    }

    /// Refuses parameters that would be ignored although they matter.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` where one of them is set.
    pub fn refuse(&self, names: &[&str]) -> Result<(), ApiError> {
        for name in names {
            if self.text(name)?.is_some() {
                return Err(ApiError::invalid_field(*name, "is not supported by this list"));
            }
        }
        Ok(())
    }

    /// Refuses what is none of these, by name.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with all the unknown names.
    pub fn refuse_unknown(&self, known: &[&str]) -> Result<(), ApiError> {
        let mut violations = Violations::default();
        let names: Vec<_> = known.iter().flat_map(|name| [(*name).to_owned(), snake_case(name)]).collect();
        for (given, _) in &self.0 {
            if !names.contains(given) {
                violations.add(given.clone(), "is not a parameter of this call");
            }
        }
        violations.into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_follow_aip_158() {
        let check = |text: &str, expected: Result<u32, &str>| {
            let got = Query::parse(text.as_bytes()).expect(text).page_size();
            assert_eq!(
                got.map_err(|error| error.to_string()),
                expected.map_err(|why| format!("INVALID_ARGUMENT: pageSize: {why}"))
            );
        };
        check("", Ok(50));
        check("pageSize=", Err("must be a whole number"));
        check("pageSize=0", Ok(50));
        check("pageSize=1", Ok(1));
        check("page_size=7&%24alt=json", Ok(7));
        check("pageSize=1001", Ok(1000));
        check("pageSize=99999999999", Ok(1000));
        check("pageSize=-1", Err("must not be negative"));
        check("pageSize=ten", Err("must be a whole number"));
        check("pageSize=1.5", Err("must be a whole number"));
    }

    #[test]
    fn what_is_laid_over_wins() {
        let parse = |text: &[u8]| Query::parse(text).expect("few parameters");
        let query = parse(b"filter=x&pageToken=old").overlaid(parse(b"pageToken=new&alt=json"));
        assert_eq!((query.text("filter").unwrap(), query.text("pageToken").unwrap()), (Some("x"), Some("new")));
    }

    #[test]
    fn partial_success_is_refused() {
        let refused = |text: &str| Query::parse(text.as_bytes()).expect(text).refuse_partial_success().is_err();
        assert!(
            refused("returnPartialSuccess=true")
                && refused("returnPartialSuccess=")
                && refused("return_partial_success=true")
                && refused("returnPartialSuccess=x")
        );
        assert!(!refused("returnPartialSuccess=false") && !refused(""));
    }

    #[test]
    fn neither_many_nor_long_parameters_are_taken() {
        let error = |got: Result<(), ApiError>| got.expect_err("too much").to_string();
        assert!(Query::parse("a&".repeat(MOST_PARAMETERS).as_bytes()).is_ok());
        let many = Query::parse("filter=x&".repeat(MOST_PARAMETERS + 1).as_bytes()).map(|_| ());
        assert_eq!(error(many), "INVALID_ARGUMENT: (query): has more than 100 parameters");
        let long = Query::parse(format!("orderBy={}", "%C3%A4".repeat(LONGEST_TEXT + 1)).as_bytes()).expect("one");
        assert_eq!(
            error(long.text("orderBy").map(|_| ())),
            "INVALID_ARGUMENT: orderBy: is longer than 2,048 characters"
        );
        assert!(long.long_text("orderBy", LONGEST_TEXT + 1).is_ok());
        let unknown: Vec<_> = (0..MOST_PARAMETERS).map(|index| format!("{index}{}", "x".repeat(500))).collect();
        let refused = Query::parse(unknown.join("&").as_bytes()).expect("few").refuse_unknown(&["pageSize"]);
        assert!(error(refused).len() < 16 * 1024);
    }
}
