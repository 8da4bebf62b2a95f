//! Role bindings, in a namespace and in the cluster.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::{GROUP, name_complaints};
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{object_or_new, objects, text as text_of, when_empty};
use crate::toolkit::{Field, Report, same};

room! {
    /// Who has a role in a namespace.
    RoleBinding
}

room! {
    /// Who has a role in the whole cluster.
    ClusterRoleBinding
}

macro_rules! binding {
    ($room:ident, $roles:expr, $is_namespaced:expr, $texts:expr) => {
        impl Strategy for $room {
            fn default(&self, object: &mut Value) {
                defaults(object);
            }

            fn validate(&self, object: &Value) -> ErrorList {
                Report::of(self.0.schema, object, |binding| {
                    rules(binding, $roles, $is_namespaced)
                })
            }

            fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
                Report::of(self.0.schema, new, |binding| {
                    rules(binding, $roles, $is_namespaced);
                    same_role(binding, old);
                })
            }

            fn allows_create_on_update(&self) -> bool {
                true
            }

            fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
                name_complaints(name, prefix)
            }

            fn columns(&self) -> Vec<Column> {
                columns(&$texts)
            }

            fn row(&self, object: &Value, now: i64) -> Row {
                row(object, now)
            }
        }
    };
}

binding!(RoleBinding, &["Role", "ClusterRole"], true, IN_NAMESPACE);
binding!(ClusterRoleBinding, &["ClusterRole"], false, IN_CLUSTER);

fn defaults(binding: &mut Value) {
    let Some(binding) = binding.as_object_mut() else {
        return;
    };
    if let Some(role) = object_or_new(binding, "roleRef") {
        when_empty(role, "apiGroup", GROUP);
    }
    for subject in objects(binding, "subjects") {
        if matches!(text_of(subject, "kind"), "User" | "Group") {
            when_empty(subject, "apiGroup", GROUP);
        }
    }
}

fn rules(binding: &Field, roles: &[&str], is_namespaced: bool) {
    let role = binding.child("roleRef");
    role.child("apiGroup").any_of(&[GROUP]);
    role.child("kind").any_of(roles);
    let name = role.child("name");
    if name.is_empty() {
        name.required("");
    } else {
        name.complain(meta::name::path_segment(name.text()));
    }
    for subject in binding.child("subjects").items() {
        self::subject(&subject, is_namespaced);
    }
}

fn subject(subject: &Field, is_namespaced: bool) {
    let name = subject.child("name");
    name.needed();
    let group = subject.child("apiGroup");
    match subject.text_of("kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                name.dns_subdomain();
            }
            if !group.is_empty() {
                group.not_supported(&[""]);
            }
            if !is_namespaced {
                subject.child("namespace").needed();
            }
        }
        "User" | "Group" => group.any_of(&[GROUP]),
        _ => subject
            .child("kind")
            .not_supported(&["ServiceAccount", "User", "Group"]),
    }
}

fn same_role(binding: &Field, old: &Value) {
    let role = binding.child("roleRef");
    if !same(role.value(), old.get("roleRef")) {
        role.invalid("cannot change roleRef");
    }
}

/// What upstream says of the columns: role, users, groups, service accounts.
type Texts = [&'static str; 4];

const IN_NAMESPACE: Texts = [
    "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot \
     be resolved, the Authorizer must return an error.",
    "Users in the roleBinding",
    "Groups in the roleBinding",
    "ServiceAccounts in the roleBinding",
];

const IN_CLUSTER: Texts = [
    "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer \
     must return an error.",
    "Users in the clusterRoleBinding",
    "Groups in the clusterRoleBinding",
    "ServiceAccounts in the clusterRoleBinding",
];

fn columns([role, users, groups, accounts]: &Texts) -> Vec<Column> {
    vec![
        NAME,
        Column::string("Role", role),
        AGE,
        Column::string("Users", users).wide(),
        Column::string("Groups", groups).wide(),
        Column::string("ServiceAccounts", accounts).wide(),
    ]
}

fn row(binding: &Value, now: i64) -> Row {
    let subjects = |kind: &str| -> Value {
        let subjects = list(binding, &["subjects"]).iter();
        let names: Vec<String> = subjects
            .filter(|subject| subject["kind"] == kind)
            .map(|subject| match kind {
                "ServiceAccount" => format!("{}/{}", text(subject, &["namespace"]), text(subject, &["name"])),
                _ => text(subject, &["name"]).to_owned(),
            })
            .collect();
        names.join(", ").into()
    };
    let role = |field: &str| text(binding, &["roleRef", field]);
    Row {
        cells: vec![
            name(binding),
            format!("{}/{}", role("kind"), role("name")).into(),
            created(binding, now),
            subjects("User"),
            subjects("Group"),
            subjects("ServiceAccount"),
        ],
        ..Row::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, create_errors, defaulted, update_errors};
    use serde_json::json;

    fn with(subject: Value) -> Value {
        json!({"roleRef": {"kind": "ClusterRole", "name": "r"}, "subjects": [subject]})
    }

    #[test]
    fn groups_follow_from_kinds() {
        let binding = defaulted(GROUP, "rolebindings", with(json!({"kind": "User", "name": "u"})));
        assert_eq!(binding["roleRef"]["apiGroup"], GROUP);
        assert_eq!(binding["subjects"][0]["apiGroup"], GROUP);
    }

    #[test]
    fn wrong_subjects_are_refused() {
        let errors = |subject: Value| create_errors(GROUP, "clusterrolebindings", with(subject));
        assert!(errors(json!({"kind": "User", "name": "u"})).is_empty());
        assert_eq!(
            errors(json!({"kind": "ServiceAccount", "name": "s"})),
            ["subjects[0].namespace: Required value"]
        );
        assert_eq!(
            errors(json!({"kind": "Robot", "name": "r"})),
            [
                r#"subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group""#,
            ]
        );
    }

    #[test]
    fn the_role_stays() {
        let of = |role: &str| {
            defaulted(
                GROUP,
                "rolebindings",
                json!({"roleRef": {"kind": "Role", "name": role}}),
            )
        };
        assert_eq!(
            update_errors(GROUP, "rolebindings", &of("b"), &of("a")),
            [
                r#"roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"b"}: cannot change roleRef"#,
            ]
        );
    }

    #[test]
    fn a_row_names_who_and_what() {
        let cells = cells(
            GROUP,
            "rolebindings",
            &with(json!({"kind": "ServiceAccount", "name": "s", "namespace": "n"})),
        );
        assert_eq!(cells[1], "ClusterRole/r");
        assert_eq!(cells[5], "n/s");
    }
}
