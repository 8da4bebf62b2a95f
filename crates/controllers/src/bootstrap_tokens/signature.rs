//! A detached signature (RFC 7515, appendix F) by a token: whoever knows the token can tell that the content is genuine.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The signature of some content by the token of that id and secret: header, no content, signature.
pub(super) fn detached(content: &str, id: &str, secret: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(serde_json::json!({ "alg": "HS256", "kid": id }).to_string());
    let content = URL_SAFE_NO_PAD.encode(content);
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{id}.{secret}").as_bytes());
    let signature = hmac::sign(&key, format!("{header}.{content}").as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_depends_on_content_and_token() {
        let signature = detached("content", "abcdef", "0123456789abcdef");
        assert!(signature.starts_with("eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9.."));
        assert_eq!(
            signature.len(),
            "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9..".len() + 43
        );
        assert_eq!(signature, detached("content", "abcdef", "0123456789abcdef"));
        assert_ne!(signature, detached("other", "abcdef", "0123456789abcdef"));
        assert_ne!(signature, detached("content", "abcdef", "fedcba9876543210"));
    }
}
