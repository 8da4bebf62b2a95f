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
        "" => os.child("name").required(""),
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
    let context = spec.child("securityContext");
    // Some fields of the pod belong to its security context in upstream's own form, and come in the order there.
    not_set(&context, &["appArmorProfile", "seLinuxOptions"], NOT_ON_WINDOWS);
    not_set(spec, &["hostUsers"], NOT_ON_WINDOWS);
    for field in ["hostPID", "hostIPC"] {
        let field = spec.child(field);
        if field.is_true() {
            field.forbidden(NOT_ON_WINDOWS);
        }
    }
    not_set(
        &context,
        &["seccompProfile", "fsGroup", "fsGroupChangePolicy"],
        NOT_ON_WINDOWS,
    );
    let sysctls = context.child("sysctls");
    if !sysctls.is_empty() {
        sysctls.forbidden(NOT_ON_WINDOWS);
    }
    not_set(spec, &["shareProcessNamespace"], NOT_ON_WINDOWS);
    not_set(
        &context,
        &[
            "runAsUser",
            "runAsGroup",
            "supplementalGroups",
            "supplementalGroupsPolicy",
            "seLinuxChangePolicy",
        ],
        NOT_ON_WINDOWS,
    );
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
        if field.is_set() {
            field.forbidden(why);
        }
    }
}
