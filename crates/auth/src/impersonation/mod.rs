//! Acting as somebody else: the `Impersonate-*` headers, and who may use them (KEP-5284).

mod mode;
mod wanted;

use std::sync::Arc;

use meta::{Status, User};

use crate::anonymous::join_authenticated;
use crate::attributes::Attributes;
use crate::authorizer::Authorizer;
use crate::remember::{Remembered, digest};

use mode::{Mode, Need};
pub use wanted::{WantedUser, is_impersonation_header};

/// For how many impersonators per generation it is remembered how they are allowed to.
const REMEMBERED: usize = 4_096;

/// Who a user may act as.
#[derive(Clone, Debug)]
pub struct Acting {
    /// The user to go on with.
    pub user: User,
    /// The verb that allowed it, if it is one that does not allow everything.
    pub constraint: Option<String>,
}

/// Decides on impersonation.
pub struct Impersonator {
    authorizer: Arc<dyn Authorizer>,
    /// By which mode a user last succeeded: tried first the next time, and its refusal is the one shown.
    succeeded: Remembered<Mode>,
}

impl Impersonator {
    /// An impersonator that asks this authorizer.
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            authorizer,
            succeeded: Remembered::new(REMEMBERED),
        }
    }

    /// The user to go on with, if the one who sends `request` may act as the wanted one in it.
    pub async fn impersonate(&self, wanted: &WantedUser, request: &Attributes<'_>) -> Result<Acting, Status> {
        let key = digest([request.user.name.as_bytes()]);
        let first = self.succeeded.get(&key).map(|mode| *mode);
        let others = Mode::ALL.into_iter().filter(|mode| Some(*mode) != first);
        let mut refusal = None;
        for mode in first.into_iter().chain(others) {
            if !mode.applies(wanted, request.user) {
                continue;
            }
            // Apart, as hardly any request comes here, and all would be larger for it.
            match Box::pin(self.check(mode, wanted, request)).await {
                Ok(()) => {
                    if Some(mode) != first {
                        self.succeeded.insert(key, mode);
                    }
                    return Ok(Acting {
                        user: mode.user(wanted),
                        constraint: mode.constraint().map(|_| mode.verb()),
                    });
                }
                Err(status) => refusal = refusal.or(Some(status)),
            }
        }
        Err(refusal.unwrap_or_else(|| request.forbidden("")))
    }

    async fn check(&self, mode: Mode, wanted: &WantedUser, request: &Attributes<'_>) -> Result<(), Status> {
        if let Some(name) = mode.constraint() {
            let verb = format!("impersonate-on:{name}:{}", request.verb);
            self.ask(&Attributes {
                verb: &verb,
                ..*request
            })
            .await?;
        }
        let verb = mode.verb();
        for need in mode.needs(wanted) {
            let on = |target| Attributes::resource(request.user, &verb, target);
            match need {
                Need::Nothing(target, why) => return Err(on(target).forbidden(&why)),
                Need::Right(target) => self.ask(&on(target)).await?,
                Need::Rights { all, each } => {
                    if self.authorizer.authorize(&on(all)).await.is_allowed() {
                        continue;
                    }
                    for target in each {
                        self.ask(&on(target)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn ask(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        let decision = self.authorizer.authorize(attributes).await;
        if decision.is_allowed() {
            Ok(())
        } else {
            Err(attributes.forbidden(decision.reason()))
        }
    }
}

/// The groups that a user gets who is acted as.
fn complete(mut user: User) -> User {
    if user.name == meta::identity::USER_ANONYMOUS {
        let group = meta::identity::GROUP_UNAUTHENTICATED;
        if !user.in_group(group) {
            user.groups.push(group.to_owned());
        }
    }
    join_authenticated(&mut user);
    user
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use http::{HeaderMap, HeaderName};

    use super::*;
    use crate::attributes::{ResourceTarget, Target};
    use crate::authorizer::{Decision, Rules};

    /// Allows what is listed: `VERB GROUP/RESOURCE[/SUBRESOURCE]:NAME`; a `*` name for any.
    struct Listed(Vec<&'static str>);

    #[async_trait]
    impl Authorizer for Listed {
        async fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
            let asked = match attributes.target {
                Target::Path(path) => format!("{} {path}", attributes.verb),
                Target::Resource(r) => {
                    let below = if r.subresource.is_empty() { "" } else { "/" };
                    format!(
                        "{} {}/{}{below}{}:{}",
                        attributes.verb, r.group, r.resource, r.subresource, r.name
                    )
                }
            };
            if self.0.contains(&asked.as_str()) {
                Decision::allow()
            } else {
                Decision::no_opinion()
            }
        }

        async fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }
    }

    fn wanted(headers: &[(&'static str, &str)]) -> WantedUser {
        let mut map = HeaderMap::new();
        for &(name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().expect("a header"));
        }
        WantedUser::from_headers(&map)
            .expect("good headers")
            .expect("a user")
    }

    async fn act(
        rights: &[&'static str],
        headers: &[(&'static str, &str)],
    ) -> Result<(String, Vec<String>), String> {
        let user = User::new("requester", &[]);
        let pods = ResourceTarget {
            resource: "pods",
            namespace: "d",
            ..ResourceTarget::default()
        };
        Impersonator::new(Arc::new(Listed(rights.to_vec())))
            .impersonate(&wanted(headers), &Attributes::resource(&user, "list", pods))
            .await
            .map(|acting| (acting.user.name, acting.user.groups))
            .map_err(|status| status.message)
    }

    #[tokio::test]
    async fn the_old_verb_allows_everything_and_the_new_ones_one_action() {
        let bob = [("impersonate-user", "bob")];
        let staff = [("impersonate-user", "bob"), ("impersonate-group", "staff")];
        let account = [("impersonate-user", "system:serviceaccount:d:sa")];
        let node = [("impersonate-user", "system:node:n")];
        let who = |name: &str, groups: &[&str]| {
            Ok((
                name.to_owned(),
                groups.iter().map(|&g| g.to_owned()).collect::<Vec<_>>(),
            ))
        };
        let cases = [
            (
                vec!["impersonate /users:bob"],
                &bob[..],
                who("bob", &["system:authenticated"]),
            ),
            (
                vec![
                    "impersonate-on:user-info:list /pods:",
                    "impersonate:user-info authentication.k8s.io/users:bob",
                ],
                &bob,
                who("bob", &["system:authenticated"]),
            ),
            (
                vec!["impersonate /users:bob", "impersonate /groups:staff"],
                &staff,
                who("bob", &["staff", "system:authenticated"]),
            ),
            (
                vec!["impersonate /serviceaccounts:sa"],
                &account,
                who(
                    "system:serviceaccount:d:sa",
                    &[
                        "system:serviceaccounts",
                        "system:serviceaccounts:d",
                        "system:authenticated",
                    ],
                ),
            ),
            (
                vec![
                    "impersonate-on:arbitrary-node:list /pods:",
                    "impersonate:arbitrary-node authentication.k8s.io/nodes:n",
                ],
                &node,
                who("system:node:n", &["system:nodes", "system:authenticated"]),
            ),
        ];
        for (rights, headers, user) in cases {
            assert_eq!(act(&rights, headers).await, user, "{rights:?}");
        }
    }

    #[tokio::test]
    async fn refusals_read_as_upstream() {
        let cases = [
            ("bob", "impersonate-on:user-info:list"),
            ("system:serviceaccount:d:sa", "impersonate-on:serviceaccount:list"),
            ("system:node:n1", "impersonate-on:arbitrary-node:list"),
            ("system:anonymous", "impersonate-on:user-info:list"),
        ];
        for (name, verb) in cases {
            let refusal = act(&[], &[("impersonate-user", name)]).await;
            let text = format!(
                r#"pods is forbidden: User "requester" cannot {verb} resource "pods" in API group "" in the namespace "d""#
            );
            assert_eq!(refusal, Err(text), "{name}");
        }
    }

    #[tokio::test]
    async fn narrow_ways_lead_to_no_masters_and_no_odd_facts() {
        let all = [
            "impersonate-on:user-info:list /pods:",
            "impersonate:user-info authentication.k8s.io/users:bob",
        ];
        for (name, value, why) in [
            (
                "impersonate-group",
                "system:masters",
                "impersonating the system:masters group is not allowed",
            ),
            (
                "impersonate-extra-a",
                "b",
                "extra.key: Invalid value: \"a\": must be a domain-prefixed path",
            ),
        ] {
            let refusal = act(&all, &[("impersonate-user", "bob"), (name, value)]).await;
            let text = refusal.expect_err("refused");
            assert!(text.contains(why), "{text}");
        }
    }

    #[tokio::test]
    async fn who_succeeded_by_the_old_verb_is_refused_by_it() {
        let user = User::new("requester", &[]);
        let impersonator = Impersonator::new(Arc::new(Listed(vec!["impersonate /users:bob"])));
        let request = Attributes::path(&user, "get", "/version");
        let act_as = async |name: &str| {
            let wanted = wanted(&[("impersonate-user", name)]);
            impersonator
                .impersonate(&wanted, &request)
                .await
                .map_err(|status| status.message)
        };
        let first = act_as("eve").await.expect_err("refused");
        assert!(first.contains("impersonate-on:user-info:get"), "{first}");
        assert!(act_as("bob").await.is_ok());
        let then = r#"users "eve" is forbidden: User "requester" cannot impersonate resource "users" in API group "" at the cluster scope"#;
        assert_eq!(
            act_as("eve").await.map(|acting| acting.user.name),
            Err(then.to_owned())
        );
    }
}
