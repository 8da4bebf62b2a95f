//! Rules for addresses that traffic is sent to.

use std::net::IpAddr;

use super::field::Field;

/// What upstream warns of in a block of addresses that it takes: one that is written in an unusual way.
pub fn cidr_warnings(path: &str, text: &str) -> Vec<String> {
    let Some((address, length)) = meta::name::parse_cidr(text) else {
        return Vec::new();
    };
    let canonical = format!("{address}/{length}");
    if !address.is_ipv6() || canonical == text {
        return Vec::new();
    }
    vec![format!(
        "{path}: IPv6 CIDR value {text:?} should be in RFC 5952 canonical format ({canonical:?})"
    )]
}

/// An address behind which something serves: not one that means the sender itself, or its neighbours.
pub fn of_endpoint(place: &Field) {
    let Some(address) = meta::name::parse_ip(place.text()) else {
        return place.invalid("must be a valid IP address");
    };
    let (is_unspecified, is_loopback, is_link_local, is_link_local_multicast) = match address {
        IpAddr::V4(ip) => {
            let octets = ip.octets();
            (
                ip.is_unspecified(),
                ip.is_loopback(),
                ip.is_link_local(),
                octets[..3] == [224, 0, 0],
            )
        }
        IpAddr::V6(ip) => (
            ip.is_unspecified(),
            ip.is_loopback(),
            ip.is_unicast_link_local(),
            ip.segments()[0] & 0xff0f == 0xff02,
        ),
    };
    if is_unspecified {
        place.invalid(&format!("may not be unspecified ({})", place.text()));
    }
    if is_loopback {
        place.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    if is_link_local {
        place.invalid("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if is_link_local_multicast {
        place.invalid("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

#[cfg(test)]
mod tests {
    use crate::toolkit::Report;
    use serde_json::json;

    #[test]
    fn own_addresses_are_no_endpoints() {
        for (address, expected) in [
            ("10.0.0.1", None),
            ("::2", None),
            ("x", Some("must be a valid IP address")),
            ("0.0.0.0", Some("may not be unspecified (0.0.0.0)")),
            (
                "::1",
                Some("may not be in the loopback range (127.0.0.0/8, ::1/128)"),
            ),
            (
                "fe80::1",
                Some("may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
            ),
            (
                "224.0.0.5",
                Some("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
            ),
        ] {
            let object = json!({"ip": address});
            let errors = Report::of_any(&object, |root| super::of_endpoint(&root.child("ip")));
            let expected = expected.map(|detail| format!("ip: Invalid value: \"{address}\": {detail}"));
            assert_eq!(errors.first().map(ToString::to_string), expected);
        }
    }
}
