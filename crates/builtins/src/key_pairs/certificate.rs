//! Certificates, as far as their public key, with what Go says of those that cannot be read (RFC 5280).

use super::curve::Curve;
use super::der::{Der, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, part};

type Read<T> = Result<T, &'static str>;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// Modulus and exponent, without leading zeros.
    Rsa(Vec<u8>, Vec<u8>),
    /// The point, in full.
    Ecdsa(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
    /// One that TLS does not use.
    Other,
}

/// The public key that a certificate is about. What its extensions hold is not looked at.
pub(super) fn public_key(der: &[u8]) -> Read<PublicKey> {
    let mut input = Der(der);
    let mut outer = input.take(SEQUENCE).ok_or("x509: malformed certificate")?;
    let mut inner = outer.take(SEQUENCE).ok_or("x509: malformed tbs certificate")?;
    let version = version(&mut inner)?;
    serial_number(&mut inner)?;
    algorithms(&mut inner, &mut outer)?;
    name(&mut inner)?;
    validity(&mut inner)?;
    name(&mut inner)?;
    let key = key(&mut inner)?;
    if version > 1 {
        rest(&mut inner, version)?;
    }
    outer.bits().ok_or("x509: malformed signature")?;
    match input.is_empty() {
        true => Ok(key),
        false => Err("x509: trailing data"),
    }
}

/// The version, counted from one.
fn version(inner: &mut Der<'_>) -> Read<u64> {
    const MALFORMED: &str = "x509: malformed version";
    let Some(mut version) = inner.optional(part(0)).ok_or(MALFORMED)? else {
        return Ok(1);
    };
    let digits = version
        .integer()
        .filter(|_| version.is_empty())
        .ok_or(MALFORMED)?;
    match digits {
        [0..=2] => Ok(u64::from(digits[0]) + 1),
        [first, ..] if first & 0x80 != 0 || digits.len() > 8 => Err(MALFORMED),
        _ => Err("x509: invalid version"),
    }
}

fn serial_number(inner: &mut Der<'_>) -> Read<()> {
    let digits = inner.integer().ok_or("x509: malformed serial number")?;
    match digits[0] & 0x80 {
        0 => Ok(()),
        _ => Err("x509: negative serial number"),
    }
}

/// What it is signed with is said twice.
fn algorithms(inner: &mut Der<'_>, outer: &mut Der<'_>) -> Read<()> {
    let inner = inner.take(SEQUENCE);
    let inner = inner.ok_or("x509: malformed signature algorithm identifier")?;
    let outer = outer
        .take(SEQUENCE)
        .ok_or("x509: malformed algorithm identifier")?;
    if inner.0 != outer.0 {
        return Err("x509: inner and outer signature algorithm identifiers don't match");
    }
    algorithm(inner).map(drop)
}

/// An algorithm: its identifier, and its parameters, tag and all.
fn algorithm(mut algorithm: Der<'_>) -> Read<(&[u8], &[u8])> {
    let identifier = algorithm.identifier().ok_or("x509: malformed OID")?;
    if algorithm.is_empty() {
        return Ok((identifier, &[]));
    }
    let parameters = algorithm.any().ok_or("x509: malformed parameters")?;
    Ok((identifier, parameters.whole))
}

/// Who issued it, or whom it is about: upstream calls both the issuer.
fn name(inner: &mut Der<'_>) -> Read<()> {
    const INVALID: &str = "x509: invalid RDNSequence";
    const INVALID_ATTRIBUTE: &str = "x509: invalid RDNSequence: invalid attribute";
    let mut name = inner.take(SEQUENCE).ok_or("x509: malformed issuer")?;
    while !name.is_empty() {
        let mut set = name.take(SET).ok_or(INVALID)?;
        while !set.is_empty() {
            let mut attribute = set.take(SEQUENCE).ok_or(INVALID_ATTRIBUTE)?;
            attribute
                .identifier()
                .ok_or("x509: invalid RDNSequence: invalid attribute type")?;
            attribute
                .any()
                .ok_or("x509: invalid RDNSequence: invalid attribute value")?;
        }
    }
    Ok(())
}

fn validity(inner: &mut Der<'_>) -> Read<()> {
    let mut validity = inner.take(SEQUENCE).ok_or("x509: malformed validity")?;
    time(&mut validity)?;
    time(&mut validity)
}

fn time(validity: &mut Der<'_>) -> Read<()> {
    const UTC: u8 = 0x17;
    const GENERALIZED: u8 = 0x18;
    let (length, complaint) = match validity.0.first() {
        Some(&UTC) => (13, "x509: malformed UTCTime"),
        Some(&GENERALIZED) => (15, "x509: malformed GeneralizedTime"),
        _ => return Err("x509: unsupported time format"),
    };
    let text = validity.any().ok_or(complaint)?.content.0;
    let is_time = match text {
        [digits @ .., b'Z'] => text.len() == length && is_moment(digits),
        _ => false,
    };
    is_time.then_some(()).ok_or(complaint)
}

/// Whether these are the digits of year, month, day, hour, minute and second; the year in two or four.
fn is_moment(digits: &[u8]) -> bool {
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let pairs: Vec<u8> = digits
        .chunks(2)
        .map(|pair| (pair[0] - b'0') * 10 + (pair[1] - b'0'))
        .collect();
    let Some((year, [month, day, hour, minute, second])) = pairs.split_last_chunk::<5>() else {
        return false;
    };
    let year = match year {
        [year] if *year >= 50 => 1900 + i16::from(*year),
        [year] => 2000 + i16::from(*year),
        [century, year] => i16::from(*century) * 100 + i16::from(*year),
        _ => return false,
    };
    let signed = |number: &u8| i8::try_from(*number).unwrap_or(i8::MAX);
    let date = jiff::civil::Date::new(year, signed(month), signed(day));
    date.is_ok() && *hour < 24 && *minute < 60 && *second < 60
}

fn key(inner: &mut Der<'_>) -> Read<PublicKey> {
    let mut info = inner.take(SEQUENCE).ok_or("x509: malformed spki")?;
    let named = info.take(SEQUENCE);
    let named = named.ok_or("x509: malformed public key algorithm identifier")?;
    let (identifier, parameters) = algorithm(named)?;
    let key = info.bits().ok_or("x509: malformed subjectPublicKey")?;
    match identifier {
        RSA => rsa(parameters, key),
        ECDSA => ecdsa(parameters, key),
        ED25519 if !parameters.is_empty() => Err("x509: Ed25519 key encoded with illegal parameters"),
        ED25519 if key.len() != 32 => Err("x509: wrong Ed25519 public key size"),
        ED25519 => Ok(PublicKey::Ed25519(key.to_vec())),
        _ => Ok(PublicKey::Other),
    }
}

/// The kinds of keys that TLS uses.
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
pub(super) const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

fn rsa(parameters: &[u8], key: &[u8]) -> Read<PublicKey> {
    const EXPONENT: &str = "x509: invalid RSA public exponent";
    if parameters != [NULL, 0] {
        return Err("x509: RSA key missing NULL parameters");
    }
    let mut key = Der(key).take(SEQUENCE).ok_or("x509: invalid RSA public key")?;
    let mut numbers = key;
    let modulus = key.integer().ok_or("x509: invalid RSA modulus")?;
    let exponent = key
        .integer()
        .filter(|exponent| exponent.len() <= 8)
        .ok_or(EXPONENT)?;
    if modulus == [0] || modulus[0] & 0x80 != 0 {
        return Err("x509: RSA modulus is not a positive number");
    }
    if exponent == [0] || exponent[0] & 0x80 != 0 {
        return Err("x509: RSA public exponent is not a positive number");
    }
    match (numbers.positive(), numbers.positive()) {
        (Some(modulus), Some(exponent)) => Ok(PublicKey::Rsa(modulus.to_vec(), exponent.to_vec())),
        _ => Err(EXPONENT),
    }
}

fn ecdsa(parameters: &[u8], point: &[u8]) -> Read<PublicKey> {
    let curve = Der(parameters)
        .identifier()
        .ok_or("x509: invalid ECDSA parameters")?;
    let curve = Curve::of(curve).ok_or("x509: unsupported elliptic curve")?;
    match curve.complaint(point) {
        Some(complaint) => Err(complaint),
        None => Ok(PublicKey::Ecdsa(curve, point.to_vec())),
    }
}

/// What comes after the key, from version 2 on.
fn rest(inner: &mut Der<'_>, version: u64) -> Read<()> {
    const MALFORMED: &str = "x509: malformed extensions";
    const ISSUER_ID: u8 = 0x81;
    const SUBJECT_ID: u8 = 0x82;
    inner
        .optional(ISSUER_ID)
        .ok_or("x509: malformed issuerUniqueID")?;
    inner
        .optional(SUBJECT_ID)
        .ok_or("x509: malformed subjectUniqueID")?;
    if version < 3 {
        return Ok(());
    }
    let Some(mut extensions) = inner.optional(part(3)).ok_or(MALFORMED)? else {
        return Ok(());
    };
    let mut extensions = extensions.take(SEQUENCE).ok_or(MALFORMED)?;
    let mut seen: Vec<&[u8]> = Vec::new();
    while !extensions.is_empty() {
        let named = extension(extensions.take(SEQUENCE).ok_or("x509: malformed extension")?)?;
        if seen.contains(&named) {
            return Err("x509: certificate contains duplicate extensions");
        }
        seen.push(named);
    }
    Ok(())
}

/// What an extension is called.
fn extension(mut extension: Der<'_>) -> Read<&[u8]> {
    const BOOLEAN: u8 = 0x01;
    let mut named = extension;
    extension
        .take(OBJECT_IDENTIFIER)
        .ok_or("x509: malformed extension OID field")?;
    let critical = extension.optional(BOOLEAN);
    let is_boolean =
        |critical: &Option<Der<'_>>| critical.is_none_or(|critical| matches!(critical.0, [0 | 0xff]));
    critical
        .filter(is_boolean)
        .ok_or("x509: malformed extension critical field")?;
    extension
        .take(OCTET_STRING)
        .ok_or("x509: malformed extension value field")?;
    named.identifier().ok_or("x509: malformed extension OID field")
}
