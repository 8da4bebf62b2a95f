//! What all writes share.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use meta::Status;
use registry::{RequestContext, Written};
use serde_json::{Map, Value};

use crate::body::{MAX_BODY_BYTES, read_all};
use crate::call::{Call, Response};
use crate::decode::{Wanted, decode, decode_custom, encoding_of};
use crate::negotiate::Encoding;
use crate::options::WriteOptions;
use crate::resources::route::Route;
use crate::respond::object;

/// The facts of a write.
pub fn context(call: &mut Call, options: &WriteOptions) -> RequestContext {
    call.labels.dry_run = options.dry_run;
    RequestContext {
        user: call.user.clone(),
        requested_name: call.info.name().to_owned(),
        now: crate::clock::now(),
        dry_run: options.dry_run,
        field_manager: options.field_manager.clone(),
        field_validation: options.field_validation,
        options: Some(Arc::new(as_asked(call))),
        sent: call.sent.take(),
        warnings: call.warnings.clone(),
        audit: call.trail(),
    }
}

/// The options of the query as an object, as far as they are there.
fn as_asked(call: &Call) -> Value {
    let mut options = Map::new();
    let dry_run: Vec<&str> = call.query.all("dryRun").collect();
    if !dry_run.is_empty() {
        options.insert("dryRun".to_owned(), dry_run.into());
    }
    for name in ["fieldManager", "fieldValidation"] {
        if let Some(text) = call.query.first(name).filter(|text| !text.is_empty()) {
            options.insert(name.to_owned(), text.into());
        }
    }
    Value::Object(options)
}

/// The body, whole.
pub async fn body(call: &mut Call) -> Result<Bytes, Status> {
    read_all(&mut call.body, MAX_BODY_BYTES).await
}

/// The body as a tree of the kind that the route wants.
pub async fn tree(
    call: &mut Call,
    route: &Route,
    options: impl FnOnce(&Call) -> Result<WriteOptions, Status>,
) -> Result<(Value, WriteOptions), Status> {
    let encoding = encoding_of(call)?;
    let body = body(call).await?;
    let options = options(call)?;
    if route.is_custom() && route.has_own_kind() {
        let kind = &**route.resource.kind();
        let tree = decode_custom(&body, encoding, kind, options.field_validation, &call.warnings)?;
        return Ok((tree, options));
    }
    let (kind, schema) = route.body_kind()?;
    let wanted = Wanted {
        kind,
        schema,
        validation: options.field_validation,
    };
    let tree = decode(&body, encoding, wanted, &call.warnings);
    if encoding == Encoding::Json && route.resource.has_raw_fields() && route.has_own_kind() {
        call.sent = Some(body.clone());
    }
    let tree = match route.is_custom() {
        true => tree.map_err(|_| unknown_to_custom(&kind.version, &kind.kind))?,
        false => tree?,
    };
    Ok((tree, options))
}

/// Beside custom resources, upstream cannot say what is wrong with a body of another kind.
fn unknown_to_custom(version: &str, kind: &str) -> Status {
    Status::bad_request(format!(
        "no kind is registered for the type {version}.{kind} in scheme \"pkg/runtime/scheme.go:111\""
    ))
}

/// Answers with what was written.
pub fn answer(call: &Call, route: &Route, written: &Written) -> Result<Response, Status> {
    let code = if written.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    object::answer(call, route, code, &written.object)
}
