//! Which requests a rule is about.

use auth::{Attributes, ResourceTarget, Target};

use super::{Resources, Rule};

impl Rule {
    pub(super) fn is_about(&self, request: &Attributes<'_>, is_known: bool) -> bool {
        self.is_about_user(request, is_known)
            && (self.verbs.is_empty() || has(&self.verbs, request.verb))
            && self.is_about_target(&request.target)
    }

    fn is_about_user(&self, request: &Attributes<'_>, is_known: bool) -> bool {
        let in_group = || {
            let mut groups = request.user.groups.iter();
            groups.any(|group| has(&self.groups, group))
        };
        (self.users.is_empty() || (is_known && has(&self.users, &request.user.name)))
            && (self.groups.is_empty() || (is_known && in_group()))
    }

    fn is_about_target(&self, target: &Target<'_>) -> bool {
        let of_resources = !self.namespaces.is_empty() || !self.resources.is_empty();
        match target {
            Target::Resource(target) if of_resources => self.is_about_resource(target),
            Target::Path(path) if !of_resources => {
                self.paths.is_empty() || self.paths.iter().any(|wanted| is_path(wanted, path))
            }
            Target::Resource(_) => self.paths.is_empty(),
            Target::Path(_) => false,
        }
    }

    fn is_about_resource(&self, target: &ResourceTarget<'_>) -> bool {
        (self.namespaces.is_empty() || has(&self.namespaces, target.namespace))
            && (self.resources.is_empty() || self.resources.iter().any(|wanted| wanted.include(target)))
    }
}

impl Resources {
    fn include(&self, target: &ResourceTarget<'_>) -> bool {
        if self.group != "*" && self.group != target.group {
            return false;
        }
        if self.resources.is_empty() {
            return true;
        }
        (self.names.is_empty() || has(&self.names, target.name))
            && self.resources.iter().any(|wanted| is_resource(wanted, target))
    }
}

/// Whether `pods`, `pods/log`, `pods/*`, `*/log` or `*` means a resource.
fn is_resource(wanted: &str, target: &ResourceTarget<'_>) -> bool {
    if wanted == "*" {
        return true;
    }
    match wanted.split_once('/') {
        None => wanted == target.resource && target.subresource.is_empty(),
        Some((resource, "*")) if resource != "*" => resource == target.resource,
        Some(("*", subresource)) => !target.subresource.is_empty() && subresource == target.subresource,
        Some((resource, subresource)) => {
            !subresource.is_empty() && resource == target.resource && subresource == target.subresource
        }
    }
}

/// Whether a path is meant, by itself or by how it begins.
fn is_path(wanted: &str, path: &str) -> bool {
    wanted == path
        || wanted
            .strip_suffix('*')
            .is_some_and(|start| path.starts_with(start.trim_end_matches('*')))
}

fn has(all: &[String], one: &str) -> bool {
    all.iter().any(|text| text == one)
}

#[cfg(test)]
mod tests {
    use auth::{Attributes, ResourceTarget};
    use meta::User;

    use crate::policy::{Level, Policy};

    /// The level at which a rule has a request written, if it is about it.
    fn level(rule: &str, request: &str) -> Level {
        let text =
            format!("{{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{{level: Request, {rule}}}]}}");
        let (policy, unknown) = Policy::read(&text).expect("a policy");
        assert_eq!(unknown, [""; 0]);
        let user = User::new("joe", &["a", "b"]);
        let words: Vec<&str> = request.split(' ').collect();
        let attributes = match words[..] {
            [verb, path] => Attributes::path(&user, verb, path),
            [verb, group, namespace, resource, name] => {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                let target = ResourceTarget {
                    group: if group == "-" { "" } else { group },
                    version: "v1",
                    resource,
                    subresource,
                    namespace: if namespace == "-" { "" } else { namespace },
                    name: if name == "-" { "" } else { name },
                    ..ResourceTarget::default()
                };
                Attributes::resource(&user, verb, target)
            }
            _ => panic!("{request}"),
        };
        policy.treatment(&attributes, true).level
    }

    #[test]
    fn rules_are_about_what_they_say() {
        let pod = "get - d pods p";
        let log = "get - d pods/log p";
        let scale = "update apps d deployments/scale x";
        let node = "list - - nodes -";
        for (rule, request, expected) in [
            ("", pod, true),
            ("", "get /healthz", true),
            ("users: [joe]", pod, true),
            ("users: [jim]", pod, false),
            ("userGroups: [x, b]", pod, true),
            ("userGroups: [x]", pod, false),
            ("users: [joe], userGroups: [x]", pod, false),
            ("verbs: [get]", pod, true),
            ("verbs: [list]", pod, false),
            ("verbs: [get]", "get /x", true),
            ("namespaces: [d]", pod, true),
            ("namespaces: [e]", pod, false),
            ("namespaces: ['']", node, true),
            ("namespaces: ['']", pod, false),
            ("namespaces: [d]", "get /x", false),
            ("resources: [{group: ''}]", pod, true),
            ("resources: [{}]", pod, true),
            ("resources: [{group: apps}]", pod, false),
            ("resources: [{group: '*'}]", scale, true),
            ("resources: [{resources: [pods]}]", pod, true),
            ("resources: [{resources: [pods]}]", log, false),
            ("resources: [{resources: [pods/log]}]", log, true),
            ("resources: [{resources: ['pods/*']}]", log, true),
            ("resources: [{resources: ['pods/*']}]", pod, true),
            ("resources: [{resources: ['*']}]", log, true),
            ("resources: [{resources: ['*/log']}]", log, true),
            ("resources: [{resources: ['*/log']}]", pod, false),
            ("resources: [{group: apps, resources: ['*/scale']}]", scale, true),
            ("resources: [{resources: [pods], resourceNames: [p]}]", pod, true),
            ("resources: [{resources: [pods], resourceNames: [q]}]", pod, false),
            ("resources: [{group: apps}, {resources: [nodes]}]", node, true),
            ("resources: [{resources: [pods]}], namespaces: [e]", pod, false),
            ("nonResourceURLs: [/healthz]", "get /healthz", true),
            ("nonResourceURLs: [/healthz]", "get /healthz/etcd", false),
            ("nonResourceURLs: ['/healthz*']", "get /healthz/etcd", true),
            ("nonResourceURLs: ['*']", "get /healthz/etcd", true),
            ("nonResourceURLs: ['*']", pod, false),
        ] {
            let found = level(rule, request) == Level::Request;
            assert_eq!(found, expected, "{rule} {request}");
        }
    }

    #[test]
    fn who_is_not_known_is_nobody() {
        let text = "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Request, users: ['']}, {level: Metadata}]}";
        let (policy, _) = Policy::read(text).expect("a policy");
        let nobody = User::default();
        let request = Attributes::path(&nobody, "get", "/x");
        for (is_known, expected) in [(true, Level::Request), (false, Level::Metadata)] {
            assert_eq!(policy.treatment(&request, is_known).level, expected);
        }
    }

    #[test]
    fn the_first_rule_decides_and_stages_add_up() {
        let text = "{apiVersion: audit.k8s.io/v1, kind: Policy, omitStages: [RequestReceived], omitManagedFields: true, \
            rules: [{level: Metadata, verbs: [get], omitStages: [Panic], omitManagedFields: false}, \
            {level: Request, verbs: [get, list]}]}";
        let (policy, _) = Policy::read(text).expect("a policy");
        let user = User::default();
        let of = |verb| {
            let treatment = policy.treatment(&Attributes::path(&user, verb, "/x"), true);
            (
                treatment.level,
                treatment.omit_stages.len(),
                treatment.omit_managed_fields,
            )
        };
        assert_eq!(of("get"), (Level::Metadata, 2, false));
        assert_eq!(of("list"), (Level::Request, 1, true));
        assert_eq!(of("post"), (Level::None, 1, true));
    }
}
