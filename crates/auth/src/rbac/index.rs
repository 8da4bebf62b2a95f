//! Roles and bindings as authorization needs them: by subject. Kept up by changes, asked by every request.

use std::collections::HashMap;
use std::sync::Arc;

use meta::object;
use meta::quote::quote;
use meta::{GroupResource, User};
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;

use super::rule::PolicyRule;
use crate::follower::Follower;

/// The API group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// The role that a binding gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub struct RoleRef {
    /// `Role` or `ClusterRole`.
    #[serde(default)]
    pub kind: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// Namespace (empty for a ClusterRole) and name.
type RoleKey = (String, String);
/// Namespace (empty for a ClusterRoleBinding) and name.
type BindingKey = (String, String);

/// All roles and bindings. Readers never wait for each other.
#[derive(Default)]
pub struct RbacIndex(RwLock<State>);

#[derive(Default)]
struct State {
    roles: HashMap<RoleKey, Arc<[PolicyRule]>>,
    /// To take a binding out again, one must know where it stands.
    subjects: HashMap<BindingKey, Vec<Subject>>,
    /// By namespace; those of the cluster under the empty one.
    grants: HashMap<String, Grants>,
}

#[derive(Default)]
struct Grants {
    users: HashMap<String, Vec<Grant>>,
    groups: HashMap<String, Vec<Grant>>,
}

#[derive(Clone)]
struct Grant {
    binding: Arc<str>,
    /// Whether the binding is one of a namespace.
    is_local: bool,
    role: RoleKey,
    reason: Arc<str>,
    /// All that the binding names, and which of them this is about.
    subjects: Arc<[Subject]>,
    position: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    User(String),
    Group(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SubjectText {
    kind: String,
    name: String,
    namespace: String,
}

impl RbacIndex {
    /// Shows `visit` every rule the user has in the namespace (and in the cluster), with the reason why, until it answers
    /// false; and returns what could not be found.
    pub(crate) fn visit_rules(
        &self,
        user: &User,
        namespace: &str,
        mut visit: impl FnMut(&PolicyRule, &Arc<str>) -> bool,
    ) -> Vec<String> {
        let mut missing = Vec::new();
        self.visit_grants(user, namespace, |grant, rules| match rules {
            Some(rules) => rules.iter().all(|rule| visit(rule, &grant.reason)),
            None => {
                missing.push(not_found(&grant.role));
                true
            }
        });
        missing
    }

    /// Shows `visit` each binding that concerns the user once, with the rules of its role if that is there.
    fn visit_grants(
        &self,
        user: &User,
        namespace: &str,
        mut visit: impl FnMut(&Grant, Option<&Arc<[PolicyRule]>>) -> bool,
    ) {
        let state = self.0.read();
        let scopes: &[&str] = if namespace.is_empty() {
            &[""]
        } else {
            &["", namespace]
        };
        let grants = scopes.iter().filter_map(|scope| state.grants.get(*scope));
        for grant in grants.flat_map(|grants| grants.of(user)) {
            if !visit(grant, state.roles.get(&grant.role)) {
                return;
            }
        }
    }

    /// Every rule the user has in the namespace and in the cluster, and the names of roles that could not be found: those that
    /// bindings of the cluster name first, in the order of the bindings' names.
    pub fn rules_of(&self, user: &User, namespace: &str) -> (Vec<PolicyRule>, Vec<String>) {
        let mut rules = Vec::new();
        let mut missing = Vec::new();
        self.visit_grants(user, namespace, |grant, found| {
            match found {
                Some(found) => rules.extend_from_slice(found),
                None => missing.push((grant.is_local, Arc::clone(&grant.binding), grant.role.1.clone())),
            }
            true
        });
        missing.sort_unstable();
        (rules, missing.into_iter().map(|(_, _, role)| role).collect())
    }

    /// The rules of the role that a binding in `namespace` (empty: of the cluster) refers to.
    pub fn role_rules(&self, role: &RoleRef, namespace: &str) -> Option<Arc<[PolicyRule]>> {
        self.0.read().roles.get(&role_key(role, namespace)).cloned()
    }
}

impl Follower for RbacIndex {
    fn resources(&self) -> Vec<GroupResource> {
        ["clusterroles", "roles", "clusterrolebindings", "rolebindings"]
            .map(|plural| GroupResource::new(GROUP, plural))
            .into()
    }

    fn set(&self, resource: &GroupResource, object: &Value) {
        let key = (
            object::namespace(object).to_owned(),
            object::name(object).to_owned(),
        );
        if is_role(resource) {
            let rules = read::<Vec<PolicyRule>>(&object["rules"]).into();
            self.0.write().roles.insert(key, rules);
        } else {
            let grants = grants_of(&key, object);
            let mut state = self.0.write();
            state.unbind(&key);
            state.bind(key, grants);
        }
    }

    fn remove(&self, resource: &GroupResource, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        let mut state = self.0.write();
        if is_role(resource) {
            state.roles.remove(&key);
        } else {
            state.unbind(&key);
        }
    }
}

/// Roles and bindings of a scope have the same keys: one map serves both kinds.
fn is_role(resource: &GroupResource) -> bool {
    matches!(&*resource.resource, "roles" | "clusterroles")
}

impl Grants {
    fn of<'a>(&'a self, user: &'a User) -> impl Iterator<Item = &'a Grant> {
        let by_name = self.users.get(&user.name);
        let by_group = user.groups.iter().filter_map(|group| self.groups.get(group));
        let all = by_name.into_iter().chain(by_group).flatten();
        all.filter(|grant| grant.is_first_for(user))
    }
}

impl Grant {
    /// Whether no earlier subject of the binding concerns the user: what gives the role is told once, by the first.
    fn is_first_for(&self, user: &User) -> bool {
        let earlier = &self.subjects[..self.position];
        !earlier.iter().any(|subject| match subject {
            Subject::User(name) => *name == user.name,
            Subject::Group(name) => user.in_group(name),
        })
    }
}

impl State {
    fn bind(&mut self, key: BindingKey, grants: Vec<(Subject, Grant)>) {
        let mut subjects = Vec::with_capacity(grants.len());
        let scope = self.grants.entry(key.0.clone()).or_default();
        for (subject, grant) in grants {
            let of_subject = match &subject {
                Subject::User(name) => scope.users.entry(name.clone()),
                Subject::Group(name) => scope.groups.entry(name.clone()),
            };
            of_subject.or_default().push(grant);
            subjects.push(subject);
        }
        self.subjects.insert(key, subjects);
    }

    fn unbind(&mut self, key: &BindingKey) {
        let Some(subjects) = self.subjects.remove(key) else {
            return;
        };
        let Some(scope) = self.grants.get_mut(&key.0) else {
            return;
        };
        for subject in subjects {
            let (map, name) = match subject {
                Subject::User(name) => (&mut scope.users, name),
                Subject::Group(name) => (&mut scope.groups, name),
            };
            if let Some(grants) = map.get_mut(&name) {
                grants.retain(|grant| *grant.binding != *key.1);
                if grants.is_empty() {
                    map.remove(&name);
                }
            }
        }
        if scope.users.is_empty() && scope.groups.is_empty() {
            self.grants.remove(&key.0);
        }
    }
}

/// Whom a binding gives its role, with upstream's words for it.
fn grants_of(key: &BindingKey, binding: &Value) -> Vec<(Subject, Grant)> {
    let (namespace, name) = key;
    let role: RoleRef = read(&binding["roleRef"]);
    let shared_name: Arc<str> = name.as_str().into();
    let from = if namespace.is_empty() {
        format!("ClusterRoleBinding {}", quote(name))
    } else {
        format!("RoleBinding {}", quote(&format!("{name}/{namespace}")))
    };
    let mut given: Vec<(Subject, Arc<str>)> = Vec::new();
    for text in read::<Vec<SubjectText>>(&binding["subjects"]) {
        let mut shown = text.name.clone();
        let subject = match text.kind.as_str() {
            "User" => Subject::User(text.name),
            "Group" => Subject::Group(text.name),
            "ServiceAccount" => {
                let home = Some(&text.namespace)
                    .filter(|n| !n.is_empty())
                    .unwrap_or(namespace);
                if home.is_empty() {
                    continue;
                }
                shown = format!("{}/{home}", text.name);
                Subject::User(User::service_account(home, &text.name).name)
            }
            _ => continue,
        };
        // A subject may be named twice; it needs the role once.
        if given.iter().any(|(other, _)| *other == subject) {
            continue;
        }
        let reason = format!(
            "RBAC: allowed by {from} of {} {} to {} {}",
            role.kind,
            quote(&role.name),
            text.kind,
            quote(&shown)
        );
        given.push((subject, reason.into()));
    }
    let subjects: Arc<[Subject]> = given.iter().map(|(subject, _)| subject.clone()).collect();
    let grant = |(position, (subject, reason))| {
        let grant = Grant {
            binding: Arc::clone(&shared_name),
            is_local: !namespace.is_empty(),
            role: role_key(&role, namespace),
            reason,
            subjects: Arc::clone(&subjects),
            position,
        };
        (subject, grant)
    };
    given.into_iter().enumerate().map(grant).collect()
}

fn role_key(role: &RoleRef, namespace: &str) -> RoleKey {
    let namespace = if role.kind == "Role" { namespace } else { "" };
    (namespace.to_owned(), role.name.clone())
}

fn not_found((namespace, name): &RoleKey) -> String {
    let kind = if namespace.is_empty() {
        "clusterrole"
    } else {
        "role"
    };
    format!("{kind}.rbac.authorization.k8s.io {} not found", quote(name))
}

/// What the registry stores has been validated; what is odd all the same grants nothing.
fn read<T: for<'de> Deserialize<'de> + Default>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_default()
}
