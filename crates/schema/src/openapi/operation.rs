//! One operation: a method on a path.

use serde_json::{Map, Value, json};

use super::Dialect;
use super::component::Component;
use super::parameter::Parameter;

/// HTTP methods, in the order in which OpenAPI lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    Get,
    Put,
    Post,
    Delete,
    Options,
    Head,
    Patch,
}

impl Method {
    /// As a key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Delete => "delete",
            Self::Options => "options",
            Self::Head => "head",
            Self::Patch => "patch",
        }
    }
}

/// Media types.
pub(super) mod media {
    /// Objects.
    pub const OBJECTS: &[&str] = &[
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
    ];
    /// Objects, one by one as they change too.
    pub const WATCHABLE: &[&str] = &[
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
        "application/json;stream=watch",
        "application/vnd.kubernetes.protobuf;stream=watch",
    ];
    /// Text, or a Status.
    pub const LOGS: &[&str] = &[
        "text/plain",
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
    ];
    /// Patches.
    pub const PATCHES: &[&str] = &[
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ];
    /// Custom resources.
    pub const CUSTOM: &[&str] = &["application/json", "application/yaml"];
    /// Patches of custom resources.
    pub const CUSTOM_PATCHES: &[&str] = &[
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/apply-patch+yaml",
    ];
    /// JSON alone.
    pub const JSON: &[&str] = &["application/json"];
    /// Keys.
    pub const KEYS: &[&str] = &["application/jwk-set+json"];
    /// Anything.
    pub const ANY: &[&str] = &["*/*"];
}

/// What an operation is sent.
#[derive(Clone, Debug)]
pub(super) struct Body<'a> {
    pub of: Component<'a>,
    pub required: bool,
}

/// A method on a path.
#[derive(Clone, Debug)]
pub(super) struct Operation<'a> {
    pub method: Method,
    /// `listAppsV1NamespacedDeployment`
    pub id: String,
    /// `list or watch objects of kind Deployment`
    pub about: String,
    /// `apps_v1`
    pub tag: String,
    /// `list`; none where no resource is concerned.
    pub action: Option<&'static str>,
    /// Group, version and kind concerned.
    pub kind: Option<(&'a str, &'a str, &'a str)>,
    /// Sorted.
    pub parameters: Vec<Parameter>,
    pub body: Option<Body<'a>>,
    /// Media types of the body; empty if none is taken.
    pub consumes: &'static [&'static str],
    /// Media types of the answer.
    pub produces: &'static [&'static str],
    /// HTTP status codes of success.
    pub codes: &'static [u16],
    /// What the answer is; none for text.
    pub answer: Option<Component<'a>>,
}

impl<'a> Operation<'a> {
    /// The schemas it refers to.
    pub fn components(&self) -> impl Iterator<Item = Component<'a>> {
        self.body.iter().map(|body| body.of).chain(self.answer)
    }

    /// As a document has it, without the parameters in `common`, which stand beside it.
    pub fn render(&self, dialect: Dialect, common: &[Parameter]) -> Value {
        let mut operation = Map::new();
        let mut set = |name: &str, value: Value| operation.insert(name.to_owned(), value);
        set("tags", json!([self.tag]));
        set("description", self.about.as_str().into());
        set("operationId", self.id.as_str().into());
        let own = self
            .parameters
            .iter()
            .filter(|parameter| !common.contains(parameter));
        let mut parameters: Vec<Value> = own.map(|parameter| parameter.render(dialect)).collect();
        match (dialect, &self.body) {
            (Dialect::V2, body) => {
                if let Some(body) = body {
                    parameters.insert(0, v2_body(body));
                }
                if !self.consumes.is_empty() {
                    set("consumes", json!(self.consumes));
                }
                set("produces", json!(self.produces));
                set("schemes", json!(["https"]));
            }
            (Dialect::V3, Some(body)) => {
                set("requestBody", v3_body(body, self.consumes));
            }
            (Dialect::V3, None) => {}
        }
        if !parameters.is_empty() {
            set("parameters", parameters.into());
        }
        set("responses", self.responses(dialect));
        if let Some(action) = self.action {
            set("x-kubernetes-action", action.into());
        }
        if let Some((group, version, kind)) = self.kind {
            let kind = json!({ "group": group, "kind": kind, "version": version });
            set("x-kubernetes-group-version-kind", kind);
        }
        Value::Object(operation)
    }

    fn responses(&self, dialect: Dialect) -> Value {
        let schema = self
            .answer
            .map_or(json!({ "type": "string" }), |of| of.reference(dialect));
        let mut responses: Map<String, Value> = Map::new();
        for code in self.codes {
            let mut response = json!({ "description": phrase(*code) });
            match dialect {
                Dialect::V2 => response["schema"] = schema.clone(),
                Dialect::V3 => response["content"] = content(self.produces, &schema),
            }
            responses.insert(code.to_string(), response);
        }
        responses.insert("401".to_owned(), json!({ "description": phrase(401) }));
        Value::Object(responses)
    }
}

fn v2_body(body: &Body<'_>) -> Value {
    let mut parameter = json!({ "in": "body", "name": "body", "schema": body.of.reference(Dialect::V2) });
    if body.required {
        parameter["required"] = true.into();
    }
    parameter
}

fn v3_body(body: &Body<'_>, consumes: &[&str]) -> Value {
    let mut request = json!({ "content": content(consumes, &body.of.reference(Dialect::V3)) });
    if body.required {
        request["required"] = true.into();
    }
    request
}

fn content(media_types: &[&str], schema: &Value) -> Value {
    let content = media_types
        .iter()
        .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })));
    Value::Object(content.collect())
}

/// The phrase of a status code.
fn phrase(code: u16) -> &'static str {
    match code {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        _ => "Unauthorized",
    }
}
