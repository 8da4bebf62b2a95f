//! How objects lie in the store: in JSON, or as upstream's servers write them; both are read, whatever is written.

use std::sync::Arc;

use bytes::Bytes;
use meta::GroupVersion;
use resource::Kind;
use schema::decode::TypeMeta;
use schema::protobuf::{Envelope, encode_message, envelope_head, envelope_tail};
use schema::{FieldValidation, SchemaRef};
use serde_json::{Map, Value};

/// What Kubernetes protobuf begins with.
const PROTOBUF_MAGIC: &[u8] = b"k8s\0";
/// What upstream's encryption at rest begins with.
const ENCRYPTED: &[u8] = b"k8s:enc:";

/// In which encoding objects are written into the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageEncoding {
    /// JSON: what a store of our own holds, since it is also what is served most.
    #[default]
    Json,
    /// As upstream's servers write: most kinds as protobuf, custom resources and a few others in JSON.
    Protobuf,
}

/// What objects of one kind are written as.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// The JSON they are served in.
    Json,
    /// A message of this type, in an envelope that says what it is.
    Protobuf {
        type_meta: TypeMeta,
        schema: SchemaRef<'static>,
    },
}

impl Form {
    fn new(kind: &dyn Kind, encoding: StorageEncoding) -> Self {
        let descriptor = kind.descriptor();
        let form = &descriptor.stored_form;
        if encoding == StorageEncoding::Json || !form.protobuf || kind.is_custom() {
            return Self::Json;
        }
        let stored = GroupVersion::parse(&form.api_version);
        let stored = stored.map(|version| version.kind(descriptor.kind.kind.clone()));
        let kind = stored.unwrap_or_else(|| descriptor.kind.clone());
        Self::Protobuf {
            schema: schema::builtin(&kind).unwrap_or(descriptor.schema),
            type_meta: TypeMeta {
                api_version: kind.api_version(),
                kind: kind.kind.into_owned(),
            },
        }
    }

    /// An object without a version as it goes into the store; none if that is its JSON. So is what the type table cannot
    /// write: every server reads it all the same.
    pub(crate) fn encode(&self, object: &Value) -> Option<Bytes> {
        let Self::Protobuf { type_meta, schema } = self else {
            return None;
        };
        let message = match encode_message(object, *schema) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(%error, kind = type_meta.kind, "an object is stored in JSON");
                return None;
            }
        };
        let head = envelope_head(type_meta, message.len());
        Some([&head, message.as_slice(), envelope_tail()].concat().into())
    }
}

/// The objects of a storage prefix.
pub(crate) struct StoredKind {
    /// The kind whose JSON the objects are held in.
    pub(crate) kind: Arc<dyn Kind>,
    /// Kinds that show the same objects in other versions.
    others: Vec<Arc<dyn Kind>>,
    pub(crate) form: Form,
    /// Whether objects are held in the versions in which they lie.
    as_they_lie: bool,
}

impl StoredKind {
    /// `kinds` holds all kinds; of those with this prefix, `kind` is the one that does not convert.
    pub(crate) fn new(kind: Arc<dyn Kind>, kinds: &[Arc<dyn Kind>], encoding: StorageEncoding) -> Self {
        let prefix = &kind.descriptor().storage_prefix;
        let converts =
            |other: &&Arc<dyn Kind>| other.converts() && other.descriptor().storage_prefix == *prefix;
        Self {
            others: kinds.iter().filter(converts).cloned().collect(),
            form: Form::new(&*kind, encoding),
            as_they_lie: false,
            kind,
        }
    }

    /// The same for objects that nobody here can convert: they are held in the versions in which they lie.
    pub(crate) fn without_conversion(self) -> Self {
        Self {
            as_they_lie: true,
            ..self
        }
    }

    /// The object in what someone else has stored, with defaults; else what is wrong with it.
    pub(crate) fn read(&self, value: &[u8]) -> Result<Value, String> {
        if value.starts_with(ENCRYPTED) {
            return Err(String::from("identity transformer tried to read encrypted data"));
        }
        let mut object = self.decode(value)?;
        let stated = TypeMeta::of(&object);
        let own = &self.kind.descriptor().kind;
        let states = |kind: &dyn Kind| {
            let kind = &kind.descriptor().kind;
            stated.api_version == kind.api_version() && stated.kind == kind.kind
        };
        if let Some(other) = self.others.iter().find(|other| states(&***other)) {
            renew(&**other, &mut object);
            if self.as_they_lie {
                return Ok(object);
            }
            other.convert_to_stored(&mut object);
        } else if !states(&*self.kind) {
            if !stated.kind.is_empty() && stated.kind != own.kind {
                return Err(format!(
                    "no kind {} is stored here: {} expected",
                    meta::quote(&stated.kind),
                    meta::quote(&own.kind)
                ));
            }
            self.kind.upgrade_stored(&mut object);
            object["apiVersion"] = own.api_version().into();
            object["kind"] = own.kind.clone().into_owned().into();
        }
        renew(&*self.kind, &mut object);
        Ok(object)
    }

    fn decode(&self, value: &[u8]) -> Result<Value, String> {
        if value.starts_with(PROTOBUF_MAGIC) {
            let stated = Envelope::parse(value).map_err(|e| e.to_string())?.type_meta;
            let schema = self.schema_of(&stated);
            return schema::decode_protobuf(value, schema).map_err(|e| e.to_string());
        }
        let object: Map<String, Value> = serde_json::from_slice(value)
            .map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))?;
        let object = Value::Object(object);
        let stated = TypeMeta::of(&object);
        if self.kind.is_custom() || !self.is_known(&stated) {
            return Ok(object);
        }
        let decoded = schema::decode_tree(object, self.schema_of(&stated), FieldValidation::Ignore);
        decoded.map(|(object, _)| object).map_err(|e| e.to_string())
    }

    /// The type of what an object says it is; the one that is served, if it says nothing of use.
    fn schema_of(&self, stated: &TypeMeta) -> SchemaRef<'static> {
        builtin(stated).unwrap_or(self.kind.descriptor().schema)
    }

    fn is_known(&self, stated: &TypeMeta) -> bool {
        stated.kind.is_empty() || builtin(stated).is_some()
    }
}

/// Makes of an object what it would be if it came in today. The schema of a custom resource may have changed since then.
fn renew(kind: &dyn Kind, object: &mut Value) {
    if kind.is_custom() {
        kind.upgrade_stored(object);
    } else {
        kind.default(object);
    }
}

fn builtin(stated: &TypeMeta) -> Option<SchemaRef<'static>> {
    let version = GroupVersion::parse(&stated.api_version)?;
    schema::builtin(&version.kind(stated.kind.clone()))
}
