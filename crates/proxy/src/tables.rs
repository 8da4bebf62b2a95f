//! The units of all Services, and what must be told nft when some of them change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddr;

use client::lean::ServiceKey;

use crate::config::Config;
use crate::family::TABLE;
use crate::plan::{ElementKey, Front, HealthCheck, Named, Unit, base};

/// Elements named in one statement.
const ELEMENTS_PER_STATEMENT: usize = 256;

/// The units of all Services.
///
/// Two Services may claim one element (an external address and port, say). The first by name has it; when it goes, the
/// next one gets it.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    units: BTreeMap<ServiceKey, Unit>,
    claims: BTreeMap<ElementKey, BTreeMap<ServiceKey, String>>,
}

impl Tables {
    /// Puts a Service's new unit in place of the old one, an empty one for none, and notes what changes.
    pub(crate) fn replace(&mut self, key: &ServiceKey, unit: Unit, transaction: &mut Transaction) {
        let old = self.units.remove(key).unwrap_or_default();
        transaction.udp_changed |= old.udp != unit.udp;
        let gone = old.udp.keys().filter(|front| !unit.udp.contains_key(front));
        transaction.old_fronts.extend(gone);
        transaction.health_changed |= old.health != unit.health;
        transaction.change_chains(&old.chains, &unit.chains);
        transaction.change_sets(&old.sets, &unit.sets);
        for element in old.elements.keys() {
            if !unit.elements.contains_key(element) {
                self.claim(element, key, None, transaction);
            }
        }
        for (element, verdict) in &unit.elements {
            if old.elements.get(element) != Some(verdict) {
                self.claim(element, key, Some(verdict), transaction);
            }
        }
        if !unit.is_empty() {
            self.units.insert(key.clone(), unit);
        }
    }

    fn claim(
        &mut self,
        element: &ElementKey,
        key: &ServiceKey,
        verdict: Option<&String>,
        transaction: &mut Transaction,
    ) {
        let claims = self.claims.entry(element.clone()).or_default();
        let before = claims.values().next().cloned();
        match verdict {
            Some(verdict) => claims.insert(key.clone(), verdict.clone()),
            None => claims.remove(key),
        };
        let after = claims.values().next().cloned();
        if claims.is_empty() {
            self.claims.remove(element);
        }
        transaction.change_element(element, before, after);
    }

    /// All of it, from nothing.
    pub(crate) fn whole(&self, config: &Config) -> String {
        let mut script = String::new();
        for statement in config.families().flat_map(|family| base(config, family)) {
            push(&mut script, &statement);
        }
        let mut transaction = Transaction::default();
        for unit in self.units.values() {
            transaction.change_chains(&BTreeMap::new(), &unit.chains);
            transaction.change_sets(&BTreeMap::new(), &unit.sets);
        }
        for (element, claims) in &self.claims {
            transaction.change_element(element, None, claims.values().next().cloned());
        }
        script.push_str(&transaction.script());
        script
    }

    /// The Services that are served.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ServiceKey> {
        self.units.keys()
    }

    /// The ports on which load balancers ask, with the Service they ask about.
    pub(crate) fn health_checks(&self) -> impl Iterator<Item = (&ServiceKey, HealthCheck)> {
        self.units
            .iter()
            .filter_map(|(key, unit)| Some((key, unit.health?)))
    }

    /// Where datagrams may go, by where they are sent.
    pub(crate) fn udp(&self) -> BTreeMap<Front, BTreeSet<SocketAddr>> {
        let mut all: BTreeMap<Front, BTreeSet<SocketAddr>> = BTreeMap::new();
        for (front, endpoints) in self.units.values().flat_map(|unit| &unit.udp) {
            all.entry(*front).or_default().extend(endpoints);
        }
        all
    }
}

#[derive(Debug, Default)]
struct ElementChange {
    before: Option<String>,
    after: Option<String>,
}

/// What must be told nft.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    new_sets: BTreeMap<Named, u32>,
    old_sets: BTreeSet<Named>,
    new_chains: BTreeSet<Named>,
    /// Chains that were there and have other rules now, or will be none.
    emptied_chains: BTreeSet<Named>,
    old_chains: BTreeSet<Named>,
    rules: BTreeMap<Named, Vec<String>>,
    elements: BTreeMap<ElementKey, ElementChange>,
    /// Whether datagrams may go elsewhere now.
    pub(crate) udp_changed: bool,
    /// Where datagrams were sent that now may go nowhere.
    pub(crate) old_fronts: BTreeSet<Front>,
    /// Whether what load balancers are told has changed.
    pub(crate) health_changed: bool,
}

impl Transaction {
    fn change_chains(&mut self, old: &BTreeMap<Named, Vec<String>>, new: &BTreeMap<Named, Vec<String>>) {
        for (name, rules) in new {
            match old.get(name) {
                Some(before) if before == rules => continue,
                Some(_) => self.emptied_chains.insert(name.clone()),
                None => self.new_chains.insert(name.clone()),
            };
            self.rules.insert(name.clone(), rules.clone());
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            self.emptied_chains.insert(name.clone());
            self.old_chains.insert(name.clone());
        }
    }

    /// A set's name says its length, so one that stays is the same.
    fn change_sets(&mut self, old: &BTreeMap<Named, u32>, new: &BTreeMap<Named, u32>) {
        let added = new.iter().filter(|(name, _)| !old.contains_key(*name));
        self.new_sets
            .extend(added.map(|(name, seconds)| (name.clone(), *seconds)));
        let removed = old.keys().filter(|name| !new.contains_key(*name));
        self.old_sets.extend(removed.cloned());
    }

    fn change_element(&mut self, element: &ElementKey, before: Option<String>, after: Option<String>) {
        // Several Services may touch it: what was before all of them counts, and what is after the last.
        self.elements
            .entry(element.clone())
            .or_insert_with(|| ElementChange { before, after: None })
            .after = after;
    }

    /// The statements, in an order in which nothing that is still pointed to is deleted; empty if nothing changes.
    pub(crate) fn script(&self) -> String {
        let mut script = String::new();
        for ((family, name), seconds) in &self.new_sets {
            let (word, address) = (family.word(), family.address_type());
            push(
                &mut script,
                &format!(
                    "add set {word} {TABLE} {name} \
                     {{ type {address} ; flags dynamic,timeout ; timeout {seconds}s ; }}"
                ),
            );
        }
        for (family, name) in &self.new_chains {
            push(
                &mut script,
                &format!("add chain {} {TABLE} {name}", family.word()),
            );
        }
        for (family, name) in &self.emptied_chains {
            push(
                &mut script,
                &format!("flush chain {} {TABLE} {name}", family.word()),
            );
        }
        let moved = || {
            self.elements
                .iter()
                .filter(|(_, change)| change.before != change.after)
        };
        let gone = moved().filter(|(_, change)| change.before.is_some());
        push_elements(&mut script, "delete", gone.map(|(element, _)| (element, "")));
        for ((family, name), rules) in &self.rules {
            for rule in rules {
                push(
                    &mut script,
                    &format!("add rule {} {TABLE} {name} {rule}", family.word()),
                );
            }
        }
        let come = moved().filter_map(|(element, change)| Some((element, change.after.as_deref()?)));
        push_elements(&mut script, "add", come);
        for (family, name) in &self.old_chains {
            push(
                &mut script,
                &format!("delete chain {} {TABLE} {name}", family.word()),
            );
        }
        for (family, name) in &self.old_sets {
            push(
                &mut script,
                &format!("delete set {} {TABLE} {name}", family.word()),
            );
        }
        script
    }
}

fn push(script: &mut String, statement: &str) {
    script.push_str(statement);
    script.push('\n');
}

/// One statement for many elements of a map; with an empty verdict, just the key.
fn push_elements<'a>(
    script: &mut String,
    verb: &str,
    elements: impl Iterator<Item = (&'a ElementKey, &'a str)>,
) {
    let mut groups: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (element, verdict) in elements {
        let mut text = element.key.clone();
        if !verdict.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, " : {verdict}");
        }
        groups
            .entry((element.family, element.map))
            .or_default()
            .push(text);
    }
    for ((family, map), texts) in groups {
        for some in texts.chunks(ELEMENTS_PER_STATEMENT) {
            push(
                script,
                &format!(
                    "{verb} element {} {TABLE} {} {{ {} }}",
                    family.word(),
                    map.name(),
                    some.join(", ")
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Family;
    use crate::plan::Map;

    fn key(name: &str) -> ServiceKey {
        ServiceKey {
            namespace: "a".into(),
            name: name.into(),
        }
    }

    /// A unit of one chain with that rule, and an element that leads to it.
    fn unit(chain: &str, rule: &str, element: &str) -> Unit {
        let mut unit = Unit::default();
        unit.chain(Family::V4, chain, vec![rule.to_owned()]);
        unit.element(
            Family::V4,
            Map::ServiceIps,
            element.to_owned(),
            format!("goto {chain}"),
        );
        unit
    }

    fn with_set(mut unit: Unit, name: &str) -> Unit {
        unit.sets.insert((Family::V4, name.to_owned()), 60);
        unit
    }

    #[track_caller]
    fn check(tables: &mut Tables, changes: Vec<(&str, Unit)>, expected: &[&str]) {
        let mut transaction = Transaction::default();
        for (name, unit) in changes {
            tables.replace(&key(name), unit, &mut transaction);
        }
        let script = transaction.script().replace("ip pintle-proxy ", "");
        assert_eq!(script.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_service_comes_changes_and_goes() {
        let mut tables = Tables::default();
        let first = || with_set(unit("svc", "goto x", "k"), "s1");
        check(
            &mut tables,
            vec![("one", first())],
            &[
                "add set s1 { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }",
                "add chain svc",
                "add rule svc goto x",
                "add element service-ips { k : goto svc }",
            ],
        );
        check(&mut tables, vec![("one", first())], &[]);
        let mut second = with_set(unit("svc", "goto y", "k"), "s2");
        second.chain(Family::V4, "y", vec!["drop".into()]);
        check(
            &mut tables,
            vec![("one", second)],
            &[
                "add set s2 { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }",
                "add chain y",
                "flush chain svc",
                "add rule svc goto y",
                "add rule y drop",
                "delete set s1",
            ],
        );
        check(
            &mut tables,
            vec![("one", Unit::default())],
            &[
                "flush chain svc",
                "flush chain y",
                "delete element service-ips { k }",
                "delete chain svc",
                "delete chain y",
                "delete set s2",
            ],
        );
        assert_eq!(tables.keys().count(), 0);
        assert!(tables.claims.is_empty());
    }

    #[test]
    fn an_element_moves_between_services_in_one_go() {
        let mut tables = Tables::default();
        check(
            &mut tables,
            vec![("b", unit("of-b", "drop", "k"))],
            &[
                "add chain of-b",
                "add rule of-b drop",
                "add element service-ips { k : goto of-b }",
            ],
        );
        check(
            &mut tables,
            vec![("b", Unit::default()), ("c", unit("of-c", "drop", "k"))],
            &[
                "add chain of-c",
                "flush chain of-b",
                "delete element service-ips { k }",
                "add rule of-c drop",
                "add element service-ips { k : goto of-c }",
                "delete chain of-b",
            ],
        );
    }

    #[test]
    fn two_that_claim_an_element_do_not_break_each_other() {
        let mut tables = Tables::default();
        check(
            &mut tables,
            vec![("b", unit("of-b", "drop", "k")), ("c", unit("of-c", "drop", "k"))],
            &[
                "add chain of-b",
                "add chain of-c",
                "add rule of-b drop",
                "add rule of-c drop",
                "add element service-ips { k : goto of-b }",
            ],
        );
        check(
            &mut tables,
            vec![("b", Unit::default())],
            &[
                "flush chain of-b",
                "delete element service-ips { k }",
                "add element service-ips { k : goto of-c }",
                "delete chain of-b",
            ],
        );
        check(
            &mut tables,
            vec![("c", Unit::default())],
            &[
                "flush chain of-c",
                "delete element service-ips { k }",
                "delete chain of-c",
            ],
        );
    }

    #[test]
    fn a_shared_element_that_stays_is_not_touched() {
        let mut tables = Tables::default();
        let own = |name: &str| {
            let mut unit = Unit::default();
            unit.element(Family::V4, Map::ClusterIps, "10.0.0.1".into(), "");
            unit.element(Family::V4, Map::ServiceIps, name.into(), "drop");
            unit
        };
        check(
            &mut tables,
            vec![("b", own("b")), ("c", own("c"))],
            &[
                "add element service-ips { b : drop, c : drop }",
                "add element cluster-ips { 10.0.0.1 }",
            ],
        );
        check(
            &mut tables,
            vec![("c", Unit::default())],
            &["delete element service-ips { c }"],
        );
    }

    #[test]
    fn the_whole_begins_with_a_new_table() {
        let mut tables = Tables::default();
        tables.replace(&key("one"), unit("svc", "drop", "k"), &mut Transaction::default());
        let config = Config::new("n", vec!["10.0.0.1".parse().unwrap()]);
        let script = tables.whole(&config);
        let lines: Vec<&str> = script.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "add table ip pintle-proxy",
                "delete table ip pintle-proxy",
                "add table ip pintle-proxy",
            ]
        );
        assert!(lines.contains(&"add element ip pintle-proxy nodeport-ips { 10.0.0.1 }"));
        assert_eq!(
            lines.last(),
            Some(&"add element ip pintle-proxy service-ips { k : goto svc }")
        );
        assert!(!script.contains("ip6"));
    }
}
