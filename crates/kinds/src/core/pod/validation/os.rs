//! Rules that depend on a pod's operating system.

use super::each_container;
use crate::toolkit::Field;

const NOT_ON_WINDOWS: &str = "cannot be set for a windows pod";
const NOT_ON_LINUX: &str = "windows options cannot be set for a linux pod";

/// What the declared operating system allows.
pub fn os(spec: &Field) {
    let os = spec.child("os");
    if !os.is_set() {
        return;
    }
    match os.text_of("name") {
        "" => os.child("name").required("cannot be empty"),
        "linux" => linux(spec),
        "windows" => windows(spec),
        other => os.not_supported_as(other, &["linux", "windows"]),
    }
}

fn linux(spec: &Field) {
    not_set(&spec.child("securityContext"), &["windowsOptions"], NOT_ON_LINUX);
    each_container(spec, |container| {
        not_set(
            &container.child("securityContext"),
            &["windowsOptions"],
            NOT_ON_LINUX,
        );
    });
}

fn windows(spec: &Field) {
    not_set(
        &spec.child("securityContext"),
        &[
            "appArmorProfile",
            "seLinuxOptions",
            "seccompProfile",
            "fsGroup",
            "fsGroupChangePolicy",
            "sysctls",
            "runAsUser",
            "runAsGroup",
            "supplementalGroups",
            "supplementalGroupsPolicy",
        ],
        NOT_ON_WINDOWS,
    );
    not_set(
        spec,
        &["hostUsers", "shareProcessNamespace", "resources"],
        NOT_ON_WINDOWS,
    );
    for field in ["hostPID", "hostIPC"] {
        let field = spec.child(field);
        if field.is_true() {
            field.forbidden(NOT_ON_WINDOWS);
        }
    }
    each_container(spec, |container| {
        not_set(
            &container.child("securityContext"),
            &[
                "appArmorProfile",
                "seLinuxOptions",
                "seccompProfile",
                "capabilities",
                "readOnlyRootFilesystem",
                "privileged",
                "allowPrivilegeEscalation",
                "procMount",
                "runAsUser",
                "runAsGroup",
            ],
            NOT_ON_WINDOWS,
        );
    });
}

fn not_set<'v>(place: &Field<'_, 'v>, fields: &[&'v str], why: &str) {
    for field in fields {
        let field = place.child(field);
        if field
            .value()
            .is_some_and(|value| value.as_array().is_none_or(|items| !items.is_empty()))
        {
            field.forbidden(why);
        }
    }
}
