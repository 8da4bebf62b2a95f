//! The address of a member.

use std::fmt;

use http::Uri;

/// The URL of a member, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: String,
    /// Whether it wants TLS.
    pub tls: bool,
    /// A name or an address, IPv6 ones without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Reads a URL: `http://HOST:PORT` or `https://HOST:PORT`, the port 2379 if none is named. Says what is wrong with any
    /// other.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "it is no URL")?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("it does not begin with http:// or https://"),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err("it has a path");
        }
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it has a user's name in it");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err("it has no host");
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            tls,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(2379),
        })
    }

    /// The URL in which the member is named in requests. TLS is the connector's business.
    pub(crate) fn origin(&self) -> String {
        let host = &self.host;
        if host.contains(':') {
            format!("http://[{host}]:{}", self.port)
        } else {
            format!("http://{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, tls, host, port) in [
            ("http://127.0.0.1:2379", false, "127.0.0.1", 2379),
            ("https://etcd-0.example:12379/", true, "etcd-0.example", 12379),
            ("https://[::1]:1", true, "::1", 1),
            ("http://a", false, "a", 2379),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(
                (address.tls, address.host.as_str(), address.port),
                (tls, host, port)
            );
        }
        let six = Address::parse("https://[::1]:1").expect("good");
        assert_eq!(
            (six.origin().as_str(), six.to_string().as_str()),
            ("http://[::1]:1", "https://[::1]:1")
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for url in [
            "",
            "127.0.0.1:2379",
            "unix:///run/etcd",
            "ftp://a:1",
            "http://a:1/v3",
            "http://u@a:1",
            "http://",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
