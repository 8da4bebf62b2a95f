//! What flags of several components have in common.

use std::path::PathBuf;
use std::str::FromStr;

use super::Value;

/// Puts a value with a textual form into its place.
pub fn set<T: FromStr>(place: &mut T, value: &Value<'_>) -> Result<(), String>
where
    T::Err: std::fmt::Display,
{
    *place = value.parse()?;
    Ok(())
}

/// The same where there may be none.
pub fn some<T: FromStr>(place: &mut Option<T>, value: &Value<'_>) -> Result<(), String>
where
    T::Err: std::fmt::Display,
{
    *place = Some(value.parse()?);
    Ok(())
}

/// A path; an empty text means none.
pub fn path(place: &mut Option<PathBuf>, value: &Value<'_>) -> Result<(), String> {
    *place = (!value.text().is_empty()).then(|| value.text().into());
    Ok(())
}

/// Flags about logs and profiles that mean nothing to any component here.
pub const OF_GO: (&str, &[&str]) = (
    "pintle is no Go program, and its log has one form",
    &[
        "contention-profiling",
        "log-flush-frequency",
        "log-json-info-buffer-size",
        "log-json-split-stream",
        "log-text-info-buffer-size",
        "log-text-split-stream",
        "profiling",
        "vmodule",
    ],
);

/// Flags about the speed and the encoding of requests.
pub const OF_REQUESTS: (&str, &[&str]) = (
    "requests are not slowed down by the client, and their encoding is its own choice",
    &["kube-api-burst", "kube-api-content-type", "kube-api-qps"],
);

/// Flags about the server that upstream's controllers and scheduler have beside their work.
pub const OF_SERVING: (&str, &[&str]) = (
    "all that can be asked is whether the component is well, by anybody, and the certificate is its own",
    &[
        "authentication-kubeconfig",
        "authentication-skip-lookup",
        "authentication-token-webhook-cache-ttl",
        "authentication-tolerate-lookup-failure",
        "authorization-always-allow-paths",
        "authorization-kubeconfig",
        "authorization-webhook-cache-authorized-ttl",
        "authorization-webhook-cache-unauthorized-ttl",
        "cert-dir",
        "client-ca-file",
        "disable-http2-serving",
        "http2-max-streams-per-connection",
        "permit-address-sharing",
        "permit-port-sharing",
        "requestheader-allowed-names",
        "requestheader-client-ca-file",
        "requestheader-extra-headers-prefix",
        "requestheader-group-headers",
        "requestheader-uid-headers",
        "requestheader-username-headers",
        "tls-cert-file",
        "tls-cipher-suites",
        "tls-curve-preferences",
        "tls-min-version",
        "tls-private-key-file",
        "tls-sni-cert-key",
    ],
);
