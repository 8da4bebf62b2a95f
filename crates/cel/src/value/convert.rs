//! Back to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map as Object, Value as Json};

use super::{Key, Map, Value};
use crate::error::EvaluationError;
use crate::functions::time::shown_duration;

impl Value<'_> {
    /// The JSON that it is.
    ///
    /// # Errors
    /// If there is none: types, numbers that are no numbers, keys that are no texts, and what only functions know.
    pub fn to_json(&self) -> Result<Json, EvaluationError> {
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Int(number) => Json::from(*number),
            Self::Uint(number) => Json::from(*number),
            Self::Double(number) => match serde_json::Number::from_f64(*number) {
                Some(number) => Json::Number(number),
                None => return Err(self.no_json()),
            },
            Self::String(text) => Json::String((**text).to_owned()),
            Self::Bytes(bytes) => Json::String(STANDARD.encode(bytes)),
            Self::Duration(span) => Json::String(shown_duration(*span)),
            Self::Timestamp(time) => Json::String(time.to_string()),
            Self::List(list) => Json::Array(
                list.iter()
                    .map(|element| element.to_json())
                    .collect::<Result<_, _>>()?,
            ),
            Self::Map(Map::Json(entries, _)) => Json::Object((*entries).clone()),
            Self::Map(map) => Json::Object(object(map)?),
            Self::Optional(Some(value)) => value.to_json()?,
            Self::Optional(None) => Json::Null,
            Self::Type(_) | Self::Opaque(_) => return Err(self.no_json()),
        })
    }

    fn no_json(&self) -> EvaluationError {
        EvaluationError::failed(format!(
            "unsupported type to convert to JSON: {}",
            self.runtime_type()
        ))
    }
}

fn object(map: &Map<'_>) -> Result<Object<String, Json>, EvaluationError> {
    let mut object = Object::new();
    for key in map.keys() {
        let Key::String(name) = &key else {
            return Err(EvaluationError::failed(format!(
                "unsupported key of a JSON object: {}",
                key.shown()
            )));
        };
        if let Some(value) = map.get(&key)? {
            object.insert(name.to_string(), value.to_json()?);
        }
    }
    Ok(object)
}
