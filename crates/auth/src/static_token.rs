//! Tokens from a file (`--token-auth-file`): `token,user,uid,"group1,group2"` on each line.

use std::collections::HashMap;

use async_trait::async_trait;
use meta::User;

use crate::authenticator::{Authenticated, AuthenticationError, Authenticator, Credentials};
use crate::remember::{Digest, digest};

/// Authenticates by tokens from a file. Tokens are kept and compared as digests, so that the time an answer takes says
/// nothing about them.
#[derive(Debug)]
pub struct StaticTokenAuthenticator(HashMap<Digest, User>);

impl StaticTokenAuthenticator {
    /// Reads a file's text.
    pub fn from_csv(text: &str) -> Result<Self, AuthenticationError> {
        let mut users = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let refuse = |why: &str| AuthenticationError(format!("line {}: {why}", number + 1));
            let columns = columns(line).ok_or_else(|| refuse("a quote is not closed"))?;
            let [token, name, uid, rest @ ..] = columns.as_slice() else {
                return Err(refuse("needs at least 3 columns: token, user name, user uid"));
            };
            if token.is_empty() {
                return Err(refuse("the token is empty"));
            }
            let groups = rest.first().map(String::as_str).unwrap_or_default();
            let user = User {
                name: name.clone(),
                uid: uid.clone(),
                groups: groups
                    .split(',')
                    .filter(|g| !g.is_empty())
                    .map(str::to_owned)
                    .collect(),
                ..User::default()
            };
            users.insert(digest([token.as_bytes()]), user);
        }
        Ok(Self(users))
    }
}

/// The columns of a line of CSV (RFC 4180); a doubled quote inside quotes is one.
fn columns(line: &str) -> Option<Vec<String>> {
    let mut columns = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => columns.last_mut()?.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => columns.push(String::new()),
            _ => columns.last_mut()?.push(c),
        }
    }
    (!quoted).then(|| columns.iter().map(|column| column.trim().to_owned()).collect())
}

#[async_trait]
impl Authenticator for StaticTokenAuthenticator {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        let token = credentials.bearer_token.as_deref();
        let user = token.and_then(|token| self.0.get(&digest([token.as_bytes()])));
        Ok(user.cloned().map(Authenticated::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn users_are_found_by_their_token() {
        let text = "# token, user, uid, groups\nt1,alice,1\n\nt2,bob,2,\"g1,g2\"\n\"t\"\"3\",eve,3,g1\n";
        let authenticator = StaticTokenAuthenticator::from_csv(text).expect("read");
        let cases = [
            ("t1", Some(("alice", vec![]))),
            ("t2", Some(("bob", vec!["g1", "g2"]))),
            ("t\"3", Some(("eve", vec!["g1"]))),
            ("t4", None),
            ("", None),
        ];
        for (token, wanted) in cases {
            let credentials = Credentials {
                bearer_token: Some(token.into()),
                ..Credentials::default()
            };
            let found = authenticator.authenticate(&credentials).await.expect("no error");
            let wanted = wanted.map(|(name, groups)| (name.to_owned(), groups.join(",")));
            assert_eq!(
                found.map(|f| (f.user.name, f.user.groups.join(","))),
                wanted,
                "{token}"
            );
        }
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        for text in ["a,b", ",b,c", "\"a,b,c"] {
            assert!(StaticTokenAuthenticator::from_csv(text).is_err(), "{text}");
        }
    }
}
