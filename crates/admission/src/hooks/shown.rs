//! What those who are asked about a request are shown of it.

use meta::{GroupVersionKind, GroupVersionResource, Status, User};
use registry::{AdmissionRequest, Operation};
use serde_json::{Map, Value, json};

use super::{Matched, name_of, namespace_of};
use crate::cluster::Cluster;

/// The objects of a request, in the version that somebody wants to see.
pub(crate) struct Shown {
    pub(crate) object: Value,
    pub(crate) old_object: Value,
}

impl Shown {
    /// The objects of a request as `matched` shows them.
    pub(crate) fn of(
        request: &AdmissionRequest<'_>,
        matched: &Matched,
        cluster: &dyn Cluster,
    ) -> Result<Self, Status> {
        let shown = |object: Option<&Value>| match object {
            Some(object) if matched.resource != *request.resource && matched.kind != *request.kind => {
                cluster.in_version(request.resource, object, &matched.kind.api_version())
            }
            Some(object) => Ok(object.clone()),
            None => Ok(Value::Null),
        };
        let mut object = shown(request.object.as_ref())?;
        if let Some(schema) = schema::builtin(&matched.kind) {
            schema::stored::forget_unwritten(&mut object, schema);
        }
        Ok(Self {
            object,
            old_object: shown(request.old_object)?,
        })
    }
}

/// An object as `matched` shows it, as the request has it.
pub(crate) fn as_requested(
    object: Value,
    request: &AdmissionRequest<'_>,
    matched: &Matched,
    cluster: &dyn Cluster,
) -> Result<Value, Status> {
    if matched.resource == *request.resource || matched.kind == *request.kind {
        return Ok(object);
    }
    cluster.in_version(request.resource, &object, &request.kind.api_version())
}

/// The facts of a request without its objects. What is empty is left out, as upstream does it.
pub(crate) fn facts(request: &AdmissionRequest<'_>, matched: &Matched) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut set = |name: &str, value: Value| {
        if value != "" {
            facts.insert(name.to_owned(), value);
        }
    };
    set("kind", kind(&matched.kind));
    set("resource", resource(&matched.resource));
    set("subResource", request.subresource.into());
    set("requestKind", kind(request.kind));
    set("requestResource", resource(request.resource));
    set("requestSubResource", request.subresource.into());
    set("name", name_of(request).into());
    set("namespace", namespace_of(request).into());
    set("operation", request.operation.as_str().into());
    set("userInfo", user(&request.context.user));
    set("dryRun", request.context.dry_run.into());
    set("options", options(request));
    facts
}

fn kind(kind: &GroupVersionKind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

fn resource(resource: &GroupVersionResource) -> Value {
    json!({"group": resource.group, "version": resource.version, "resource": resource.resource})
}

fn user(user: &User) -> Value {
    let mut info = Map::new();
    for (field, text) in [("username", &user.name), ("uid", &user.uid)] {
        if !text.is_empty() {
            info.insert(field.to_owned(), text.as_str().into());
        }
    }
    if !user.groups.is_empty() {
        info.insert("groups".to_owned(), user.groups.clone().into());
    }
    if !user.extra.is_empty() {
        info.insert("extra".to_owned(), json!(user.extra));
    }
    Value::Object(info)
}

/// The options of the request, as those of what is done in the end: an apply of what is not there is a create.
fn options(request: &AdmissionRequest<'_>) -> Value {
    let kind = match request.operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Connect => return Value::Null,
    };
    let mut options = Map::new();
    options.insert("kind".to_owned(), kind.into());
    options.insert("apiVersion".to_owned(), "meta.k8s.io/v1".into());
    if let Some(asked) = request.context.options.as_deref().and_then(Value::as_object) {
        options.extend(asked.clone());
    }
    Value::Object(options)
}
