//! Which FlowSchema a request falls under, and which priority level that leads to (KEP-1040).

use std::collections::BTreeMap;

use auth::{Attributes, Follower, ResourceTarget, Target};
use meta::{GroupResource, User};
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;

const GROUP: &str = "flowcontrol.apiserver.k8s.io";
const SCHEMAS: GroupResource = GroupResource::new(GROUP, "flowschemas");
const LEVELS: GroupResource = GroupResource::new(GROUP, "prioritylevelconfigurations");
const ANY: &str = "*";

/// Keeps up with flow schemas and priority levels.
#[derive(Debug, Default)]
pub struct FlowIndex(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    /// In the order in which they are tried: by precedence, then by name.
    schemas: BTreeMap<(i64, String), FlowSchema>,
    /// UIDs by name.
    levels: BTreeMap<String, String>,
}

#[derive(Debug)]
struct FlowSchema {
    uid: String,
    spec: Spec,
}

/// Where a request belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// UID of the flow schema.
    pub schema: String,
    /// UID of the priority level.
    pub level: String,
}

impl FlowIndex {
    /// The first flow schema that fits a request and whose level exists.
    pub fn classify(&self, request: &Attributes<'_>) -> Option<Flow> {
        let state = self.0.read();
        let mut fitting = state.schemas.values().filter(|schema| schema.spec.fits(request));
        fitting.find_map(|schema| {
            let level = state.levels.get(&schema.spec.priority_level_configuration.name)?;
            Some(Flow {
                schema: schema.uid.clone(),
                level: level.clone(),
            })
        })
    }
}

impl Follower for FlowIndex {
    fn resources(&self) -> Vec<GroupResource> {
        vec![SCHEMAS, LEVELS]
    }

    fn set(&self, resource: &GroupResource, object: &Value) {
        let (name, uid) = (
            meta::object::name(object).to_owned(),
            meta::object::uid(object).to_owned(),
        );
        let mut state = self.0.write();
        if *resource == LEVELS {
            state.levels.insert(name, uid);
            return;
        }
        state.schemas.retain(|(_, known), _| *known != name);
        if let Ok(spec) = Spec::deserialize(&object["spec"]) {
            state
                .schemas
                .insert((spec.matching_precedence, name), FlowSchema { uid, spec });
        }
    }

    fn remove(&self, resource: &GroupResource, _namespace: &str, name: &str) {
        let mut state = self.0.write();
        if *resource == LEVELS {
            state.levels.remove(name);
        } else {
            state.schemas.retain(|(_, known), _| known != name);
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    matching_precedence: i64,
    priority_level_configuration: Name,
    rules: Vec<Rule>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            matching_precedence: 1000,
            priority_level_configuration: Name::default(),
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
    fn fits(&self, request: &Attributes<'_>) -> bool {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(name: &str, precedence: i64, level: &str, rule: Value) -> Value {
        json!({"metadata": {"name": name, "uid": format!("{name}-uid")}, "spec": {
            "matchingPrecedence": precedence, "priorityLevelConfiguration": {"name": level}, "rules": [rule],
        }})
    }

    fn index() -> FlowIndex {
        let index = FlowIndex::default();
        for level in ["exempt", "leases", "rest"] {
            index.set(
                &LEVELS,
                &json!({"metadata": {"name": level, "uid": format!("{level}-level")}}),
            );
        }
        let group = |name: &str| json!({"kind": "Group", "group": {"name": name}});
        let everything = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"]});
        let any_path = json!({"verbs": ["*"], "nonResourceURLs": ["*"]});
        let all = |subject: Value| json!({"subjects": [subject], "resourceRules": [everything], "nonResourceRules": [any_path]});
        let leases = json!({
            "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"namespace": "a", "name": "*"}}],
            "resourceRules": [{"verbs": ["get"], "apiGroups": ["c"], "resources": ["leases"], "namespaces": ["*"]}],
        });
        let probes = json!({"subjects": [group("*")], "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/livez", "/x/*"]}]});
        index.set(&SCHEMAS, &schema("rest", 9000, "rest", all(group("users"))));
        index.set(&SCHEMAS, &schema("leases", 100, "leases", leases));
        index.set(&SCHEMAS, &schema("probes", 2, "exempt", probes));
        index.set(&SCHEMAS, &schema("lost", 1, "no-such-level", all(group("users"))));
        index
    }

    fn check(user: &User, verb: &str, target: Target<'_>, wanted: Option<&str>) {
        let request = Attributes { user, verb, target };
        let found = index().classify(&request).map(|flow| flow.schema);
        assert_eq!(found.as_deref(), wanted, "{request}");
    }

    #[test]
    fn the_first_schema_that_fits_counts() {
        let account = User::new("system:serviceaccount:a:x", &["users"]);
        let stranger = User::new("z", &["others"]);
        let lease = |namespace| {
            Target::Resource(ResourceTarget {
                group: "c",
                resource: "leases",
                namespace,
                ..ResourceTarget::default()
            })
        };
        check(&account, "get", lease("n"), Some("leases-uid"));
        check(&account, "get", lease(""), Some("rest-uid"));
        check(&account, "delete", lease("n"), Some("rest-uid"));
        check(&stranger, "get", lease("n"), None);
        check(&stranger, "get", Target::Path("/livez"), Some("probes-uid"));
        check(&stranger, "get", Target::Path("/livez/etcd"), None);
        check(&account, "get", Target::Path("/x/y"), Some("probes-uid"));
        check(&account, "post", Target::Path("/livez"), Some("rest-uid"));
    }

    #[test]
    fn what_is_gone_counts_no_more() {
        let index = index();
        let user = User::new("u", &["users"]);
        let request = Attributes::path(&user, "get", "/version");
        let flow = index.classify(&request).expect("a flow");
        assert_eq!(
            (flow.schema.as_str(), flow.level.as_str()),
            ("rest-uid", "rest-level")
        );
        index.remove(&SCHEMAS, "", "rest");
        assert_eq!(index.classify(&request), None);
    }
}
