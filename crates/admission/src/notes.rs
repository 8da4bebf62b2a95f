//! Notes of webhooks and policies about a request.

use meta::name::qualified_name;
use registry::AdmissionRequest;

/// JSON as upstream writes it into notes, which may end up in a page.
pub(crate) fn for_pages(json: &str) -> String {
    json.replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
}

/// Takes a note under the name of who wants it. What makes no key is left out.
pub(crate) fn note(request: &AdmissionRequest<'_>, by: &str, key: &str, text: impl FnOnce() -> String) {
    if !request.context.audit.is_on() {
        return;
    }
    let key = format!("{by}/{key}");
    if qualified_name(&key).is_empty() {
        request.context.audit.note(key, text);
    } else {
        tracing::warn!(key, "an audit annotation is left out, as this is no key");
    }
}
