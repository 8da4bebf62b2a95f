//! What a version's schema does to its objects.

use meta::{ErrorList, GroupVersionKind, Path};
use schema::SchemaRef;
use schema::structural::expressions::Answer;
use schema::structural::{Rules, ScalePaths, StructuralSchema};
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
    /// The schema of objects of a kind. A definition of old may keep everything, or have a schema that is none: then nothing
    /// is known of its objects.
    pub(crate) fn new(kind: &GroupVersionKind, version: &Version, keeps_all: bool) -> Self {
        let given = &version.schema.open_api_v3_schema;
        let schema = if given.is_null() || keeps_all {
            StructuralSchema::empty(true)
        } else {
            StructuralSchema::read(given).unwrap_or_else(|error| {
                tracing::warn!(%error, %kind, "a schema cannot be read");
                StructuralSchema::empty(true)
            })
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
        let mut errors = self.schema.validate_type(object);
        if errors.is_empty() {
            errors.extend(self.schema.validate(object, &Path::root()));
            errors.extend(self.validate_scale(object));
            errors.extend(self.schema.validate_embedded(object));
            errors.extend(self.schema.validate_lists(object, None));
            errors.extend(self.ask(&errors, object, None).errors);
        }
        errors
    }

    pub(crate) fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        let mut errors = self.schema.validate_type(new);
        if errors.is_empty() {
            errors.extend(self.schema.validate_update(new, old, &Path::root()));
            errors.extend(self.validate_scale(new));
            errors.extend(self.schema.validate_embedded(new));
            errors.extend(self.schema.validate_lists(new, Some(old)));
            errors.extend(self.ask(&errors, new, Some(old)).errors);
        }
        errors
    }

    pub(crate) fn validate_status_update(&self, new: &Value, old: &Value) -> ErrorList {
        let mut errors = self.schema.validate_status_update(new, old);
        if let Some(scale) = &self.scale {
            errors.extend(scale.validate_status(new));
        }
        errors.extend(self.schema.validate_lists(new, Some(old)));
        errors.extend(self.ask(&errors, new, Some(old)).errors);
        errors
    }

    /// What the rules have against an object that it was already guilty of before.
    pub(crate) fn warnings(&self, new: &Value, old: &Value) -> Vec<String> {
        self.ask(&ErrorList::new(), new, Some(old)).warnings
    }

    fn ask(&self, errors: &ErrorList, new: &Value, old: Option<&Value>) -> Answer {
        self.rules.ask(&self.schema, errors, new, old)
    }

    fn validate_scale(&self, object: &Value) -> ErrorList {
        let scale = self.scale.as_ref();
        let errors = scale.map(|scale| {
            let mut errors = scale.validate_spec(object);
            errors.extend(scale.validate_status(object));
            errors
        });
        errors.unwrap_or_default()
    }
}

/// What is known of any object.
pub(crate) fn untyped() -> SchemaRef<'static> {
    const ANY: GroupVersionKind = GroupVersionKind::new("meta.k8s.io", "v1", "PartialObjectMetadata");
    schema::builtin(&ANY).expect("the type table has the metadata of objects")
}
