//! Spans of time in stored JSON as protobuf writes them, `"1.5s"`: users see the same JSON.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

/// Writes seconds and, if there are any, nine digits behind the point.
#[expect(clippy::ref_option, reason = "the form that serde calls")]
pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) if span.subsec_nanos() == 0 => serializer.collect_str(&format_args!("{}s", span.as_secs())),
        Some(span) => serializer.collect_str(&format_args!("{}.{:09}s", span.as_secs(), span.subsec_nanos())),
        None => serializer.serialize_none(),
    }
}

/// Reads what [`serialize`] writes.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let parsed = || {
        let number = text.strip_suffix('s')?;
        let (seconds, nanos) = number.split_once('.').unwrap_or((number, "000000000"));
        let nanos = (nanos.len() == 9).then(|| nanos.parse().ok())?.filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Duration::new(seconds.parse().ok()?, nanos))
    };
    parsed().map(Some).ok_or_else(|| Error::custom("seconds are expected, as in \"1.500000000s\""))
}
