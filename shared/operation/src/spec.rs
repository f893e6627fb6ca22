//! What an operation is to do, as it is stored.

use crate::Kind;
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// What an operation is to do: its kind, and parameters that only the code of this kind reads. As JSON it is one object,
/// with the kind as the member `kind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    kind: Kind,
    parameters: Map<String, Value>,
}

/// The member that names the kind. No kind has a parameter of this name.
const KIND: &str = "kind";

impl Spec {
    /// A spec of these parameters.
    pub fn new(kind: Kind, mut parameters: Map<String, Value>) -> Self {
        parameters.shift_remove(KIND);
        Self { kind, parameters }
    }

    /// The kind whose parameters these are.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The parameters.
    pub const fn parameters(&self) -> &Map<String, Value> {
        &self.parameters
    }

    /// The parameters, as their kind's code has them.
    ///
    /// # Errors
    /// They are not of this type: another kind's, or written by a newer version.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        T::deserialize(&self.parameters)
    }
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.parameters.len() + 1))?;
        map.serialize_entry(KIND, &self.kind)?;
        for (name, value) in &self.parameters {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut parameters = Map::deserialize(deserializer)?;
        let kind = parameters.shift_remove(KIND).ok_or_else(|| de::Error::missing_field(KIND))?;
        let kind = Kind::deserialize(kind).map_err(de::Error::custom)?;
        Ok(Self { kind, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As the versions before stored it: workers of them run beside new ones during an upgrade.
    #[test]
    fn the_kind_is_a_member_of_the_json() {
        let text = r#"{"kind":"acme.reindex","table":"t","all":true}"#;
        let spec: Spec = serde_json::from_str(text).expect("a spec");
        assert_eq!(spec.kind().as_str(), "acme.reindex");
        assert_eq!(Value::Object(spec.parameters().clone()), json!({ "table": "t", "all": true }));
        assert_eq!(serde_json::to_string(&spec).expect("JSON"), text);
        for wrong in ["{}", r#"{"kind":1}"#, r#"{"kind":"x"}"#, "[]", "null"] {
            assert!(serde_json::from_str::<Spec>(wrong).is_err(), "{wrong}");
        }
    }
}
