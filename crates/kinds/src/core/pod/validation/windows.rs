//! Rules for what is particular to Windows: accounts, and containers that are processes of the host.

use serde_json::Value;

use super::each_container;
use crate::toolkit::Field;
use crate::toolkit::columns::at;

/// Rights of a Windows container.
pub fn windows_options(options: &Field) {
    let name = options.child("gmsaCredentialSpecName");
    if name.is_set() {
        name.dns_subdomain();
    }
    let spec = options.child("gmsaCredentialSpec");
    if spec.is_set() {
        if spec.is_empty() {
            spec.invalid("gmsaCredentialSpec cannot be an empty string");
        } else if spec.text().len() > MAX_GMSA_BYTES {
            spec.invalid("gmsaCredentialSpec size must be under 64 KiB");
        }
    }
    let user = options.child("runAsUserName");
    if user.is_set() {
        windows_user(&user);
    }
}

const MAX_GMSA_BYTES: usize = 64 * 1024;

const MAX_DOMAIN: usize = 256;
const MAX_USER: usize = 104;

/// `[DOMAIN\\]USER`.
fn windows_user(name: &Field) {
    let text = name.text();
    if text.is_empty() {
        return name.invalid("runAsUserName cannot be an empty string");
    }
    if text.bytes().any(|b| b.is_ascii_control()) {
        return name.invalid("runAsUserName cannot contain control characters");
    }
    let parts: Vec<&str> = text.split('\\').collect();
    match parts[..] {
        [of] => user(name, of),
        [of, user_of] => {
            domain(name, of);
            user(name, user_of);
        }
        _ => name.invalid("runAsUserName cannot contain more than one backslash"),
    }
}

fn domain(name: &Field, domain: &str) {
    if domain.len() >= MAX_DOMAIN {
        name.invalid("runAsUserName's Domain length must be under 256 characters");
    }
    if !is_net_bios(domain) && !is_dns(domain) {
        name.invalid("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
    }
}

/// A NetBIOS name: at most 15 characters, none of those that mean something in paths, no dot in front.
fn is_net_bios(domain: &str) -> bool {
    let count = domain.chars().count();
    (1..=15).contains(&count)
        && !domain.starts_with('.')
        && !domain.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|'])
}

/// A DNS name, of either case.
fn is_dns(domain: &str) -> bool {
    domain.split('.').all(|label| {
        let bytes = label.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && bytes[0] != b'-'
            && bytes[bytes.len() - 1] != b'-'
    })
}

fn user(name: &Field, user: &str) {
    if user.is_empty() {
        name.invalid("runAsUserName's User cannot be empty");
    } else if user.len() > MAX_USER {
        name.invalid("runAsUserName's User length must not be longer than 104 characters");
    }
    if !user.is_empty() && user.bytes().all(|b| b == b'.' || b == b' ') {
        name.invalid("runAsUserName's User cannot contain only periods or spaces");
    }
    if user.contains([
        '"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']',
    ]) {
        name.invalid("runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
    }
}

/// Containers that are processes of a Windows host.
pub fn host_process(spec: &Field) {
    const FIELD: [&str; 3] = ["securityContext", "windowsOptions", "hostProcess"];
    let of_pod = spec
        .value()
        .and_then(|spec| at(spec, &FIELD))
        .and_then(Value::as_bool);
    let (mut all, mut on_host) = (0, 0);
    each_container(spec, |container| {
        let context = container.child(FIELD[0]);
        let options = context.child(FIELD[1]);
        let own = options.child(FIELD[2]);
        if let (Some(of_pod), Some(is)) = (of_pod, own.bool())
            && of_pod != is
        {
            let complaint =
                format!("pod hostProcess value must be identical if both are specified, was {of_pod}");
            own.invalid(&complaint);
        }
        all += 1;
        on_host += usize::from(own.bool().or(of_pod) == Some(true));
    });
    if on_host == 0 {
        return;
    }
    if on_host != all {
        spec.invalid_as(
            "",
            "If pod contains any hostProcess containers then all containers must be HostProcess containers",
        );
    }
    let network = spec.child("hostNetwork");
    if !network.is_true() {
        network.invalid_as(
            false,
            "hostNetwork must be true if pod contains any hostProcess containers",
        );
    }
}
