//! What a certificate's key may be used for, as CertificateSigningRequests spell it.

/// One use of a key (RFC 5280, 4.2.1.3 and 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Usage {
    DigitalSignature,
    ContentCommitment,
    KeyEncipherment,
    DataEncipherment,
    KeyAgreement,
    CertificateSigning,
    RevocationListSigning,
    EncipherOnly,
    DecipherOnly,
    Any,
    ServerAuth,
    ClientAuth,
    CodeSigning,
    EmailProtection,
    IpsecEndSystem,
    IpsecTunnel,
    IpsecUser,
    TimeStamping,
    OcspSigning,
}

/// Where a use stands in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Bit of the key usage extension.
    Bit(u16),
    /// Purpose in the extended key usage extension.
    Purpose(&'static [u64]),
}

const fn purpose(last: &'static [u64; 9]) -> Place {
    Place::Purpose(last)
}

/// Texts of certificates.k8s.io/v1; two of them mean the same.
const TABLE: &[(&str, Usage, Place)] = &[
    ("digital signature", Usage::DigitalSignature, Place::Bit(0)),
    ("signing", Usage::DigitalSignature, Place::Bit(0)),
    ("content commitment", Usage::ContentCommitment, Place::Bit(1)),
    ("key encipherment", Usage::KeyEncipherment, Place::Bit(2)),
    ("data encipherment", Usage::DataEncipherment, Place::Bit(3)),
    ("key agreement", Usage::KeyAgreement, Place::Bit(4)),
    ("cert sign", Usage::CertificateSigning, Place::Bit(5)),
    ("crl sign", Usage::RevocationListSigning, Place::Bit(6)),
    ("encipher only", Usage::EncipherOnly, Place::Bit(7)),
    ("decipher only", Usage::DecipherOnly, Place::Bit(8)),
    ("any", Usage::Any, Place::Purpose(&[2, 5, 29, 37, 0])),
    (
        "server auth",
        Usage::ServerAuth,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 1]),
    ),
    (
        "client auth",
        Usage::ClientAuth,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 2]),
    ),
    (
        "code signing",
        Usage::CodeSigning,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 3]),
    ),
    (
        "email protection",
        Usage::EmailProtection,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 4]),
    ),
    (
        "s/mime",
        Usage::EmailProtection,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 4]),
    ),
    (
        "ipsec end system",
        Usage::IpsecEndSystem,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 5]),
    ),
    (
        "ipsec tunnel",
        Usage::IpsecTunnel,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 6]),
    ),
    (
        "ipsec user",
        Usage::IpsecUser,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 7]),
    ),
    (
        "timestamping",
        Usage::TimeStamping,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 8]),
    ),
    (
        "ocsp signing",
        Usage::OcspSigning,
        purpose(&[1, 3, 6, 1, 5, 5, 7, 3, 9]),
    ),
];

impl Usage {
    /// Reads the text of a CertificateSigningRequest.
    pub fn parse(text: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.0 == text).map(|row| row.1)
    }

    /// What clients' certificates have.
    pub fn client() -> Vec<Self> {
        vec![Self::DigitalSignature, Self::KeyEncipherment, Self::ClientAuth]
    }

    /// What servers' certificates have.
    pub fn server() -> Vec<Self> {
        vec![Self::DigitalSignature, Self::KeyEncipherment, Self::ServerAuth]
    }

    pub(crate) fn place(self) -> Place {
        TABLE
            .iter()
            .find(|row| row.1 == self)
            .map_or(Place::Bit(0), |row| row.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_api() {
        let cases = [
            ("client auth", Some(Usage::ClientAuth)),
            ("signing", Some(Usage::DigitalSignature)),
            ("digital signature", Some(Usage::DigitalSignature)),
            ("Client Auth", None),
            ("", None),
        ];
        for (text, usage) in cases {
            assert_eq!(Usage::parse(text), usage, "{text}");
        }
    }
}
