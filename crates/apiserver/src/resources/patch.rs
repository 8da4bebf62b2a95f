//! `PATCH`.

use http::header::CONTENT_TYPE;
use meta::Status;
use registry::PatchBody;
use serde_json::Value;

use crate::call::{Call, Response};
use crate::decode::unknown_format;
use crate::options::patch_options;
use crate::resources::route::{PATCH_FORMS, Route};
use crate::resources::writing;

/// Changes an object, or a part or a projection of it.
pub async fn patch(call: &mut Call, route: &Route) -> Result<Response, Status> {
    let form = form(call, route.is_custom())?;
    let body = writing::body(call).await?;
    note(call, form, &body);
    let options = patch_options(call, form == PATCH_FORMS[3])?;
    let patch = match form {
        "application/json-patch+json" => PatchBody::Json(body),
        "application/merge-patch+json" => PatchBody::Merge(body),
        "application/strategic-merge-patch+json" => PatchBody::Strategic(body),
        _ => PatchBody::Apply {
            body,
            force: options.force,
        },
    };
    let context = writing::context(call, &options);
    let subresource = route.subresource_name();
    let written = route
        .resource
        .patch(&context, &route.namespace, &route.name, subresource, patch)
        .await?;
    writing::answer(call, route, &written)
}

/// Has the patch written as it was sent, an apply's as JSON.
fn note(call: &Call, form: &str, body: &[u8]) {
    let Some(record) = call.audit.as_ref().filter(|record| record.takes_request()) else {
        return;
    };
    let tree = (form == PATCH_FORMS[3]).then(|| serde_saphyr::from_slice::<Value>(body).ok());
    match tree.flatten() {
        Some(tree) => record.request(tree.to_string().as_bytes()),
        None => record.request(body),
    }
}

/// The form of the patch; 415 for one that does not fit the kind.
fn form(call: &Call, custom: bool) -> Result<&'static str, Status> {
    let header = call.header(CONTENT_TYPE).unwrap_or_default();
    let media_type = header.split(';').next().unwrap_or_default();
    let mut forms = PATCH_FORMS.to_vec();
    if custom {
        // Merging lists by key needs to know the keys.
        forms.retain(|form| *form != "application/strategic-merge-patch+json");
    }
    forms
        .iter()
        .copied()
        .find(|form| *form == media_type)
        .ok_or_else(|| unknown_format(&forms))
}
