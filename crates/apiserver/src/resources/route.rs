//! From a path and a method to a resource and what is to be done with it.
//!
//! Built-in resources are routed as upstream's documented routes are: path, then method, then the form of the body, then the
//! form of the answer, each with its own refusal. Custom resources are routed by the simpler rules upstream has for them.

use std::sync::Arc;

use http::Method;
use http::header::CONTENT_TYPE;
use meta::{GroupVersionKind, GroupVersionResource, Status};
use registry::Resource;
use resource::{Descriptor, Subresource, SubresourceKind, Verb};
use schema::{SchemaRef, builtin};

use crate::api::Api;
use crate::call::Call;
use crate::negotiate::Format;
use crate::request_info::RequestInfo;
use crate::resources::form::format;
use crate::resources::refusal::Refusal;
use crate::respond::status::{no_such_body, no_such_method, no_such_resource};

/// Forms of patches.
pub const PATCH_FORMS: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read an object, a part or a projection of it.
    Get,
    /// Read a collection.
    List,
    /// Follow a collection.
    Watch,
    /// Make an object.
    Create,
    /// Do what a subresource does.
    Act,
    /// Replace an object, a part or a projection of it.
    Update,
    /// Change one.
    Patch,
    /// Delete one.
    Delete,
    /// Delete a collection.
    DeleteCollection,
    /// Stream to where the object runs.
    Connect,
}

impl Action {
    /// As metrics name it.
    pub fn metric_verb(self, call: &Call) -> &'static str {
        let applies = || {
            call.header(CONTENT_TYPE)
                .is_some_and(|t| t.starts_with(PATCH_FORMS[3]))
        };
        match self {
            Self::Get => "GET",
            Self::List => "LIST",
            Self::Watch => "WATCH",
            Self::Create | Self::Act => "POST",
            Self::Update => "PUT",
            Self::Patch if applies() => "APPLY",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::DeleteCollection => "DELETECOLLECTION",
            Self::Connect => "CONNECT",
        }
    }
}

/// Where a request leads.
pub struct Route {
    /// The resource.
    pub resource: Arc<Resource>,
    /// What is to be done.
    pub action: Action,
    /// The form of the answer.
    pub format: Format,
    /// Empty at cluster scope, and for all namespaces.
    pub namespace: String,
    /// Empty for a collection.
    pub name: String,
    /// Position of the subresource in the descriptor.
    subresource: Option<usize>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
enum Place {
    Collection,
    AllNamespaces,
    Item,
    Subresource(usize),
}

impl Route {
    /// Finds the route of a call.
    pub fn find(api: &Api, call: &Call) -> Result<Self, Refusal> {
        let info = &call.info;
        let Some(resource) = find_resource(api, info) else {
            return Err(nothing_there(api, info));
        };
        if info.path_says_verb() && !leads_to_watch(resource.kind().descriptor(), info) {
            return Err(no_such_resource().into());
        }
        let descriptor = resource.kind().descriptor();
        let custom = resource.kind().is_custom();
        if custom && is_answered(descriptor, info) {
            // Who asks for what a deprecated version does not do is told as well.
            tell_of_deprecation(call, &resource);
        }
        let Some(place) = place(descriptor, info) else {
            return Err(no_place(descriptor, info, custom));
        };
        let method = if custom {
            as_custom(place, &call.head.method)
        } else {
            &call.head.method
        };
        let Some(action) = action(descriptor, place, method, info, custom) else {
            return Err(no_action(descriptor, place, info, custom));
        };
        if action == Action::Patch && !custom && !is_patch_form(call) {
            return Err(no_such_body().into());
        }
        let subresource = if let Place::Subresource(at) = place {
            Some(at)
        } else {
            None
        };
        let format = format(call, &resource, subresource, action)?;
        Ok(Self {
            namespace: if descriptor.is_namespaced() {
                info.namespace().to_owned()
            } else {
                String::new()
            },
            name: info.name().to_owned(),
            action,
            format,
            subresource,
            resource,
        })
    }

    /// Facts of the resource.
    pub fn descriptor(&self) -> &Descriptor {
        self.resource.kind().descriptor()
    }

    /// The subresource, if one is meant.
    pub fn subresource(&self) -> Option<&Subresource> {
        self.subresource
            .and_then(|at| self.descriptor().subresources.get(at))
    }

    /// Its name; empty for the object itself.
    pub fn subresource_name(&self) -> &str {
        self.subresource().map_or("", |s| s.name.as_str())
    }

    /// The namespace of a collection; none for all.
    pub fn collection_namespace(&self) -> Option<&str> {
        Some(self.namespace.as_str()).filter(|n| !n.is_empty())
    }

    /// Whether bodies are of the resource's own kind.
    pub fn has_own_kind(&self) -> bool {
        self.subresource()
            .is_none_or(|s| matches!(s.works_as, SubresourceKind::Part))
    }

    /// The kind and type of bodies.
    pub fn body_kind(&self) -> Result<(&GroupVersionKind, SchemaRef<'_>), Status> {
        let descriptor = self.descriptor();
        match self.subresource() {
            Some(subresource) if !self.has_own_kind() => {
                let kind = &subresource.kind;
                let schema = builtin(kind);
                let schema = schema.ok_or_else(|| Status::internal(format_args!("{kind} is not known")))?;
                Ok((kind, schema))
            }
            _ => Ok((&descriptor.kind, descriptor.schema)),
        }
    }

    /// Whether the resource is a custom one.
    pub fn is_custom(&self) -> bool {
        self.resource.kind().is_custom()
    }
}

fn find_resource(api: &Api, info: &RequestInfo) -> Option<Arc<Resource>> {
    let owned = |text: &str| text.to_owned().into();
    api.registry.resource(&GroupVersionResource {
        group: owned(info.group()),
        version: owned(info.version()),
        resource: owned(info.resource()),
    })
}

/// 404: as a page where upstream has no router for the group, as a Status where it has.
fn nothing_there(api: &Api, info: &RequestInfo) -> Refusal {
    match api.discovery.catalog().group(info.group()) {
        Some(group) if !group.is_custom() => no_such_resource().into(),
        _ => Refusal::Page,
    }
}

/// Whether a path of an old client leads anywhere. That to proxies is still a verb to authorization, and nothing else.
fn leads_to_watch(descriptor: &Descriptor, info: &RequestInfo) -> bool {
    info.verb() == "watch" && descriptor.serves(Verb::Watch) && info.subresource().is_empty()
}

/// Whether a custom resource answers requests of that scope, be it by refusing them.
fn is_answered(descriptor: &Descriptor, info: &RequestInfo) -> bool {
    descriptor.is_namespaced() == in_namespace(info)
        || (descriptor.is_namespaced() && matches!(info.verb(), "list" | "watch"))
}

fn in_namespace(info: &RequestInfo) -> bool {
    !info.namespace().is_empty() && !info.is_about_namespace()
}

/// Warns of the resource's version, if it will go.
pub(super) fn tell_of_deprecation(call: &Call, resource: &Resource) {
    if let Some(deprecation) = resource.kind().deprecation() {
        call.warnings.add(deprecation);
    }
}

fn place(descriptor: &Descriptor, info: &RequestInfo) -> Option<Place> {
    let in_namespace = in_namespace(info);
    if descriptor.is_namespaced() != in_namespace && !(descriptor.is_namespaced() && info.name().is_empty()) {
        return None;
    }
    if info.name().is_empty() && !info.subresource().is_empty() {
        return None;
    }
    let serves_any = |verbs: &[Verb]| verbs.iter().any(|&verb| descriptor.serves(verb));
    if info.name().is_empty() {
        if descriptor.is_namespaced() && !in_namespace {
            return serves_any(&[Verb::List, Verb::Watch]).then_some(Place::AllNamespaces);
        }
        let verbs = [Verb::Create, Verb::List, Verb::Watch, Verb::DeleteCollection];
        return serves_any(&verbs).then_some(Place::Collection);
    }
    if info.subresource().is_empty() {
        return serves_any(&[Verb::Get, Verb::Update, Verb::Patch, Verb::Delete]).then_some(Place::Item);
    }
    let at = descriptor
        .subresources
        .iter()
        .position(|s| s.name == info.subresource())?;
    let proxied = matches!(
        descriptor.subresources[at].works_as,
        SubresourceKind::Connect { .. }
    );
    (proxied || !info.has_rest()).then_some(Place::Subresource(at))
}

/// Custom resources go by the verb alone: who asks for the head reads.
fn as_custom(place: Place, method: &Method) -> &Method {
    match (place, method) {
        (Place::Subresource(_), _) => method,
        (_, &Method::HEAD) => &Method::GET,
        _ => method,
    }
}

fn action(
    descriptor: &Descriptor,
    place: Place,
    method: &Method,
    info: &RequestInfo,
    custom: bool,
) -> Option<Action> {
    if info.path_says_verb() && method != Method::GET {
        return None;
    }
    if custom && matches!((place, method), (Place::Item, &Method::POST)) {
        // Upstream makes the object that the body names.
        return descriptor.serves(Verb::Create).then_some(Action::Create);
    }
    if let Place::Subresource(at) = place {
        return subresource_action(&descriptor.subresources[at], method);
    }
    let (action, verb) = match (place, method) {
        (Place::Collection | Place::AllNamespaces, &Method::GET) if info.verb() == "watch" => {
            (Action::Watch, Verb::Watch)
        }
        (Place::Item, &Method::GET) if info.verb() == "watch" => (Action::Watch, Verb::Watch),
        (Place::Collection | Place::AllNamespaces, &Method::GET) => (Action::List, Verb::List),
        (Place::Collection, &Method::POST) => (Action::Create, Verb::Create),
        (Place::Collection, &Method::DELETE) => (Action::DeleteCollection, Verb::DeleteCollection),
        (Place::Item, &Method::GET) => (Action::Get, Verb::Get),
        (Place::Item, &Method::PUT) => (Action::Update, Verb::Update),
        (Place::Item, &Method::PATCH) => (Action::Patch, Verb::Patch),
        (Place::Item, &Method::DELETE) => (Action::Delete, Verb::Delete),
        _ => return None,
    };
    // Who cannot be followed says so itself.
    let is_refused_later = action == Action::Watch && !custom && descriptor.serves(Verb::List);
    (descriptor.serves(verb) || is_refused_later).then_some(action)
}

fn subresource_action(subresource: &Subresource, method: &Method) -> Option<Action> {
    let verb = match *method {
        Method::GET => Verb::Get,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE => Verb::Delete,
        // A proxy hands on what only asks.
        Method::HEAD | Method::OPTIONS if subresource.name == "proxy" => Verb::Get,
        _ => return None,
    };
    if !subresource.verbs.contains(&verb) {
        return None;
    }
    Some(match (&subresource.works_as, verb) {
        (SubresourceKind::Connect { .. }, _) => Action::Connect,
        (_, Verb::Get) => Action::Get,
        (_, Verb::Update) => Action::Update,
        (_, Verb::Patch) => Action::Patch,
        (_, Verb::Delete) => Action::Delete,
        _ => Action::Act,
    })
}

fn is_patch_form(call: &Call) -> bool {
    let media_type = call.header(CONTENT_TYPE).unwrap_or_default();
    media_type
        .split(',')
        .any(|t| PATCH_FORMS.contains(&t.split(';').next().unwrap_or_default().trim()))
}

fn no_place(descriptor: &Descriptor, info: &RequestInfo, custom: bool) -> Refusal {
    let fits_scope = descriptor.is_namespaced() != info.namespace().is_empty();
    match (custom, fits_scope) {
        (false, _) => no_such_resource().into(),
        (true, true) => Status::not_found(&descriptor.group_resource(), info.name()).into(),
        (true, false) => Refusal::Page,
    }
}

fn no_action(descriptor: &Descriptor, place: Place, info: &RequestInfo, custom: bool) -> Refusal {
    match (place, info.verb()) {
        _ if !custom => no_such_method().into(),
        (Place::AllNamespaces, _) => Refusal::Page,
        (Place::Collection, "update" | "patch") => Status::bad_request("name must be provided").into(),
        (_, verb) => Status::method_not_supported(&descriptor.group_resource(), verb).into(),
    }
}

#[cfg(test)]
mod tests {
    use resource::{Scope, StoredForm};

    use super::*;
    use crate::testing::routed_call;

    fn widgets() -> Descriptor {
        Descriptor {
            kind: GroupVersionKind::new("example.com", "v1", "Widget"),
            list_kind: String::from("WidgetList"),
            plural: String::from("widgets"),
            singular: String::from("widget"),
            scope: Scope::Namespaced,
            verbs: vec![
                Verb::Create,
                Verb::Delete,
                Verb::DeleteCollection,
                Verb::Get,
                Verb::List,
                Verb::Update,
            ],
            short_names: Vec::new(),
            categories: Vec::new(),
            subresources: Vec::new(),
            storage_prefix: String::new(),
            stored_form: StoredForm {
                api_version: String::new(),
                protobuf: false,
            },
            storage_version_hash: String::new(),
            schema: builtin(&GroupVersionKind::new("", "v1", "Pod")).expect("a built-in kind"),
        }
    }

    fn outcome(method: &str, path: &str) -> String {
        let call = routed_call(method, &format!("/apis/example.com/v1/{path}"));
        let (descriptor, info) = (widgets(), &call.info);
        let Some(place) = place(&descriptor, info) else {
            return format!("{:?}", no_place(&descriptor, info, true));
        };
        let method = as_custom(place, &call.head.method);
        match action(&descriptor, place, method, info, true) {
            Some(action) => format!("{action:?}"),
            None => match no_action(&descriptor, place, info, true) {
                Refusal::Page => String::from("Page"),
                Refusal::Status(status) => status.message,
            },
        }
    }

    #[test]
    fn custom_resources_answer_in_their_scope() {
        for (method, path, expected) in [
            ("GET", "widgets", true),
            ("GET", "widgets?watch=1", true),
            ("POST", "widgets", false),
            ("DELETE", "widgets", false),
            ("GET", "widgets/a", false),
            ("PUT", "namespaces/n/widgets", true),
            ("POST", "namespaces/n/widgets/a/scale", true),
        ] {
            let call = routed_call(method, &format!("/apis/example.com/v1/{path}"));
            assert_eq!(is_answered(&widgets(), &call.info), expected, "{method} {path}");
        }
    }

    #[test]
    fn custom_resources_go_by_the_verb() {
        for (method, path, expected) in [
            ("GET", "widgets", "List"),
            ("POST", "widgets", "Page"),
            ("DELETE", "widgets", "Page"),
            ("HEAD", "namespaces/n/widgets", "List"),
            ("HEAD", "namespaces/n/widgets/a", "Get"),
            ("PUT", "namespaces/n/widgets", "name must be provided"),
            ("PATCH", "namespaces/n/widgets", "name must be provided"),
            ("POST", "namespaces/n/widgets/a", "Create"),
            (
                "PATCH",
                "namespaces/n/widgets/a",
                "patch is not supported on resources of kind \"widgets.example.com\"",
            ),
        ] {
            assert_eq!(outcome(method, path), expected, "{method} {path}");
        }
    }
}
