//! One object.

use http::StatusCode;
use meta::{Reason, Status};
use registry::Object;
use resource::SubresourceKind;

use crate::body::Body;
use crate::call::{Call, Response};
use crate::clock::now_seconds;
use crate::codec;
use crate::negotiate::{Encoding, Format, View, pretty};
use crate::resources::Route;
use crate::respond::metadata::{no_such_view, partial};
use crate::respond::send::send;
use crate::respond::table::{IncludeObject, Rows, Shown};

fn shown(route: &Route) -> Shown<'_> {
    match route.subresource().map(|subresource| &subresource.works_as) {
        Some(SubresourceKind::Projection(projection)) => Shown::Projection(&**projection),
        _ => Shown::Kind(&**route.resource.kind()),
    }
}

/// Answers with an object in the form the client wants. Its JSON goes out as the very bytes it is held in.
pub fn answer(call: &Call, route: &Route, code: StatusCode, object: &Object) -> Result<Response, Status> {
    let Format {
        encoding,
        view,
        pretty,
    } = route.format;
    let bytes = match (encoding, view) {
        (Encoding::Protobuf, View::Whole) => {
            let bytes = codec::object_to_protobuf(object)?;
            call.answered(|| object.json().clone());
            return Ok(send(call, code, encoding.media_type(), Body::Full(bytes)));
        }
        (_, View::Whole) => object.json().clone(),
        (_, View::Metadata(version)) => {
            let hidden = shown(route).hidden_annotation();
            partial(hidden, object, version)
        }
        // Upstream takes a custom object for a list there, and finds out late.
        (_, View::MetadataList(_)) if route.is_custom() && route.has_own_kind() => {
            return Err(Status::failure(500, Reason::UNKNOWN, "content is not a list"));
        }
        (_, View::MetadataList(_)) => return Err(no_such_view(route, "PartialObjectMetadataList", false)),
        (_, View::Table(version)) => {
            let include = IncludeObject::of(call)?;
            let rows = Rows {
                shown: shown(route),
                include,
                version,
                now: now_seconds(),
            };
            rows.single(object, true).into()
        }
    };
    call.answered(|| bytes.clone());
    let bytes = match encoding {
        Encoding::Json if pretty => pretty::indent(&bytes).into(),
        Encoding::Json => bytes,
        Encoding::Yaml => codec::to_yaml(&codec::tree_of(&bytes)).into(),
        Encoding::Protobuf => codec::to_protobuf(&codec::tree_of(&bytes))?.into(),
    };
    Ok(send(call, code, encoding.media_type(), Body::Full(bytes)))
}
