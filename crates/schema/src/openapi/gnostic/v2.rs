//! Which members of a version 2 document are which fields of gnostic's messages (`openapi.v2`).

use serde_json::Value;

use super::{Form, Message};

const TEXTS: Form = Form::Each(&Form::Text);
/// Schemas lead back to schemas, which only addresses can.
static SCHEMA: Form = Form::Message(&SCHEMA_MESSAGE);
const SECURITY: Form = Form::Each(&Form::Named(1, &Form::Wrapped(1, &TEXTS)));

pub(super) static DOCUMENT: Message = Message {
    fields: &[
        ("swagger", 1, Form::Text),
        ("info", 2, Form::Message(&INFO)),
        ("host", 3, Form::Text),
        ("basePath", 4, Form::Text),
        ("schemes", 5, TEXTS),
        ("consumes", 6, TEXTS),
        ("produces", 7, TEXTS),
        ("paths", 8, Form::Message(&PATHS)),
        ("definitions", 9, Form::Named(1, &SCHEMA)),
        ("parameters", 10, Form::Named(1, &Form::OneOf(parameter))),
        ("security", 12, SECURITY),
        (
            "securityDefinitions",
            13,
            Form::Named(1, &Form::Wrapped(2, &Form::Message(&API_KEY))),
        ),
    ],
    extensions: 16,
    others: None,
};

static INFO: Message = Message {
    fields: &[
        ("title", 1, Form::Text),
        ("version", 2, Form::Text),
        ("description", 3, Form::Text),
    ],
    extensions: 7,
    others: None,
};

static API_KEY: Message = Message {
    fields: &[
        ("type", 1, Form::Text),
        ("name", 2, Form::Text),
        ("in", 3, Form::Text),
        ("description", 4, Form::Text),
    ],
    extensions: 5,
    others: None,
};

static PATHS: Message = Message {
    fields: &[],
    extensions: 1,
    others: Some((2, Form::Message(&PATH_ITEM))),
};

const PARAMETERS: Form = Form::Each(&Form::OneOf(parameter_or_reference));

static PATH_ITEM: Message = Message {
    fields: &[
        ("$ref", 1, Form::Text),
        ("get", 2, Form::Message(&OPERATION)),
        ("put", 3, Form::Message(&OPERATION)),
        ("post", 4, Form::Message(&OPERATION)),
        ("delete", 5, Form::Message(&OPERATION)),
        ("options", 6, Form::Message(&OPERATION)),
        ("head", 7, Form::Message(&OPERATION)),
        ("patch", 8, Form::Message(&OPERATION)),
        ("parameters", 9, PARAMETERS),
    ],
    extensions: 10,
    others: None,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, TEXTS),
        ("summary", 2, Form::Text),
        ("description", 3, Form::Text),
        ("operationId", 5, Form::Text),
        ("produces", 6, TEXTS),
        ("consumes", 7, TEXTS),
        ("parameters", 8, PARAMETERS),
        ("responses", 9, Form::Message(&RESPONSES)),
        ("schemes", 10, TEXTS),
        ("deprecated", 11, Form::Flag),
        ("security", 12, SECURITY),
    ],
    extensions: 13,
    others: None,
};

fn parameter_or_reference(value: &Value) -> Option<(u16, Form)> {
    Some(if value.get("$ref").is_some() {
        (2, Form::Message(&REFERENCE))
    } else {
        (1, Form::OneOf(parameter))
    })
}

static REFERENCE: Message = Message {
    fields: &[("$ref", 1, Form::Text), ("description", 2, Form::Text)],
    extensions: 0,
    others: None,
};

fn parameter(value: &Value) -> Option<(u16, Form)> {
    Some(if value["in"] == "body" {
        (1, Form::Message(&BODY_PARAMETER))
    } else {
        (2, Form::OneOf(other_parameter))
    })
}

static BODY_PARAMETER: Message = Message {
    fields: &[
        ("description", 1, Form::Text),
        ("name", 2, Form::Text),
        ("in", 3, Form::Text),
        ("required", 4, Form::Flag),
        ("schema", 5, Form::Message(&SCHEMA_MESSAGE)),
    ],
    extensions: 6,
    others: None,
};

fn other_parameter(value: &Value) -> Option<(u16, Form)> {
    match value["in"].as_str()? {
        "header" => Some((1, Form::Message(&PLAIN_PARAMETER))),
        "query" => Some((3, Form::Message(&QUERY_PARAMETER))),
        "path" => Some((4, Form::Message(&PLAIN_PARAMETER))),
        _ => None,
    }
}

/// In a path or a header.
static PLAIN_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Form::Flag),
        ("in", 2, Form::Text),
        ("description", 3, Form::Text),
        ("name", 4, Form::Text),
        ("type", 5, Form::Text),
        ("format", 6, Form::Text),
        ("collectionFormat", 8, Form::Text),
        ("default", 9, Form::Any),
        ("pattern", 16, Form::Text),
        ("uniqueItems", 19, Form::Flag),
        ("enum", 20, Form::Each(&Form::Any)),
    ],
    extensions: 22,
    others: None,
};

static QUERY_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Form::Flag),
        ("in", 2, Form::Text),
        ("description", 3, Form::Text),
        ("name", 4, Form::Text),
        ("allowEmptyValue", 5, Form::Flag),
        ("type", 6, Form::Text),
        ("format", 7, Form::Text),
        ("collectionFormat", 9, Form::Text),
        ("default", 10, Form::Any),
        ("pattern", 17, Form::Text),
        ("uniqueItems", 20, Form::Flag),
        ("enum", 21, Form::Each(&Form::Any)),
    ],
    extensions: 23,
    others: None,
};

static RESPONSES: Message = Message {
    fields: &[],
    extensions: 2,
    others: Some((1, Form::Wrapped(1, &Form::Message(&RESPONSE)))),
};

static RESPONSE: Message = Message {
    fields: &[
        ("description", 1, Form::Text),
        ("schema", 2, Form::Wrapped(1, &SCHEMA)),
    ],
    extensions: 5,
    others: None,
};

static SCHEMA_MESSAGE: Message = Message {
    fields: &[
        ("$ref", 1, Form::Text),
        ("format", 2, Form::Text),
        ("title", 3, Form::Text),
        ("description", 4, Form::Text),
        ("default", 5, Form::Any),
        ("multipleOf", 6, Form::Double),
        ("maximum", 7, Form::Double),
        ("exclusiveMaximum", 8, Form::Flag),
        ("minimum", 9, Form::Double),
        ("exclusiveMinimum", 10, Form::Flag),
        ("maxLength", 11, Form::Integer),
        ("minLength", 12, Form::Integer),
        ("pattern", 13, Form::Text),
        ("maxItems", 14, Form::Integer),
        ("minItems", 15, Form::Integer),
        ("uniqueItems", 16, Form::Flag),
        ("maxProperties", 17, Form::Integer),
        ("minProperties", 18, Form::Integer),
        ("required", 19, TEXTS),
        ("enum", 20, Form::Each(&Form::Any)),
        ("additionalProperties", 21, Form::OneOf(additional_properties)),
        ("type", 22, Form::OneOf(type_or_types)),
        ("items", 23, Form::Wrapped(1, &SCHEMA)),
        ("allOf", 24, Form::Each(&SCHEMA)),
        ("properties", 25, Form::Named(1, &SCHEMA)),
        ("discriminator", 26, Form::Text),
        ("readOnly", 27, Form::Flag),
        ("example", 30, Form::Any),
    ],
    extensions: 31,
    others: None,
};

fn additional_properties(value: &Value) -> Option<(u16, Form)> {
    Some(if value.is_boolean() {
        (2, Form::Flag)
    } else {
        (1, Form::Message(&SCHEMA_MESSAGE))
    })
}

fn type_or_types(value: &Value) -> Option<(u16, Form)> {
    Some(if value.is_array() {
        (1, TEXTS)
    } else {
        (1, Form::Text)
    })
}
