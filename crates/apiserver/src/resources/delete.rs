//! `DELETE`: of one object, or of a collection.

use std::sync::Arc;

use http::StatusCode;
use meta::{GroupVersionKind, Status};
use registry::{Deleted, FieldValidation, RequestContext};
use serde_json::Value;

use crate::call::{Call, Response};
use crate::codec;
use crate::decode::{decode_options, encoding_of};
use crate::options::{DeleteRequest, WriteOptions, delete_options, list_options};
use crate::resources::route::Route;
use crate::resources::writing;
use crate::respond::{document::document, list, object};

const DELETE_OPTIONS: GroupVersionKind = GroupVersionKind::new("", "v1", "DeleteOptions");

/// Deletes an object, or begins to.
pub async fn delete(call: &mut Call, route: &Route) -> Result<Response, Status> {
    let asked = asked(call).await?;
    let context = context(call, &asked);
    let deleted = route
        .resource
        .delete(&context, &route.namespace, &route.name, &asked.options)
        .await?;
    match deleted {
        Deleted::Gone(object) => object::answer(call, route, StatusCode::OK, &object),
        Deleted::Waits(object) => {
            let code = if asked.options.orphan_dependents == Some(false) {
                StatusCode::ACCEPTED
            } else {
                StatusCode::OK
            };
            object::answer(call, route, code, &object)
        }
        Deleted::Status(status) => {
            let tree = status.to_json();
            if let Some(record) = &call.audit {
                record.status(&status);
            }
            call.answered(|| codec::to_json(&tree));
            Ok(document(StatusCode::OK, &tree, route.format))
        }
    }
}

/// Deletes what a list selects.
pub async fn delete_collection(call: &mut Call, route: &Route) -> Result<Response, Status> {
    let asked = asked(call).await?;
    let selected = list_options(&call.query)?;
    let context = context(call, &asked);
    let namespace = route.collection_namespace();
    let page = route
        .resource
        .delete_collection(&context, namespace, &asked.options, &selected)
        .await?;
    list::answer(call, route, page)
}

async fn asked(call: &mut Call) -> Result<DeleteRequest, Status> {
    let encoding = encoding_of(call);
    let body = writing::body(call).await?;
    let options = if body.is_empty() {
        None
    } else {
        let options = decode_options(&body, encoding?, &DELETE_OPTIONS)?;
        note(call, &options);
        Some(options)
    };
    delete_options(options.as_ref(), &call.query)
}

/// Has the options written, in the form that upstream writes them in.
fn note(call: &Call, options: &Value) {
    if let Some(record) = call.audit.as_ref().filter(|record| record.takes_request()) {
        let mut options = options.clone();
        options["kind"] = "DeleteOptions".into();
        options["apiVersion"] = "meta.k8s.io/__internal".into();
        record.request(options.to_string().as_bytes());
    }
}

fn context(call: &mut Call, asked: &DeleteRequest) -> RequestContext {
    RequestContext {
        options: Some(Arc::new(asked.to_object())),
        ..writing::context(call, &write_options(asked.dry_run))
    }
}

fn write_options(dry_run: bool) -> WriteOptions {
    WriteOptions {
        dry_run,
        field_manager: String::new(),
        field_validation: FieldValidation::Ignore,
        force: false,
    }
}
