//! Which members of a version 3 document are which fields of gnostic's messages (`openapi.v3`).

use serde_json::Value;

use super::{Form, Message};

const TEXTS: Form = Form::Each(&Form::Text);
const SCHEMA: Form = Form::OneOf(schema_or_reference);
/// By media type.
const CONTENT: Form = Form::Named(1, &Form::Message(&MEDIA_TYPE));

pub(super) static DOCUMENT: Message = Message {
    fields: &[
        ("openapi", 1, Form::Text),
        ("info", 2, Form::Message(&INFO)),
        ("paths", 4, Form::Message(&PATHS)),
        ("components", 5, Form::Message(&COMPONENTS)),
        (
            "security",
            6,
            Form::Each(&Form::Named(1, &Form::Wrapped(1, &TEXTS))),
        ),
    ],
    extensions: 9,
    others: None,
};

static INFO: Message = Message {
    fields: &[
        ("title", 1, Form::Text),
        ("description", 2, Form::Text),
        ("version", 6, Form::Text),
    ],
    extensions: 7,
    others: None,
};

static PATHS: Message = Message {
    fields: &[],
    extensions: 2,
    others: Some((1, Form::Message(&PATH_ITEM))),
};

const PARAMETERS: Form = Form::Each(&Form::Wrapped(1, &Form::Message(&PARAMETER)));

static PATH_ITEM: Message = Message {
    fields: &[
        ("summary", 2, Form::Text),
        ("description", 3, Form::Text),
        ("get", 4, Form::Message(&OPERATION)),
        ("put", 5, Form::Message(&OPERATION)),
        ("post", 6, Form::Message(&OPERATION)),
        ("delete", 7, Form::Message(&OPERATION)),
        ("options", 8, Form::Message(&OPERATION)),
        ("head", 9, Form::Message(&OPERATION)),
        ("patch", 10, Form::Message(&OPERATION)),
        ("parameters", 13, PARAMETERS),
    ],
    extensions: 14,
    others: None,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, TEXTS),
        ("summary", 2, Form::Text),
        ("description", 3, Form::Text),
        ("operationId", 5, Form::Text),
        ("parameters", 6, PARAMETERS),
        ("requestBody", 7, Form::Wrapped(1, &Form::Message(&REQUEST_BODY))),
        ("responses", 8, Form::Message(&RESPONSES)),
        ("deprecated", 10, Form::Flag),
    ],
    extensions: 13,
    others: None,
};

static PARAMETER: Message = Message {
    fields: &[
        ("name", 1, Form::Text),
        ("in", 2, Form::Text),
        ("description", 3, Form::Text),
        ("required", 4, Form::Flag),
        ("deprecated", 5, Form::Flag),
        ("allowEmptyValue", 6, Form::Flag),
        ("style", 7, Form::Text),
        ("explode", 8, Form::Flag),
        ("schema", 10, SCHEMA),
        ("content", 13, CONTENT),
    ],
    extensions: 14,
    others: None,
};

static REQUEST_BODY: Message = Message {
    fields: &[
        ("description", 1, Form::Text),
        ("content", 2, CONTENT),
        ("required", 3, Form::Flag),
    ],
    extensions: 4,
    others: None,
};

const RESPONSE: Form = Form::Wrapped(1, &Form::Message(&RESPONSE_MESSAGE));

static RESPONSES: Message = Message {
    fields: &[("default", 1, RESPONSE)],
    extensions: 3,
    others: Some((2, RESPONSE)),
};

static RESPONSE_MESSAGE: Message = Message {
    fields: &[("description", 1, Form::Text), ("content", 3, CONTENT)],
    extensions: 5,
    others: None,
};

static MEDIA_TYPE: Message = Message {
    fields: &[("schema", 1, SCHEMA)],
    extensions: 5,
    others: None,
};

static COMPONENTS: Message = Message {
    fields: &[
        ("schemas", 1, Form::Named(1, &SCHEMA)),
        (
            "securitySchemes",
            7,
            Form::Named(1, &Form::Wrapped(1, &Form::Message(&SECURITY_SCHEME))),
        ),
    ],
    extensions: 10,
    others: None,
};

static SECURITY_SCHEME: Message = Message {
    fields: &[
        ("type", 1, Form::Text),
        ("description", 2, Form::Text),
        ("name", 3, Form::Text),
        ("in", 4, Form::Text),
        ("scheme", 5, Form::Text),
    ],
    extensions: 9,
    others: None,
};

fn schema_or_reference(value: &Value) -> Option<(u16, Form)> {
    Some(if value.get("$ref").is_some() {
        (2, Form::Message(&REFERENCE))
    } else {
        (1, Form::Message(&SCHEMA_MESSAGE))
    })
}

static REFERENCE: Message = Message {
    fields: &[("$ref", 1, Form::Text)],
    extensions: 0,
    others: None,
};

static SCHEMA_MESSAGE: Message = Message {
    fields: &[
        ("nullable", 1, Form::Flag),
        ("readOnly", 3, Form::Flag),
        ("writeOnly", 4, Form::Flag),
        ("example", 7, Form::Any),
        ("deprecated", 8, Form::Flag),
        ("title", 9, Form::Text),
        ("multipleOf", 10, Form::Double),
        ("maximum", 11, Form::Double),
        ("exclusiveMaximum", 12, Form::Flag),
        ("minimum", 13, Form::Double),
        ("exclusiveMinimum", 14, Form::Flag),
        ("maxLength", 15, Form::Integer),
        ("minLength", 16, Form::Integer),
        ("pattern", 17, Form::Text),
        ("maxItems", 18, Form::Integer),
        ("minItems", 19, Form::Integer),
        ("uniqueItems", 20, Form::Flag),
        ("maxProperties", 21, Form::Integer),
        ("minProperties", 22, Form::Integer),
        ("required", 23, TEXTS),
        ("enum", 24, Form::Each(&Form::Any)),
        ("type", 25, Form::Text),
        ("allOf", 26, Form::Each(&SCHEMA)),
        ("oneOf", 27, Form::Each(&SCHEMA)),
        ("anyOf", 28, Form::Each(&SCHEMA)),
        ("not", 29, Form::Message(&SCHEMA_MESSAGE)),
        ("items", 30, Form::Wrapped(1, &SCHEMA)),
        ("properties", 31, Form::Named(1, &SCHEMA)),
        ("additionalProperties", 32, Form::OneOf(additional_properties)),
        ("default", 33, Form::OneOf(default)),
        ("description", 34, Form::Text),
        ("format", 35, Form::Text),
    ],
    extensions: 36,
    others: None,
};

fn additional_properties(value: &Value) -> Option<(u16, Form)> {
    Some(if value.is_boolean() {
        (2, Form::Flag)
    } else {
        (1, SCHEMA)
    })
}

/// Only plain values can be defaults here.
fn default(value: &Value) -> Option<(u16, Form)> {
    match value {
        Value::Number(_) => Some((1, Form::Double)),
        Value::Bool(_) => Some((2, Form::Flag)),
        Value::String(_) => Some((3, Form::Text)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
