//! Who asks, and may they.

mod remember;
mod review;

use std::sync::Arc;

use auth::anonymous::Authentication;
use auth::x509::{ChainVerifier, X509Authenticator};
use auth::{AuthenticationError, Authenticator, Credentials, FirstAuthenticator};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use meta::User;
use meta::identity::GROUP_MASTERS;
use rustls_pki_types::CertificateDer;
use tracing::debug;

use super::reply::{Reply, text};
use super::route::subresources;
use super::settings::Settings;
use review::{Question, Reviewer, TokenReviewer};

/// Decides about requests.
pub struct Access {
    authenticator: Authentication,
    reviewer: Arc<Reviewer>,
    node: String,
}

impl Access {
    pub fn new(settings: &Settings) -> Result<Self, AuthenticationError> {
        let reviewer = Arc::new(Reviewer::new(settings.client.clone()));
        let certificates = X509Authenticator(ChainVerifier::from_pem(&settings.client_authorities)?);
        Ok(Self {
            authenticator: Authentication {
                known: FirstAuthenticator(vec![
                    Box::new(certificates),
                    Box::new(TokenReviewer(Arc::clone(&reviewer))),
                ]),
                anonymous: settings.anonymous,
            },
            reviewer,
            node: settings.node_name.clone(),
        })
    }

    /// Lets a request pass, or answers it.
    pub async fn check(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        certificates: &[CertificateDer<'static>],
    ) -> Result<User, Reply> {
        let credentials = Credentials::of_request(headers, certificates, Timestamp::now());
        let user = match self.authenticator.authenticate(&credentials).await {
            Ok(Some(found)) => found.user,
            Ok(None) => return Err(text(StatusCode::UNAUTHORIZED, "Unauthorized")),
            Err(error) => {
                debug!(%error, "not authenticated");
                return Err(text(StatusCode::UNAUTHORIZED, "Unauthorized"));
            }
        };
        self.authorize(&user, method, path).await?;
        Ok(user)
    }

    async fn authorize(&self, user: &User, method: &Method, path: &str) -> Result<(), Reply> {
        // The API server would say so, too; but it must reach its nodes when it can answer nothing else.
        if user.in_group(GROUP_MASTERS) {
            return Ok(());
        }
        let subresources = subresources(path);
        let verb = verb(method);
        for subresource in subresources {
            let question = Question {
                user,
                verb,
                subresource,
                node: &self.node,
            };
            match self.reviewer.may(question).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    debug!(%error, "cannot ask whether access is allowed");
                    let message = format!(
                        "Authorization error (user={}, verb={verb}, resource=nodes, subresource={subresource})",
                        user.name
                    );
                    return Err(text(StatusCode::INTERNAL_SERVER_ERROR, message));
                }
            }
        }
        let message = format!(
            "Forbidden (user={}, verb={verb}, resource=nodes, subresource(s)=[{}])",
            user.name,
            subresources.join(" ")
        );
        Err(text(StatusCode::FORBIDDEN, message))
    }
}

/// The verb of the API that a method stands for.
fn verb(method: &Method) -> &'static str {
    match method.as_str() {
        "POST" => "create",
        "GET" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    }
}
