//! Addresses and names of the network.

use meta::name::{parse_cidr, parse_ip};

pub(super) fn is_ipv4(text: &str) -> bool {
    text.contains('.') && (parse_ip(text).is_some())
}

pub(super) fn is_ipv6(text: &str) -> bool {
    text.contains(':') && text.parse::<std::net::Ipv6Addr>().is_ok()
}

pub(super) fn is_cidr(text: &str) -> bool {
    parse_cidr(text).is_some()
}

/// Six, eight or twenty bytes, each by itself, two together, or all.
pub(super) fn is_mac(text: &str) -> bool {
    if !text.contains([':', '-', '.']) {
        return matches!(text.len(), 12 | 16 | 40) && super::is_hex(text);
    }
    let (separator, digits) = match text.chars().nth(2) {
        Some(separator @ (':' | '-')) => (separator, 2),
        _ => ('.', 4),
    };
    let groups: Vec<&str> = text.split(separator).collect();
    let bytes = groups.len() * digits / 2;
    matches!(bytes, 6 | 8 | 20)
        && groups
            .iter()
            .all(|group| group.len() == digits && super::is_hex(group))
}

/// What a request line may name: an absolute path, or a URI with a scheme.
pub(super) fn is_request_uri(text: &str) -> bool {
    let is_bad = |c: char| c.is_ascii_control() || c == ' ';
    if text.is_empty() || text.contains(is_bad) || !has_good_escapes(text) {
        return false;
    }
    if text.starts_with('/') || text == "*" {
        return true;
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let authority = rest
        .strip_prefix("//")
        .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    is_scheme && authority.is_none_or(is_authority)
}

/// A percent sign is followed by two hexadecimal digits.
fn has_good_escapes(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|rest| rest.get(..2).is_some_and(super::is_hex))
}

fn is_authority(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (name, port),
            None => return false,
        },
        None => match host.find(':') {
            Some(colon) => host.split_at(colon),
            None => (host, ""),
        },
    };
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|c| c.is_ascii_digit()));
    is_port && !name.contains(['<', '>', '"', '\\', '^', '`', '{', '|', '}', '[', ']'])
}

/// An address as mail headers have it, with or without a name before it.
pub(super) fn is_email(text: &str) -> bool {
    let text = text.trim();
    let address = match text.strip_suffix('>') {
        Some(before) => match before.rsplit_once('<') {
            Some((_, address)) => address,
            None => return false,
        },
        None => text,
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    is_local(local) && is_domain(domain)
}

fn is_local(local: &str) -> bool {
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(quoted) => !quoted.contains('"'),
        None => is_dotted(local),
    }
}

fn is_domain(domain: &str) -> bool {
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match literal {
        Some(literal) => {
            let address = literal.strip_prefix("IPv6:").unwrap_or(literal);
            parse_ip(address).is_some()
        }
        None => is_dotted(domain),
    }
}

/// Words of RFC 5322 with dots between them.
fn is_dotted(text: &str) -> bool {
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    text.split('.')
        .all(|word| !word.is_empty() && word.chars().all(is_atom))
}

/// A host's name. Letters of any alphabet and symbols may be in it; a dotted one ends in letters.
pub(super) fn is_hostname(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || is_symbol(c);
    let is_word = |word: &str| {
        !word.is_empty()
            && word.len() <= 63
            && word.chars().all(|c| is_plain(c) || c == '-')
            && word.starts_with(is_plain)
            && word.ends_with(is_plain)
    };
    if text.len() > 255 {
        return false;
    }
    match text.rsplit_once('.') {
        // A name without dots has one dash at most, after its first character.
        None => is_word(text) && !text.chars().skip(2).any(|c| c == '-'),
        Some((names, top)) => {
            let is_top = (2..=63).contains(&top.chars().count()) && top.chars().all(char::is_alphabetic);
            is_top && top.len() <= 63 && names.split('.').all(is_word)
        }
    }
}

/// What stands for an image or sign rather than for a letter.
fn is_symbol(c: char) -> bool {
    matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' | '\u{a2}'..='\u{a9}' | '\u{2030}'..='\u{2bff}')
        || ('\u{1f000}'..='\u{1faff}').contains(&c)
}
