//! What `--help` of a component prints: every flag, and what becomes of it.

use std::fmt::Write;

use super::{Component, Kind, Treatment, apiserver, controller_manager, kubelet, proxy, scheduler};

/// The text.
pub fn text(component: Component) -> String {
    let mut text = format!("Usage: {} [flags]\n\nFlags:\n", component.name());
    for flag in component.flags() {
        let value = value(flag.kind);
        let left = format!("--{}{value}", flag.name);
        let default = match flag.default {
            "" => String::new(),
            default => format!(" (default {default})"),
        };
        let note = match treatment(component, flag.name) {
            Treatment::Served => String::new(),
            Treatment::Meaningless(reason) => format!("  no effect: {reason}"),
            Treatment::NotYet => String::from("  not served yet"),
        };
        // Writing into a text cannot fail.
        let _ = writeln!(text, "      {left}{default}{note}");
    }
    text
}

fn value(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "",
        Kind::Integer => " int",
        Kind::Float => " float",
        Kind::Duration => " duration",
        Kind::Ip => " ip",
        Kind::List => " strings",
        Kind::Repeated => " stringArray",
        Kind::Map => " key=value,...",
        Kind::Text => " string",
    }
}

fn treatment(component: Component, flag: &str) -> Treatment {
    match component {
        Component::ApiServer => apiserver::TREATMENTS.of(flag),
        Component::ControllerManager => controller_manager::TREATMENTS.of(flag),
        Component::Scheduler => scheduler::TREATMENTS.of(flag),
        Component::Kubelet => kubelet::TREATMENTS.of(flag),
        Component::Proxy => proxy::TREATMENTS.of(flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_told_of() {
        let text = text(Component::ApiServer);
        assert!(text.contains("--secure-port int (default 6443)\n"), "{text}");
        assert!(text.contains("--profiling (default true)  no effect: "), "{text}");
        assert!(
            text.contains("--etcd-servers-overrides strings  not served yet\n"),
            "{text}"
        );
    }
}
