//! ValidatingAdmissionPolicy: what breaks the rules is refused or warned of.

use std::sync::Arc;

use async_trait::async_trait;
use auth::Authorizer;
use meta::Status;
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use super::binding::{Binding, ValidatingBinding};
use super::definition::ValidatingDefinition;
use super::denial::{Denial, of_validation};
use super::evaluation::{Finding, Judgement, judgement};
use super::exclusion::is_excluded;
use super::invocation::{Invocation, Invoked, invocations, namespace};
use super::notes::{Notes, note_failure};
use crate::cluster::Cluster;
use crate::hooks::{Memo, Scene, Shown, facts};
use crate::observer::{Action, Observer, PolicyFinding, Step, Watch};
use crate::plugin::Plugin;

/// The plugin.
pub(crate) struct ValidatingPolicies {
    cluster: Arc<dyn Cluster>,
    authorizer: Arc<dyn Authorizer>,
    definitions: Memo<ValidatingDefinition>,
    bindings: Memo<ValidatingBinding>,
    observer: Arc<dyn Observer>,
}

impl ValidatingPolicies {
    pub(crate) fn new(cluster: Arc<dyn Cluster>, authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            cluster,
            authorizer,
            definitions: Memo::default(),
            bindings: Memo::default(),
            observer: Arc::new(()),
        }
    }

    /// Tells `observer` what policies find.
    pub(crate) fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Asks a policy under its bindings; why it refuses the request.
    async fn ask(
        &self,
        definition: &ValidatingDefinition,
        bindings: &[&Binding],
        request: &AdmissionRequest<'_>,
    ) -> Result<Vec<Denial>, Status> {
        let policy = &definition.policy;
        let mut denials = Vec::new();
        let mut notes = Notes::default();
        for invoked in invocations(policy, bindings, request, &*self.cluster).await {
            match invoked {
                Invoked::Misconfigured(..) if policy.ignores_failure => {}
                Invoked::Misconfigured(binding, why) => {
                    denials.push(denial(&policy.name, binding, &why, None))
                }
                Invoked::Asked(invocation) => {
                    let namespace = namespace(request, &*self.cluster).await?;
                    let judgements = self.judge(definition, &invocation, &namespace, request)?;
                    let binding = invocation.binding;
                    for judgement in judgements {
                        self.tell(&policy.name, binding, &judgement);
                        let Judgement {
                            findings,
                            annotations,
                            ..
                        } = judgement;
                        notes.extend(annotations);
                        let denied = findings.into_iter();
                        denials.extend(
                            denied.filter_map(|finding| follow(&policy.name, binding, finding, request)),
                        );
                    }
                }
            }
        }
        notes.write(&policy.name, request);
        Ok(denials)
    }

    /// Tells who counts what was found, and what follows.
    fn tell(&self, policy: &str, binding: &Binding, judgement: &Judgement) {
        let found = |why: &str, action, took| {
            self.observer.policy(&PolicyFinding {
                policy,
                binding: &binding.name,
                step: Step::Validate,
                why: Some(why),
                action,
                took,
            });
        };
        for (why, took) in &judgement.ignored {
            found(why, Action::Allow, *took);
        }
        for finding in &judgement.findings {
            let actions = &binding.actions;
            let follows = !finding.always_denies;
            for (is_taken, action) in [
                (actions.deny || finding.always_denies, Action::Deny),
                (actions.audit && follows, Action::Audit),
                (actions.warn && follows, Action::Warn),
            ] {
                if is_taken {
                    found(&finding.why, action, finding.took);
                }
            }
        }
    }

    fn judge(
        &self,
        definition: &ValidatingDefinition,
        invocation: &Invocation<'_>,
        namespace: &Value,
        request: &AdmissionRequest<'_>,
    ) -> Result<Vec<Judgement>, Status> {
        let shown = Shown::of(request, &invocation.matched, &*self.cluster)?;
        let facts = Value::Object(facts(request, &invocation.matched));
        let watch = Watch {
            observer: &*self.observer,
            step: Step::Validate,
            operation: request.operation,
        };
        let asked = invocation.parameters.iter().map(|parameters| {
            let scene = Scene {
                object: &shown.object,
                old_object: &shown.old_object,
                request: &facts,
                namespace,
                parameters: parameters.as_deref(),
                user: &request.context.user,
                authorizer: &*self.authorizer,
            };
            judgement(definition, &scene, request.context.audit.is_on(), watch)
        });
        Ok(asked.collect())
    }
}

/// What follows from a finding under a binding.
fn follow(
    policy: &str,
    binding: &Binding,
    finding: Finding,
    request: &AdmissionRequest<'_>,
) -> Option<Denial> {
    let Finding {
        why,
        reason,
        always_denies,
        place,
        ..
    } = finding;
    if binding.actions.audit && !always_denies {
        note_failure(policy, binding, place, &why, request);
    }
    if binding.actions.warn && !always_denies {
        request.context.warnings.add(format!(
            "Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{}': {why}",
            binding.name
        ));
    }
    (binding.actions.deny || always_denies).then(|| denial(policy, Some(binding), &why, reason))
}

fn denial(policy: &str, binding: Option<&Binding>, why: &str, reason: Option<String>) -> Denial {
    let message = match binding {
        Some(binding) => format!(
            "ValidatingAdmissionPolicy '{policy}' with binding '{}' denied request: {why}",
            binding.name
        ),
        None => format!("ValidatingAdmissionPolicy '{policy}' denied request: {why}"),
    };
    Denial { message, reason }
}

#[async_trait]
impl Plugin for ValidatingPolicies {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionPolicy"
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let definitions = self.definitions.current(&self.cluster).await?;
        if definitions.is_empty() || is_excluded(request) {
            return Ok(());
        }
        let all = self.bindings.current(&self.cluster).await?;
        let mut first = None;
        for (_, definition) in &*definitions {
            let of_policy = all.iter().map(|(_, binding)| &binding.0);
            let of_policy: Vec<&Binding> = of_policy
                .filter(|binding| binding.policy == definition.policy.name)
                .collect();
            if !of_policy.is_empty() {
                let denials = self.ask(definition, &of_policy, request).await?;
                first = first.or(denials.into_iter().next());
            }
        }
        match first {
            Some(denial) => Err(of_validation(request, denial)),
            None => Ok(()),
        }
    }
}
