//! What a failed connection or request means, in words for people who set it up.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

/// A cause, and whether waiting could help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) text: String,
    /// Whether it may go away by itself: nobody listens yet, there is no leader yet.
    pub(crate) passes: bool,
}

impl Cause {
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            passes: true,
        }
    }

    pub(crate) fn lasting(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            passes: false,
        }
    }
}

/// The errors below this one, itself first. An I/O error hides what it wraps from `source`.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| below(error))
}

fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

/// Whether the request was never sent, because there was no connection to send it on.
pub(crate) fn never_sent(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<tonic::ConnectError>())
}

/// Why a connection or a request failed.
pub(crate) fn cause(error: &(dyn Error + 'static)) -> Cause {
    if let Some(error) = chain(error).find_map(|error| error.downcast_ref::<rustls::Error>()) {
        return of_tls(error);
    }
    let root = chain(error).last().unwrap_or(error);
    let text = root.to_string();
    // What comes after the handshake goes through HTTP/2, which keeps nothing of a TLS error but its text.
    if let Some(alert) = text.strip_prefix("received fatal alert: ") {
        return Cause::lasting(format!(
            "it refuses our client certificate, or the lack of one ({alert})"
        ));
    }
    if text.contains("tls handshake eof") {
        return Cause::passing(
            "it ends the connection when it should speak TLS; is the endpoint http and not https?",
        );
    }
    Cause::passing(text)
}

/// Why the first request to a server failed: it may be no etcd at all.
pub(crate) fn cause_of_first(error: &(dyn Error + 'static)) -> Cause {
    let cause = cause(error);
    let no_http2 = "connection error detected";
    if !chain(error).any(|error| error.to_string().contains(no_http2)) {
        return cause;
    }
    let hint = "is it an etcd, and does it want https?";
    Cause::lasting(format!(
        "it does not speak etcd's protocol ({}); {hint}",
        cause.text
    ))
}

fn of_tls(error: &rustls::Error) -> Cause {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, HandshakeFailure, UnknownCA, UnsupportedCertificate,
    };
    Cause::lasting(match error {
        // A bad signature is another authority of the same name.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "its certificate is not signed by the authority that was given for it".to_owned(),
        rustls::Error::InvalidCertificate(problem) => format!("its certificate is not good: {problem}"),
        rustls::Error::AlertReceived(
            alert @ (CertificateRequired
            | BadCertificate
            | UnknownCA
            | CertificateExpired
            | CertificateRevoked
            | CertificateUnknown
            | UnsupportedCertificate
            | AccessDenied
            | HandshakeFailure),
        ) => format!("it refuses our client certificate, or the lack of one ({alert:?})"),
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS; is the endpoint http and not https?".to_owned()
        }
        other => format!("TLS fails: {other}"),
    })
}
