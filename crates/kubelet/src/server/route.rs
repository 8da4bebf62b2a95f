//! Paths: what they name, and which parts of a node's API access to them is a matter of.

use super::query::decoded;

/// A container of a pod, as a path names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    pub namespace: String,
    pub pod: String,
    /// If given, the pod must be this one.
    pub uid: Option<String>,
    /// Empty where a path names only a pod.
    pub container: String,
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    ContainerLogs(Target),
    Exec(Target),
    Attach(Target),
    PortForward(Target),
    Run(Target),
    Pods,
    RunningPods,
    StatsSummary,
    Metrics,
    MetricsResource,
    MetricsCadvisor,
    Healthz,
    /// Files of the node's logs: not served unless the node's configuration says so.
    NodeLogs,
    /// A snapshot of a container.
    Checkpoint,
    /// Nothing that is here.
    Unknown,
}

impl Route {
    /// Reads a path.
    pub fn parse(path: &str) -> Self {
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| decoded(part, false))
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts[..] {
            ["containerLogs", namespace, pod, container] => {
                Self::ContainerLogs(target(namespace, pod, None, container))
            }
            ["exec", ref rest @ ..] => with_container(rest, Self::Exec),
            ["attach", ref rest @ ..] => with_container(rest, Self::Attach),
            ["run", ref rest @ ..] => with_container(rest, Self::Run),
            ["portForward", namespace, pod] => Self::PortForward(target(namespace, pod, None, "")),
            ["portForward", namespace, pod, uid] => Self::PortForward(target(namespace, pod, Some(uid), "")),
            ["pods"] => Self::Pods,
            ["runningpods"] => Self::RunningPods,
            ["stats", "summary"] => Self::StatsSummary,
            ["metrics"] => Self::Metrics,
            ["metrics", "resource"] => Self::MetricsResource,
            ["metrics", "cadvisor"] => Self::MetricsCadvisor,
            ["healthz"] => Self::Healthz,
            ["logs", ..] => Self::NodeLogs,
            ["checkpoint", ..] => Self::Checkpoint,
            _ => Self::Unknown,
        }
    }
}

fn with_container(parts: &[&str], make: fn(Target) -> Route) -> Route {
    match *parts {
        [namespace, pod, container] => make(target(namespace, pod, None, container)),
        [namespace, pod, uid, container] => make(target(namespace, pod, Some(uid), container)),
        _ => Route::Unknown,
    }
}

fn target(namespace: &str, pod: &str, uid: Option<&str>, container: &str) -> Target {
    Target {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        uid: uid.map(str::to_owned),
        container: container.to_owned(),
    }
}

/// The subresources of nodes of which one must be allowed to use a path.
pub fn subresources(path: &str) -> &'static [&'static str] {
    let first = path.split('/').find(|part| !part.is_empty()).unwrap_or_default();
    match first {
        "stats" => &["stats"],
        "metrics" => &["metrics"],
        "logs" => &["log"],
        "checkpoint" => &["checkpoint"],
        "pods" | "runningpods" => &["pods", "proxy"],
        "healthz" => &["healthz", "proxy"],
        "configz" => &["configz", "proxy"],
        _ => &["proxy"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_containers() {
        let of = |uid: Option<&str>, container: &str| target("n", "p", uid, container);
        for (path, expected) in [
            ("/containerLogs/n/p/c", Route::ContainerLogs(of(None, "c"))),
            ("/exec/n/p/c", Route::Exec(of(None, "c"))),
            ("/exec/n/p/u/c", Route::Exec(of(Some("u"), "c"))),
            ("/attach/n/p/c", Route::Attach(of(None, "c"))),
            ("/portForward/n/p", Route::PortForward(of(None, ""))),
            ("/portForward/n/p/u", Route::PortForward(of(Some("u"), ""))),
            ("/run/n/p/c", Route::Run(of(None, "c"))),
            ("/exec/n/p", Route::Unknown),
            ("/runningpods/", Route::RunningPods),
            ("/stats/summary", Route::StatsSummary),
            ("/logs/", Route::NodeLogs),
            ("/", Route::Unknown),
        ] {
            assert_eq!(Route::parse(path), expected, "{path}");
        }
    }

    #[test]
    fn access_is_a_matter_of_the_first_part() {
        for (path, expected) in [
            ("/stats/summary", &["stats"][..]),
            ("/metrics/cadvisor", &["metrics"]),
            ("/pods", &["pods", "proxy"]),
            ("/exec/n/p/c", &["proxy"]),
            ("/statsx", &["proxy"]),
            ("/", &["proxy"]),
        ] {
            assert_eq!(subresources(path), expected, "{path}");
        }
    }
}
