//! The paths of a group version's resources and what can be done at each.

use super::about;
use super::component::Component;
use super::names;
use super::operation::{Body, Method, Operation, media};
use super::parameter::{self, Parameter};
use super::path_item::PathItem;
use crate::generated::meta_v1::{DELETE_OPTIONS, PATCH, STATUS, WATCH_EVENT};
use crate::kinds::find;
use crate::served::{GroupVersionFacts, ResourceFacts, SubresourceFacts};
use crate::table::Type;

/// The paths of all resources of a group version.
pub(super) fn of(group_version: &'static GroupVersionFacts) -> Vec<PathItem<'static>> {
    group_version
        .resources
        .iter()
        .filter_map(|resource| Resource::new(group_version, resource))
        .flat_map(|resource| resource.paths())
        .collect()
}

/// A resource with what its operations are made of.
struct Resource {
    facts: &'static ResourceFacts,
    group: &'static str,
    version: &'static str,
    /// Its objects.
    object: &'static Type,
    /// Its lists; none if it is never listed.
    list: Option<&'static Type>,
    /// `/apis/apps/v1`
    root: String,
    /// `AppsV1`
    prefix: String,
    tag: String,
}

/// The methods of a proxy. Others are a subset.
const PROXY_METHODS: [Method; 7] = [
    Method::Get,
    Method::Put,
    Method::Post,
    Method::Delete,
    Method::Options,
    Method::Head,
    Method::Patch,
];

impl Resource {
    fn new(group_version: &'static GroupVersionFacts, facts: &'static ResourceFacts) -> Option<Self> {
        let GroupVersionFacts { group, version, .. } = group_version;
        let root = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        Some(Self {
            facts,
            group,
            version,
            object: find(group, version, facts.kind)?,
            list: find(group, version, &format!("{}List", facts.kind)),
            root,
            prefix: format!("{}{}", names::group(group), names::capitalised(version)),
            tag: format!("{}_{version}", names::tag(group)),
        })
    }

    fn paths(&self) -> Vec<PathItem<'static>> {
        let scope = if self.facts.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let (root, plural) = (&self.root, self.facts.plural);
        let collection = format!("{root}{scope}/{plural}");
        let object = format!("{collection}/{{name}}");
        let mut paths = vec![
            PathItem::new(collection, self.collection_operations()),
            PathItem::new(object.clone(), self.object_operations()),
        ];
        if self.facts.namespaced {
            paths.push(PathItem::new(
                format!("{root}/{plural}"),
                self.everywhere_operations(),
            ));
            let watch = format!("{root}/watch/{plural}");
            paths.push(PathItem::new(
                watch,
                self.watch_operations("ListForAllNamespaces"),
            ));
        }
        let watch = format!("{root}/watch{scope}/{plural}");
        paths.push(PathItem::new(watch.clone(), self.watch_operations("List")));
        paths.push(PathItem::new(
            format!("{watch}/{{name}}"),
            self.watch_operations(""),
        ));
        for subresource in self.facts.subresources {
            let path = format!("{object}/{}", subresource.name);
            if subresource.name == "proxy" {
                let below = self.connect_operations(subresource, "WithPath");
                paths.push(PathItem::new(format!("{path}/{{path}}"), below));
            }
            paths.push(PathItem::new(path, self.subresource_operations(subresource)));
        }
        paths.into_iter().flatten().collect()
    }

    fn serves(&self, verb: &str) -> bool {
        self.facts.verbs.contains(&verb)
    }

    /// `NamespacedDeployment`, `Node`
    fn scoped_kind(&self) -> String {
        let scope = if self.facts.namespaced { "Namespaced" } else { "" };
        format!("{scope}{}", self.facts.kind)
    }

    /// An operation with what all have in common. Its name is `listAppsV1NamespacedDeployment` for the words `list` and
    /// `NamespacedDeployment`.
    fn operation(
        &self,
        method: Method,
        words: (&str, &str),
        action: &'static str,
        answer: &'static Type,
    ) -> Operation<'static> {
        Operation {
            method,
            id: format!("{}{}{}", words.0, self.prefix, words.1),
            about: about::object(action, self.facts.kind, self.serves("watch")),
            tag: self.tag.clone(),
            action: Some(action),
            kind: Some((self.group, self.version, self.facts.kind)),
            parameters: vec![Parameter::PRETTY],
            body: None,
            consumes: media::ANY,
            produces: media::OBJECTS,
            codes: &[200],
            answer: Some(Component::Type(answer)),
        }
        .scoped(self.facts.namespaced)
    }

    fn collection_operations(&self) -> Vec<Operation<'static>> {
        let mut operations = Vec::new();
        let kind = self.scoped_kind();
        if let Some(list) = self.list.filter(|_| self.serves("list")) {
            let operation = self.operation(Method::Get, ("list", &kind), "list", list);
            operations.push(
                Operation {
                    produces: media::WATCHABLE,
                    ..operation
                }
                .with(parameter::list()),
            );
        }
        if self.serves("create") {
            let operation = self.operation(Method::Post, ("create", &kind), "post", self.object);
            operations.push(operation.creating(Component::Type(self.object)));
        }
        if self.serves("deletecollection") {
            let words = format!("Collection{kind}");
            let operation = self.operation(Method::Delete, ("delete", &words), "deletecollection", &STATUS);
            operations.push(
                operation
                    .taking(Component::Type(&DELETE_OPTIONS), false)
                    .with(parameter::delete_collection()),
            );
        }
        operations
    }

    fn object_operations(&self) -> Vec<Operation<'static>> {
        let mut operations = Vec::new();
        let kind = self.scoped_kind();
        if self.serves("get") {
            operations.push(self.operation(Method::Get, ("read", &kind), "get", self.object));
        }
        if self.serves("update") {
            let operation = self.operation(Method::Put, ("replace", &kind), "put", self.object);
            operations.push(operation.replacing(Component::Type(self.object)));
        }
        if self.serves("delete") {
            let answer = if self.facts.delete_returns_object {
                self.object
            } else {
                &STATUS
            };
            let operation = self.operation(Method::Delete, ("delete", &kind), "delete", answer);
            let operation = operation
                .taking(Component::Type(&DELETE_OPTIONS), false)
                .with(parameter::delete());
            operations.push(Operation {
                codes: &[200, 202],
                ..operation
            });
        }
        if self.serves("patch") {
            operations.push(
                self.operation(Method::Patch, ("patch", &kind), "patch", self.object)
                    .patching(),
            );
        }
        operations.into_iter().map(Operation::named).collect()
    }

    /// What can be done in all namespaces at once.
    fn everywhere_operations(&self) -> Vec<Operation<'static>> {
        let Some(list) = self.list.filter(|_| self.serves("list")) else {
            return Vec::new();
        };
        let words = format!("{}ForAllNamespaces", self.facts.kind);
        let operation = self.operation(Method::Get, ("list", &words), "list", list);
        vec![
            Operation {
                produces: media::WATCHABLE,
                ..operation
            }
            .unscoped()
            .with(parameter::list()),
        ]
    }

    /// Watches by their old paths: of one object, of a list, or of lists in all namespaces.
    fn watch_operations(&self, of: &str) -> Vec<Operation<'static>> {
        if !self.serves("watch") {
            return Vec::new();
        }
        let everywhere = of == "ListForAllNamespaces";
        let kind = if everywhere {
            self.facts.kind.to_owned()
        } else {
            self.scoped_kind()
        };
        let action = if of.is_empty() { "watch" } else { "watchlist" };
        let words = format!("{kind}{of}");
        let operation = self.operation(Method::Get, ("watch", &words), action, &WATCH_EVENT);
        let operation = Operation {
            produces: media::WATCHABLE,
            ..operation
        }
        .with(parameter::list());
        vec![match (of, everywhere) {
            ("", _) => operation.named(),
            (_, true) => operation.unscoped(),
            (_, false) => operation,
        }]
    }

    fn subresource_operations(&self, subresource: &'static SubresourceFacts) -> Vec<Operation<'static>> {
        if subresource.is_connection() {
            return self.connect_operations(subresource, "");
        }
        let SubresourceFacts {
            group, version, kind, ..
        } = *subresource;
        let Some(of) = find(group, version, kind) else {
            return Vec::new();
        };
        let words = format!("{}{}", self.scoped_kind(), names::capitalised(subresource.name));
        let operation = |method, verb, action| self.operation(method, (verb, &words), action, of);
        let operations = subresource.verbs.iter().filter_map(|verb| match *verb {
            "get" => Some(operation(Method::Get, "read", "get").reading(subresource)),
            "update" => Some(operation(Method::Put, "replace", "put").replacing(Component::Type(of))),
            "patch" => Some(operation(Method::Patch, "patch", "patch").patching()),
            "create" => Some(operation(Method::Post, "create", "post").creating(Component::Type(of))),
            _ => None,
        });
        let concerning = |operation: Operation<'static>| Operation {
            about: about::part(
                operation.action.unwrap_or_default(),
                subresource.name,
                self.facts.kind,
            ),
            kind: Some((group, version, kind)),
            ..operation.named()
        };
        operations.map(concerning).collect()
    }

    /// Streams to where the object runs. `WithPath` are those that end somewhere below.
    fn connect_operations(
        &self,
        subresource: &'static SubresourceFacts,
        with_path: &str,
    ) -> Vec<Operation<'static>> {
        let methods = PROXY_METHODS.into_iter().filter(|method| match method {
            Method::Get => subresource.verbs.contains(&"get"),
            Method::Post => subresource.verbs.contains(&"create"),
            _ => subresource.verbs.contains(&"update"),
        });
        let (kind, name) = (self.scoped_kind(), names::capitalised(subresource.name));
        let operations = methods.map(|method| {
            let words = format!("{}{kind}{name}{with_path}", names::capitalised(method.as_str()));
            let mut operation = self
                .operation(method, ("connect", &words), "connect", self.object)
                .named();
            operation
                .parameters
                .retain(|parameter| *parameter != Parameter::PRETTY);
            if !with_path.is_empty() {
                operation.parameters.push(Parameter::path("path"));
            }
            Operation {
                about: about::connection(method, subresource.name, self.facts.kind),
                kind: Some((subresource.group, subresource.version, subresource.kind)),
                produces: media::ANY,
                answer: None,
                ..operation.with(options_of(subresource))
            }
        });
        operations.collect()
    }
}

/// What the query of a subresource may hold.
fn options_of(subresource: &SubresourceFacts) -> Vec<Parameter> {
    let SubresourceFacts { group, version, .. } = subresource;
    let options = subresource
        .query_options()
        .and_then(|kind| find(group, version, kind));
    options.map(parameter::options).unwrap_or_default()
}

impl<'a> Operation<'a> {
    pub(super) fn with(mut self, parameters: Vec<Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// On one object.
    pub(super) fn named(self) -> Self {
        self.with(vec![Parameter::path("name")])
    }

    pub(super) fn scoped(self, namespaced: bool) -> Self {
        if namespaced {
            self.with(vec![Parameter::path("namespace")])
        } else {
            self
        }
    }

    pub(super) fn unscoped(mut self) -> Self {
        self.parameters.retain(|parameter| parameter.name != "namespace");
        self
    }

    pub(super) fn taking(self, of: Component<'a>, required: bool) -> Self {
        Self {
            body: Some(Body { of, required }),
            ..self
        }
    }

    pub(super) fn creating(self, of: Component<'a>) -> Self {
        Self {
            codes: &[200, 201, 202],
            ..self.taking(of, true).with(parameter::create())
        }
    }

    pub(super) fn replacing(self, of: Component<'a>) -> Self {
        Self {
            codes: &[200, 201],
            ..self.taking(of, true).with(parameter::update())
        }
    }

    pub(super) fn patching(self) -> Self {
        Self {
            codes: &[200, 201],
            consumes: media::PATCHES,
            ..self
                .taking(Component::Type(&PATCH), true)
                .with(parameter::patch())
        }
    }

    /// A part of an object, or text if the query has options.
    fn reading(self, subresource: &SubresourceFacts) -> Self {
        if subresource.query_options().is_none() {
            return self;
        }
        Self {
            produces: media::LOGS,
            answer: None,
            ..self.with(options_of(subresource))
        }
    }
}
