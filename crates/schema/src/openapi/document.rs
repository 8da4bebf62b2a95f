//! Which documents there are, and what each is about.

use super::component::Component;
use super::names;
use super::operation::{Method, Operation, media};
use super::path_item::PathItem;
use super::paths;
use crate::generated::meta_v1::{API_GROUP, API_GROUP_LIST, API_RESOURCE_LIST, API_VERSIONS};
use crate::served::{GroupVersionFacts, group_versions};
use crate::table::{Kind, Package, Type, field};

/// The answer of `/version`.
static VERSION_INFO: Type = Type {
    package: &Package {
        go_name: "version",
        openapi_name: "io.k8s.apimachinery.pkg.version",
    },
    name: "Info",
    fields: &[
        field(0, "major", Kind::String).required(),
        field(0, "minor", Kind::String).required(),
        field(0, "emulationMajor", Kind::String).omitempty(),
        field(0, "emulationMinor", Kind::String).omitempty(),
        field(0, "minCompatibilityMajor", Kind::String).omitempty(),
        field(0, "minCompatibilityMinor", Kind::String).omitempty(),
        field(0, "gitVersion", Kind::String).required(),
        field(0, "gitCommit", Kind::String).required(),
        field(0, "gitTreeState", Kind::String).required(),
        field(0, "buildDate", Kind::String).required(),
        field(0, "goVersion", Kind::String).required(),
        field(0, "compiler", Kind::String).required(),
        field(0, "platform", Kind::String).required(),
    ],
    by_name: &[9, 11, 2, 3, 7, 8, 6, 10, 0, 4, 5, 1, 12],
    by_number: &[],
    embedded: &[],
    message: false,
    atomic: false,
    union: None,
};

/// A version 3 document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Document {
    /// `.well-known/openid-configuration`
    IssuerConfiguration,
    /// `openid/v1/jwks`
    IssuerKeys,
    /// `version`
    Version,
    /// `api`
    CoreVersions,
    /// `apis`
    Groups,
    /// `apis/apps`
    Group(&'static str),
    /// `apis/apps/v1`
    GroupVersion(&'static GroupVersionFacts),
}

/// All documents.
pub(super) fn all() -> Vec<Document> {
    use Document::{CoreVersions, Group, GroupVersion, Groups, IssuerConfiguration, IssuerKeys, Version};
    let mut documents = vec![IssuerConfiguration, IssuerKeys, Version, CoreVersions, Groups];
    let groups = group_versions()
        .iter()
        .filter(|facts| facts.preferred && !facts.group.is_empty());
    documents.extend(groups.map(|facts| Group(facts.group)));
    documents.extend(group_versions().iter().map(GroupVersion));
    documents
}

impl Document {
    /// As the index has it.
    pub fn name(&self) -> String {
        match self {
            Self::IssuerConfiguration => ".well-known/openid-configuration".to_owned(),
            Self::IssuerKeys => "openid/v1/jwks".to_owned(),
            Self::Version => "version".to_owned(),
            Self::CoreVersions => "api".to_owned(),
            Self::Groups => "apis".to_owned(),
            Self::Group(group) => format!("apis/{group}"),
            Self::GroupVersion(facts) if facts.group.is_empty() => format!("api/{}", facts.version),
            Self::GroupVersion(facts) => format!("apis/{}/{}", facts.group, facts.version),
        }
    }

    /// The group version it is about.
    pub fn group_version(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::GroupVersion(facts) => Some((facts.group, facts.version)),
            _ => None,
        }
    }

    /// The paths it describes, sorted.
    pub fn paths(&self) -> Vec<PathItem<'static>> {
        let path = format!("/{}/", self.name());
        let own = |operation: Operation<'static>| {
            PathItem::new(path.clone(), vec![operation]).into_iter().collect()
        };
        match self {
            Self::IssuerConfiguration => own(Operation {
                produces: media::JSON,
                about: "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'".to_owned(),
                ..read("getServiceAccountIssuerOpenIDConfiguration", "WellKnown", None)
            }),
            Self::IssuerKeys => own(Operation {
                produces: media::KEYS,
                about: "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)"
                    .to_owned(),
                ..read("getServiceAccountIssuerOpenIDKeyset", "openid", None)
            }),
            Self::Version => own(Operation {
                consumes: media::JSON,
                produces: media::JSON,
                about: "get the version information for this server".to_owned(),
                ..read("getCodeVersion", "version", Some(&VERSION_INFO))
            }),
            Self::CoreVersions => own(discovery("getCoreAPIVersions", "core", &API_VERSIONS)),
            Self::Groups => own(discovery("getAPIVersions", "apis", &API_GROUP_LIST)),
            Self::Group(group) => {
                let id = format!("get{}APIGroup", names::group(group));
                own(discovery(&id, &names::tag(group), &API_GROUP))
            }
            Self::GroupVersion(facts) => {
                let version = names::capitalised(facts.version);
                let id = format!("get{}{version}APIResources", names::group(facts.group));
                let tag = format!("{}_{}", names::tag(facts.group), facts.version);
                let mut items: Vec<PathItem<'static>> = own(discovery(&id, &tag, &API_RESOURCE_LIST));
                items.extend(paths::of(facts));
                items.sort_by(|a, b| a.path.cmp(&b.path));
                items
            }
        }
    }
}

fn discovery(id: &str, tag: &str, of: &'static Type) -> Operation<'static> {
    let what = match of.name {
        "APIGroup" => "information of a group",
        "APIResourceList" => "available resources",
        _ => "available API versions",
    };
    Operation {
        about: format!("get {what}"),
        consumes: media::OBJECTS,
        produces: media::OBJECTS,
        ..read(id, tag, Some(of))
    }
}

/// A plain GET of a type, or of text.
fn read(id: &str, tag: &str, of: Option<&'static Type>) -> Operation<'static> {
    Operation {
        method: Method::Get,
        id: id.to_owned(),
        about: String::new(),
        tag: tag.to_owned(),
        action: None,
        kind: None,
        parameters: Vec::new(),
        body: None,
        consumes: &[],
        produces: &[],
        codes: &[200],
        answer: of.map(Component::Type),
    }
}
