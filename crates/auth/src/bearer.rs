//! Bearer tokens: where a request carries one, and what is said when nobody knows it.

use std::borrow::Cow;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};

use crate::authenticator::{
    Authenticated, AuthenticationError, Authenticator, Credentials, FirstAuthenticator,
};

/// Browsers cannot set headers on a WebSocket, so the token hides among its subprotocols.
const WEBSOCKET_PREFIX: &str = "base64url.bearer.authorization.k8s.io.";

/// The bearer token of a request: from `Authorization`, else from the subprotocols of a WebSocket.
pub fn bearer_token(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some((scheme, token)) = authorization.and_then(|value| value.trim().split_once(' '))
        && scheme.eq_ignore_ascii_case("bearer")
        && let token = token.split(' ').next().unwrap_or_default()
        && !token.is_empty()
    {
        return Some(Cow::Borrowed(token));
    }
    subprotocols(headers).find_map(|protocol| {
        let token = URL_SAFE_NO_PAD
            .decode(protocol.strip_prefix(WEBSOCKET_PREFIX)?)
            .ok()?;
        let token = String::from_utf8(token).ok()?;
        (!token.is_empty()).then_some(Cow::Owned(token))
    })
}

/// The subprotocols to go on with: those offered without the one that is a token.
pub fn without_token(headers: &HeaderMap) -> Vec<&str> {
    subprotocols(headers)
        .filter(|protocol| !protocol.starts_with(WEBSOCKET_PREFIX))
        .collect()
}

fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Asks those who know tokens. A token that nobody knows is an error, not an anonymous request.
pub struct BearerAuthenticator(pub FirstAuthenticator);

#[async_trait]
impl Authenticator for BearerAuthenticator {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        if credentials.bearer_token.is_none() {
            return Ok(None);
        }
        match self.0.authenticate(credentials).await {
            Ok(None) => Err(AuthenticationError(String::from("invalid bearer token"))),
            Err(error) => Err(AuthenticationError(format!("[invalid bearer token, {error}]"))),
            found => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_where_upstream_looks() {
        let websocket = format!("v5.channel.k8s.io, {WEBSOCKET_PREFIX}YWJj");
        let cases = [
            (AUTHORIZATION, "Bearer abc", Some("abc")),
            (AUTHORIZATION, "bearer abc", Some("abc")),
            (AUTHORIZATION, "BEARER abc def", Some("abc")),
            (AUTHORIZATION, "Bearer", None),
            (AUTHORIZATION, "Bearer ", None),
            (AUTHORIZATION, "Basic YTpi", None),
            (SEC_WEBSOCKET_PROTOCOL, &websocket, Some("abc")),
            (SEC_WEBSOCKET_PROTOCOL, "v5.channel.k8s.io", None),
            (
                SEC_WEBSOCKET_PROTOCOL,
                "base64url.bearer.authorization.k8s.io.!",
                None,
            ),
        ];
        for (name, value, token) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header"));
            assert_eq!(bearer_token(&headers).as_deref(), token, "{value}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, websocket.parse().expect("a header"));
        assert_eq!(without_token(&headers), ["v5.channel.k8s.io"]);
    }
}
