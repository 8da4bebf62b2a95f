//! What an operation's description says: a phrase made of the action, the kind and the part of the object concerned.

use super::operation::Method;

/// About whole objects of a kind. `watches` if its lists can be watched.
pub(super) fn object(action: &str, kind: &str, watches: bool) -> String {
    let a = article(kind);
    match action {
        "list" if watches => format!("list or watch objects of kind {kind}"),
        "list" => format!("list objects of kind {kind}"),
        "post" => format!("create {a}{kind}"),
        "delete" => format!("delete {a}{kind}"),
        "deletecollection" => format!("delete collection of {kind}"),
        "get" => format!("read the specified {kind}"),
        "put" => format!("replace the specified {kind}"),
        "patch" => format!("partially update the specified {kind}"),
        "watch" => format!(
            "watch changes to an object of kind {kind}. deprecated: use the 'watch' parameter with a list operation instead, \
             filtered to a single item with the 'fieldSelector' parameter."
        ),
        _ => format!(
            "watch individual changes to a list of {kind}. deprecated: use the 'watch' parameter with a list operation \
             instead."
        ),
    }
}

/// About a subresource of an object.
pub(super) fn part(action: &str, part: &str, kind: &str) -> String {
    match action {
        "get" => format!("read {part} of the specified {kind}"),
        "put" => format!("replace {part} of the specified {kind}"),
        "patch" => format!("partially update {part} of the specified {kind}"),
        _ => format!("create {part} of {}{kind}", article(kind)),
    }
}

/// About streams to where an object runs.
pub(super) fn connection(method: Method, part: &str, kind: &str) -> String {
    let method = method.as_str().to_ascii_uppercase();
    format!("connect {method} requests to {part} of {kind}")
}

/// `a `, `an `, or nothing before what is many (`Endpoints`).
fn article(kind: &str) -> &'static str {
    let is_many = kind.ends_with('s') && !kind.ends_with("ss");
    match kind.chars().next() {
        _ if is_many => "",
        Some('A' | 'E' | 'I' | 'O' | 'U') => "an ",
        _ => "a ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_in_phrases() {
        assert_eq!(object("post", "Ingress", true), "create an Ingress");
        assert_eq!(object("delete", "Pod", true), "delete a Pod");
        assert_eq!(object("delete", "Endpoints", true), "delete Endpoints");
        assert_eq!(
            object("list", "ComponentStatus", false),
            "list objects of kind ComponentStatus"
        );
        assert_eq!(
            part("patch", "scale", "Deployment"),
            "partially update scale of the specified Deployment"
        );
        assert_eq!(
            part("post", "token", "ServiceAccount"),
            "create token of a ServiceAccount"
        );
        assert_eq!(
            connection(Method::Head, "proxy", "Node"),
            "connect HEAD requests to proxy of Node"
        );
    }
}
