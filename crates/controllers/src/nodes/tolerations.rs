//! How long pods bear taints.

use std::time::Duration;

use client::k8s_openapi::api::core::v1::Taint;
use client::lean::Pod;

use crate::node_fit::tolerates;

/// How long a pod bears some taints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bears {
    /// It does not.
    Not,
    /// That long.
    For(Duration),
    /// For ever.
    Forever,
}

/// How long a pod bears all of the taints that evict: the shortest of what it says about any.
pub(super) fn bears(pod: &Pod, taints: &[Taint]) -> Bears {
    let tolerations = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.tolerations.as_deref())
        .unwrap_or_default();
    let mut shortest = Bears::Forever;
    for taint in taints.iter().filter(|taint| taint.effect == "NoExecute") {
        let mut matching = tolerations
            .iter()
            .filter(|toleration| tolerates(toleration, taint))
            .peekable();
        if matching.peek().is_none() {
            return Bears::Not;
        }
        let limits = matching.filter_map(|toleration| toleration.toleration_seconds);
        if let Some(seconds) = limits.min() {
            let limit = Duration::from_secs(seconds.max(0) as u64);
            shortest = match shortest {
                Bears::For(other) => Bears::For(other.min(limit)),
                _ => Bears::For(limit),
            };
        }
    }
    shortest
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::Toleration;
    use client::lean::PodTemplate;

    use super::*;

    fn taint(key: &str) -> Taint {
        Taint {
            key: key.into(),
            effect: "NoExecute".into(),
            ..Taint::default()
        }
    }

    fn check(tolerations: &[(&str, Option<i64>)], taints: &[&str], expected: Bears) {
        let toleration = |&(key, seconds): &(&str, Option<i64>)| Toleration {
            key: Some(key.into()),
            operator: Some("Exists".into()),
            toleration_seconds: seconds,
            ..Toleration::default()
        };
        let spec = PodTemplate {
            tolerations: Some(tolerations.iter().map(toleration).collect()),
            ..PodTemplate::default()
        };
        let pod = Pod {
            spec: Some(spec.into()),
            ..Pod::default()
        };
        let taints: Vec<_> = taints.iter().map(|key| taint(key)).collect();
        assert_eq!(bears(&pod, &taints), expected, "{tolerations:?} {taints:?}");
    }

    #[test]
    fn the_shortest_patience_counts() {
        check(&[], &["a"], Bears::Not);
        check(&[], &[], Bears::Forever);
        check(&[("a", None)], &["a"], Bears::Forever);
        check(
            &[("a", Some(30)), ("b", Some(5))],
            &["a", "b"],
            Bears::For(Duration::from_secs(5)),
        );
        check(&[("a", Some(30))], &["a", "b"], Bears::Not);
    }
}
