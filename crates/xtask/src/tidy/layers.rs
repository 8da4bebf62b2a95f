//! Who may see whom.

use serde::Deserialize;

use super::Names;
use super::manifest::Manifest;
use super::sources::Rules;

/// `layers.toml`: the layers, lowest first.
#[derive(Deserialize)]
pub struct Layers {
    layer: Vec<Layer>,
}

/// Crates of one rank.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    name: String,
    /// Each sees those before it.
    crates: Names,
    /// The only libraries that a pure layer may use.
    libraries: Option<Names>,
    /// Crates that name no kind.
    #[serde(default)]
    nameless: Names,
    /// Crates of this layer do not see each other.
    #[serde(default)]
    strangers: bool,
    /// Crates of lower layers that are not seen.
    #[serde(default)]
    unseen: Names,
    /// These are programs, not libraries.
    #[serde(default)]
    program: bool,
}

impl Layers {
    /// Where the manifests do not keep to the layers.
    pub fn problems(&self, manifests: &[Manifest], read_me: &str) -> Vec<String> {
        let mut problems = Vec::new();
        for manifest in manifests {
            let name = &manifest.name;
            if !read_me.contains(&format!("| `{name}` |")) {
                problems.push(format!("{name}: has no line in crates/README.md"));
            }
            let Some(rank) = self.rank(name) else {
                problems.push(format!("{name}: stands in no layer of layers.toml"));
                continue;
            };
            problems.extend(manifest.dependencies.iter().filter_map(|dependency| {
                let reason = self.refusal(rank, dependency)?;
                Some(format!("{name}: may not use {dependency}: {reason}"))
            }));
        }
        problems
    }

    /// The rules for a crate's source text.
    pub fn rules_for<'a>(&self, name: &str, served_kinds: &'a [String]) -> Rules<'a> {
        let layer = self.rank(name).map(|(layer, _)| &self.layer[layer]);
        let is = |property: fn(&Layer) -> bool| layer.is_some_and(property);
        let nameless = layer.is_some_and(|layer| layer.nameless.iter().any(|other| other == name));
        Rules {
            pure: is(|layer| layer.libraries.is_some()),
            library: !is(|layer| layer.program),
            unnamed_kinds: if nameless { served_kinds } else { &[] },
        }
    }

    /// Layer and place in it.
    fn rank(&self, name: &str) -> Option<(usize, usize)> {
        self.layer.iter().enumerate().find_map(|(layer, of)| {
            let place = of.crates.iter().position(|other| other == name)?;
            Some((layer, place))
        })
    }

    /// Why a crate of that rank may not use another; none if it may.
    fn refusal(&self, (layer, place): (usize, usize), dependency: &str) -> Option<String> {
        let own = &self.layer[layer];
        let Some((other_layer, other_place)) = self.rank(dependency) else {
            let libraries = own.libraries.as_ref()?;
            let refused = !libraries.iter().any(|library| library == dependency);
            return refused.then(|| format!("not among the libraries of the layer {}", own.name));
        };
        if other_layer > layer {
            Some(format!(
                "it belongs to the higher layer {}",
                self.layer[other_layer].name
            ))
        } else if own.unseen.iter().any(|unseen| unseen == dependency) {
            Some(format!("the layer {} does not see it", own.name))
        } else if other_layer == layer && own.strangers {
            Some(format!(
                "crates of the layer {} are strangers to each other",
                own.name
            ))
        } else if other_layer == layer && other_place >= place {
            Some(format!("it stands after it in the layer {}", own.name))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const LAYERS: &str = r#"
        [[layer]]
        name = "pure"
        crates = ["words", "rules"]
        libraries = ["serde"]

        [[layer]]
        name = "server"
        crates = ["engine", "front"]
        nameless = ["front"]

        [[layer]]
        name = "components"
        crates = ["one", "two"]
        strangers = true
        unseen = ["engine"]

        [[layer]]
        name = "assembly"
        crates = ["program"]
        program = true
    "#;

    fn layers() -> Layers {
        toml::from_str(LAYERS).expect("the table above")
    }

    fn manifest(name: &str, dependency: &str) -> Manifest {
        Manifest {
            name: name.to_owned(),
            folder: PathBuf::from(name),
            dependencies: vec![dependency.to_owned()],
            inherits_lints: true,
        }
    }

    #[test]
    fn a_crate_sees_only_what_is_below() {
        for (name, dependency, refusal) in [
            ("rules", "words", None),
            ("front", "engine", None),
            ("front", "tokio", None),
            ("one", "front", None),
            ("program", "two", None),
            ("rules", "serde", None),
            (
                "rules",
                "tokio",
                Some("not among the libraries of the layer pure"),
            ),
            ("words", "rules", Some("it stands after it in the layer pure")),
            ("words", "engine", Some("it belongs to the higher layer server")),
            ("one", "engine", Some("the layer components does not see it")),
            (
                "two",
                "one",
                Some("crates of the layer components are strangers to each other"),
            ),
        ] {
            let expected: Vec<String> = refusal
                .map(|reason| format!("{name}: may not use {dependency}: {reason}"))
                .into_iter()
                .collect();
            let read_me = format!("| `{name}` | something |");
            assert_eq!(
                layers().problems(&[manifest(name, dependency)], &read_me),
                expected
            );
        }
    }

    #[test]
    fn every_crate_has_a_place_and_a_line() {
        let problems = layers().problems(&[manifest("lost", "serde")], "");
        assert_eq!(
            problems,
            [
                "lost: has no line in crates/README.md",
                "lost: stands in no layer of layers.toml",
            ]
        );
    }

    #[test]
    fn rules_follow_the_layer() {
        let kinds = ["Pod".to_owned()];
        for (name, pure, library, unnamed) in [
            ("words", true, true, 0),
            ("engine", false, true, 0),
            ("front", false, true, 1),
            ("program", false, false, 0),
        ] {
            let rules = layers().rules_for(name, &kinds);
            let found = (rules.pure, rules.library, rules.unnamed_kinds.len());
            assert_eq!(found, (pure, library, unnamed), "{name}");
        }
    }
}
