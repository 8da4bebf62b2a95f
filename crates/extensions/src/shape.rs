//! What a version's schema does to its objects.

use meta::{ErrorList, FieldError, GroupVersionKind, Path};
use schema::SchemaRef;
use schema::structural::expressions::Answer;
use schema::structural::{Rules, ScalePaths, StructuralSchema, resource};
use serde_json::Value;

use crate::definition::Version;

/// The schema of a version, put to use.
pub(crate) struct Shape {
    schema: StructuralSchema,
    /// What objects must meet besides.
    rules: Rules,
    scale: Option<ScalePaths>,
}

impl Shape {
    /// The schema of objects of a kind. A definition of old may keep what its schema does not know, or have a schema that is
    /// none: then nothing is known of its objects.
    pub(crate) fn new(kind: &GroupVersionKind, version: &Version, keeps_all: bool) -> Self {
        let given = &version.schema.open_api_v3_schema;
        let schema = if given.is_null() {
            StructuralSchema::empty(keeps_all)
        } else {
            StructuralSchema::read(given).unwrap_or_else(|error| {
                tracing::warn!(%error, %kind, "a schema cannot be read");
                StructuralSchema::empty(true)
            })
        };
        let schema = match keeps_all {
            true => schema.keeping_all(),
            false => schema,
        };
        let scale = version.subresources.scale.as_ref().map(|places| ScalePaths {
            spec_replicas: places.spec_replicas_path.clone(),
            status_replicas: places.status_replicas_path.clone(),
            label_selector: places.label_selector_path.clone(),
        });
        let schema = schema.of_kind(kind.clone());
        Self {
            rules: Rules::compile(&schema),
            schema,
            scale,
        }
    }

    pub(crate) fn position(&self) -> SchemaRef<'_> {
        self.schema.position()
    }

    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        let pruned = self.schema.prune(object);
        self.schema.drop_nulls(object);
        pruned
    }

    pub(crate) fn upgrade_stored(&self, object: &mut Value) {
        self.schema.upgrade_stored(object);
    }

    pub(crate) fn default(&self, object: &mut Value) {
        self.schema.default(object);
    }

    /// What is wrong with an object. Where it is of another type, nothing else need be said.
    pub(crate) fn validate(&self, object: &Value) -> ErrorList {
        let errors = resource::validate(&self.schema, self.scale.as_ref(), object);
        self.and_rules(errors, object, None)
    }

    pub(crate) fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        let errors = resource::validate_update(&self.schema, self.scale.as_ref(), new, old);
        self.and_rules(errors, new, Some(old))
    }

    pub(crate) fn validate_status_update(&self, new: &Value, old: &Value) -> ErrorList {
        let errors = resource::validate_status_update(&self.schema, self.scale.as_ref(), new, old);
        self.and_rules(errors, new, Some(old))
    }

    fn and_rules(&self, mut errors: ErrorList, new: &Value, old: Option<&Value>) -> ErrorList {
        let is_of_kind = self.schema.validate_type(new).is_empty();
        // That there is no name is told by who looks at metadata, and keeps from asking rules as well.
        let is_nameless = old.is_none() && meta::object::name(new).is_empty();
        let nameless = || vec![FieldError::required(&Path::new("metadata.name"), "")];
        if is_of_kind {
            let answer = match is_nameless {
                true => self.ask(&nameless(), new, old),
                false => self.ask(&errors, new, old),
            };
            errors.extend(answer.errors);
        }
        errors
    }

    /// What the rules have against an object that it was already guilty of before.
    pub(crate) fn warnings(&self, new: &Value, old: &Value) -> Vec<String> {
        self.ask(&ErrorList::new(), new, Some(old)).warnings
    }

    fn ask(&self, errors: &ErrorList, new: &Value, old: Option<&Value>) -> Answer {
        self.rules.ask(&self.schema, errors, new, old)
    }
}

/// What is known of any object.
pub(crate) fn untyped() -> SchemaRef<'static> {
    const ANY: GroupVersionKind = GroupVersionKind::new("meta.k8s.io", "v1", "PartialObjectMetadata");
    schema::builtin(&ANY).expect("the type table has the metadata of objects")
}
