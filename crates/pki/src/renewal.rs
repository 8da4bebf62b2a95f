//! Whether a certificate is good enough to keep.

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::profile::{Profile, Validity};

/// Why a certificate is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// There is none, or it cannot be read.
    Missing,
    /// Less than a third of its life is left.
    Due,
    /// It is not of this authority.
    OtherAuthority,
    /// Its user or groups are not those wanted.
    OtherSubject,
    /// A name or an address is missing.
    NamesMissing,
}

impl Renewal {
    /// Whether `existing` must be replaced to serve as `wanted`. Names beyond those wanted do not matter: a machine that has
    /// lost an address for a while should not get a new certificate each time.
    pub fn of(
        existing: Option<&Certificate>,
        wanted: &Profile,
        authority: &Certificate,
        now: Timestamp,
    ) -> Option<Self> {
        let Some(existing) = existing else {
            return Some(Self::Missing);
        };
        if !existing.is_signed_by(authority) {
            Some(Self::OtherAuthority)
        } else if existing.common_name != wanted.common_name || existing.organizations != wanted.organizations
        {
            Some(Self::OtherSubject)
        } else if !existing.names.contains(&wanted.names) {
            Some(Self::NamesMissing)
        } else if due_at(existing.validity) <= now {
            Some(Self::Due)
        } else {
            None
        }
    }
}

/// When a third of the life is left: time enough to notice and mend what stands in the way of a renewal.
pub fn due_at(validity: Validity) -> Timestamp {
    let life_seconds = validity.not_after.as_second() - validity.not_before.as_second();
    Timestamp::from_second(validity.not_after.as_second() - life_seconds / 3).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;
    use crate::profile::AlternativeNames;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn server(names: &[&str]) -> Profile {
        let mut all = AlternativeNames::default();
        names.iter().for_each(|name| all.add(name));
        Profile::server("kube-apiserver", all)
    }

    #[test]
    fn a_certificate_is_kept_while_it_serves() {
        let made = time("2026-01-01T00:00:00Z");
        let authority = Authority::create("kubernetes", made).expect("authority");
        let other = Authority::create("kubernetes", made).expect("authority");
        let leaf = authority
            .issue(&server(&["a", "10.0.0.1"]), made)
            .expect("issued")
            .certificate;
        let mut grouped = server(&["a"]);
        grouped.organizations.push(String::from("system:masters"));
        let cases = [
            (server(&["a", "10.0.0.1"]), "2026-01-01T00:00:00Z", None),
            (server(&["a"]), "2026-08-31T00:00:00Z", None),
            (server(&["a"]), "2026-09-02T00:00:00Z", Some(Renewal::Due)),
            (server(&["a"]), "2027-09-02T00:00:00Z", Some(Renewal::Due)),
            // The clock is wrong: a new certificate would not help.
            (server(&["a"]), "1970-01-01T00:00:00Z", None),
            (
                server(&["a", "b"]),
                "2026-01-01T00:00:00Z",
                Some(Renewal::NamesMissing),
            ),
            (
                server(&["10.0.0.2"]),
                "2026-01-01T00:00:00Z",
                Some(Renewal::NamesMissing),
            ),
            (grouped, "2026-01-01T00:00:00Z", Some(Renewal::OtherSubject)),
        ];
        for (wanted, now, answer) in cases {
            let found = Renewal::of(Some(&leaf), &wanted, authority.certificate(), time(now));
            assert_eq!(found, answer, "{wanted:?} at {now}");
        }
        let wanted = server(&["a"]);
        assert_eq!(
            Renewal::of(None, &wanted, authority.certificate(), made),
            Some(Renewal::Missing)
        );
        assert_eq!(
            Renewal::of(Some(&leaf), &wanted, other.certificate(), made),
            Some(Renewal::OtherAuthority)
        );
    }
}
