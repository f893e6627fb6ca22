//! What a create request says beside its spec: labels, priority, deadline, retry policy, request id.

use super::requests::{CreateRequest, RetryRequest};
use crate::wire::error::Violations;
use crate::wire::fields::Fields;
use crate::wire::request::Message;
use operation::RetryPolicy;
use std::collections::BTreeMap;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

const MOST_LABELS: usize = 64;
const LONGEST_LABEL_KEY: usize = 63;
const LONGEST_LABEL_VALUE: usize = 128;
/// Characters of a request's key.
pub const LONGEST_REQUEST_ID: usize = 128;
/// Attempts of an operation.
pub const MOST_ATTEMPTS: i64 = 1_000;

/// How an operation is to be run, whatever its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The caller's own words.
    pub labels: BTreeMap<String, String>,
    /// Higher goes first, within a project.
    pub priority: i16,
    /// When it fails if it has not ended.
    pub deadline: Option<OffsetDateTime>,
    /// How often, and when, it is tried again.
    pub retry: RetryPolicy,
}

/// Judges what stands beside the spec; what is wrong is collected. `now` is not told of a request with a key: it may be one
/// that was accepted before its deadline, sent again because its answer was lost.
pub fn options(request: &mut CreateRequest, now: Option<OffsetDateTime>, violations: &mut Violations) -> Options {
    Options {
        labels: labels(request.labels.take(), violations),
        priority: request.priority.unwrap_or_default(),
        deadline: deadline(request.deadline.as_deref(), now, violations),
        retry: retry(request.retry.take(), violations),
    }
}

fn labels(fields: Option<Fields>, violations: &mut Violations) -> BTreeMap<String, String> {
    let labels = fields.map(|fields| fields.into_texts(violations)).unwrap_or_default();
    if labels.len() > MOST_LABELS {
        violations.add("labels", format!("are more than {MOST_LABELS}"));
    }
    for (key, value) in &labels {
        if !is_label_key(key) {
            violations.add(
                format!("labels.{key}"),
                "is no label's name: a lower-case letter, then up to 62 lower-case letters, digits, - or _",
            );
        }
        if value.chars().count() > LONGEST_LABEL_VALUE || value.chars().any(char::is_control) {
            violations.add(format!("labels.{key}"), "must be at most 128 characters, none of them a control character");
        }
    }
    labels
}

/// As Google's labels are named (<https://cloud.google.com/resource-manager/docs/labels-overview>).
pub fn is_label_key(key: &str) -> bool {
    key.len() <= LONGEST_LABEL_KEY
        && key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

fn deadline(text: Option<&str>, now: Option<OffsetDateTime>, violations: &mut Violations) -> Option<OffsetDateTime> {
    let text = text?;
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok().and_then(|time| time.checked_to_offset(UtcOffset::UTC));
    match parsed {
        // What the database can hold, and what is told in four digits.
        Some(time) if time.year() < 1970 || time.year() > 9999 => {
            violations.add("deadline", "must lie between the years 1970 and 9999");
            None
        }
        Some(time) if now.is_some_and(|now| time <= now) => {
            violations.add("deadline", "has passed already");
            None
        }
        Some(time) => Some(time),
        None => {
            violations.add("deadline", "must be an RFC 3339 time, e.g. 2026-11-25T12:00:00Z");
            None
        }
    }
}

fn retry(request: Option<RetryRequest>, violations: &mut Violations) -> RetryPolicy {
    let default = RetryPolicy::default();
    let Some(request) = request else { return default };
    let (initial, longest) = (request.initial_backoff, request.max_backoff);
    let initial_delay = initial.or(longest.map(|longest| longest.min(default.initial_delay)));
    let policy = RetryPolicy {
        failure_limit: request.max_attempts.unwrap_or(default.failure_limit),
        initial_delay: initial_delay.unwrap_or(default.initial_delay),
        longest_delay: longest.unwrap_or(default.longest_delay.max(initial.unwrap_or_default())),
    };
    if policy.initial_delay > policy.longest_delay {
        violations.add(request.at("maxBackoff"), "is shorter than initialBackoff");
    }
    policy
}

/// The key of an idempotent create: in the body, in the header, or the same in both.
pub fn request_id(body: Option<String>, header: Option<String>, violations: &mut Violations) -> Option<String> {
    let (field, id) = match (body, header) {
        (Some(body), Some(header)) if body != header => {
            violations.add("requestId", "differs from the header Idempotency-Key");
            return None;
        }
        (Some(body), _) => ("requestId", body),
        (None, Some(header)) => ("Idempotency-Key", header),
        (None, None) => return None,
    };
    if !(1..=LONGEST_REQUEST_ID).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        violations.add(field, "must be 1 to 128 visible ASCII characters; a UUID does best");
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-25 12:00 UTC);

    fn read(body: &str) -> Result<Options, String> {
        let mut violations = Violations::default();
        let fields = Fields::parse(body.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = CreateRequest::read(fields, &mut violations);
        let now = request.request_id.is_none().then_some(NOW);
        let options = options(&mut request, now, &mut violations);
        violations.into_result().map_err(|error| error.to_string())?;
        Ok(options)
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let options = read(r#"{"kind":"x.y","spec":{}}"#).unwrap();
        assert_eq!((options.priority, options.deadline, options.retry), (0, None, RetryPolicy::default()));
        assert!(options.labels.is_empty());
    }

    #[test]
    fn what_is_said_is_read() {
        let options = read(
            r#"{"kind":"x.y","spec":{},"labels":{"env":"prod","tier":""},"priority":"-3","deadline":"2026-11-25T14:00:00+01:00",
                "retry":{"maxAttempts":2,"initialBackoff":"0.25s","maxBackoff":"10s"}}"#,
        )
        .unwrap();
        assert_eq!(options.labels, BTreeMap::from([("env".into(), "prod".into()), ("tier".into(), String::new())]));
        assert_eq!((options.priority, options.deadline), (-3, Some(datetime!(2026-11-25 13:00 UTC))));
        let retry = RetryPolicy {
            failure_limit: 2,
            initial_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(10),
        };
        assert_eq!(options.retry, retry);
        let short = read(r#"{"kind":"x.y","spec":{},"retry":{"maxBackoff":"0.5s"}}"#).unwrap().retry;
        assert_eq!(
            (short.initial_delay, short.longest_delay),
            (Duration::from_millis(500), Duration::from_millis(500))
        );
        let long = read(r#"{"kind":"x.y","spec":{},"retry":{"initialBackoff":"600s"}}"#).unwrap().retry;
        assert_eq!((long.initial_delay, long.longest_delay), (Duration::from_mins(10), Duration::from_mins(10)));
    }

    /// With a key it is the operation that was made then, or one that fails at once.
    #[test]
    fn a_request_that_can_be_sent_again_may_outlive_its_deadline() {
        let options = read(r#"{"kind":"x.y","spec":{},"deadline":"2026-11-25T11:59:59Z","requestId":"k"}"#).unwrap();
        assert_eq!(options.deadline, Some(datetime!(2026-11-25 11:59:59 UTC)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, expected) in [
            (r#"{"kind":"x.y","spec":{},"labels":{"Env":"x"}}"#, "labels.Env: is no label's name"),
            (r#"{"kind":"x.y","spec":{},"labels":{"env":1}}"#, "labels.env: must be a string, not a number"),
            (r#"{"kind":"x.y","spec":{},"labels":["env"]}"#, "labels: must be an object, not a list"),
            (r#"{"kind":"x.y","spec":{},"priority":40000}"#, "priority: must be between"),
            (r#"{"kind":"x.y","spec":{},"deadline":"tomorrow"}"#, "deadline: must be an RFC 3339 time"),
            (r#"{"kind":"x.y","spec":{},"deadline":"2026-11-25T12:00:00Z"}"#, "deadline: has passed already"),
            (r#"{"kind":"x.y","spec":{},"retry":{"maxAttempts":0}}"#, "retry.maxAttempts: must be between 1 and 1000"),
            (r#"{"kind":"x.y","spec":{},"retry":{"initialBackoff":"1m"}}"#, "retry.initialBackoff: must be a duration"),
            (
                r#"{"kind":"x.y","spec":{},"retry":{"initialBackoff":"2s","maxBackoff":"1s"}}"#,
                "retry.maxBackoff: is shorter",
            ),
            (r#"{"kind":"x.y","spec":{},"retry":{"max":1}}"#, "retry.max: is not a field of this message"),
        ] {
            let got = read(body).map_or_else(|error| error, |_| String::new());
            assert!(got.contains(expected), "{body}: {got}");
        }
    }
}
