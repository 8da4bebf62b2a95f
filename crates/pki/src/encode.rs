//! Certificates and signing requests in DER (RFC 5280, RFC 2986): just the parts Kubernetes uses.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, DERWriterSeq, Tag};

use crate::key::SignatureAlgorithm;
use crate::profile::{AlternativeNames, Profile, Validity};
use crate::usage::{Place, Usage};

const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
const SUBJECT_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 14];
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const SUBJECT_ALTERNATIVE_NAME: &[u64] = &[2, 5, 29, 17];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const AUTHORITY_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 35];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
const EXTENSION_REQUEST: &[u64] = &[1, 2, 840, 113549, 1, 9, 14];

const TAG_UTC_TIME: u64 = 23;
const TAG_GENERALIZED_TIME: u64 = 24;

/// Everything in a certificate that is signed.
pub(crate) struct Body<'a> {
    pub serial: &'a [u8],
    pub algorithm: SignatureAlgorithm,
    /// The issuer's name, as it stands in its own certificate.
    pub issuer_der: &'a [u8],
    pub validity: Validity,
    pub profile: &'a Profile,
    pub public_key_der: &'a [u8],
    /// For a certificate authority: its own key's identifier.
    pub authority: Option<&'a [u8]>,
    /// The identifier of the key that signs; none for one that signs itself.
    pub signer_key_identifier: Option<&'a [u8]>,
}

impl Body<'_> {
    pub fn to_der(&self) -> Vec<u8> {
        yasna::construct_der(|writer| {
            writer.write_sequence(|s| {
                s.next().write_tagged(Tag::context(0), |w| w.write_u8(2));
                s.next().write_bigint_bytes(self.serial, true);
                algorithm(s.next(), self.algorithm);
                s.next().write_der(self.issuer_der);
                s.next().write_sequence(|s| {
                    time(s.next(), self.validity.not_before);
                    time(s.next(), self.validity.not_after);
                });
                s.next().write_der(&subject(self.profile));
                s.next().write_der(self.public_key_der);
                s.next()
                    .write_tagged(Tag::context(3), |w| w.write_sequence(|s| self.extensions(s)));
            });
        })
    }

    fn extensions(&self, s: &mut DERWriterSeq<'_>) {
        usages(s, &self.profile.usages);
        extension(s, BASIC_CONSTRAINTS, true, |w| {
            w.write_sequence(|s| {
                if self.authority.is_some() {
                    s.next().write_bool(true);
                }
            });
        });
        if let Some(identifier) = self.authority {
            extension(s, SUBJECT_KEY_IDENTIFIER, false, |w| w.write_bytes(identifier));
        }
        if let Some(identifier) = self.signer_key_identifier {
            extension(s, AUTHORITY_KEY_IDENTIFIER, false, |w| {
                w.write_sequence(|s| {
                    s.next()
                        .write_tagged_implicit(Tag::context(0), |w| w.write_bytes(identifier));
                });
            });
        }
        // RFC 5280, 4.2.1.6: names carry the identity alone when there is no subject.
        let alone = self.profile.common_name.is_empty() && self.profile.organizations.is_empty();
        alternative_names(s, &self.profile.names, alone);
    }
}

/// The part of a signing request that is signed.
pub(crate) fn request_body(profile: &Profile, public_key_der: &[u8]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|s| {
            s.next().write_u8(0);
            s.next().write_der(&subject(profile));
            s.next().write_der(public_key_der);
            s.next().write_tagged_implicit(Tag::context(0), |w| {
                w.write_set_of(|attributes| {
                    if profile.names.is_empty() {
                        return;
                    }
                    attributes.next().write_sequence(|s| {
                        s.next()
                            .write_oid(&ObjectIdentifier::from_slice(EXTENSION_REQUEST));
                        s.next().write_set_of(|values| {
                            values
                                .next()
                                .write_sequence(|s| alternative_names(s, &profile.names, false));
                        });
                    });
                });
            });
        });
    })
}

/// What is signed, how, and the signature: the outer form of certificates and requests.
pub(crate) fn signed(body: &[u8], by: SignatureAlgorithm, signature: &[u8]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|s| {
            s.next().write_der(body);
            algorithm(s.next(), by);
            s.next().write_bitvec_bytes(signature, signature.len() * 8);
        });
    })
}

/// A subject: organizations first, then the common name, as Go writes it.
pub(crate) fn subject(profile: &Profile) -> Vec<u8> {
    let organizations = profile.organizations.iter().map(|o| (ORGANIZATION, o));
    let common_name = Some((COMMON_NAME, &profile.common_name)).filter(|(_, name)| !name.is_empty());
    yasna::construct_der(|writer| {
        writer.write_sequence(|s| {
            for (kind, value) in organizations.chain(common_name) {
                s.next().write_set(|set| {
                    set.next().write_sequence(|s| {
                        s.next().write_oid(&ObjectIdentifier::from_slice(kind));
                        s.next().write_utf8_string(value);
                    });
                });
            }
        });
    })
}

fn algorithm(writer: DERWriter<'_>, algorithm: SignatureAlgorithm) {
    let (oid, null): (&[u64], bool) = match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => (&[1, 2, 840, 10045, 4, 3, 2], false),
        SignatureAlgorithm::EcdsaP384Sha384 => (&[1, 2, 840, 10045, 4, 3, 3], false),
        SignatureAlgorithm::RsaSha256 => (&[1, 2, 840, 113549, 1, 1, 11], true),
    };
    writer.write_sequence(|s| {
        s.next().write_oid(&ObjectIdentifier::from_slice(oid));
        if null {
            s.next().write_null();
        }
    });
}

/// RFC 5280, 4.1.2.5: two-digit years until 2049, four digits from then on.
fn time(writer: DERWriter<'_>, moment: Timestamp) {
    let utc = moment.to_zoned(TimeZone::UTC);
    let (tag, text) = if (1950..2050).contains(&utc.year()) {
        (TAG_UTC_TIME, utc.strftime("%y%m%d%H%M%SZ").to_string())
    } else {
        (TAG_GENERALIZED_TIME, utc.strftime("%Y%m%d%H%M%SZ").to_string())
    };
    let tag = Tag {
        tag_class: yasna::TagClass::Universal,
        tag_number: tag,
    };
    writer.write_tagged_implicit(tag, |w| w.write_bytes(text.as_bytes()));
}

fn extension(s: &mut DERWriterSeq<'_>, oid: &[u64], critical: bool, content: impl FnOnce(DERWriter<'_>)) {
    s.next().write_sequence(|s| {
        s.next().write_oid(&ObjectIdentifier::from_slice(oid));
        if critical {
            s.next().write_bool(true);
        }
        s.next().write_bytes(&yasna::construct_der(content));
    });
}

fn usages(s: &mut DERWriterSeq<'_>, usages: &[Usage]) {
    let mut bits: Vec<u16> = Vec::new();
    let mut purposes: Vec<&[u64]> = Vec::new();
    for usage in usages {
        match usage.place() {
            Place::Bit(bit) => bits.push(bit),
            Place::Purpose(oid) => purposes.push(oid),
        }
    }
    if let Some(&last) = bits.iter().max() {
        extension(s, KEY_USAGE, true, |w| {
            let mut bytes = vec![0u8; usize::from(last) / 8 + 1];
            for bit in &bits {
                bytes[usize::from(*bit) / 8] |= 0x80 >> (bit % 8);
            }
            w.write_bitvec_bytes(&bytes, usize::from(last) + 1);
        });
    }
    if !purposes.is_empty() {
        extension(s, EXTENDED_KEY_USAGE, false, |w| {
            w.write_sequence(|s| {
                for purpose in &purposes {
                    s.next().write_oid(&ObjectIdentifier::from_slice(purpose));
                }
            });
        });
    }
}

fn alternative_names(s: &mut DERWriterSeq<'_>, names: &AlternativeNames, critical: bool) {
    if names.is_empty() {
        return;
    }
    extension(s, SUBJECT_ALTERNATIVE_NAME, critical, |w| {
        w.write_sequence(|s| {
            let mut name = |tag: u64, bytes: &[u8]| {
                s.next()
                    .write_tagged_implicit(Tag::context(tag), |w| w.write_bytes(bytes));
            };
            for email in &names.emails {
                name(1, email.as_bytes());
            }
            for dns in &names.dns {
                name(2, dns.as_bytes());
            }
            for uri in &names.uris {
                name(6, uri.as_bytes());
            }
            for address in &names.addresses {
                match address {
                    std::net::IpAddr::V4(v4) => name(7, &v4.octets()),
                    std::net::IpAddr::V6(v6) => name(7, &v6.octets()),
                }
            }
        });
    });
}
