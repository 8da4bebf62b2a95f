//! Rules for name resolution in a pod.

use meta::name as names;

use crate::toolkit::Field;

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARACTERS: usize = 2048;

/// Who answers.
pub fn policy(policy: &Field) {
    policy.one_of(&["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]);
}

/// What the pod says itself.
pub fn config(spec: &Field) {
    let (policy, config) = (spec.child("dnsPolicy"), spec.child("dnsConfig"));
    let (servers, searches) = (config.child("nameservers"), config.child("searches"));
    if policy.text() == "None" {
        if !config.is_set() {
            return config.required("must provide `dnsConfig` when `dnsPolicy` is None");
        }
        if servers.is_empty() {
            return servers.required("must provide at least one DNS nameserver when `dnsPolicy` is None");
        }
    }
    if servers.len() > MAX_NAMESERVERS {
        servers.invalid("must not have more than 3 nameservers");
    }
    for server in servers.items() {
        server.ip_address();
    }
    if searches.len() > MAX_SEARCHES {
        searches.invalid("must not have more than 32 search paths");
    }
    let characters: usize = searches.texts().map(|search| search.len() + 1).sum();
    if characters > MAX_SEARCH_CHARACTERS + 1 {
        searches.invalid("must not have more than 2048 characters (including spaces) in the search list");
    }
    for search in searches.items() {
        let text = search.text();
        if text != "." {
            let text = text.strip_suffix('.').unwrap_or(text);
            for complaint in names::dns1123_subdomain_with_underscore(text) {
                search.invalid_as(text, &complaint);
            }
        }
    }
    for option in config.child("options").items() {
        if option.text_of("name").is_empty() {
            option.required("must not be empty");
        }
    }
}

/// Names for the hosts file.
pub fn host_aliases(aliases: &Field) {
    for alias in aliases.items() {
        alias.child("ip").ip_address();
        for name in alias.child("hostnames").items() {
            name.dns_subdomain();
        }
    }
}
