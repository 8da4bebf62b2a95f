//! Headers on their way through: those that are about one connection stay behind.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, HOST, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::Call;
use crate::connect::links::Base;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

const ABOUT_ONE_CONNECTION: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// Takes away what is about one connection, also what its `Connection` header names.
pub fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&ABOUT_ONE_CONNECTION) {
        headers.remove(name);
    }
}

/// What a call goes on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The kubelet of a node, for what is asked of this server.
    Kubelet,
    /// A server that the client wants to talk to through this one: it hears the name that the client calls it by.
    Proxied,
    /// A server of a part of the API.
    OtherServer,
}

/// The headers of a call as they go on to `authority`. An asked-for change of protocol goes on, too.
pub fn request_headers(call: &Call, authority: &str, upgrade: bool, to: To) -> HeaderMap {
    let mut headers = call.head.headers.clone();
    let protocol = headers.get(UPGRADE).cloned();
    strip(&mut headers);
    if let (true, Some(protocol)) = (upgrade, protocol) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol);
    }
    match to {
        To::Kubelet => {}
        To::Proxied => {
            add_client(&mut headers, call);
            // That is between the client and this server.
            headers.remove(AUDIT_ID);
        }
        To::OtherServer => {
            add_client(&mut headers, call);
            add_server(&mut headers, call);
        }
    }
    let asked = Some(asked_host(call)).filter(|asked| to == To::Proxied && !asked.is_empty());
    let host = asked.unwrap_or(authority).to_owned();
    insert(&mut headers, HOST, &host);
    headers
}

/// The host, and the port if it is given, that the client asked.
pub fn asked_host(call: &Call) -> &str {
    let authority = call.head.uri.authority().map(http::uri::Authority::as_str);
    authority.or_else(|| call.header(HOST)).unwrap_or_default()
}

/// Who asks, and for what.
fn add_client(headers: &mut HeaderMap, call: &Call) {
    if let Some(peer) = &call.peer {
        let address = peer.address.ip().to_string();
        let chain = match headers.get(&FORWARDED_FOR).and_then(|v| v.to_str().ok()) {
            Some(before) => format!("{before}, {address}"),
            None => address,
        };
        insert(headers, FORWARDED_FOR, &chain);
    }
    insert(headers, FORWARDED_URI, call.head.uri.path());
}

/// Whom it asked.
fn add_server(headers: &mut HeaderMap, call: &Call) {
    let host = call.head.uri.host().or_else(|| call.header(HOST));
    let host = host.unwrap_or_default().to_owned();
    insert(headers, FORWARDED_HOST, &host);
    insert(headers, FORWARDED_PROTO, "https");
}

fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// What is allowed to pages of others is told by this server, not by one that is proxied.
const ALLOWED_TO_OTHERS: [HeaderName; 4] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
];

/// The headers of a proxied server's answer: its redirects lead below the proxy's own path, unless they lead elsewhere. Tells
/// whether it is one.
pub fn rewrite_location(headers: &mut HeaderMap, base: &Base) -> bool {
    for name in &ALLOWED_TO_OTHERS {
        headers.remove(name);
    }
    let Some(location) = headers.get(LOCATION) else {
        return false;
    };
    if let Some(link) = location.to_str().ok().and_then(|location| base.link(location)) {
        insert(headers, LOCATION, &link);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::call;

    #[test]
    fn headers_about_one_connection_stay_behind() {
        let call = call(
            "GET",
            "/api/v1/namespaces/a/pods/p/proxy/",
            &[
                ("connection", "upgrade, x-hop"),
                ("upgrade", "websocket"),
                ("x-hop", "1"),
                ("te", "trailers"),
                ("x-kept", "2"),
            ],
        );
        let plain = request_headers(&call, "10.0.0.1:80", false, To::Kubelet);
        let names: Vec<&str> = plain.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-kept", "host"]);
        let upgraded = request_headers(&call, "10.0.0.1:80", true, To::Kubelet);
        assert_eq!(upgraded[UPGRADE], "websocket");
        assert_eq!(upgraded[CONNECTION], "Upgrade");
    }

    #[test]
    fn only_a_proxied_server_hears_what_the_client_calls_it() {
        let call = call("GET", "/", &[("host", "127.0.0.1:6443")]);
        for (to, expected) in [
            (To::Kubelet, "10.0.0.1:80"),
            (To::Proxied, "127.0.0.1:6443"),
            (To::OtherServer, "10.0.0.1:80"),
        ] {
            assert_eq!(request_headers(&call, "10.0.0.1:80", false, to)[HOST], expected);
        }
        let asked = crate::testing::call("GET", "/", &[]);
        assert_eq!(
            request_headers(&asked, "10.0.0.1:80", false, To::Proxied)[HOST],
            "10.0.0.1:80"
        );
    }

    #[test]
    fn redirects_stay_below_the_proxy() {
        let base = Base::of("/api/v1/namespaces/a/services/s/proxy/login", "", "10.0.0.1:80");
        for (location, expected) in [
            ("/home?y=2", "/api/v1/namespaces/a/services/s/proxy/home?y=2"),
            ("https://example.com/home", "https://example.com/home"),
        ] {
            let mut headers = HeaderMap::new();
            insert(&mut headers, LOCATION, location);
            insert(&mut headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
            assert!(rewrite_location(&mut headers, &base));
            assert_eq!(
                (headers.len(), &headers[LOCATION]),
                (1, &HeaderValue::from_static(expected))
            );
        }
        assert!(!rewrite_location(&mut HeaderMap::new(), &base));
    }
}
