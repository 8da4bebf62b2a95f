//! The curves that keys of certificates lie on.

use aws_lc_rs::agreement::{Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
    VerificationAlgorithm,
};

/// The first byte of a point that is written in full.
const IN_FULL: u8 = 4;

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P224,
    P256,
    P384,
    P521,
}

impl Curve {
    /// By its object identifier (RFC 5480).
    pub(super) fn of(identifier: &[u8]) -> Option<Self> {
        match identifier {
            [0x2b, 0x81, 0x04, 0x00, 0x21] => Some(Self::P224),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => Some(Self::P256),
            [0x2b, 0x81, 0x04, 0x00, 0x22] => Some(Self::P384),
            [0x2b, 0x81, 0x04, 0x00, 0x23] => Some(Self::P521),
            _ => None,
        }
    }

    /// How long a number of this curve is, in bytes.
    fn size(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// What is wrong with a public key, in Go's words. Of P-224 only the form is looked at: there is no arithmetic for it here.
    pub(super) fn complaint(self, point: &[u8]) -> Option<&'static str> {
        if point.first() != Some(&IN_FULL) {
            return Some("ecdsa: invalid uncompressed public key");
        }
        let (algorithm, short, off): (Option<&'static dyn VerificationAlgorithm>, _, _) = match self {
            Self::P224 => (None, "invalid P224 point encoding", ""),
            Self::P256 => (
                Some(&ECDSA_P256_SHA256_ASN1),
                "invalid P256 point encoding",
                "P256 point not on curve",
            ),
            Self::P384 => (
                Some(&ECDSA_P384_SHA384_ASN1),
                "invalid P384 point encoding",
                "P384 point not on curve",
            ),
            Self::P521 => (
                Some(&ECDSA_P521_SHA512_ASN1),
                "invalid P521 point encoding",
                "P521 point not on curve",
            ),
        };
        if point.len() != 1 + 2 * self.size() {
            return Some(short);
        }
        let is_off = algorithm.is_some_and(|algorithm| ParsedPublicKey::new(algorithm, point).is_err());
        is_off.then_some(off)
    }

    /// The public key of a private one, which may have too many leading zeros, or too few; none if it is not one of this
    /// curve. Of P-224 it is the one that is `told` beside it.
    pub(super) fn public_key(self, private: &[u8], told: Option<&[u8]>) -> Option<Vec<u8>> {
        let zeros = private.iter().take_while(|&&digit| digit == 0).count();
        let digits = &private[zeros..];
        let mut whole = vec![0; self.size().checked_sub(digits.len())?];
        whole.extend_from_slice(digits);
        let algorithm: &'static Algorithm = match self {
            Self::P224 => return told.map(<[u8]>::to_vec),
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
            Self::P521 => &ECDH_P521,
        };
        let key = PrivateKey::from_private_key(algorithm, &whole).ok()?;
        Some(key.compute_public_key().ok()?.as_ref().to_vec())
    }
}
