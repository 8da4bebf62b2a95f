//! Users as reviews spell them.

use std::collections::BTreeMap;

use meta::User;
use serde_json::{Map, Value, json};

use crate::json::{text, texts};

/// A user as an answer spells it; what is empty is left out.
pub(super) fn to_json(user: &User) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value, is_empty: bool| {
        if !is_empty {
            object.insert(key.to_owned(), value);
        }
    };
    put("username", user.name.clone().into(), user.name.is_empty());
    put("uid", user.uid.clone().into(), user.uid.is_empty());
    put("groups", json!(user.groups), user.groups.is_empty());
    put("extra", json!(user.extra), user.extra.is_empty());
    object.into()
}

/// The user an access review asks about.
pub(super) fn from_spec(spec: &Value) -> User {
    let extra = spec.get("extra").and_then(Value::as_object).into_iter().flatten();
    let extra: BTreeMap<_, _> = extra
        .map(|(key, values)| (key.clone(), texts(values, "")))
        .collect();
    User {
        name: text(spec, "/user").to_owned(),
        uid: text(spec, "/uid").to_owned(),
        groups: texts(spec, "/groups"),
        extra,
    }
}
