//! Lists: shared bytes strung together while they are written.

use std::iter::once;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use meta::Status;
use registry::{Object, Page};
use resource::Kind;
use serde_json::{Map, Value, json};

use crate::body::{Body, Pieces};
use crate::call::{Call, Response};
use crate::clock::now_seconds;
use crate::codec;
use crate::negotiate::{Encoding, Format, View, ViewVersion, pretty};
use crate::protobuf;
use crate::resources::Route;
use crate::respond::metadata::{metadata_of, no_such_view, partial_prefix};
use crate::respond::send::send;
use crate::respond::table::{IncludeObject, Rows, Shown};

const COMMA: Bytes = Bytes::from_static(b",");
const BRACE: Bytes = Bytes::from_static(b"{");
const COMMA_BRACE: Bytes = Bytes::from_static(b",{");
const END_BRACE: Bytes = Bytes::from_static(b"}");
const END: Bytes = Bytes::from_static(b"]}\n");

/// Answers with a list in the form the client wants.
pub fn answer(call: &Call, route: &Route, page: Page) -> Result<Response, Status> {
    let Format {
        encoding,
        view,
        pretty,
    } = route.format;
    let whole_json = || gather(whole(route, page.clone()));
    if (encoding, view) == (Encoding::Protobuf, View::Whole) {
        call.answered(whole_json);
    }
    let pieces = match (encoding, view) {
        (Encoding::Protobuf, View::Whole) => whole_protobuf(route, page)?,
        (_, View::Whole) => whole(route, page),
        (_, View::Metadata(_)) => return Err(no_such_view(route, "PartialObjectMetadata", true)),
        (_, View::MetadataList(version)) => metadata(route, page, version),
        (_, View::Table(version)) => table(call, route, page, version)?,
    };
    let pieces = match (encoding, view) {
        (Encoding::Protobuf, View::Whole) => pieces,
        _ => noted(call, pieces),
    };
    let body = match (encoding, view) {
        (Encoding::Json, _) if pretty => Body::full(pretty::indent(&gather(pieces))),
        (Encoding::Json, _) | (Encoding::Protobuf, View::Whole) => Body::Pieces(pieces),
        (Encoding::Yaml, _) => Body::full(codec::to_yaml(&codec::tree_of(&gather(pieces)))),
        (Encoding::Protobuf, _) => Body::full(codec::to_protobuf(&codec::tree_of(&gather(pieces)))?),
    };
    Ok(send(call, StatusCode::OK, encoding.media_type(), body))
}

/// The same pieces, written whole where somebody wants to know what was answered.
fn noted(call: &Call, pieces: Pieces) -> Pieces {
    if !call.audit.as_ref().is_some_and(|record| record.takes_response()) {
        return pieces;
    }
    let all = Bytes::from(gather(pieces));
    call.answered(|| all.clone());
    Pieces::new(Some(all.len() as u64), Box::new(once(all)))
}

/// The objects themselves. Those of built-in kinds stand in lists without `kind` and `apiVersion`.
fn whole(route: &Route, page: Page) -> Pieces {
    let descriptor = route.descriptor();
    let head = head(
        &descriptor.list_kind,
        &descriptor.kind.api_version(),
        &list_metadata(&page, route.is_custom()),
    );
    if route.is_custom() {
        let items = page.items.into_iter().map(|object| object.json().clone());
        return known_length(head, items.collect(), |at, json| {
            separated(at, [json, Bytes::new()], &Bytes::new(), &COMMA)
        });
    }
    // Without the opening brace, which goes out with the comma.
    let items = page.items.iter().map(|object| object.item_json()).collect();
    known_length(head, items, |at, rest| {
        separated(at, [rest, Bytes::new()], &BRACE, &COMMA_BRACE)
    })
}

/// The metadata of the objects, each marked as such.
fn metadata(route: &Route, page: Page, version: ViewVersion) -> Pieces {
    let metadata = list_metadata(&page, false);
    let head = head("PartialObjectMetadataList", version.api_version(), &metadata);
    if page.items.is_empty() {
        return without_list(head);
    }
    let hidden = route.resource.kind().annotation_of_a_field();
    let items: Vec<Bytes> = page
        .items
        .iter()
        .map(|object| metadata_of(hidden, object))
        .collect();
    let first = Bytes::from_static(partial_prefix(version));
    let later: Bytes = [&COMMA[..], &first[..]].concat().into();
    known_length(head, items, move |at, metadata| {
        separated(at, [metadata, END_BRACE], &first, &later)
    })
}

/// Of a list whose items would stand behind `head`, nothing: where there is none, upstream has no list.
fn without_list(mut head: Vec<u8>) -> Pieces {
    head.truncate(head.len() - 1);
    head.extend_from_slice(b"null}\n");
    Pieces::new(Some(head.len() as u64), Box::new(once(Bytes::from(head))))
}

/// Whether upstream has no printer for a kind, but the one for anything: names and times.
fn has_plain_table(kind: &dyn Kind) -> bool {
    matches!(&*kind.columns(), [_, second] if second.name == "Created At")
}

/// Rows of a table, made while the list is written.
fn table(call: &Call, route: &Route, page: Page, version: ViewVersion) -> Result<Pieces, Status> {
    let include = IncludeObject::of(call)?;
    let resource = Arc::clone(&route.resource);
    let now = now_seconds();
    let head = Rows {
        shown: Shown::Kind(&**resource.kind()),
        include,
        version,
        now,
    }
    .head(&list_metadata(&page, false), true);
    if page.items.is_empty() && has_plain_table(&**resource.kind()) {
        return Ok(without_list(head));
    }
    let rows = page.items.into_iter().enumerate().flat_map(move |(at, object)| {
        let rows = Rows {
            shown: Shown::Kind(&**resource.kind()),
            include,
            version,
            now,
        };
        let comma = if at > 0 { COMMA } else { Bytes::new() };
        [comma, rows.row(&object).into()]
    });
    Ok(Pieces::new(
        None,
        Box::new(once(Bytes::from(head)).chain(rows).chain(once(END))),
    ))
}

/// The objects in protobuf. Their messages are taken twice, for their lengths and when they are written, so that a list holds
/// none of those that objects could not keep.
fn whole_protobuf(route: &Route, page: Page) -> Result<Pieces, Status> {
    let descriptor = route.descriptor();
    let mut items_length = 0;
    for object in &page.items {
        let message = message_of(object)?;
        items_length += protobuf::item_head(message.len()).len() + message.len();
    }
    let head = protobuf::list_head(
        &descriptor.kind.api_version(),
        &descriptor.list_kind,
        &protobuf::ListMeta {
            resource_version: &page.resource_version(),
            continue_token: &page.continue_token,
            remaining: page.remaining,
        },
        items_length,
    );
    let length = head.len() + items_length + protobuf::ENVELOPE_END.len();
    let end = once(Bytes::from_static(protobuf::ENVELOPE_END));
    let items = page.items.into_iter().flat_map(|object| {
        // It could be encoded a moment ago, and does not change.
        let message = message_of(&object).unwrap_or_default();
        [protobuf::item_head(message.len()), message]
    });
    let pieces = once(Bytes::from(head)).chain(items).chain(end);
    Ok(Pieces::new(Some(length as u64), Box::new(pieces)))
}

fn message_of(object: &Arc<Object>) -> Result<Bytes, Status> {
    let encoded = codec::object_to_protobuf(object)?;
    protobuf::message_in(&encoded).ok_or_else(|| Status::internal("an object has no protobuf message"))
}

/// A body of `head`, items and the end of a list, its length known beforehand.
fn known_length<const N: usize>(
    head: Vec<u8>,
    items: Vec<Bytes>,
    parts: impl Fn(usize, Bytes) -> [Bytes; N] + Send + 'static,
) -> Pieces {
    let count = |(at, item): (usize, &Bytes)| parts(at, item.clone()).iter().map(Bytes::len).sum::<usize>();
    let items_length: usize = items.iter().enumerate().map(count).sum();
    let length = head.len() + items_length + END.len();
    let body = items
        .into_iter()
        .enumerate()
        .flat_map(move |(at, item)| parts(at, item));
    Pieces::new(
        Some(length as u64),
        Box::new(once(Bytes::from(head)).chain(body).chain(once(END))),
    )
}

/// An item behind what separates it from the one before.
fn separated(at: usize, [item, end]: [Bytes; 2], first: &Bytes, later: &Bytes) -> [Bytes; 3] {
    [if at == 0 { first.clone() } else { later.clone() }, item, end]
}

/// `{"kind":...,"items":[`
fn head(kind: &str, api_version: &str, metadata: &Value) -> Vec<u8> {
    format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{metadata},"items":["#).into_bytes()
}

/// Lists of custom resources show an empty token, those of built-in ones do not.
fn list_metadata(page: &Page, always_continue: bool) -> Value {
    let mut metadata = Map::new();
    if page.revision.is_some() {
        metadata.insert("resourceVersion".into(), page.resource_version().into());
    }
    if always_continue || !page.continue_token.is_empty() {
        metadata.insert("continue".into(), page.continue_token.as_str().into());
    }
    if let Some(remaining) = page.remaining {
        metadata.insert("remainingItemCount".into(), json!(remaining));
    }
    Value::Object(metadata)
}

/// For encodings that cannot be written piece by piece.
fn gather(mut pieces: Pieces) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(frame) = pieces.next_frame() {
        all.extend_from_slice(&frame);
    }
    all
}
