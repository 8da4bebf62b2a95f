//! A version of a custom resource, as the registry asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use meta::{ErrorList, GroupVersion};
use resource::{Column, Descriptor, Kind, MetadataChecks, Row, Strategy};
use schema::SchemaRef;
use schema::structural::resource::finalizer_warnings;
use serde_json::{Map, Value};

use crate::columns::Columns;
use crate::selectable::Selectable;
use crate::shape::Shape;

/// A kind that users have defined, in one version.
pub struct CustomKind {
    pub(crate) descriptor: Descriptor,
    pub(crate) shape: Arc<Shape>,
    /// The schema as it was given, in JSON: it is asked for rarely.
    pub(crate) open_api: Box<str>,
    pub(crate) columns: Columns,
    pub(crate) selectable: Selectable,
    /// The version objects are stored in.
    pub(crate) stored: GroupVersion,
    /// The schema of that version.
    pub(crate) stored_shape: Arc<Shape>,
    pub(crate) has_status: bool,
    pub(crate) deprecation: Option<String>,
    /// Whether the definition is going, and takes its objects with it.
    pub(crate) is_going: Arc<AtomicBool>,
}

/// Fields that hold no desired state.
const NO_STATE: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl CustomKind {
    fn in_version(&self, object: &mut Value, version: &GroupVersion) {
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), version.to_string().into());
        }
    }

    /// Whether a field holds desired state: everything does but what the object is, and its status where that is apart.
    fn is_state(&self, field: &str) -> bool {
        let is_status = self.has_status && field == "status";
        !is_status && !NO_STATE.contains(&field)
    }
}

impl Kind for CustomKind {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn schema(&self) -> SchemaRef<'_> {
        self.shape.position()
    }

    fn open_api(&self) -> Option<Value> {
        serde_json::from_str(&self.open_api).ok()
    }

    fn is_custom(&self) -> bool {
        true
    }
}

impl Strategy for CustomKind {
    fn default(&self, object: &mut Value) {
        self.shape.default(object);
    }

    fn prune(&self, object: &mut Value) -> Vec<String> {
        self.shape.prune(object)
    }

    fn upgrade_stored(&self, object: &mut Value) {
        self.shape.upgrade_stored(object);
    }

    fn converts(&self) -> bool {
        self.stored != self.descriptor.kind.group_version()
    }

    fn convert_to_stored(&self, object: &mut Value) {
        self.in_version(object, &self.stored);
        self.stored_shape.prune(object);
        self.stored_shape.default(object);
    }

    fn convert_from_stored(&self, object: &mut Value) {
        self.in_version(object, &self.descriptor.kind.group_version());
        // Defaults are those of the version that is stored: what another would put in is not there.
        self.prune(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        self.shape.validate(object)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        self.shape.validate_update(new, old)
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let mut warnings = finalizer_warnings(new, old);
        if let Some(old) = old {
            warnings.extend(self.shape.warnings(new, old));
        }
        warnings
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, old: &Value) -> ErrorList {
        self.shape.validate_status_update(new, old)
    }

    /// Of the metadata, only who manages what may change with the status.
    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        let (Some(new), Some(old)) = (new.as_object_mut(), old.as_object()) else {
            return;
        };
        let managed = new
            .get_mut("metadata")
            .and_then(|metadata| Some(metadata.get_mut("managedFields")?.take()));
        for field in ["apiVersion", "kind", "metadata"] {
            if let Some(value) = old.get(field) {
                new.insert(field.to_owned(), value.clone());
            }
        }
        if let Some(Value::Object(metadata)) = new.get_mut("metadata") {
            match managed {
                Some(managed) => metadata.insert("managedFields".to_owned(), managed),
                None => metadata.remove("managedFields"),
            };
        }
    }

    fn deprecation(&self) -> Option<&str> {
        self.deprecation.as_deref()
    }

    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        let fields = object.as_object()?;
        let state = fields.iter().filter(|(name, _)| self.is_state(name));
        Some(state.map(|(_, value)| value).collect())
    }

    fn begins_generation(&self, new: &Value, old: &Value) -> bool {
        let state = |object: &Value| {
            let fields = object.as_object().cloned().unwrap_or_default();
            let state = fields.into_iter().filter(|(name, _)| self.is_state(name));
            state.collect::<Map<String, Value>>()
        };
        state(new) != state(old)
    }

    fn refuses_creation(&self) -> Option<&str> {
        let is_going = self.is_going.load(Ordering::Acquire);
        is_going.then_some("create not allowed while custom resource definition is terminating")
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        match subresource {
            "" if self.has_status => &["status"],
            "status" => &["metadata", "spec"],
            _ => &[],
        }
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        self.selectable.values(object)
    }

    fn selects_namespaces(&self) -> bool {
        self.descriptor.is_namespaced()
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        self.selectable.names()
    }

    fn unknown_field_label(&self, label: &str) -> String {
        format!("field label not supported: {label}")
    }

    fn columns(&self) -> Vec<Column> {
        self.columns.heads()
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        self.columns.row(object, now)
    }
}
