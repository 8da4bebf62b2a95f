//! Reading objects: Kubernetes writes null where its types have a time that must be there and was never set. And one object that
//! cannot be read keeps nobody from reading the others.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What upstream's programs take for a time that was never set.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// The times that its types must have, and that are null in what it writes.
const TIMES: &[&str] = &["lastTransitionTime"];

/// Reads an object, or a list of them. Only what cannot be read as it is, is looked through for times that are null.
pub(crate) fn from_slice<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json).or_else(|error| {
        let mut value = serde_json::from_slice(json)?;
        if !date(&mut value) {
            return Err(error);
        }
        serde_json::from_value(value)
    })
}

/// An object of which only this could be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) who: Who,
    pub(crate) why: serde_json::Error,
}

/// Which object, in which version.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Who {
    #[serde(default)]
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) resource_version: String,
}

#[derive(Deserialize)]
struct Named {
    metadata: Who,
}

/// Reads an object by `read`; fails only if it cannot even be told which object it is.
pub(crate) fn object<T>(
    json: &str,
    read: impl FnOnce(&str) -> serde_json::Result<T>,
) -> serde_json::Result<Result<T, Unreadable>> {
    read(json).map(Ok).or_else(|why| {
        let Named { metadata } = serde_json::from_str(json)?;
        Ok(Err(Unreadable { who: metadata, why }))
    })
}

/// Writes a time where there is null instead of one; whether that was anywhere.
fn date(value: &mut Value) -> bool {
    let mut found = false;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| found |= date(item)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if field.is_null() && TIMES.contains(&name.as_str()) {
                    *field = Value::from(NEVER);
                    found = true;
                } else {
                    found |= date(field);
                }
            }
        }
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;

    use super::*;

    fn transition(condition: &str) -> serde_json::Result<Option<i64>> {
        let service = format!(
            r#"{{"kind":"Service","apiVersion":"v1","metadata":{{"name":"a"}},"status":{{"conditions":[{condition}]}}}}"#
        );
        let service: Service = from_slice(service.as_bytes())?;
        let conditions = service.status.and_then(|status| status.conditions);
        let first = conditions.and_then(|conditions| conditions.into_iter().next());
        Ok(first.map(|condition| condition.last_transition_time.0.as_second()))
    }

    #[test]
    fn a_time_that_was_never_set_is_read_as_such() {
        let condition = |time: &str| {
            format!(r#"{{"type":"A","status":"True","reason":"B","message":"","lastTransitionTime":{time}}}"#)
        };
        for (time, expected) in [
            (r#""1970-01-01T00:00:05Z""#, Some(5)),
            ("null", Some(-62_135_596_800)),
            (r#""soon""#, None),
            ("5", None),
        ] {
            assert_eq!(transition(&condition(time)).ok().flatten(), expected, "{time}");
        }
    }
}
