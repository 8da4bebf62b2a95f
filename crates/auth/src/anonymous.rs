//! The whole of authentication: all ways in turn, then who is left over.

use async_trait::async_trait;
use meta::User;
use meta::identity::{GROUP_AUTHENTICATED, GROUP_UNAUTHENTICATED, USER_ANONYMOUS};

use crate::authenticator::{
    Authenticated, AuthenticationError, Authenticator, Credentials, FirstAuthenticator,
};

/// Puts those it knows into `system:authenticated`, and takes requests without any credential as anonymous, if that is
/// allowed. A credential that is not to be believed never makes an anonymous request.
pub struct Authentication {
    /// The ways, in order.
    pub known: FirstAuthenticator,
    /// Whether requests without credentials are taken (`--anonymous-auth`).
    pub anonymous: bool,
}

#[async_trait]
impl Authenticator for Authentication {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        match self.known.authenticate(credentials).await? {
            Some(mut authenticated) => {
                join_authenticated(&mut authenticated.user);
                Ok(Some(authenticated))
            }
            None if self.anonymous => Ok(Some(anonymous().into())),
            None => Ok(None),
        }
    }
}

/// Who sends a request without credentials.
pub fn anonymous() -> User {
    User::new(USER_ANONYMOUS, &[GROUP_UNAUTHENTICATED])
}

/// Puts a user into `system:authenticated`, unless they are not.
pub fn join_authenticated(user: &mut User) {
    let stranger = user.name == USER_ANONYMOUS || user.in_group(GROUP_UNAUTHENTICATED);
    if !stranger && !user.in_group(GROUP_AUTHENTICATED) {
        user.groups.push(GROUP_AUTHENTICATED.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_process::InProcess;

    #[tokio::test]
    async fn those_known_are_authenticated_and_the_rest_anonymous() {
        let alice = User::new("alice", &["g"]);
        let mut wanted = alice.clone();
        wanted.groups.push(String::from("system:authenticated"));
        for (in_process, anonymous_allowed, user) in [
            (Some(&alice), false, Some(wanted)),
            (None, true, Some(anonymous())),
            (None, false, None),
        ] {
            let authentication = Authentication {
                known: FirstAuthenticator(vec![Box::new(InProcess)]),
                anonymous: anonymous_allowed,
            };
            let credentials = Credentials {
                in_process,
                ..Credentials::default()
            };
            let found = authentication.authenticate(&credentials).await.expect("no error");
            assert_eq!(found.map(|a| a.user), user);
        }
    }
}
