//! Fields of built-in kinds whose features are off in Kubernetes 1.36 unless someone switches them on.

use resource::{Descriptor, Disabled, DisabledField};

/// The disabled fields of a kind.
pub fn of(kind: &Descriptor) -> Disabled {
    let below: &[&str] = match (&*kind.kind.group, kind.plural.as_str()) {
        ("", "pods") => &["spec"],
        ("", "podtemplates") => &["template", "spec"],
        ("", "replicationcontrollers")
        | ("apps", "daemonsets" | "deployments" | "replicasets" | "statefulsets")
        | ("batch", "jobs") => &["spec", "template", "spec"],
        ("batch", "cronjobs") => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => return Disabled::default(),
    };
    Disabled {
        below,
        fields: &OF_POD_SPEC,
    }
}

const OF_POD_SPEC: [DisabledField; 6] = [
    plain(&["schedulingGroup"]),
    plain(&["volumes", "*", "projected", "sources", "*", "clusterTrustBundle"]),
    plain(&["volumes", "*", "projected", "sources", "*", "podCertificate"]),
    stop_signal(&["initContainers", "*", "lifecycle", "stopSignal"]),
    stop_signal(&["containers", "*", "lifecycle", "stopSignal"]),
    stop_signal(&["ephemeralContainers", "*", "lifecycle", "stopSignal"]),
];

const fn plain(path: &'static [&'static str]) -> DisabledField {
    DisabledField {
        path,
        takes_its_parent: false,
    }
}

const fn stop_signal(path: &'static [&'static str]) -> DisabledField {
    DisabledField {
        path,
        takes_its_parent: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::room;

    #[test]
    fn every_template_is_known() {
        let with = |spec: serde_json::Value| json!({"spec": {"template": {"spec": spec}}});
        let of_cron = |spec: serde_json::Value| json!({"spec": {"jobTemplate": with(spec)}});
        let written = json!({"schedulingGroup": {}, "containers": [{"lifecycle": {"stopSignal": "SIGHUP"}}]});
        let left = json!({"containers": [{}]});
        for (group, plural, mut new, expected) in [
            ("apps", "deployments", with(written.clone()), with(left.clone())),
            ("batch", "cronjobs", of_cron(written), of_cron(left)),
        ] {
            room(group, plural).disabled_fields().drop(&mut new, None);
            assert_eq!(new, expected, "{plural}");
        }
    }
}
