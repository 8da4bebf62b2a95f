//! Private keys, as far as the public keys they belong to: PKCS #1, PKCS #8 (RFC 5208) and SEC 1 (RFC 5915).

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::certificate::{ECDSA, ED25519, PublicKey, RSA};
use super::curve::Curve;
use super::der::{Der, OCTET_STRING, SEQUENCE, part};

const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
/// The number of numbers in an RSA key: modulus, exponents, primes and what is made of them.
const NUMBERS: usize = 8;
/// RSA keys from this size on, in bytes, are looked at whether their numbers belong together.
const CHECKED_FROM: usize = 256;

/// The public key that belongs to a private one, whatever it is written in.
pub(super) fn public_key(der: &[u8]) -> Result<PublicKey, &'static str> {
    let found = pkcs1(der).or_else(|| pkcs8(der)).or_else(|| sec1(der, None));
    match found {
        None => Err("tls: failed to parse private key"),
        Some(PublicKey::Other) => Err("tls: found unknown private key type in PKCS#8 wrapping"),
        Some(key) => Ok(key),
    }
}

fn pkcs1(der: &[u8]) -> Option<PublicKey> {
    let mut outer = Der(der);
    let mut key = outer.take(SEQUENCE).filter(|_| outer.is_empty())?;
    // Of two primes, or of more.
    if !matches!(key.integer()?, [0 | 1]) {
        return None;
    }
    let numbers: Vec<&[u8]> = (0..NUMBERS).map_while(|_| key.positive()).collect();
    let [modulus, exponent, ..] = numbers[..] else {
        return None;
    };
    let is_small = modulus.len() < CHECKED_FROM;
    let is_whole = numbers.len() == NUMBERS && (is_small || RsaKeyPair::from_der(der).is_ok());
    is_whole.then(|| PublicKey::Rsa(modulus.to_vec(), exponent.to_vec()))
}

fn pkcs8(der: &[u8]) -> Option<PublicKey> {
    let mut outer = Der(der).take(SEQUENCE)?;
    outer.integer()?;
    let mut algorithm = outer.take(SEQUENCE)?;
    let key = outer.take(OCTET_STRING)?.0;
    let kind = algorithm.identifier()?;
    match kind {
        RSA => pkcs1(key),
        ECDSA => sec1(key, algorithm.identifier()),
        ED25519 => {
            let seed = bare(algorithm, key)?;
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
            Some(PublicKey::Ed25519(pair.public_key().as_ref().to_vec()))
        }
        X25519 => bare(algorithm, key).map(|_| PublicKey::Other),
        _ => None,
    }
}

/// A key that is nothing but its bytes, of an algorithm that has no parameters.
fn bare<'a>(algorithm: Der<'_>, key: &'a [u8]) -> Option<&'a [u8]> {
    let bytes = Der(key).take(OCTET_STRING)?.0;
    (algorithm.is_empty() && bytes.len() == 32).then_some(bytes)
}

/// `curve` is the identifier of the curve, where it is told outside.
fn sec1(der: &[u8], curve: Option<&[u8]>) -> Option<PublicKey> {
    let mut key = Der(der).take(SEQUENCE)?;
    if key.integer()? != [1] {
        return None;
    }
    let private = key.take(OCTET_STRING)?.0;
    let inside = key.optional(part(0))?.and_then(|mut named| named.identifier());
    let told = key.optional(part(1))?.and_then(|mut told| told.bits());
    let curve = Curve::of(curve.or(inside)?)?;
    Some(PublicKey::Ecdsa(curve, curve.public_key(private, told)?))
}
