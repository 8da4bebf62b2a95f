//! Documents of custom resources: paths as the other resources have them, schemas as definitions give them.

use std::io;

use serde_json::{Map, Value, json};

use super::about;
use super::component::Component;
use super::components::Components;
use super::describe::Describe;
use super::operation::{Method, Operation, media};
use super::parameter::{self, Parameter};
use super::path_item::PathItem;
use super::writer::ObjectWriter;
use super::{Dialect, Info, gnostic, names};
use crate::generated::meta_v1::{DELETE_OPTIONS, LIST_META, OBJECT_META, STATUS};
use crate::kinds::find;
use crate::structural::publish;

/// A version of a custom resource.
#[derive(Clone, Copy, Debug)]
pub struct Custom<'a> {
    /// `example.com`.
    pub group: &'a str,
    /// `v1`.
    pub version: &'a str,
    /// `Widget`.
    pub kind: &'a str,
    /// `WidgetList`.
    pub list_kind: &'a str,
    /// `widgets`.
    pub plural: &'a str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether there is a status apart.
    pub status: bool,
    /// Whether there is a scale.
    pub scale: bool,
    /// Fields that selectors may name: `spec.color`.
    pub selectable: &'a [&'a str],
    /// The schema that the definition gives; null if none.
    pub schema: &'a Value,
}

/// What upstream calls the documents of custom resources.
const TITLE: &str = "Kubernetes CRD Swagger";
const VERSION: &str = "v0.1.0";

/// What schemas of objects and lists are called: `com.example.v1.Widget`.
#[derive(Debug)]
pub(super) struct Names {
    object: String,
    list: String,
}

/// Writes the version 3 document of a group version of custom resources.
///
/// # Errors
/// Those of `out`.
pub fn write_v3_custom(resources: &[Custom<'_>], info: Info<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let named: Vec<Names> = resources.iter().map(Names::of).collect();
    let mut items: Vec<PathItem<'_>> = Vec::new();
    for (custom, names) in resources.iter().zip(&named) {
        items.extend(custom.paths(names));
    }
    items.sort_by(|a, b| a.path.cmp(&b.path));
    let mut components = Components::of_custom();
    components.add(&items);
    let of_all = [Component::Type(&OBJECT_META), Component::Type(&LIST_META)];
    components.add_components(of_all.into_iter());
    let info = Info {
        title: TITLE,
        version: VERSION,
        ..info
    };
    super::v3(&items, &components, (resources, &named), info, out)
}

/// The same in gnostic's protobuf.
pub fn v3_custom_protobuf(resources: &[Custom<'_>], info: Info<'_>) -> Option<Vec<u8>> {
    let mut json = Vec::new();
    write_v3_custom(resources, info, &mut json).ok()?;
    let json: Value = serde_json::from_slice(&json).ok()?;
    Some(gnostic::v3_document(&json))
}

impl Names {
    pub fn of(custom: &Custom<'_>) -> Self {
        let package: Vec<&str> = custom.group.rsplit('.').chain([custom.version]).collect();
        let package = package.join(".");
        Self {
            object: format!("{package}.{}", custom.kind),
            list: format!("{package}.{}", custom.list_kind),
        }
    }
}

impl<'a> Custom<'a> {
    pub(super) fn paths(&self, names: &'a Names) -> Vec<PathItem<'a>> {
        let (object, list) = (Component::Named(&names.object), Component::Named(&names.list));
        let root = format!("/apis/{}/{}", self.group, self.version);
        let scope = if self.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let collection = format!("{root}{scope}/{}", self.plural);
        let item = format!("{collection}/{{name}}");
        let mut paths = vec![
            PathItem::new(collection, self.of_collection(object, list)),
            PathItem::new(item.clone(), self.of_object("", object, true)),
        ];
        if self.namespaced {
            let words = format!("{}ForAllNamespaces", self.kind);
            let everywhere = self.operation(Method::Get, ("list", &words), "list", list);
            let everywhere = everywhere.unscoped().with(parameter::list());
            paths.push(PathItem::new(format!("{root}/{}", self.plural), vec![everywhere]));
        }
        if self.status {
            paths.push(PathItem::new(
                format!("{item}/status"),
                self.of_object("Status", object, false),
            ));
        }
        if let Some(scale) = find("autoscaling", "v1", "Scale").filter(|_| self.scale) {
            let operations = self.of_object("Scale", Component::Type(scale), false);
            let of_scale = |operation| Operation {
                kind: Some(("autoscaling", "v1", "Scale")),
                ..operation
            };
            let operations = operations.into_iter().map(of_scale).collect();
            paths.push(PathItem::new(format!("{item}/scale"), operations));
        }
        paths.into_iter().flatten().collect()
    }

    fn operation(
        &self,
        method: Method,
        words: (&str, &str),
        action: &'static str,
        answer: Component<'a>,
    ) -> Operation<'a> {
        let prefix = format!("{}{}", names::group(self.group), names::capitalised(self.version));
        Operation {
            method,
            id: format!("{}{prefix}{}", words.0, words.1),
            about: about::object(action, self.kind, false),
            tag: format!("{}_{}", names::tag(self.group), self.version),
            action: Some(action),
            kind: Some((self.group, self.version, self.kind)),
            parameters: vec![Parameter::PRETTY],
            body: None,
            consumes: media::CUSTOM,
            produces: media::CUSTOM,
            codes: &[200],
            answer: Some(answer),
        }
        .scoped(self.namespaced)
    }

    /// `NamespacedWidget`, `Widget`.
    fn scoped_kind(&self) -> String {
        let scope = if self.namespaced { "Namespaced" } else { "" };
        format!("{scope}{}", self.kind)
    }

    fn of_collection(&self, object: Component<'a>, list: Component<'a>) -> Vec<Operation<'a>> {
        let kind = self.scoped_kind();
        let several = format!("Collection{kind}");
        let status = Component::Type(&STATUS);
        vec![
            self.operation(Method::Get, ("list", &kind), "list", list)
                .with(parameter::list()),
            self.operation(Method::Post, ("create", &kind), "post", object)
                .creating(object),
            self.operation(Method::Delete, ("delete", &several), "deletecollection", status)
                .with(parameter::delete_collection()),
        ]
    }

    /// What can be done with an object, or a part or projection of it.
    fn of_object(&self, part: &str, object: Component<'a>, deletes: bool) -> Vec<Operation<'a>> {
        let words = format!("{}{part}", self.scoped_kind());
        let mut operations = vec![
            self.operation(Method::Get, ("read", &words), "get", object),
            self.operation(Method::Put, ("replace", &words), "put", object)
                .replacing(object),
            Operation {
                codes: &[200],
                consumes: media::CUSTOM_PATCHES,
                ..self
                    .operation(Method::Patch, ("patch", &words), "patch", object)
                    .patching()
            },
        ];
        if deletes {
            let status = Component::Type(&STATUS);
            let delete = self.operation(Method::Delete, ("delete", &words), "delete", status);
            let options = Component::Type(&DELETE_OPTIONS);
            operations.push(Operation {
                codes: &[200, 202],
                ..delete.taking(options, false).with(parameter::delete())
            });
        }
        for operation in operations.iter_mut().filter(|_| !part.is_empty()) {
            let action = operation.action.unwrap_or_default();
            operation.about = about::part(action, &part.to_lowercase(), self.kind);
        }
        operations.into_iter().map(Operation::named).collect()
    }

    /// Writes the schemas of objects and lists.
    pub(super) fn write<W: io::Write>(
        &self,
        names: &Names,
        dialect: Dialect,
        descriptions: &dyn Describe,
        schemas: &mut ObjectWriter<'_, W>,
    ) -> io::Result<()> {
        schemas.value(&names.object, &self.object(dialect, descriptions))?;
        schemas.value(&names.list, &self.list(names, dialect, descriptions))
    }

    fn kinds(&self, kind: &str) -> Value {
        json!([{ "group": self.group, "kind": kind, "version": self.version }])
    }

    fn object(&self, dialect: Dialect, descriptions: &dyn Describe) -> Value {
        let keeps_unknown = self.schema["x-kubernetes-preserve-unknown-fields"] == Value::Bool(true);
        let is_v2 = dialect == Dialect::V2;
        let mut schema = match self.schema {
            // To kubectl, fields that are named would be all there are.
            Value::Object(_) if !(is_v2 && keeps_unknown) => self.whole(dialect, descriptions),
            _ => Map::new(),
        };
        schema.insert("type".to_owned(), "object".into());
        schema.insert(
            "x-kubernetes-group-version-kind".to_owned(),
            self.kinds(self.kind),
        );
        self.put_selectable(&mut schema);
        Value::Object(schema)
    }

    fn put_selectable(&self, schema: &mut Map<String, Value>) {
        let fields = self.selectable.iter().map(|field| json!({ "fieldPath": field }));
        let fields: Vec<Value> = fields.collect();
        if !fields.is_empty() {
            schema.insert("x-kubernetes-selectable-fields".to_owned(), fields.into());
        }
    }

    /// What the definition says, and what it does not say of objects: `apiVersion`, `kind` and `metadata`, also of those within.
    fn whole(&self, dialect: Dialect, descriptions: &dyn Describe) -> Map<String, Value> {
        let mut schema = match dialect {
            Dialect::V2 => publish::v2(self.schema),
            Dialect::V3 => publish::v3(self.schema),
        };
        let mut properties = type_meta(descriptions);
        let text = descriptions.of_field(OBJECT_OWNER, "metadata");
        let metadata = Component::Type(&OBJECT_META).reference(dialect);
        properties.insert("metadata".to_owned(), described(metadata, text, dialect));
        publish::with_embedded(&mut schema, &properties, dialect == Dialect::V2);
        let Value::Object(mut schema) = schema else {
            return Map::new();
        };
        publish::put_properties(&mut schema, &properties);
        schema
    }

    fn list(&self, names: &Names, dialect: Dialect, descriptions: &dyn Describe) -> Value {
        let reference = Component::Named(&names.object).reference(dialect);
        let mut properties = type_meta(descriptions);
        properties.insert(
            "metadata".to_owned(),
            described(
                Component::Type(&LIST_META).reference(dialect),
                descriptions.of_field(LIST_META_OWNER, "metadata"),
                dialect,
            ),
        );
        let items = json!({
            "type": "array", "items": reference,
            "description": format!("List of {}. More info: \
                https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md", self.plural),
        });
        properties.insert("items".to_owned(), items);
        let mut list = json!({
            "description": format!("{} is a list of {}", self.list_kind, self.kind),
            "type": "object",
            "required": ["items"],
            "properties": properties,
            "x-kubernetes-group-version-kind": self.kinds(self.list_kind),
        });
        if let Some(list) = list.as_object_mut() {
            self.put_selectable(list);
        }
        list
    }
}

/// Types whose fields say what every object and list has.
const OBJECT_OWNER: &str = "io.k8s.api.core.v1.Pod";
const LIST_META_OWNER: &str = "io.k8s.api.core.v1.PodList";

fn type_meta(descriptions: &dyn Describe) -> Map<String, Value> {
    let field = |name: &str| {
        let mut schema = json!({ "type": "string" });
        if let Some(text) = descriptions.of_field(OBJECT_OWNER, name) {
            schema["description"] = text.into();
        }
        (name.to_owned(), schema)
    };
    ["apiVersion", "kind"].into_iter().map(field).collect()
}

/// A reference with a description; OpenAPI 3.0 ignores what stands beside a plain one.
fn described(reference: Value, text: Option<&str>, dialect: Dialect) -> Value {
    let Some(text) = text else { return reference };
    match dialect {
        Dialect::V3 => json!({ "allOf": [reference], "description": text }),
        Dialect::V2 => json!({ "$ref": reference["$ref"], "description": text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        let schema = json!({"type": "object", "required": ["spec"], "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer", "nullable": true}}},
        }});
        let custom = Custom {
            group: "example.com",
            version: "v1",
            kind: "Widget",
            list_kind: "WidgetList",
            plural: "widgets",
            namespaced: true,
            status: true,
            scale: true,
            selectable: &["spec.size"],
            schema: &schema,
        };
        let info = Info {
            title: "Kubernetes",
            version: "v1",
            descriptions: &(),
        };
        let mut written = Vec::new();
        write_v3_custom(&[custom], info, &mut written).expect("memory takes it");
        serde_json::from_slice(&written).expect("JSON")
    }

    #[test]
    fn custom_resources_have_paths_like_others() {
        let document = document();
        let paths: Vec<&String> = document["paths"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .collect();
        let root = "/apis/example.com/v1";
        let expected = [
            "/namespaces/{namespace}/widgets",
            "/namespaces/{namespace}/widgets/{name}",
            "/namespaces/{namespace}/widgets/{name}/scale",
            "/namespaces/{namespace}/widgets/{name}/status",
            "/widgets",
        ];
        assert_eq!(
            paths,
            expected
                .map(|path| format!("{root}{path}"))
                .iter()
                .collect::<Vec<_>>()
        );
        let list = &document["paths"][format!("{root}/widgets")]["get"];
        assert_eq!(list["operationId"], "listExampleComV1WidgetForAllNamespaces");
        assert_eq!(list["x-kubernetes-action"], "list");
    }

    #[test]
    fn schemas_are_those_of_the_definition() {
        let document = document();
        let schema = &document["components"]["schemas"]["com.example.v1.Widget"];
        let properties: Vec<&String> = schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .collect();
        assert_eq!(properties, ["apiVersion", "kind", "metadata", "spec"]);
        assert_eq!(schema["x-kubernetes-group-version-kind"][0]["kind"], "Widget");
        assert_eq!(
            schema["x-kubernetes-selectable-fields"],
            json!([{"fieldPath": "spec.size"}])
        );
        assert_eq!(document["info"]["version"], "v0.1.0");
        let list = &document["components"]["schemas"]["com.example.v1.WidgetList"];
        assert_eq!(
            list["properties"]["items"]["items"]["$ref"],
            "#/components/schemas/com.example.v1.Widget"
        );
        assert!(
            document["components"]["schemas"]["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"].is_object()
        );
    }
}
