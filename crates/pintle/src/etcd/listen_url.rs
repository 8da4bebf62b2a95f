//! Where clients are listened for, as etcd writes it: `https://127.0.0.1:2379`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// An address, with or without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenUrl {
    /// Whether with TLS.
    pub is_secure: bool,
    /// The address.
    pub address: SocketAddr,
}

impl FromStr for ListenUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("a URL is written as http://ADDRESS:PORT or https://ADDRESS:PORT")?;
        let is_secure = match scheme {
            "http" => false,
            "https" => true,
            other => return Err(format!("the scheme of a URL is http or https, not {other:?}")),
        };
        let rest = rest
            .strip_suffix('/')
            .unwrap_or(rest)
            .replace("localhost:", "127.0.0.1:");
        let address = rest
            .parse()
            .map_err(|_| format!("{rest:?} is no address with a port; a name cannot be listened on"))?;
        Ok(Self { is_secure, address })
    }
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_scheme_and_an_address() {
        for (text, expected) in [
            ("http://127.0.0.1:2379", Some("http://127.0.0.1:2379")),
            ("https://localhost:1/", Some("https://127.0.0.1:1")),
            ("https://[::1]:0", Some("https://[::1]:0")),
            ("127.0.0.1:2379", None),
            ("unix://a:1", None),
            ("http://example.com:1", None),
            ("http://127.0.0.1", None),
        ] {
            let found = text.parse().ok().map(|url: ListenUrl| url.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
