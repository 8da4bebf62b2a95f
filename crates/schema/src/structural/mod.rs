//! Structural schemas: what a `CustomResourceDefinition` says of the objects of its kind. Pruning, defaults, validation and
//! apply of custom resources work from them, as those of built-in kinds do from the generated table.
//!
//! The order of things is upstream's: decode (prune, take away nulls that may not be, read metadata), default, validate.

mod decode;
mod default_rules;
mod defaults;
mod embedded;
pub mod expressions;
pub mod formats;
mod lists;
mod metadata;
mod node;
mod numbers;
mod parse;
pub mod paths;
mod properties;
mod prune;
pub mod publish;
pub mod resource;
mod rules;
pub mod scale;
mod validate;

use meta::{ErrorList, FieldError, GroupVersionKind, Path};
use serde_json::Value;

pub use decode::decode_applied;
pub(crate) use decode::{decode, read};
pub use expressions::Rules;
pub use node::{Additional, Checks, Node, Rule, TypeName};
pub use numbers::settle_numbers;
pub use parse::ParseError;
pub use properties::Properties;
pub use rules::violations;
pub use scale::ScalePaths;

use crate::reference::SchemaRef;

/// The schema of a kind of custom resources in one version.
#[derive(Clone, Debug, PartialEq)]
pub struct StructuralSchema {
    root: Node,
    kind: Option<GroupVersionKind>,
    /// Whether objects keep what is not declared, wherever it stands.
    keeps_all: bool,
}

impl StructuralSchema {
    /// Reads the `openAPIV3Schema` of a definition.
    ///
    /// # Errors
    /// Everything because of which it is no structural schema; paths begin at the schema.
    pub fn parse(schema: &Value) -> Result<Self, ErrorList> {
        let errors = violations(schema, &Path::root());
        if !errors.is_empty() {
            return Err(errors);
        }
        Self::read(schema).map_err(|error| vec![FieldError::invalid(&Path::root(), "", &error.to_string())])
    }

    /// The same without asking whether it is structural, as definitions of old may not be.
    ///
    /// # Errors
    /// If it says what no such schema can.
    pub fn read(schema: &Value) -> Result<Self, ParseError> {
        let mut root = parse::node(schema, 0)?;
        root.is_resource = true;
        Ok(Self {
            root: root.noted(),
            kind: None,
            keeps_all: false,
        })
    }

    /// The schema of a kind of which nothing is said: only metadata is kept, or (if `keeps_all`) everything.
    pub fn empty(keeps_all: bool) -> Self {
        let root = Node {
            is_resource: true,
            preserves_unknown: keeps_all,
            ..Node::default()
        };
        Self {
            root: root.noted(),
            kind: None,
            keeps_all,
        }
    }

    /// The same, of objects that keep what is not declared and nulls, as definitions of old may want it.
    #[must_use]
    pub fn keeping_all(mut self) -> Self {
        self.root.preserves_unknown = true;
        self.keeps_all = true;
        self
    }

    /// The same, of objects that say that of themselves. Without it any kind will do.
    #[must_use]
    pub fn of_kind(mut self, kind: GroupVersionKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The kind, if known.
    pub fn kind(&self) -> Option<&GroupVersionKind> {
        self.kind.as_ref()
    }

    /// What an object is.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// What expressions know of an object; none where the schema says too little. Errors call its type `name`.
    pub fn declaration(&self, name: &str) -> Option<cel::Declaration> {
        expressions::declared(&self.root, name)
    }

    /// The position from which decoders, patches and apply walk objects.
    pub fn position(&self) -> SchemaRef<'_> {
        SchemaRef::of_custom(self)
    }

    /// Takes away what the schema does not know, metadata aside, and gives back the paths, sorted.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        match self.keeps_all {
            true => Vec::new(),
            false => prune::prune(object, Some(&self.root)),
        }
    }

    /// Takes away nulls that may not be there and are not replaced by a default.
    pub fn drop_nulls(&self, object: &mut Value) {
        if !self.keeps_all {
            defaults::drop_nulls(object, Some(&self.root));
        }
    }

    /// Puts in what the client left out.
    pub fn default(&self, object: &mut Value) {
        defaults::default(object, &self.root);
    }

    /// What is wrong with the defaults themselves; the schema stands at `path` in a definition. Definitions of old may have
    /// defaults with unknown fields.
    pub fn validate_defaults(&self, path: &Path, may_have_unknown: bool) -> ErrorList {
        default_rules::validate(&self.root, path, may_have_unknown)
    }

    /// What is wrong with a value: the whole object, at [`Path::root`].
    pub fn validate(&self, object: &Value, path: &Path) -> ErrorList {
        validate::validate(&self.root, object, None, path)
    }

    /// The same for a change: what was wrong before and is as it was may stay so.
    pub fn validate_update(&self, new: &Value, old: &Value, path: &Path) -> ErrorList {
        validate::validate(&self.root, new, Some(old), path)
    }

    /// What is wrong with an object's status, as its own endpoint checks it. Messages name fields from there on.
    pub fn validate_status_update(&self, new: &Value, old: &Value) -> ErrorList {
        match (self.root.properties.get("status"), new.get("status")) {
            (Some(node), Some(status)) => {
                validate::validate(node, status, old.get("status"), &Path::new("status"))
            }
            _ => ErrorList::new(),
        }
    }

    /// Makes of an object as it lies in the store what it is by the schema now.
    pub fn upgrade_stored(&self, object: &mut Value) {
        if let Some(metadata) = object.get_mut("metadata") {
            *metadata = metadata::read_what_can_be(metadata.take());
            // Very old servers kept no generation.
            if let Some(fields) = metadata.as_object_mut() {
                fields.entry("generation").or_insert(1.into());
            }
        }
        self.prune(object);
        self.drop_nulls(object);
        metadata::mend_embedded(object, &self.root);
        self.default(object);
    }

    /// What is wrong with `apiVersion`, `kind` and `metadata` of objects inside of the object.
    pub fn validate_embedded(&self, object: &Value) -> ErrorList {
        embedded::validate(object, &self.root, false, &Path::root())
    }

    /// What is wrong with lists whose items must differ. `old` had the right to be wrong, and then so has `new`.
    pub fn validate_lists(&self, new: &Value, old: Option<&Value>) -> ErrorList {
        let was_wrong = old.is_some_and(|old| !lists::validate(old, &self.root).is_empty());
        if was_wrong {
            return ErrorList::new();
        }
        lists::validate(new, &self.root)
    }

    /// Whether an object is of the kind, as its `apiVersion` and `kind` have it. If not, nothing else need be said of it.
    pub fn validate_type(&self, object: &Value) -> ErrorList {
        let Some(kind) = &self.kind else {
            return ErrorList::new();
        };
        let api_version = kind.api_version();
        [("kind", &*kind.kind), ("apiVersion", &*api_version)]
            .into_iter()
            .filter(|(field, wanted)| object.get(*field).and_then(Value::as_str) != Some(*wanted))
            .map(|(field, wanted)| {
                let found = object.get(field).and_then(Value::as_str).unwrap_or("");
                FieldError::invalid(&Path::new(field), found, &format!("must be {wanted}"))
            })
            .collect()
    }

    /// Whether anything must meet rules in CEL.
    pub fn has_rules(&self) -> bool {
        self.root.has_rules()
    }
}

#[cfg(test)]
mod tests;
