//! The types of what expressions of admission can see.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{Declaration, Declared, Field, Fields, ObjectType, Type};

/// A type with these fields.
fn object<'a>(name: &str, fields: impl IntoIterator<Item = (&'a str, Declaration)>) -> Arc<ObjectType> {
    let fields = fields.into_iter().map(|(name, holds)| {
        let field = Field {
            json_name: name.to_owned(),
            holds,
        };
        (name.to_owned(), field)
    });
    Arc::new(ObjectType {
        name: name.to_owned(),
        fields: Fields::Known(fields.collect::<BTreeMap<_, _>>()),
    })
}

fn of(object: Arc<ObjectType>) -> Declaration {
    Declaration::new(Declared::Object(object), None)
}

fn text() -> Declaration {
    Declaration::plain(Type::String)
}

fn list(element: Declaration) -> Declaration {
    Declaration::new(Declared::List(Arc::new(element)), None)
}

fn map(value: Declaration) -> Declaration {
    Declaration::new(Declared::Map(Arc::new(text()), Arc::new(value)), None)
}

/// `request`: an AdmissionRequest without its objects.
pub fn request() -> Declaration {
    let kind = || {
        of(object(
            "kubernetes.GroupVersionKind",
            [("group", text()), ("version", text()), ("kind", text())],
        ))
    };
    let resource = || {
        of(object(
            "kubernetes.GroupVersionResource",
            [("group", text()), ("version", text()), ("resource", text())],
        ))
    };
    let user = object(
        "kubernetes.UserInfo",
        [
            ("username", text()),
            ("uid", text()),
            ("groups", list(text())),
            ("extra", map(list(text()))),
        ],
    );
    of(object(
        "kubernetes.AdmissionRequest",
        [
            ("kind", kind()),
            ("resource", resource()),
            ("subResource", text()),
            ("requestKind", kind()),
            ("requestResource", resource()),
            ("requestSubResource", text()),
            ("name", text()),
            ("namespace", text()),
            ("operation", text()),
            ("userInfo", of(user)),
            ("dryRun", Declaration::plain(Type::Bool)),
            ("options", Declaration::plain(Type::Dyn)),
        ],
    ))
}

/// `namespaceObject`: what expressions may know of the namespace.
pub fn namespace() -> Declaration {
    let time = || Declaration::plain(Type::Timestamp);
    let number = || Declaration::plain(Type::Int);
    let metadata = object(
        "kubernetes.NamespaceMetadata",
        [
            ("name", text()),
            ("generateName", text()),
            ("namespace", text()),
            ("labels", map(text())),
            ("annotations", map(text())),
            ("UID", text()),
            ("creationTimestamp", time()),
            ("deletionGracePeriodSeconds", number()),
            ("deletionTimestamp", time()),
            ("generation", number()),
            ("resourceVersion", text()),
            ("finalizers", list(text())),
        ],
    );
    let spec = object("kubernetes.NamespaceSpec", [("finalizers", list(text()))]);
    let status = object("kubernetes.NamespaceStatus", [("phase", text())]);
    of(object(
        "kubernetes.Namespace",
        [
            ("metadata", of(metadata)),
            ("spec", of(spec)),
            ("status", of(status)),
        ],
    ))
}

/// `variables`: those that come before, with the types their expressions have.
pub fn variables<'a>(known: impl IntoIterator<Item = (&'a str, Type)>) -> Declaration {
    let fields = known.into_iter().map(|(name, of)| (name, Declaration::plain(of)));
    of(object("kubernetes.variables", fields))
}

/// One operation of a JSON patch.
pub fn patch(name: &str) -> Arc<ObjectType> {
    object(
        name,
        [
            ("op", text()),
            ("path", text()),
            ("from", text()),
            ("value", Declaration::plain(Type::Dyn)),
        ],
    )
}
