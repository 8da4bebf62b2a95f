//! May they: the question, its answers, and asking several authorizers in turn.

use std::sync::Arc;

use async_trait::async_trait;
use meta::User;

use crate::Attributes;

/// An answer, each with a reason for people (often empty).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow(Arc<str>),
    /// No, whatever the other authorizers think.
    Deny(Arc<str>),
    /// Not for me to say; no, if all say so.
    NoOpinion(Arc<str>),
}

impl Decision {
    /// Yes, without a reason.
    pub fn allow() -> Self {
        Self::Allow(Arc::default())
    }

    /// No opinion, without a reason.
    pub fn no_opinion() -> Self {
        Self::NoOpinion(Arc::default())
    }

    /// Whether the answer is yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// Whether the answer is an explicit no.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Deny(_))
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow(reason) | Self::Deny(reason) | Self::NoOpinion(reason) => reason,
        }
    }
}

/// Verbs on resources that a user has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceRule {
    /// Verbs; `*` for all.
    pub verbs: Vec<String>,
    /// API groups; `*` for all.
    pub api_groups: Vec<String>,
    /// Resources, `pods/log` for a subresource; `*` for all.
    pub resources: Vec<String>,
    /// Names the rule is limited to; empty for all.
    pub resource_names: Vec<String>,
}

/// Verbs on paths that a user has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NonResourceRule {
    /// Verbs; `*` for all.
    pub verbs: Vec<String>,
    /// Paths; a `*` at the end stands for any rest.
    pub paths: Vec<String>,
}

/// What a user may do in a namespace, as far as it can be enumerated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// On resources.
    pub resource: Vec<ResourceRule>,
    /// On paths.
    pub non_resource: Vec<NonResourceRule>,
    /// Whether more may be allowed than is listed.
    pub incomplete: bool,
    /// Why it is incomplete, or what went wrong.
    pub errors: Vec<String>,
}

/// One way to decide what users may do.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// May this user do that?
    async fn authorize(&self, attributes: &Attributes<'_>) -> Decision;

    /// What may the user do in the namespace?
    async fn rules_for(&self, user: &User, namespace: &str) -> Rules;
}

/// Asks authorizers one after the other; the first with an opinion decides.
#[derive(Clone, Default)]
pub struct FirstAuthorizer(pub Vec<Arc<dyn Authorizer>>);

#[async_trait]
impl Authorizer for FirstAuthorizer {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        let mut reasons: Vec<Arc<str>> = Vec::new();
        for authorizer in &self.0 {
            match authorizer.authorize(attributes).await {
                Decision::NoOpinion(reason) if reason.is_empty() => {}
                Decision::NoOpinion(reason) => reasons.push(reason),
                decided => return decided,
            }
        }
        Decision::NoOpinion(match reasons.len() {
            0 | 1 => reasons.pop().unwrap_or_default(),
            _ => reasons.join("\n").into(),
        })
    }

    async fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        let mut all = Rules::default();
        for authorizer in &self.0 {
            let mut rules = authorizer.rules_for(user, namespace).await;
            all.resource.append(&mut rules.resource);
            all.non_resource.append(&mut rules.non_resource);
            all.incomplete |= rules.incomplete;
            all.errors.append(&mut rules.errors);
        }
        all
    }
}
