//! Image references: as much of their grammar as decides the default pull policy.

/// The tag of an image reference: `latest` if it has neither tag nor digest, none if it has only a digest or is not a
/// valid reference at all.
pub fn tag(reference: &str) -> Option<&str> {
    let (rest, digest) = match reference.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (reference, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) || is_bare_identifier(reference) {
        return None;
    }
    // A colon behind the last slash starts the tag; one before it belongs to a registry's port.
    let last_part = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last_part..].find(':') {
        Some(colon) => (&rest[..last_part + colon], Some(&rest[last_part + colon + 1..])),
        None => (rest, None),
    };
    if !is_name(name) || tag.is_some_and(|tag| !is_tag(tag)) {
        return None;
    }
    match (tag, digest) {
        (Some(tag), _) => Some(tag),
        (None, Some(_)) => None,
        (None, None) => Some("latest"),
    }
}

/// 64 hex digits alone name an image by its identifier, which is not a reference.
fn is_bare_identifier(reference: &str) -> bool {
    reference.len() == 64 && reference.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn is_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && tag.len() <= 128
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_name(name: &str) -> bool {
    let (domain, path) = match name.split_once('/') {
        // A first part that looks like a host name is the registry.
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, name),
    };
    // What stands in no folder of the default registry stands in `library/` there.
    let folder = if domain.is_none() && !path.contains('/') {
        "library/".len()
    } else {
        0
    };
    domain.is_none_or(is_domain) && folder + path.len() <= 255 && path.split('/').all(is_path_component)
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let host_is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        }),
    };
    host_is_good && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Lower-case letters and digits, joined by `.`, `_`, `__` or any number of dashes.
fn is_path_component(component: &str) -> bool {
    let is_joined = |separator: &str| {
        matches!(separator, "." | "_" | "__")
            || (!separator.is_empty() && separator.bytes().all(|b| b == b'-'))
    };
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let mut at = 0;
    loop {
        let word = bytes[at..].iter().take_while(|&&b| is_word(b)).count();
        if word == 0 {
            return false;
        }
        at += word;
        if at == bytes.len() {
            return true;
        }
        let separator = bytes[at..].iter().take_while(|&&b| !is_word(b)).count();
        if !component.get(at..at + separator).is_some_and(is_joined) {
            return false;
        }
        at += separator;
    }
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_are_found() {
        let digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123";
        for (reference, expected) in [
            ("nginx", Some("latest")),
            ("nginx:1.2", Some("1.2")),
            ("a/b:latest", Some("latest")),
            ("reg:5000/a/b", Some("latest")),
            ("reg:5000/a/b:2", Some("2")),
            ("localhost/x__y.z--a", Some("latest")),
            ("[::1]:5000/a", Some("latest")),
            (&format!("side@{digest}"), None),
            (&format!("side:latest@{digest}"), Some("latest")),
            ("", None),
            (" i ", None),
            ("A/b", Some("latest")),
            ("a/B", None),
            ("a:", None),
            ("a..b", None),
            ("a@sha256:12", None),
            (&digest[7..], None),
            ("ä", None),
        ] {
            assert_eq!(tag(reference), expected, "{reference}");
        }
    }
}
