//! MutatingAdmissionPolicy: expressions change what a request brings, one policy after the other.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use auth::Authorizer;
use meta::Status;
use meta::status::Reason;
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use super::binding::{Binding, MutatingBinding};
use super::definition::MutatingDefinition;
use super::denial::{Denial, of_mutation};
use super::evaluation::is_meant;
use super::exclusion::is_excluded;
use super::invocation::{Invocation, Invoked, invocations, namespace};
use super::mutation::{Target, mutate};
use crate::cluster::Cluster;
use crate::hooks::{Memo, Scene, Shown, as_requested, facts};
use crate::observer::{Action, Observer, PolicyFinding, Step, Watch};
use crate::plugin::Plugin;
use crate::rounds::Rounds;

const NAME: &str = "MutatingAdmissionPolicy";

/// The plugin.
pub(crate) struct MutatingPolicies {
    cluster: Arc<dyn Cluster>,
    authorizer: Arc<dyn Authorizer>,
    definitions: Memo<MutatingDefinition>,
    bindings: Memo<MutatingBinding>,
    observer: Arc<dyn Observer>,
}

impl MutatingPolicies {
    pub(crate) fn new(cluster: Arc<dyn Cluster>, authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            cluster,
            authorizer,
            definitions: Memo::default(),
            bindings: Memo::default(),
            observer: Arc::new(()),
        }
    }

    /// Tells `observer` what policies change.
    pub(crate) fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Lets a policy change the object under its bindings; what it could not do.
    async fn ask(
        &self,
        definition: &MutatingDefinition,
        bindings: &[&Binding],
        request: &mut AdmissionRequest<'_>,
        rounds: &mut Rounds,
    ) -> Result<Vec<Denial>, Status> {
        let policy = &definition.policy;
        let mut denials = Vec::new();
        for invoked in invocations(policy, bindings, request, &*self.cluster).await {
            match invoked {
                Invoked::Misconfigured(binding, why) => denials.push(denial(&policy.name, binding, &why)),
                Invoked::Asked(invocation) => {
                    let namespace = namespace(request, &*self.cluster).await?;
                    for (place, parameters) in invocation.parameters.iter().enumerate() {
                        let id = format!("{}/{}/{place}", policy.name, invocation.binding.name);
                        if !rounds.is_due(NAME, &id) {
                            continue;
                        }
                        let parameters = parameters.as_deref();
                        let changed =
                            self.change(definition, &invocation, parameters, &namespace, request)?;
                        let has_changed = matches!(changed, Ok(true));
                        rounds.asked(NAME, &id, has_changed, definition.wants_to_see_more);
                        if let Err(why) = changed {
                            denials.push(Denial {
                                reason: Some(Reason::INVALID.0.into_owned()),
                                ..denial(&policy.name, Some(invocation.binding), &why)
                            });
                        }
                    }
                }
            }
        }
        if policy.ignores_failure {
            denials.clear();
        }
        Ok(denials)
    }

    /// All mutations in order; whether they have changed the object.
    fn change(
        &self,
        definition: &MutatingDefinition,
        invocation: &Invocation<'_>,
        parameters: Option<&Value>,
        namespace: &Value,
        request: &mut AdmissionRequest<'_>,
    ) -> Result<Result<bool, String>, Status> {
        let matched = &invocation.matched;
        let mut shown = Shown::of(request, matched, &*self.cluster)?;
        if shown.object.is_null() {
            return Ok(Ok(false));
        }
        let facts = Value::Object(facts(request, matched));
        let target = Target {
            matched,
            subresource: request.subresource,
            cluster: &*self.cluster,
        };
        let mut has_changed = false;
        for (place, mutation) in definition.mutations.iter().enumerate() {
            let scene = Scene {
                object: &shown.object,
                old_object: &shown.old_object,
                request: &facts,
                namespace,
                parameters,
                user: &request.context.user,
                authorizer: &*self.authorizer,
            };
            if place == 0 {
                let watch = Watch {
                    observer: &*self.observer,
                    step: Step::Mutate,
                    operation: request.operation,
                };
                match is_meant(&definition.policy, &scene, watch) {
                    Ok(true) => {}
                    Ok(false) => return Ok(Ok(false)),
                    Err(why) => return Ok(Err(why)),
                }
            }
            let begun = Instant::now();
            let changed = mutate(mutation, &definition.policy.variables, &scene, &target);
            self.observer.policy(&PolicyFinding {
                policy: &definition.policy.name,
                binding: &invocation.binding.name,
                step: Step::Mutate,
                why: changed.as_ref().err().map(String::as_str),
                action: Action::Allow,
                took: begun.elapsed(),
            });
            let changed = match changed {
                Ok(changed) => changed,
                Err(why) => return Ok(Err(why)),
            };
            if let Some(changed) = changed {
                shown.object = self
                    .cluster
                    .read(&matched.resource, request.subresource, changed)?;
                has_changed = true;
            }
        }
        if has_changed {
            request.object = Some(as_requested(shown.object, request, matched, &*self.cluster)?);
        }
        Ok(Ok(has_changed))
    }
}

fn denial(policy: &str, binding: Option<&Binding>, why: &str) -> Denial {
    let message = match binding {
        Some(binding) => format!(
            "policy '{policy}' with binding '{}' denied request: {why}",
            binding.name
        ),
        None => format!("policy {} denied request: {why}", meta::quote(policy)),
    };
    Denial {
        message,
        reason: None,
    }
}

#[async_trait]
impl Plugin for MutatingPolicies {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    async fn mutate_in(&self, request: &mut AdmissionRequest<'_>, rounds: &mut Rounds) -> Result<(), Status> {
        let definitions = self.definitions.current(&self.cluster).await?;
        if definitions.is_empty() || is_excluded(request) {
            return Ok(());
        }
        let all = self.bindings.current(&self.cluster).await?;
        rounds.enter(NAME, request.object.as_ref());
        let mut denials = Vec::new();
        for (_, definition) in &*definitions {
            let of_policy = all.iter().map(|(_, binding)| &binding.0);
            let of_policy: Vec<&Binding> = of_policy
                .filter(|binding| binding.policy == definition.policy.name)
                .collect();
            if !of_policy.is_empty() {
                denials.extend(self.ask(definition, &of_policy, request, rounds).await?);
            }
        }
        rounds.leave(NAME, request.object.as_ref());
        of_mutation(request, denials)
    }
}
