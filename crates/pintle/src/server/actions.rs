//! Which actions answer which resources and subresources.

use std::collections::HashMap;
use std::sync::Arc;

use auth::{Authenticator, Authorizer};
use builtins::{
    BindPod, EvictPod, IssueToken, ReviewAccess, ReviewRules, ReviewSelf, ReviewToken, WhoseAccess,
};
use meta::GroupResource;
use registry::Action;

use super::options::ServerOptions;
use super::trust::Trust;

/// Actions by resource and subresource, as the registry wants them.
pub(super) type Actions = HashMap<(GroupResource, String), Arc<dyn Action>>;

/// All actions of the built-in kinds.
pub(super) fn all(
    options: &ServerOptions,
    trust: &Trust,
    authenticator: &Arc<dyn Authenticator>,
    authorizer: &Arc<dyn Authorizer>,
) -> Actions {
    let mut actions = Actions::new();
    let mut add = |group, resource, subresource: &str, action: Arc<dyn Action>| {
        actions.insert(
            (GroupResource::new(group, resource), subresource.to_owned()),
            action,
        );
    };
    let token = IssueToken {
        key: trust.token_key.clone(),
        issuer: options
            .service_account_issuer
            .first()
            .cloned()
            .unwrap_or_default(),
        audiences: options.audiences(),
    };
    add("", "bindings", "", Arc::new(BindPod));
    add("", "pods", "binding", Arc::new(BindPod));
    add("", "pods", "eviction", Arc::new(EvictPod));
    add("", "serviceaccounts", "token", Arc::new(token));

    let review_token = ReviewToken {
        authenticator: authenticator.clone(),
        audiences: options.audiences(),
    };
    let access = |whose| {
        Arc::new(ReviewAccess {
            authorizer: authorizer.clone(),
            whose,
        })
    };
    add(
        "authentication.k8s.io",
        "tokenreviews",
        "",
        Arc::new(review_token),
    );
    add(
        "authentication.k8s.io",
        "selfsubjectreviews",
        "",
        Arc::new(ReviewSelf),
    );
    let group = "authorization.k8s.io";
    add(group, "subjectaccessreviews", "", access(WhoseAccess::Anyones));
    add(
        group,
        "localsubjectaccessreviews",
        "",
        access(WhoseAccess::AnyonesInNamespace),
    );
    add(group, "selfsubjectaccessreviews", "", access(WhoseAccess::Mine));
    let rules = ReviewRules {
        authorizer: authorizer.clone(),
    };
    add(group, "selfsubjectrulesreviews", "", Arc::new(rules));
    actions
}
