//! An object before its version is known: what goes into the store.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use meta::{GroupVersion, GroupVersionKind, ResourceVersion};
use resource::Kind;
use schema::SchemaRef;
use schema::ordered::{Ordered, in_order};
use schema::texts::Texts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::index::{Head, Index};
use crate::metadata;
use crate::object::Object;
use crate::storage_encoding::{Form, StoredKind};

/// Everything of an [`Object`] but its version.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    index: Arc<Index>,
    /// JSON without a version.
    json: Bytes,
    places: Places,
    /// What lies in the store, if that is not the JSON.
    stored: Option<Bytes>,
    /// The object, once its version is known: the writer and the cache share it.
    object: Arc<OnceLock<Arc<Object>>>,
}

/// Places in the JSON of an object, which is shorter than 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Behind `kind` and `apiVersion` and their commas: what items of a list begin with.
    pub(crate) body: u32,
    /// Behind the brace that opens `metadata`: where the version belongs.
    pub(crate) version: u32,
    /// Behind `metadata`.
    pub(crate) rest: u32,
}

/// Room for the JSON of an object whose length nobody knows.
const SMALL: usize = 1024;

impl Places {
    fn new(body: usize, version: usize, rest: usize) -> Self {
        let short = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        Self {
            body: short(body),
            version: short(version),
            rest: short(rest),
        }
    }
}

impl Draft {
    pub(crate) fn new(index: Arc<Index>, json: Bytes, places: Places) -> Self {
        Self {
            index,
            json,
            places,
            stored: None,
            object: Arc::default(),
        }
    }

    /// A draft of an object of `kind`, which is written in that form.
    pub(crate) fn of_kind(kind: &dyn Kind, form: &Form, mut tree: Value) -> Self {
        Self::of_kept(kind, form, &mut tree, SMALL)
    }

    /// The same of a tree that is needed further: it becomes what is stored. In JSON it will be of about that length.
    pub(crate) fn of_kept(kind: &dyn Kind, form: &Form, tree: &mut Value, bytes: usize) -> Self {
        // A link to itself, which objects once had, is not kept.
        metadata::remove(tree, "selfLink");
        Self::settled(tree, Some(kind), form, bytes)
    }

    /// A draft of any object. A version in it is dropped.
    pub(crate) fn of_tree(mut tree: Value, kind: Option<&dyn Kind>, form: &Form) -> Self {
        Self::settled(&mut tree, kind, form, SMALL)
    }

    fn settled(tree: &mut Value, kind: Option<&dyn Kind>, form: &Form, bytes: usize) -> Self {
        metadata::remove(tree, "resourceVersion");
        let schema = tree.as_object().and_then(|fields| schema_of(fields, kind));
        if schema.is_none() {
            schema::structural::settle_numbers(tree);
        }
        let index = Arc::new(Index::of_tree(tree, kind));
        let json = tree.as_object().map(|fields| encode(fields, schema, bytes));
        let (json, places) = json.unwrap_or_default();
        Self {
            stored: form.encode(tree),
            ..Self::new(index, json, places)
        }
    }

    /// A draft of what lies in the store; else what is wrong with it. If it was written by [`encode`], hardly more than the
    /// metadata is parsed.
    pub(crate) fn of_stored(stored: &StoredKind, value: Bytes) -> Result<Self, String> {
        let kind = &*stored.kind;
        // The schema of a custom resource may have changed since it was stored.
        if !kind.is_custom()
            && let Some((places, metadata)) = places(&value, &kind.descriptor().kind)
        {
            let head: Head<'_> = serde_json::from_str(metadata).map_err(|e| e.to_string())?;
            if head.resource_version.is_empty() {
                let index = Index::of_stored(head, kind, &value).map_err(|e| e.to_string())?;
                return Ok(Self::new(Arc::new(index), value, places));
            }
        }
        let tree = stored.read(&value)?;
        // What lies in the store is there already, so that no one asks for its form.
        Ok(Self::of_kind(kind, &Form::Json, tree))
    }

    /// The same with texts of raw fields as they were sent. These come behind the metadata, so that no place changes.
    pub(crate) fn with_texts(self, texts: &Texts, schema: SchemaRef<'static>) -> Self {
        if texts.is_empty() {
            return self;
        }
        Self {
            json: texts.put_into(&self.json, schema).into(),
            ..self
        }
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// What goes into the store.
    pub(crate) fn value(&self) -> &Bytes {
        self.stored.as_ref().unwrap_or(&self.json)
    }

    /// Whether these bytes are what goes into the store.
    pub(crate) fn is_stored_as(&self, value: &Bytes) -> bool {
        self.value().as_ptr() == value.as_ptr() || self.value() == value
    }

    /// The object in JSON, without a version.
    pub(crate) fn json(&self) -> &Bytes {
        &self.json
    }

    /// The object at the version that its write had: made by the first who asks.
    pub(crate) fn written_at(&self, revision: ResourceVersion) -> Arc<Object> {
        let object = self.object.get_or_init(|| Arc::new(self.at(Some(revision))));
        if object.resource_version() == Some(revision) {
            return Arc::clone(object);
        }
        Arc::new(self.at(Some(revision)))
    }

    /// The object at that version.
    pub(crate) fn at(&self, revision: Option<ResourceVersion>) -> Object {
        match revision {
            None => Object::new(Arc::clone(&self.index), None, self.json.clone(), self.places, 0),
            Some(at) => self.with_version(format!("\"resourceVersion\":\"{at}\""), revision),
        }
    }

    /// The object at what a client has said to be its version.
    pub(crate) fn said_to_be_at(&self, version: &str) -> Object {
        if version.is_empty() {
            return self.at(None);
        }
        let member = format!("\"resourceVersion\":{}", Value::from(version));
        self.with_version(member, ResourceVersion::parse(version))
    }

    fn with_version(&self, mut version: String, revision: Option<ResourceVersion>) -> Object {
        let at = self.places.version as usize;
        let index = Arc::clone(&self.index);
        if self.json.get(at) != Some(&b'}') {
            version.push(',');
        }
        let json = [&self.json[..at], version.as_bytes(), &self.json[at..]].concat();
        let version_bytes = u32::try_from(version.len()).expect("no body is as large as four gigabytes");
        Object::new(index, revision, json.into(), self.places, version_bytes)
    }
}

/// The JSON of an object: `kind`, `apiVersion` and `metadata` first, and everything in the order of its declaration, as
/// upstream's encoder writes it.
fn encode(tree: &Map<String, Value>, schema: Option<SchemaRef<'static>>, bytes: usize) -> (Bytes, Places) {
    const FIRST: [&str; 3] = ["kind", "apiVersion", "metadata"];
    let first = FIRST.iter().filter_map(|name| {
        let (name, value) = tree.get_key_value(*name)?;
        let schema = schema.and_then(|schema| schema.field(name));
        Some((name, Ordered::new(value, schema)))
    });
    let rest = in_order(tree, schema).filter(|(name, _)| !FIRST.contains(&name.as_str()));
    let mut json = Vec::with_capacity(bytes);
    let mut places = Places::new(1, 1, 1);
    json.push(b'{');
    for (name, member) in first.chain(rest) {
        if json.len() > 1 {
            json.push(b',');
        }
        let start = json.len();
        append(&mut json, name);
        json.push(b':');
        let value = json.len();
        append(&mut json, &member);
        if name == "metadata" {
            places = Places::new(start, value + 1, json.len());
        }
    }
    json.push(b'}');
    // What is kept is no larger than it has to be.
    (json.into_boxed_slice().into(), places)
}

/// The type an object says it is of, which mostly is that of the kind it is written as; none for what the table does not know.
fn schema_of(tree: &Map<String, Value>, written_as: Option<&dyn Kind>) -> Option<SchemaRef<'static>> {
    let version = GroupVersion::parse(tree.get("apiVersion")?.as_str()?)?;
    let stated = version.kind(tree.get("kind")?.as_str()?.to_owned());
    match written_as {
        Some(kind) if !kind.is_custom() && kind.descriptor().kind == stated => Some(kind.descriptor().schema),
        _ => schema::builtin(&stated),
    }
}

fn append(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(json, value).expect("a JSON value is written into memory without errors");
}

/// An object of which only the frame is looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    kind: &'a str,
    api_version: &'a str,
    #[serde(borrow)]
    metadata: &'a RawValue,
}

/// The places in the JSON of an object of that kind, and its metadata. None if [`encode`] has not written it.
fn places<'a>(json: &'a [u8], kind: &GroupVersionKind) -> Option<(Places, &'a str)> {
    let frame: Frame<'_> = serde_json::from_slice(json).ok()?;
    if frame.kind != kind.kind || frame.api_version != kind.api_version() {
        return None;
    }
    let metadata = frame.metadata.get();
    let place = |text: &str| text.as_ptr().addr() - json.as_ptr().addr();
    let kind_at = r#"{"kind":""#.len();
    let api_version_at = kind_at + frame.kind.len() + r#"","apiVersion":""#.len();
    let body = api_version_at + frame.api_version.len() + r#"","#.len();
    let metadata_at = body + r#""metadata":"#.len();
    let as_encoded = [
        (frame.kind, kind_at),
        (frame.api_version, api_version_at),
        (metadata, metadata_at),
    ];
    let places = Places::new(body, metadata_at + 1, metadata_at + metadata.len());
    let is_encoded = as_encoded.iter().all(|(text, at)| place(text) == *at);
    is_encoded.then_some((places, metadata))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version(number: u64) -> Option<ResourceVersion> {
        ResourceVersion::new(number)
    }

    #[test]
    fn the_version_is_put_in_and_taken_out_without_parsing() {
        let tree = json!({
            "kind": "A", "apiVersion": "v1", "b": 1,
            "metadata": {"name": "n", "resourceVersion": "3"}, "z": {"metadata": {}},
        });
        let draft = Draft::of_tree(tree, None, &Form::Json);
        assert_eq!(
            draft.value().as_ref(),
            br#"{"kind":"A","apiVersion":"v1","metadata":{"name":"n"},"b":1,"z":{"metadata":{}}}"#
        );
        let object = draft.at(version(7));
        assert_eq!(
            object.json().as_ref(),
            br#"{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"7","name":"n"},"b":1,"z":{"metadata":{}}}"#
        );
        assert!(object.says(draft.json()));
        assert!(!object.says(&draft.json().slice(1..)));
        let later = object.at(version(1234).expect("not zero"));
        assert_eq!(later.tree()["metadata"]["resourceVersion"], "1234");
        assert_eq!(later.resource_version(), version(1234));
        assert!(
            later
                .item_json()
                .starts_with(br#""metadata":{"resourceVersion":"1234""#)
        );
    }

    #[test]
    fn changes_of_metadata_alone_are_told_apart() {
        let object = |uid: &str, labels: Value, spec: Value, at: u64| {
            let metadata = json!({"name": "n", "uid": uid, "labels": labels});
            let tree = json!({"kind": "A", "apiVersion": "v1", "metadata": metadata, "spec": spec});
            Draft::of_tree(tree, None, &Form::Json).at(version(at))
        };
        let was = object("u", json!({"a": "b"}), json!({"x": 1}), 5);
        for (is, expected) in [
            (object("u", json!({"a": "b"}), json!({"x": 1}), 5000), true),
            (object("u", json!({"c": "longer"}), json!({"x": 1}), 6), true),
            (object("u", json!({"a": "b"}), json!({"x": 2}), 6), false),
            (object("v", json!({"a": "b"}), json!({"x": 1}), 6), false),
        ] {
            assert_eq!(is.differs_in_metadata_only(&was), expected, "{}", is.tree());
        }
    }

    #[test]
    fn the_writer_and_the_cache_share_an_object() {
        let draft = Draft::of_tree(json!({"metadata": {"name": "n"}}), None, &Form::Json);
        let (first, second) = (version(5).expect("not zero"), version(6).expect("not zero"));
        let object = draft.clone().written_at(first);
        assert!(Arc::ptr_eq(&object, &draft.written_at(first)));
        assert_eq!(draft.written_at(second).resource_version(), Some(second));
    }

    #[test]
    fn what_was_encoded_is_recognised() {
        let tree = json!({"kind": "A", "apiVersion": "g/v1", "metadata": {"name": "n"}, "spec": {}});
        let draft = Draft::of_tree(tree, None, &Form::Json);
        let kind = GroupVersionKind::new("g", "v1", "A");
        let found = places(draft.value(), &kind).map(|(places, _)| places);
        assert_eq!(found, Some(draft.places));
        let foreign = [
            r#"{"apiVersion":"v1","kind":"A","metadata":{}}"#,
            r#"{"kind":"A", "apiVersion":"v1","metadata":{}}"#,
            r#"{"kind":"A","apiVersion":"v1","metadata": {}}"#,
            r#"{"kind":"A","apiVersion":"v1","x":1,"metadata":{}}"#,
            r#"{"kind":"A\n","apiVersion":"v1","metadata":{}}"#,
        ];
        for json in foreign {
            let kind = GroupVersionKind::new("", "v1", "A");
            assert_eq!(places(json.as_bytes(), &kind), None, "{json}");
        }
    }

    #[test]
    fn objects_without_metadata_or_version_are_written_as_they_are() {
        for text in [r#"{"kind":"Status","metadata":{}}"#, r#"{"a":1}"#, "{}"] {
            let tree: Value = serde_json::from_str(text).expect("JSON");
            let object = Object::unstored(tree);
            assert_eq!(object.json().as_ref(), text.as_bytes());
        }
        let tree = json!({"metadata": {"resourceVersion": "5"}});
        assert_eq!(Object::unstored(tree.clone()).tree(), tree);
    }
}
