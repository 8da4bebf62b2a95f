//! Profiles of seccomp and AppArmor, which stand in fields and once stood in annotations: where both are given, they agree.

use super::create::APP_ARMOR;
use super::validation::each_container;
use crate::toolkit::Field;

/// The annotation that names a seccomp profile for the whole pod.
pub const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// Annotations that name one for a container.
pub const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const LOCAL: &str = "localhost/";

/// Whether the annotations name profiles that can be.
pub fn annotations(annotations: &Field) {
    let mut keys: Vec<&str> = annotations
        .entries()
        .map(|(key, _)| key)
        .filter(|key| *key == SECCOMP || key.starts_with(SECCOMP_CONTAINER))
        .collect();
    keys.sort_by_key(|key| *key != SECCOMP);
    for key in keys {
        let annotation = annotations.child(key);
        match annotation.text() {
            "runtime/default" | "docker/default" | "unconfined" => {}
            profile => match profile.strip_prefix(LOCAL) {
                Some(file) => annotation.descending(file),
                None => annotation.invalid_as(profile, "must be a valid seccomp profile"),
            },
        }
    }
}

/// Whether fields say what the annotations of a pod or template say.
pub fn agree(spec: &Field, annotations: &Field) {
    let context = spec.child("securityContext");
    same_seccomp(
        &context.child("seccompProfile"),
        annotations.child(SECCOMP).value_text(),
    );
    let is_windows = spec.child("os").text_of("name") == "windows";
    let of_pod = context.child("appArmorProfile");
    each_container(spec, |container| {
        let name = container.text_of("name");
        let named = |prefix: &str| {
            let values = annotations.value()?;
            values.get(format!("{prefix}{name}"))?.as_str()
        };
        let context = container.child("securityContext");
        same_seccomp(&context.child("seccompProfile"), named(SECCOMP_CONTAINER));
        let own = context.child("appArmorProfile");
        let effective = if own.is_set() { own.value() } else { of_pod.value() };
        if !is_windows {
            let place = context.standing_for("appArmorProfile", effective);
            same_profile(&place, named(APP_ARMOR), &["runtime/default"], "apparmor");
        }
    });
}

fn same_seccomp(profile: &Field, annotation: Option<&str>) {
    same_profile(
        profile,
        annotation,
        &["runtime/default", "docker/default"],
        "seccomp",
    );
}

fn same_profile(profile: &Field, annotation: Option<&str>, by_default: &[&str], what: &str) {
    let (Some(annotation), true) = (annotation, profile.is_set()) else {
        return;
    };
    let file = annotation.strip_prefix(LOCAL);
    let is_same_type = match profile.text_of("type") {
        "Unconfined" => annotation == "unconfined",
        "RuntimeDefault" => by_default.contains(&annotation),
        "Localhost" => file.is_some(),
        _ => return,
    };
    let local = profile.child("localhostProfile");
    if !is_same_type {
        profile
            .child("type")
            .forbidden(&format!("{what} type in annotation and field must match"));
    } else if let Some(file) = file
        && local.value_text() != Some(file)
    {
        local.forbidden(&format!("{what} profile in annotation and field must match"));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::{Value, json};

    fn errors(annotations: Value, context: Value, of_container: Value) -> Vec<String> {
        let container = json!({"name": "c", "image": "i", "securityContext": of_container});
        let pod = json!({
            "metadata": {"name": "p", "namespace": "n", "annotations": annotations},
            "spec": {"containers": [container], "securityContext": context},
        });
        create_errors("", "pods", pod)
    }

    #[test]
    fn profiles_in_annotations_and_fields_agree() {
        const OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/c";
        let seccomp = |kind: &str| json!({"seccompProfile": {"type": kind}});
        let local = json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "a"}});
        for (key, value, context, of_container, expected) in [
            (
                super::SECCOMP,
                "docker/default",
                seccomp("RuntimeDefault"),
                json!({}),
                None,
            ),
            (
                super::SECCOMP,
                "unconfined",
                seccomp("RuntimeDefault"),
                json!({}),
                Some(
                    "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match",
                ),
            ),
            (
                super::SECCOMP,
                "x",
                json!({}),
                json!({}),
                Some(
                    "metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: \"x\": must be a valid seccomp profile",
                ),
            ),
            (OF_CONTAINER, "localhost/a", json!({}), local.clone(), None),
            (
                OF_CONTAINER,
                "localhost/b",
                json!({}),
                local,
                Some(
                    "spec.containers[0].securityContext.seccompProfile.localhostProfile: Forbidden: seccomp profile in annotation and \
                     field must match",
                ),
            ),
            (
                "container.apparmor.security.beta.kubernetes.io/c",
                "unconfined",
                json!({}),
                json!({"appArmorProfile": {"type": "RuntimeDefault"}}),
                Some(
                    "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match",
                ),
            ),
        ] {
            let found = errors(json!({key: value}), context, of_container);
            let expected: Vec<&str> = expected.into_iter().collect();
            assert_eq!(found, expected, "{key} {value}");
        }
    }
}
