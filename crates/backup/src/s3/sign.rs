//! Signatures of AWS, version 4.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use jiff::Timestamp;

/// SHA-256 of nothing, in hexadecimal.
pub(super) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The headers that are signed, in their order.
const SIGNED_HEADERS: &str = "host;x-amz-content-sha256;x-amz-date";

/// Who signs.
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) region: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) method: String,
    /// Path and query, encoded.
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Signs a request. `path` is not encoded; `hash` is the SHA-256 of the body, in hexadecimal.
pub(super) fn sign(
    credentials: &Credentials,
    method: &str,
    host: &str,
    path: &str,
    query: &[(&str, &str)],
    hash: &str,
    now: Timestamp,
) -> Signed {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = &time[..8];
    let path = encode(path, true);
    let query = canonical_query(query);
    let canonical = format!(
        "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{time}\n\n{SIGNED_HEADERS}\n{hash}"
    );
    let scope = format!("{date}/{}/s3/aws4_request", credentials.region);
    let hashed = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
    let key = format!("AWS4{}", credentials.secret_key).into_bytes();
    let key = [date, &credentials.region, "s3", "aws4_request"]
        .iter()
        .fold(key, |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &text));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}",
        credentials.access_key
    );
    Signed {
        method: method.to_owned(),
        target: if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        },
        headers: vec![
            ("host", host.to_owned()),
            ("x-amz-content-sha256", hash.to_owned()),
            ("x-amz-date", time.clone()),
            ("authorization", authorization),
        ],
    }
}

fn canonical_query(query: &[(&str, &str)]) -> String {
    let mut pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name, false), encode(value, false)))
        .collect();
    pairs.sort();
    pairs.join("&")
}

/// Percent encoding as the signature wants it.
fn encode(text: &str, keep_slashes: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            b'/' if keep_slashes => encoded.push('/'),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac(&Key::new(HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation for a list of objects.
    #[test]
    fn signatures_are_the_published_ones() {
        let credentials = Credentials {
            access_key: String::from("AKIAIOSFODNN7EXAMPLE"),
            secret_key: String::from("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            region: String::from("us-east-1"),
        };
        let signed = sign(
            &credentials,
            "GET",
            "examplebucket.s3.amazonaws.com",
            "/",
            &[("max-keys", "2"), ("prefix", "J")],
            EMPTY,
            "2013-05-24T00:00:00Z".parse().expect("a time"),
        );
        assert_eq!(signed.target, "/?max-keys=2&prefix=J");
        let authorization = &signed.headers.last().expect("there").1;
        assert!(
            authorization.ends_with("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
            "{authorization}"
        );
    }

    #[test]
    fn what_is_not_plain_is_encoded() {
        assert_eq!(encode("/a b/ü+~", true), "/a%20b/%C3%BC%2B~");
        assert_eq!(encode("a/b", false), "a%2Fb");
    }
}
