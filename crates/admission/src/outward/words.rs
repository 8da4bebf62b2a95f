//! Problems of connections and the refusals of HTTP servers, in the words that clients of Kubernetes know them by.

use std::io;

use rustls::{CertificateError, Error as TlsError};

/// How much of a text that is no Status is shown.
const MAX_SHOWN_BYTES: usize = 2048;

/// `dial tcp ADDRESS: why`.
pub(crate) fn dial(address: &str, error: &io::Error) -> String {
    // Codes of Linux, as it names them.
    let why = match error.raw_os_error() {
        Some(101) => "connect: network is unreachable".to_owned(),
        Some(104) => "connect: connection reset by peer".to_owned(),
        Some(110) => "connect: connection timed out".to_owned(),
        Some(111) => "connect: connection refused".to_owned(),
        Some(113) => "connect: no route to host".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {address}: {why}")
}

/// What went wrong while TLS was begun.
pub(crate) fn handshake(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    match tls {
        Some(TlsError::InvalidCertificate(why)) => {
            format!("tls: failed to verify certificate: x509: {}", certificate(why))
        }
        Some(TlsError::InvalidMessage(_)) => "http: server gave HTTP response to HTTPS client".to_owned(),
        Some(TlsError::AlertReceived(alert)) => format!("remote error: tls: {alert:?}"),
        Some(other) => format!("tls: {other}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        None => error.to_string(),
    }
}

fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "certificate signed by unknown authority".to_owned()
        }
        CertificateError::Expired | CertificateError::NotValidYet => {
            "certificate has expired or is not yet valid".to_owned()
        }
        CertificateError::ExpiredContext { .. } | CertificateError::NotValidYetContext { .. } => {
            "certificate has expired or is not yet valid".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<&str> = presented.iter().map(|name| inside_quotes(name)).collect();
            match names.as_slice() {
                [] => {
                    "certificate is not valid for any names, but wanted to match ".to_owned()
                        + &expected.to_str()
                }
                names => format!(
                    "certificate is valid for {}, not {}",
                    names.join(", "),
                    expected.to_str()
                ),
            }
        }
        other => other.to_string(),
    }
}

/// `a.b` in `DnsName("a.b")`.
fn inside_quotes(text: &str) -> &str {
    text.split('"').nth(1).unwrap_or(text)
}

/// The message for an answer that is no success, if it is no Status that says so itself.
pub(crate) fn refusal(code: u16, content_type: Option<&str>, body: &[u8]) -> String {
    let is_text = content_type.is_none_or(|kind| kind.is_empty() || kind.starts_with("text/"));
    let body = &body[..body.len().min(MAX_SHOWN_BYTES)];
    let shown = match String::from_utf8_lossy(body).trim() {
        text if is_text && !text.is_empty() => text.to_owned(),
        _ => "unknown".to_owned(),
    };
    let fixed = match code {
        400 => "the server rejected our request for an unknown reason",
        401 => "the server has asked for the client to provide credentials",
        404 => "the server could not find the requested resource",
        405 => "the server does not allow this method on the requested resource",
        406 if shown == "unknown" => {
            "the server was unable to respond with a content type that the client supports"
        }
        409 => "the server reported a conflict",
        422 => "the server rejected our request due to an error in our request",
        429 => "the server has received too many requests and has asked us to try again later",
        503 => "the server is currently unable to handle the request",
        504 => {
            "the server was unable to return a response in the time allotted, but may still be processing the \
             request"
        }
        403 | 406 | 415 => return shown,
        500.. => {
            return format!(
                "an error on the server ({}) has prevented the request from succeeding",
                meta::quote(&shown)
            );
        }
        _ => {
            return format!(
                "the server responded with the status code {code} but did not return more information"
            );
        }
    };
    fixed.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_servers_are_put_into_words() {
        let text = Some("text/plain; charset=utf-8");
        for (code, content_type, body, expected) in [
            (
                404,
                text,
                "404 page not found\n",
                "the server could not find the requested resource",
            ),
            (
                500,
                text,
                "it broke\n",
                "an error on the server (\"it broke\") has prevented the request from succeeding",
            ),
            (
                502,
                Some("application/json"),
                "{}",
                "an error on the server (\"unknown\") has prevented the request from succeeding",
            ),
            (403, None, "go away", "go away"),
            (
                302,
                text,
                "",
                "the server responded with the status code 302 but did not return more information",
            ),
        ] {
            assert_eq!(refusal(code, content_type, body.as_bytes()), expected);
        }
    }

    #[test]
    fn problems_of_connections_are_put_into_words() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(
            dial("127.0.0.1:1", &refused),
            "dial tcp 127.0.0.1:1: connect: connection refused"
        );
        let unknown = io::Error::other(TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(
            handshake(&unknown),
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        );
    }
}
