//! Where the runtime streams from.

use http::Uri;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use meta::Status;
use tokio::net::TcpStream;

/// An address that the runtime gave for one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAddress {
    /// `127.0.0.1:41234`.
    pub authority: String,
    /// With the token that stands for the stream.
    pub path_and_query: String,
}

impl StreamAddress {
    /// Reads a URL; none if it is not one of HTTP.
    pub fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let authority = uri.authority()?;
        Some(Self {
            authority: match authority.port() {
                Some(_) => authority.to_string(),
                None => format!("{authority}:80"),
            },
            path_and_query: uri.path_and_query()?.to_string(),
        })
    }

    /// Connects.
    pub async fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Connects, and changes to SPDY.
    pub async fn open_spdy(self, protocols: &[&'static str]) -> Result<TokioIo<Upgraded>, Status> {
        let stream = self
            .connect()
            .await
            .map_err(|error| Status::internal(format!("error dialing backend: {error}")))?;
        streaming::upgrade::open_spdy(stream, &self.authority, &self.path_and_query, protocols).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_urls_of_http() {
        let address = StreamAddress::parse("http://127.0.0.1:4123/exec/token?x=1").unwrap();
        assert_eq!(address.authority, "127.0.0.1:4123");
        assert_eq!(address.path_and_query, "/exec/token?x=1");
        let address = StreamAddress::parse("http://[::1]/attach/token").unwrap();
        assert_eq!(address.authority, "[::1]:80");
        for url in ["", "/exec/token", "https://127.0.0.1:1/exec", "unix:///run/x"] {
            assert_eq!(StreamAddress::parse(url), None, "{url}");
        }
    }
}
