//! Upstream's flags: what each component of Kubernetes takes, and what of it has a meaning here.
//!
//! [`parse`] reads a command line as upstream's programs read theirs; [`treatment`] says what becomes of each flag: it is
//! served, it means nothing here (a warning), or it is not served yet (an error). The tables of what is served stand in a
//! file for each component.

pub mod apiserver;
pub mod audit;
mod common;
pub mod controller_manager;
pub mod election;
mod health;
#[rustfmt::skip]
mod generated;
pub mod help;
pub mod kubelet;
mod parse;
pub mod proxy;
pub mod scheduler;
mod treatment;
mod value;

pub use parse::{Given, parse};
pub use treatment::{Served, Treatment, Treatments, apply, pass};
pub use value::{Value, duration};

/// A component of Kubernetes that is a program of its own upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The API server.
    ApiServer,
    /// The controllers.
    ControllerManager,
    /// The scheduler.
    Scheduler,
    /// The node agent.
    Kubelet,
    /// The service proxy.
    Proxy,
}

impl Component {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ApiServer,
        Self::ControllerManager,
        Self::Scheduler,
        Self::Kubelet,
        Self::Proxy,
    ];

    /// The name of upstream's program.
    pub fn name(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
            Self::Proxy => "kube-proxy",
        }
    }

    /// The component of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|component| component.name() == name)
    }

    /// Its flags: upstream's, then those that only pintle has.
    pub fn flags(self) -> impl Iterator<Item = &'static Flag> {
        let (upstream, own) = match self {
            Self::ApiServer => (generated::KUBE_APISERVER, apiserver::OWN),
            Self::ControllerManager => (generated::KUBE_CONTROLLER_MANAGER, NONE),
            Self::Scheduler => (generated::KUBE_SCHEDULER, NONE),
            Self::Kubelet => (generated::KUBELET, NONE),
            Self::Proxy => (generated::KUBE_PROXY, NONE),
        };
        upstream.iter().chain(own)
    }

    /// The flag of that name. Underscores count as dashes, as upstream has it.
    pub fn flag(self, name: &str) -> Option<&'static Flag> {
        let name = name.replace('_', "-");
        self.flags().find(|flag| flag.name == name)
    }
}

const NONE: &[Flag] = &[];

/// A flag.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its name, without dashes before it.
    pub name: &'static str,
    /// How its values are read.
    pub kind: Kind,
    /// Upstream's default as it would be written on a command line; empty if it is the kind's own (`false`, 0, nothing).
    pub default: &'static str,
    /// Upstream would rather see it in a configuration file.
    pub deprecated: bool,
}

/// How the values of a flag are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; the name alone means true.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `1m30s`.
    Duration,
    /// An address.
    Ip,
    /// Values between commas; given again, there are more.
    List,
    /// One value each time it is given.
    Repeated,
    /// `key=value` between commas.
    Map,
    /// Any text.
    Text,
}

const fn flag(name: &'static str, kind: Kind, default: &'static str) -> Flag {
    Flag {
        name,
        kind,
        default,
        deprecated: false,
    }
}

const fn deprecated(name: &'static str, kind: Kind, default: &'static str) -> Flag {
    Flag {
        deprecated: true,
        ..flag(name, kind, default)
    }
}

/// Why a component's command line is refused. Where upstream's programs refuse the same, the words are theirs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// There is no such flag.
    #[error("unknown flag: --{0}")]
    Unknown(String),
    /// There is no flag of that letter.
    #[error("unknown shorthand flag: '{letter}' in -{word}")]
    UnknownLetter {
        /// The letter.
        letter: char,
        /// What it was read in.
        word: String,
    },
    /// The value is missing.
    #[error("flag needs an argument: --{0}")]
    NoValue(String),
    /// The value cannot be read.
    #[error("invalid argument {value:?} for \"--{flag}\" flag: {reason}")]
    Invalid {
        /// The flag.
        flag: &'static str,
        /// What was given.
        value: String,
        /// Why not.
        reason: String,
    },
    /// A word that is no flag.
    #[error("{component:?} does not take any arguments, got [{word:?}]")]
    Word {
        /// The word.
        word: String,
        /// The program's name.
        component: &'static str,
    },
    /// Values that do not go together.
    #[error("{0}")]
    Together(String),
    /// A variable of the environment cannot be read.
    #[error("{0}")]
    Environment(String),
    /// The flag exists upstream and would change something here, but does not yet.
    #[error("--{flag} of {component} is not served by pintle yet")]
    NotServed {
        /// The flag.
        flag: &'static str,
        /// The program's name.
        component: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_found_by_name() {
        let port = Component::ApiServer.flag("secure_port").expect("there");
        assert_eq!(
            (port.name, port.kind, port.default),
            ("secure-port", Kind::Integer, "6443")
        );
        assert!(
            Component::Kubelet
                .flag("max-pods")
                .is_some_and(|flag| flag.deprecated)
        );
        assert_eq!(Component::Scheduler.flag("nonsense"), None);
        assert_eq!(Component::named("kube-proxy"), Some(Component::Proxy));
        assert_eq!(Component::named("kubectl"), None);
    }

    #[test]
    fn no_component_has_a_flag_twice() {
        for component in Component::ALL {
            let mut names: Vec<_> = component.flags().map(|flag| flag.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", component.name());
        }
    }
}
