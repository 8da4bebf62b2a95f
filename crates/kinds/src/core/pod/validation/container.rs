//! Rules for one container, whichever list it stands in.

use super::{env, mounts, ports, requirements, security};
use crate::core::pod::context::PodContext;
use crate::toolkit::Field;

/// When an image is pulled.
pub const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];

/// What holds for containers of all three lists.
pub fn common(container: &Field, pod: &PodContext) {
    let name = container.child("name");
    if name.is_empty() {
        name.required("");
    } else {
        name.dns_label();
    }
    container.child("image").needed();
    container
        .child("terminationMessagePolicy")
        .one_of(&["File", "FallbackToLogsOnError"]);
    ports::ports(&container.child("ports"));
    env::variables(&container.child("env"));
    env::sources(&container.child("envFrom"));
    mounts::mounts(container, pod);
    mounts::devices(container, pod);
    container.child("imagePullPolicy").one_of(PULL_POLICIES);
    requirements::of_container(&container.child("resources"), pod);
    requirements::resize_policy(&container.child("resizePolicy"), pod);
    security::of_container(&container.child("securityContext"), pod);
}

/// What holds in pods, but for the sake of old objects not in templates.
pub fn only_in_pods(container: &Field) {
    let image = container.child("image");
    if image.text() != image.text().trim() {
        image.invalid("must not have leading or trailing whitespace");
    }
}

/// The same for an init container. Without a policy of its own it can have no rules.
pub fn restart_policy_of_init(container: &Field) {
    let policy = container.child("restartPolicy");
    if policy.is_set() {
        restart_policy(container);
    } else if !container.child("restartPolicyRules").is_empty() {
        policy.required(NEEDED_WITH_RULES);
    }
}

/// Whether a container restarts as it ends, and by which rules.
pub fn restart_policy(container: &Field) {
    let policy = container.child("restartPolicy");
    policy.any_of_if_set(&["Always", "Never", "OnFailure"]);
    let rules = container.child("restartPolicyRules");
    if rules.is_empty() {
        return;
    }
    if !policy.is_set() {
        policy.required(NEEDED_WITH_RULES);
    }
    if rules.len() > MAX_RESTART_RULES {
        rules.too_many(MAX_RESTART_RULES);
    }
    for rule in rules.items() {
        rule.child("action").any_of(&["Restart", "RestartAllContainers"]);
        let codes = rule.child("exitCodes");
        if !codes.is_set() {
            codes.required("must be specified");
            continue;
        }
        codes.child("operator").any_of(&["In", "NotIn"]);
        let values = codes.child("values");
        if values.len() > MAX_EXIT_CODES {
            values.too_many(MAX_EXIT_CODES);
        }
    }
}

const NEEDED_WITH_RULES: &str = "must specify restartPolicy when restart rules are used";
const MAX_RESTART_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;
