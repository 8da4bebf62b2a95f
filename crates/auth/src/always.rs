//! Authorizers that look at nothing but the user.

use async_trait::async_trait;
use meta::User;
use meta::identity::GROUP_MASTERS;

use crate::attributes::Attributes;
use crate::authorizer::{Authorizer, Decision, NonResourceRule, ResourceRule, Rules};

/// Members of `system:masters` may do anything; that is how a cluster is mended whose roles are lost.
pub struct Masters;

#[async_trait]
impl Authorizer for Masters {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        if attributes.user.in_group(GROUP_MASTERS) {
            Decision::allow()
        } else {
            Decision::no_opinion()
        }
    }

    async fn rules_for(&self, _user: &User, _namespace: &str) -> Rules {
        Rules::default()
    }
}

/// Everyone may do anything (`--authorization-mode=AlwaysAllow`).
pub struct AlwaysAllow;

#[async_trait]
impl Authorizer for AlwaysAllow {
    async fn authorize(&self, _attributes: &Attributes<'_>) -> Decision {
        Decision::allow()
    }

    async fn rules_for(&self, _user: &User, _namespace: &str) -> Rules {
        let all = || vec![String::from("*")];
        Rules {
            resource: vec![ResourceRule {
                verbs: all(),
                api_groups: all(),
                resources: all(),
                resource_names: Vec::new(),
            }],
            non_resource: vec![NonResourceRule {
                verbs: all(),
                paths: all(),
            }],
            ..Rules::default()
        }
    }
}

/// Nobody may do anything (`--authorization-mode=AlwaysDeny`).
pub struct AlwaysDeny;

#[async_trait]
impl Authorizer for AlwaysDeny {
    async fn authorize(&self, _attributes: &Attributes<'_>) -> Decision {
        Decision::NoOpinion("Everything is forbidden.".into())
    }

    async fn rules_for(&self, _user: &User, _namespace: &str) -> Rules {
        Rules::default()
    }
}
