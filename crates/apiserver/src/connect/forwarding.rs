//! Headers on their way through: those that are about one connection stay behind.

use http::header::{
    CONNECTION, HOST, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::call::Call;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
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

/// The headers of a call as they go on to `authority`. An asked-for change of protocol goes on, too.
pub fn request_headers(call: &Call, authority: &str, upgrade: bool, proxied: bool) -> HeaderMap {
    let mut headers = call.head.headers.clone();
    let protocol = headers.get(UPGRADE).cloned();
    strip(&mut headers);
    if let (true, Some(protocol)) = (upgrade, protocol) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol);
    }
    if proxied {
        add_forwarded(&mut headers, call);
    }
    insert(&mut headers, HOST, authority);
    headers
}

fn add_forwarded(headers: &mut HeaderMap, call: &Call) {
    if let Some(peer) = &call.peer {
        let address = peer.address.ip().to_string();
        let chain = match headers.get(&FORWARDED_FOR).and_then(|v| v.to_str().ok()) {
            Some(before) => format!("{before}, {address}"),
            None => address,
        };
        insert(headers, FORWARDED_FOR, &chain);
    }
    let host = call
        .head
        .uri
        .host()
        .or_else(|| call.header(HOST))
        .unwrap_or_default()
        .to_owned();
    insert(headers, FORWARDED_HOST, &host);
    insert(headers, FORWARDED_PROTO, "https");
    insert(headers, FORWARDED_URI, call.head.uri.path());
}

fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// Redirects of a proxied server lead below the proxy's own path, unless they lead elsewhere.
pub fn rewrite_location(headers: &mut HeaderMap, call: &Call, authority: &str) {
    let Some(location) = headers.get(LOCATION).and_then(|v| v.to_str().ok()) else {
        return;
    };
    let Ok(uri) = location.parse::<Uri>() else { return };
    let elsewhere = uri.authority().is_some_and(|a| a.as_str() != authority);
    if elsewhere || !uri.path().starts_with('/') {
        return;
    }
    let path = call.head.uri.path();
    // The rest is decoded; the base has nothing that would be encoded.
    let base = match path.find("/proxy/") {
        Some(at) => &path[..at + "/proxy".len()],
        None => path.trim_end_matches('/'),
    };
    let query = uri.query().map(|q| format!("?{q}")).unwrap_or_default();
    insert(headers, LOCATION, &format!("{base}{}{query}", uri.path()));
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
        let plain = request_headers(&call, "10.0.0.1:80", false, false);
        let names: Vec<&str> = plain.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-kept", "host"]);
        let upgraded = request_headers(&call, "10.0.0.1:80", true, false);
        assert_eq!(upgraded[UPGRADE], "websocket");
        assert_eq!(upgraded[CONNECTION], "Upgrade");
    }

    #[test]
    fn redirects_stay_below_the_proxy() {
        let call = call("GET", "/api/v1/namespaces/a/services/s/proxy/login?x=1", &[]);
        for (location, expected) in [
            ("/home?y=2", "/api/v1/namespaces/a/services/s/proxy/home?y=2"),
            (
                "http://10.0.0.1:80/home",
                "/api/v1/namespaces/a/services/s/proxy/home",
            ),
            ("https://example.com/home", "https://example.com/home"),
        ] {
            let mut headers = HeaderMap::new();
            insert(&mut headers, LOCATION, location);
            rewrite_location(&mut headers, &call, "10.0.0.1:80");
            assert_eq!(headers[LOCATION], expected);
        }
    }
}
