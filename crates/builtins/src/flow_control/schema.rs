//! Which requests a FlowSchema is about.

use auth::{Attributes, ResourceTarget, Target};
use meta::User;
use serde::Deserialize;

const ANY: &str = "*";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    /// Lower ones are tried first.
    pub(super) matching_precedence: i64,
    priority_level_configuration: Name,
    distinguisher_method: Option<Method>,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Method {
    #[serde(rename = "type")]
    by: Distinguisher,
}

/// What sets the flows of a schema apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Distinguisher {
    /// Who asks.
    #[serde(rename = "ByUser")]
    User,
    /// The namespace that is asked about.
    #[serde(rename = "ByNamespace")]
    Namespace,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            matching_precedence: 1000,
            priority_level_configuration: Name::default(),
            distinguisher_method: None,
            rules: Vec::new(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Name {
    namespace: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    subjects: Vec<Subject>,
    resource_rules: Vec<ResourceRule>,
    non_resource_rules: Vec<PathRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Subject {
    kind: String,
    user: Name,
    group: Name,
    service_account: Name,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceRule {
    verbs: Vec<String>,
    api_groups: Vec<String>,
    resources: Vec<String>,
    cluster_scope: bool,
    namespaces: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PathRule {
    verbs: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    urls: Vec<String>,
}

impl Spec {
    /// The name of the priority level.
    pub(super) fn level(&self) -> &str {
        &self.priority_level_configuration.name
    }

    /// What sets flows apart; none if all are one.
    pub(super) fn distinguisher(&self) -> Option<Distinguisher> {
        self.distinguisher_method.as_ref().map(|method| method.by)
    }

    /// Whether it is about a request.
    pub(super) fn fits(&self, request: &Attributes<'_>) -> bool {
        self.rules.iter().any(|rule| {
            rule.subjects.iter().any(|subject| subject.fits(request.user))
                && match &request.target {
                    Target::Resource(target) => rule
                        .resource_rules
                        .iter()
                        .any(|rule| rule.fits(request.verb, target)),
                    Target::Path(path) => rule
                        .non_resource_rules
                        .iter()
                        .any(|rule| rule.fits(request.verb, path)),
                }
        })
    }
}

impl Subject {
    fn fits(&self, user: &User) -> bool {
        match self.kind.as_str() {
            "User" => is_or_any(&self.user.name, &user.name),
            "Group" => self.group.name == ANY || user.in_group(&self.group.name),
            "ServiceAccount" => {
                let Name { namespace, name } = &self.service_account;
                let account = user.name.strip_prefix("system:serviceaccount:");
                let account = account.and_then(|rest| rest.split_once(':'));
                account.is_some_and(|(of, account)| of == namespace && is_or_any(name, account))
            }
            _ => false,
        }
    }
}

impl ResourceRule {
    fn fits(&self, verb: &str, target: &ResourceTarget<'_>) -> bool {
        let resource = if target.subresource.is_empty() {
            target.resource.to_owned()
        } else {
            format!("{}/{}", target.resource, target.subresource)
        };
        let in_scope = if target.namespace.is_empty() {
            self.cluster_scope
        } else {
            contains(&self.namespaces, target.namespace)
        };
        in_scope
            && contains(&self.verbs, verb)
            && contains(&self.api_groups, target.group)
            && contains(&self.resources, &resource)
    }
}

impl PathRule {
    fn fits(&self, verb: &str, path: &str) -> bool {
        let covers = |url: &String| match url.strip_suffix(ANY) {
            Some(start) => path.starts_with(start),
            None => url == path,
        };
        contains(&self.verbs, verb) && self.urls.iter().any(covers)
    }
}

fn contains(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| is_or_any(one, wanted))
}

fn is_or_any(pattern: &str, wanted: &str) -> bool {
    pattern == ANY || pattern == wanted
}
