//! Flags about auditing.

use std::path::Path;
use std::time::Duration;

use audit::Policy;
use audit::options::Handing;

use super::common::{path, set};
use super::{Served, Value};
use crate::server::ServerOptions;
use crate::settings::ApiSettings;

/// What becomes of each.
pub(super) const AUDIT: &[Served<ServerOptions>] = &[
    ("audit-policy-file", |o, v| policy(&mut o.api, v)),
    ("audit-log-path", |o, v| set(&mut o.api.audit.log.path, v)),
    ("audit-log-format", |o, v| set(&mut o.api.audit.log.format, v)),
    ("audit-log-maxage", |o, v| set(&mut o.api.audit.log.max_age, v)),
    ("audit-log-maxbackup", |o, v| {
        set(&mut o.api.audit.log.max_backups, v)
    }),
    ("audit-log-maxsize", |o, v| set(&mut o.api.audit.log.max_size, v)),
    ("audit-log-compress", |o, v| {
        flag(&mut o.api.audit.log.compress, v)
    }),
    ("audit-webhook-config-file", |o, v| {
        path(&mut o.api.audit.webhook.config, v)
    }),
    ("audit-webhook-initial-backoff", |o, v| {
        time(&mut o.api.audit.webhook.initial_backoff, v)
    }),
    ("audit-log-mode", |o, v| set(&mut log(o).mode, v)),
    ("audit-log-version", |o, v| set(&mut log(o).version, v)),
    ("audit-log-batch-buffer-size", |o, v| {
        set(&mut log(o).buffer_size, v)
    }),
    ("audit-log-batch-max-size", |o, v| set(&mut log(o).max_batch, v)),
    ("audit-log-batch-max-wait", |o, v| time(&mut log(o).max_wait, v)),
    ("audit-log-batch-throttle-enable", |o, v| {
        flag(&mut log(o).throttle, v)
    }),
    ("audit-log-batch-throttle-qps", |o, v| {
        set(&mut log(o).throttle_rate, v)
    }),
    ("audit-log-batch-throttle-burst", |o, v| {
        set(&mut log(o).throttle_burst, v)
    }),
    ("audit-log-truncate-enabled", |o, v| flag(&mut log(o).truncate, v)),
    ("audit-log-truncate-max-event-size", |o, v| {
        set(&mut log(o).max_event_bytes, v)
    }),
    ("audit-log-truncate-max-batch-size", |o, v| {
        set(&mut log(o).max_batch_bytes, v)
    }),
    ("audit-webhook-mode", |o, v| set(&mut webhook(o).mode, v)),
    ("audit-webhook-version", |o, v| set(&mut webhook(o).version, v)),
    ("audit-webhook-batch-buffer-size", |o, v| {
        set(&mut webhook(o).buffer_size, v)
    }),
    ("audit-webhook-batch-max-size", |o, v| {
        set(&mut webhook(o).max_batch, v)
    }),
    ("audit-webhook-batch-max-wait", |o, v| {
        time(&mut webhook(o).max_wait, v)
    }),
    ("audit-webhook-batch-throttle-enable", |o, v| {
        flag(&mut webhook(o).throttle, v)
    }),
    ("audit-webhook-batch-throttle-qps", |o, v| {
        set(&mut webhook(o).throttle_rate, v)
    }),
    ("audit-webhook-batch-throttle-burst", |o, v| {
        set(&mut webhook(o).throttle_burst, v)
    }),
    ("audit-webhook-truncate-enabled", |o, v| {
        flag(&mut webhook(o).truncate, v)
    }),
    ("audit-webhook-truncate-max-event-size", |o, v| {
        set(&mut webhook(o).max_event_bytes, v)
    }),
    ("audit-webhook-truncate-max-batch-size", |o, v| {
        set(&mut webhook(o).max_batch_bytes, v)
    }),
];

/// What is wrong with the flags together, in upstream's words.
pub fn check(settings: &ApiSettings) -> Result<(), String> {
    match meta::aggregate(settings.audit.problems()) {
        None => Ok(()),
        Some(problems) => Err(problems),
    }
}

/// Reads the policy at once, so that a bad one is a bad command line.
fn policy(settings: &mut ApiSettings, value: &Value<'_>) -> Result<(), String> {
    path(&mut settings.files.audit_policy, value)?;
    let Some(file) = &settings.files.audit_policy else {
        settings.audit.policy = None;
        return Ok(());
    };
    let (policy, unknown) = load(file)?;
    settings.audit.policy = Some(policy);
    settings.audit.unknown_fields = unknown;
    Ok(())
}

fn load(file: &Path) -> Result<(Policy, Vec<String>), String> {
    Policy::load(file)
        .map_err(|error| format!("loading audit policy file: {error}: from file {}", file.display()))
}

fn log(options: &mut ServerOptions) -> &mut Handing {
    &mut options.api.audit.log.handing
}

fn webhook(options: &mut ServerOptions) -> &mut Handing {
    &mut options.api.audit.webhook.handing
}

fn flag(place: &mut bool, value: &Value<'_>) -> Result<(), String> {
    *place = value.bool();
    Ok(())
}

fn time(place: &mut Duration, value: &Value<'_>) -> Result<(), String> {
    *place = value.duration();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Component, FlagError, apiserver, apply, parse};
    use super::*;

    fn given(words: &str) -> Result<ServerOptions, FlagError> {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        let given = parse(Component::ApiServer, words.split_whitespace().map(str::to_owned))?;
        apply(&apiserver::TREATMENTS, &given, &mut options)?;
        Ok(options)
    }

    #[test]
    fn flags_reach_their_settings() {
        let words = "--audit-log-path=/x --audit-log-maxsize=7 --audit-log-mode=batch --audit-log-truncate-enabled \
            --audit-webhook-config-file=/w --audit-webhook-batch-throttle-qps=2.5 --audit-webhook-batch-max-wait=1s \
            --audit-webhook-batch-throttle-enable=false --audit-log-batch-buffer-size=9 --audit-log-compress";
        let audit = given(words).expect("good flags").api.audit;
        assert_eq!((audit.log.path.as_str(), audit.log.max_size), ("/x", 7));
        assert!(audit.log.compress && audit.log.handing.truncate);
        assert_eq!(
            (audit.log.handing.mode.as_str(), audit.log.handing.buffer_size),
            ("batch", 9)
        );
        assert_eq!(audit.webhook.config, Some("/w".into()));
        let handing = audit.webhook.handing;
        assert_eq!(
            (handing.throttle, handing.throttle_rate, handing.max_wait),
            (false, 2.5, Duration::from_secs(1))
        );
    }

    #[test]
    fn a_bad_policy_is_a_bad_flag() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("policy.yaml");
        std::fs::write(&file, "{apiVersion: audit.k8s.io/v1, kind: Policy}").expect("written");
        let name = file.display();
        let error = given(&format!("--audit-policy-file={name}")).expect_err("a bad policy");
        assert_eq!(
            error.to_string(),
            format!(
                "invalid argument \"{name}\" for \"--audit-policy-file\" flag: loading audit policy file: loaded illegal \
                 policy with 0 rules: from file {name}"
            )
        );
    }

    #[test]
    fn flags_that_do_not_go_together_are_told() {
        let options = given("--audit-log-path=/x --audit-log-mode=foo").expect("flags");
        assert_eq!(
            check(&options.api),
            Err("invalid audit log mode foo, allowed modes are \"batch,blocking,blocking-strict\"".into())
        );
    }
}
