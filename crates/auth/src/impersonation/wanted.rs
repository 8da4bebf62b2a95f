//! Whom the headers of a request ask to act as.

use std::collections::BTreeMap;

use http::HeaderMap;
use meta::Status;
use meta::quote::quote;

use crate::percent;

const USER: &str = "impersonate-user";
const UID: &str = "impersonate-uid";
const GROUP: &str = "impersonate-group";
const EXTRA_PREFIX: &str = "impersonate-extra-";

/// The user a request wants to be taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedUser {
    /// Name; never empty.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Further facts.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Whether a header of that name is about impersonation; none of them may reach those behind this server.
pub fn is_impersonation_header(header: &str) -> bool {
    matches!(header, USER | UID | GROUP) || header.starts_with(EXTRA_PREFIX)
}

impl WantedUser {
    /// Reads the headers; none if they ask for nobody. It is an error to ask for parts of a user without a name.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Status> {
        let first = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let mut wanted = Self {
            name: first(USER).to_owned(),
            uid: first(UID).to_owned(),
            ..Self::default()
        };
        for (header, value) in headers {
            let Ok(value) = value.to_str() else { continue };
            if header == GROUP {
                wanted.groups.push(value.to_owned());
            } else if let Some(key) = header.as_str().strip_prefix(EXTRA_PREFIX) {
                let values = wanted.extra.entry(percent::decode(key)).or_default();
                values.push(value.to_owned());
            }
        }
        if !wanted.name.is_empty() {
            Ok(Some(wanted))
        } else if wanted == Self::default() {
            Ok(None)
        } else {
            Err(Status::bad_request(format!(
                "requested {} without impersonating a user name",
                wanted.as_upstream_shows_it()
            )))
        }
    }

    /// Whether nothing but a name is wanted.
    pub(super) fn is_name_only(&self) -> bool {
        self.uid.is_empty() && self.groups.is_empty() && self.extra.is_empty()
    }

    /// The node, if a kubelet is wanted.
    pub(super) fn node(&self) -> Option<&str> {
        self.name
            .strip_prefix("system:node:")
            .filter(|node| !node.is_empty())
    }

    /// Namespace and name, if a service account is wanted.
    pub(super) fn service_account(&self) -> Option<(&str, &str)> {
        let (namespace, name) = self
            .name
            .strip_prefix("system:serviceaccount:")?
            .split_once(':')?;
        let good = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
        good.then_some((namespace, name))
    }

    /// Clients get to see this in the form of a Go struct.
    fn as_upstream_shows_it(&self) -> String {
        let list = |values: &[String]| {
            let quoted: Vec<String> = values.iter().map(|value| quote(value)).collect();
            format!("[]string{{{}}}", quoted.join(", "))
        };
        let groups = if self.groups.is_empty() {
            String::from("[]string(nil)")
        } else {
            list(&self.groups)
        };
        let extra = if self.extra.is_empty() {
            String::from("map[string][]string(nil)")
        } else {
            let pairs: Vec<String> = (self.extra.iter())
                .map(|(key, values)| format!("{}:{}", quote(key), list(values)))
                .collect();
            format!("map[string][]string{{{}}}", pairs.join(", "))
        };
        format!(
            "&user.DefaultInfo{{Name:\"\", UID:{}, Groups:{groups}, Extra:{extra}}}",
            quote(&self.uid)
        )
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Result<Option<WantedUser>, String> {
        let mut map = HeaderMap::new();
        for &(name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().expect("a header"));
        }
        WantedUser::from_headers(&map).map_err(|status| status.message)
    }

    #[test]
    fn a_user_needs_a_name() {
        let without = |shown: &str| Err(format!("requested {shown} without impersonating a user name"));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("impersonate-user", "")]), Ok(None));
        assert_eq!(read(&[("impersonate-nothing", "x")]), Ok(None));
        assert_eq!(
            read(&[("impersonate-group", "g")]),
            without(
                r#"&user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)}"#
            )
        );
        assert_eq!(
            read(&[("impersonate-uid", "u")]),
            without(
                r#"&user.DefaultInfo{Name:"", UID:"u", Groups:[]string(nil), Extra:map[string][]string(nil)}"#
            )
        );
        assert_eq!(
            read(&[("impersonate-extra-scopes", "s")]),
            without(
                r#"&user.DefaultInfo{Name:"", UID:"", Groups:[]string(nil), Extra:map[string][]string{"scopes":[]string{"s"}}}"#
            )
        );
    }

    #[test]
    fn everything_about_the_user_is_read() {
        let user = read(&[
            ("impersonate-user", "bob"),
            ("impersonate-uid", "7"),
            ("impersonate-group", "g1"),
            ("impersonate-group", "g2"),
            ("impersonate-extra-example.com%2fscopes", "a"),
            ("impersonate-extra-example.com%2fscopes", "b"),
        ]);
        let strings = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
        assert_eq!(
            user,
            Ok(Some(WantedUser {
                name: String::from("bob"),
                uid: String::from("7"),
                groups: strings(["g1", "g2"]),
                extra: [(String::from("example.com/scopes"), strings(["a", "b"]))].into(),
            }))
        );
    }
}
