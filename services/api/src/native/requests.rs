//! What the bodies of native requests say. An optional member may also be null, which is absent.

use super::options;
use crate::kinds::words::CancelModeName;
use crate::listing::filter;
use crate::wire::fields::Fields;
use crate::wire::members::{Member, Parsed, SECONDS, Text, flag, integer, object, text, unread, word};
use crate::wire::request::request;
use crate::wire::time_text;
use operation::CancelMode;
use std::time::Duration;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

request! {
    /// An operation to create.
    pub struct CreateRequest {
        /// What is to be done.
        kind: Option<String> = text().required(),
        spec: Option<Fields> = unread::<OwnSpec>().required(),
        /// Higher goes first, within the project.
        priority: Option<i16> = integer(-32768..=32767),
        labels: Option<Fields> = unread::<LabelMap>(),
        /// When it fails if it has not ended: a time to come, before the year 10000.
        deadline: Option<String> = text().time(),
        retry: Option<RetryRequest> = object(),
        /// Makes the request idempotent for 30 days (AIP-155).
        request_id: Option<String> = request_id(),
    }
}

request! {
    /// How often, and when, a failed attempt is followed by another.
    pub struct RetryRequest {
        max_attempts: Option<u32> = integer(1..=options::MOST_ATTEMPTS),
        /// Seconds, a day at most, e.g. `1.5s`.
        initial_backoff: Option<Duration> = backoff(),
        /// No shorter than `initialBackoff`.
        max_backoff: Option<Duration> = backoff(),
    }
}

request! {
    /// Why, and how soon.
    pub struct CancelRequest {
        /// Shown in the receipt.
        reason: Option<String> = reason(),
        mode: Option<CancelMode> = word::<CancelModeName>(),
    }
}

request! {
    /// Which operations, and how.
    pub struct CancelManyRequest {
        /// An AIP-160 filter, as of the list; `done = false` means all that have not ended.
        filter: Option<String> = text().at_most(filter::LONGEST).required(),
        /// Shown in the receipts.
        reason: Option<String> = reason(),
        mode: Option<CancelMode> = word::<CancelModeName>(),
        /// Only count.
        dry_run: bool = flag(),
        /// Makes the request idempotent for 30 days.
        request_id: Option<String> = request_id(),
    }
}

request! {
    /// A retry.
    pub struct RetryOperation {
        /// Makes the request idempotent for 30 days.
        request_id: Option<String> = request_id(),
    }
}

request! {
    /// How long to wait.
    pub struct WaitRequest {
        /// Seconds, from `0s` to `300s`; `30s` where it is absent.
        timeout: Option<Duration> = timeout(),
    }
}

fn request_id() -> Text {
    text().at_most(options::LONGEST_REQUEST_ID).of_form("^[!-~]*$")
}

fn reason() -> Text {
    text().at_most(1_000)
}

fn backoff() -> Parsed<Duration> {
    // A day: what waits longer is forgotten by people.
    let day = |text: &str| time_text::duration(text).filter(|backoff| *backoff <= Duration::from_hours(24));
    text().of_form(SECONDS).parsed(day, "must be a duration of at most a day, in seconds, e.g. \"1.5s\"")
}

fn timeout() -> Parsed<Duration> {
    let wrong = "must be seconds from 0 to 300 with an s behind them, like \"30s\" or \"0.5s\"";
    let short = |text: &str| time_text::duration(text).filter(|timeout| *timeout <= Duration::from_mins(5));
    text().of_form(SECONDS).parsed(short, wrong)
}

/// The parameters of a kind that this document does not list: its worker has registered what they must be.
#[derive(Debug)]
pub struct OwnSpec;

impl PartialSchema for OwnSpec {
    fn schema() -> RefOr<Schema> {
        let about = "The parameters of a kind that this document does not list: `GET …/kinds` tells what they must be.";
        ObjectBuilder::new().schema_type(Type::Object).description(Some(about)).into()
    }
}

impl ToSchema for OwnSpec {}

/// The caller's own words: names as Google's labels have them.
#[derive(Debug)]
pub struct LabelMap;

impl PartialSchema for LabelMap {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let value = text().max_length(Some(128)).pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*$")).build();
        let name = text().pattern(Some("^[a-z][a-z0-9_-]{0,62}$")).build();
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("The caller's own words: names as Google's labels have them."))
            .max_properties(Some(64))
            .property_names(Some(Schema::Object(name)))
            .additional_properties(Some(AdditionalProperties::from(Schema::Object(value))))
            .into()
    }
}

impl ToSchema for LabelMap {}
