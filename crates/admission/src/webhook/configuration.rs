//! Webhook configurations in the form in which they are used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::Authorizer;
use kinds::expressions::{Expressions, Uses};
use meta::{GroupVersionResource, Status};
use registry::{AdmissionRequest, Object};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::failure::Failure;
use crate::cluster::Cluster;
use crate::hooks::{Compiled, Conditions, Matched, Matcher, Of, Scene, Shown, facts};
use crate::observer::{AskedWebhook, Holder, Outcome, Watch};
use crate::request::{Request, items, text};

const DEFAULT_TIMEOUT_SECONDS: u64 = 10;

/// A webhook.
pub(crate) struct Webhook {
    pub(super) name: String,
    pub(super) configuration: String,
    /// Tells it from all others.
    pub(super) id: String,
    pub(super) matcher: Matcher,
    conditions: Conditions,
    pub(super) endpoint: Arc<Endpoint>,
    /// Whether a write goes on if nobody answers.
    pub(super) ignores_failure: bool,
    pub(super) timeout: Duration,
    /// Whether it may be asked about a write that will not happen.
    pub(super) allows_dry_run: bool,
    /// Whether it wants to see what others change after it.
    pub(super) wants_to_see_more: bool,
    /// The first version of reviews that it takes and the server knows.
    pub(super) review_version: Option<&'static str>,
}

/// The webhooks of a configuration.
pub(crate) struct Webhooks(pub(super) Vec<Arc<Webhook>>);

/// Those that may change objects.
pub(crate) struct Mutating(pub(super) Webhooks);

/// Those that may refuse them.
pub(crate) struct Validating(pub(super) Webhooks);

impl Compiled for Mutating {
    const RESOURCE: GroupVersionResource = GroupVersionResource::new(
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
    );

    fn compile(object: &Object, cluster: &Arc<dyn Cluster>) -> Self {
        Self(Webhooks::compile(object, cluster))
    }
}

impl Compiled for Validating {
    const RESOURCE: GroupVersionResource = GroupVersionResource::new(
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
    );

    fn compile(object: &Object, cluster: &Arc<dyn Cluster>) -> Self {
        Self(Webhooks::compile(object, cluster))
    }
}

impl Webhooks {
    fn compile(object: &Object, cluster: &Arc<dyn Cluster>) -> Self {
        let tree = object.tree();
        let expressions = Expressions::new(Uses {
            authorizer: true,
            ..Uses::default()
        });
        let mut endpoints: Vec<(&Value, Arc<Endpoint>)> = Vec::new();
        let webhooks = items(&tree, "/webhooks").iter().enumerate();
        let webhooks = webhooks.map(|(place, webhook)| {
            let id = format!("{}/{}/{place}", object.name(), text(webhook, "/name"));
            let config = &webhook["clientConfig"];
            let known = endpoints.iter().find(|(other, _)| *other == config);
            let endpoint = match known {
                Some((_, endpoint)) => Arc::clone(endpoint),
                None => {
                    let endpoint = Arc::new(Endpoint::new(config, cluster));
                    endpoints.push((config, Arc::clone(&endpoint)));
                    endpoint
                }
            };
            Arc::new(Webhook {
                configuration: object.name().to_owned(),
                ..Webhook::read(webhook, id, endpoint, &expressions)
            })
        });
        Self(webhooks.collect())
    }
}

impl Webhook {
    fn read(webhook: &Value, id: String, endpoint: Arc<Endpoint>, expressions: &Expressions) -> Self {
        let seconds = webhook["timeoutSeconds"].as_u64();
        let versions = items(webhook, "/admissionReviewVersions");
        Self {
            name: text(webhook, "/name").to_owned(),
            configuration: String::new(),
            id,
            matcher: Matcher::of_webhook(webhook),
            conditions: Conditions::read(webhook, expressions),
            endpoint,
            ignores_failure: webhook["failurePolicy"] == "Ignore",
            timeout: Duration::from_secs(seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS)),
            allows_dry_run: matches!(text(webhook, "/sideEffects"), "None" | "NoneOnDryRun"),
            wants_to_see_more: webhook["reinvocationPolicy"] == "IfNeeded",
            review_version: versions.iter().find_map(|version| match version.as_str() {
                Some("v1") => Some("v1"),
                Some("v1beta1") => Some("v1beta1"),
                _ => None,
            }),
        }
    }
}

impl Webhook {
    /// How the webhook sees the request; none if it is not to be asked.
    pub(super) async fn matches(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &dyn Cluster,
        authorizer: &dyn Authorizer,
        watch: Watch<'_>,
    ) -> Result<Option<Matched>, Status> {
        let matched = self.matcher.matches(request, cluster).await?;
        match matched {
            Some(matched) if !self.conditions.is_empty() => {
                let is_meant = self.conditions_hold(request, &matched, cluster, authorizer, watch)?;
                Ok(is_meant.then_some(matched))
            }
            matched => Ok(matched),
        }
    }

    fn conditions_hold(
        &self,
        request: &AdmissionRequest<'_>,
        matched: &Matched,
        cluster: &dyn Cluster,
        authorizer: &dyn Authorizer,
        watch: Watch<'_>,
    ) -> Result<bool, Status> {
        let shown = Shown::of(request, matched, cluster)?;
        let facts = Value::Object(facts(request, matched));
        let scene = Scene {
            object: &shown.object,
            old_object: &shown.old_object,
            request: &facts,
            namespace: &Value::Null,
            parameters: None,
            user: &request.context.user,
            authorizer,
        };
        let of = Of {
            holder: Holder::Webhook,
            name: &self.name,
            ignores_failure: self.ignores_failure,
        };
        let held = self.conditions.hold(&scene, of, watch);
        held.map_err(|why| request.forbidden(why))
    }

    /// Tells who counts what became of asking it.
    pub(super) fn tell<A>(&self, asked: &Result<A, Failure>, begun: Instant, watch: Watch<'_>) {
        let outcome = match asked {
            Ok(_) => Outcome::Agreed,
            Err(failure) => failure.outcome(self.ignores_failure),
        };
        watch.observer.webhook(&AskedWebhook {
            name: &self.name,
            step: watch.step,
            operation: watch.operation,
            took: begun.elapsed(),
            outcome,
        });
    }

    /// What follows for the request from what was made of the question.
    /// `failed_open` is the key under which it is noted that it was not asked.
    pub(super) fn judge(
        &self,
        asked: Result<(), Failure>,
        request: &AdmissionRequest<'_>,
        failed_open: impl FnOnce() -> String,
    ) -> Result<(), Status> {
        match asked {
            Ok(()) => Ok(()),
            Err(Failure::NoAnswer(unanswered)) if self.ignores_failure => {
                tracing::warn!(
                    webhook = self.name,
                    why = unanswered.why,
                    "a webhook gave no answer, and the request goes on"
                );
                let audit = &request.context.audit;
                if audit.is_on() {
                    audit.note(failed_open(), || self.name.clone());
                }
                Ok(())
            }
            Err(failure) => Err(failure.to_status(&self.name)),
        }
    }
}
