//! The same objects in other versions: what who asks for one version must know of the others.

use meta::{GroupVersionKind, GroupVersionResource, Status};
use patch::apply::merge_part;
use schema::FieldValidation;
use serde_json::Value;

use super::Resource;
use super::ownership::convert;
use super::target::Target;

/// A resource that shows the same objects as another, and the kind it shows them as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivalent {
    /// Group, version and plural name.
    pub resource: GroupVersionResource,
    /// The kind of the objects, or of what lies at the subresource that was asked for.
    pub kind: GroupVersionKind,
}

impl Resource {
    /// Where else the objects of this resource (`subresource` not empty: what lies below them) are served.
    pub fn equivalents(&self, subresource: &str) -> Vec<Equivalent> {
        let descriptors = self.siblings.iter().map(|kind| kind.descriptor());
        let others = descriptors.filter(|descriptor| descriptor.resource() != self.name);
        let served = others.filter_map(|descriptor| {
            let kind = match subresource {
                "" => &descriptor.kind,
                name => &descriptor.subresource(name)?.kind,
            };
            Some(Equivalent {
                resource: descriptor.resource(),
                kind: kind.clone(),
            })
        });
        served.collect()
    }

    /// An object of one of the versions that show the same objects, as another of them shows it.
    pub fn in_version(&self, object: &Value, api_version: &str) -> Result<Value, Status> {
        if object["apiVersion"] == api_version {
            return Ok(object.clone());
        }
        let shown = convert(&self.siblings, object, api_version);
        let (shown, _) = shown.ok_or_else(|| {
            let kind = &self.kind.descriptor().kind;
            Status::internal(format_args!("unable to convert {kind} to {api_version}"))
        })?;
        Ok(shown)
    }

    /// Reads an object of this resource (`subresource` not empty: the body of what lies below) that somebody else has made:
    /// fields that are not known go, defaults come in.
    pub fn read(&self, subresource: &str, object: Value) -> Result<Value, Status> {
        let target = Target {
            namespace: "",
            name: "",
            subresource,
        };
        let mut object = match self.schema_of(&target) {
            Some(schema) => {
                schema::decode_value(object, schema, FieldValidation::Ignore)
                    .map_err(Status::internal)?
                    .0
            }
            None => object,
        };
        if self.is_own_kind(&target) {
            self.kind.default(&mut object);
        }
        Ok(object)
    }

    /// An object of this resource (`subresource` not empty: the body of what lies below) with a part of one merged in, whoever
    /// owns what.
    ///
    /// # Errors
    /// Why it cannot be, for people.
    pub fn with_part(&self, subresource: &str, object: &Value, part: &Value) -> Result<Value, String> {
        let target = Target {
            namespace: "",
            name: "",
            subresource,
        };
        let schema = self
            .schema_of(&target)
            .ok_or_else(|| format!("the type of {} is not known", self.kind_of(&target)))?;
        merge_part(object, part, schema).map_err(|error| error.to_string())
    }

    /// A number that grows whenever one of the objects changes.
    pub fn changed_at(&self) -> Result<u64, Status> {
        Ok(self.served()?.cache.changed_at())
    }
}
