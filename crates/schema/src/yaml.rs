//! YAML as upstream reads and writes it: YAML 1.1, where `yes` and `y` are booleans, turned into JSON.

mod characters;
mod indentation;
mod problem;
mod read;
mod resolve;
mod write;

use serde_json::Value;

use crate::decode::{DecodeError, FieldValidation, StrictReport, decode_keyed};
use crate::reference::SchemaRef;

pub use write::to_yaml;

/// The first document of a YAML text, as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct YamlDocument {
    value: Value,
    duplicate_keys: Vec<String>,
}

impl YamlDocument {
    /// Reads the first document; null if there is none. JSON is YAML too.
    ///
    /// # Errors
    /// With upstream's message, which starts with `yaml: `.
    pub fn parse(yaml: &[u8]) -> Result<Self, String> {
        let text = characters::text(yaml)?;
        let (value, duplicate_keys) = read::read(&text)?;
        Ok(Self {
            value,
            duplicate_keys,
        })
    }

    /// What it holds. Of keys that are there twice, the last.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The same, owned.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// A text for each key that is there twice: `line 6: key "k" already set in map`.
    pub fn duplicate_keys(&self) -> &[String] {
        &self.duplicate_keys
    }

    /// Decodes it as [`crate::decode_json`] does. Duplicate keys are reported with the others.
    ///
    /// # Errors
    /// As [`crate::decode_value`].
    pub fn decode(
        self,
        schema: SchemaRef<'_>,
        validation: FieldValidation,
    ) -> Result<(Value, StrictReport), DecodeError> {
        decode_keyed(self.value, self.duplicate_keys, schema, validation)
    }
}

#[cfg(test)]
mod tests {
    use meta::GroupVersionKind;

    use super::*;
    use crate::builtin;

    #[test]
    fn duplicate_keys_are_reported_with_unknown_fields() {
        let yaml = b"zzz: 1\ndata:\n  k: '1'\n  k: '2'\n  k: '3'\n";
        let schema = builtin(&GroupVersionKind::new("", "v1", "ConfigMap")).expect("built in");
        let document = YamlDocument::parse(yaml).expect("well-formed");

        let warned = document
            .clone()
            .decode(schema, FieldValidation::Warn)
            .expect("decodes");
        let warnings: Vec<&str> = warned.1.warnings().collect();
        let keys = [
            "line 4: key \"k\" already set in map",
            "line 5: key \"k\" already set in map",
        ];
        assert_eq!(warnings, [keys[0], keys[1], "unknown field \"zzz\""]);

        let strict = document.decode(schema, FieldValidation::Strict);
        let message = format!(
            "strict decoding error: yaml: unmarshal errors:\n  {}\n  {}, unknown field \"zzz\"",
            keys[0], keys[1]
        );
        assert_eq!(strict.map_err(|error| error.to_string()), Err(message));
    }
}
