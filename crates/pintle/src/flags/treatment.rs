//! What becomes of the flags that were given.

use super::{Component, FlagError, Given, Value, parse};

/// A flag that is served: its name, and how its value is put into the settings. An error says what is wrong with the value.
pub type Served<S> = (&'static str, fn(&mut S, &Value<'_>) -> Result<(), String>);

/// What a component does with its flags. What stands in neither list is not served yet.
pub struct Treatments<S: 'static> {
    /// Whose flags.
    pub component: Component,
    /// Those that take effect.
    pub served: &'static [&'static [Served<S>]],
    /// Those that mean nothing here, in groups, each with the reason.
    pub meaningless: &'static [(&'static str, &'static [&'static str])],
}

/// What becomes of one flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It takes effect.
    Served,
    /// It means nothing here, for that reason.
    Meaningless(&'static str),
    /// It would mean something, and does not yet.
    NotYet,
}

impl<S> Treatments<S> {
    /// What becomes of the flag of that name.
    pub fn of(&self, name: &str) -> Treatment {
        if self.setter(name).is_some() {
            return Treatment::Served;
        }
        let reason = self.meaningless.iter().find(|(_, names)| names.contains(&name));
        reason.map_or(Treatment::NotYet, |(reason, _)| Treatment::Meaningless(reason))
    }

    fn setter(&self, name: &str) -> Option<&Served<S>> {
        self.served
            .iter()
            .copied()
            .flatten()
            .find(|(served, _)| *served == name)
    }
}

/// Puts what was given into the settings, and gives the warnings that go to the log. A flag that is not served may be given
/// with its default value: then there is nothing to serve.
pub fn apply<S>(
    treatments: &Treatments<S>,
    given: &Given,
    settings: &mut S,
) -> Result<Vec<String>, FlagError> {
    let mut warnings = Vec::new();
    for value in given.iter() {
        let flag = value.flag.name;
        if let Some((_, set)) = treatments.setter(flag) {
            set(settings, &value).map_err(|reason| FlagError::Invalid {
                flag,
                value: value.texts.join(","),
                reason,
            })?;
            continue;
        }
        match treatments.of(flag) {
            Treatment::Meaningless(reason) => warnings.push(format!("--{flag} has no effect: {reason}")),
            Treatment::NotYet if !value.is_default() => {
                return Err(FlagError::NotServed {
                    flag,
                    component: treatments.component.name(),
                });
            }
            Treatment::NotYet | Treatment::Served => {}
        }
    }
    Ok(warnings)
}

/// Flags that say how a component reaches the API, or whether it may: inside one process there is nothing to say.
const OF_PROCESSES: [&str; 2] = ["kubeconfig", "master"];
/// Flags of ports that a component opens only in a process of its own. The API server has its own everywhere.
const OF_PORTS: [&str; 3] = ["bind-address", "secure-port", "healthz-port"];
const OF_ELECTIONS: &str = "leader-elect";

/// Gives the flags of one component of this process their effect, and says which have none.
pub fn pass<S>(
    treatments: &Treatments<S>,
    arguments: Vec<String>,
    settings: &mut S,
) -> Result<Vec<String>, FlagError> {
    let arguments = arguments.into_iter().map(|argument| format!("--{argument}"));
    let given = parse(treatments.component, arguments)?;
    let mut warnings = apply(treatments, &given, settings)?;
    let names = given.iter().map(|value| value.flag.name);
    let has_ports = treatments.component == Component::ApiServer;
    let idle = names.filter(|name| {
        OF_PROCESSES.contains(name)
            || name.starts_with(OF_ELECTIONS)
            || (!has_ports && OF_PORTS.contains(name))
    });
    warnings.extend(idle.map(|name| {
        format!(
            "--{name} of {} has no effect: the component is part of this process",
            treatments.component.name()
        )
    }));
    Ok(warnings)
}

/// For the tests of the tables: every name is a flag of the component, and stands in one place only.
#[cfg(test)]
pub(super) fn check_names<S>(treatments: &Treatments<S>) {
    use super::common::{OF_GO, OF_REQUESTS, OF_SERVING};
    let served = treatments.served.iter().copied().flatten().map(|(name, _)| *name);
    let meaningless = treatments
        .meaningless
        .iter()
        .flat_map(|(_, names)| *names)
        .copied();
    let mut seen = std::collections::BTreeSet::new();
    for name in served.chain(meaningless) {
        let shared = [OF_GO, OF_REQUESTS, OF_SERVING];
        let is_shared = shared.iter().any(|(_, names)| names.contains(&name));
        let flag = treatments.component.flag(name);
        assert!(
            is_shared || flag.is_some_and(|flag| flag.name == name),
            "--{name} is no flag of {}",
            treatments.component.name()
        );
        assert!(seen.insert(name), "--{name} stands in the tables twice");
    }
}
