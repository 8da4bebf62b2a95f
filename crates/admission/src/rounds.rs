//! Two rounds of changes: where somebody from outside has changed an object, all plugins see it once more, and so do those
//! from outside who want to see what others made of it after them.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// How far the changing of one object has come.
#[derive(Debug, Default)]
pub struct Rounds {
    is_second: bool,
    /// Whether there is reason for a second round.
    is_wanted: bool,
    /// What each plugin remembers, by its name.
    of_plugins: HashMap<&'static str, Asked>,
}

/// Whom a plugin has asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Those that want to see later changes, and have seen all up to now.
    before: HashSet<String>,
    /// Those of them that have something new to see.
    again: HashSet<String>,
    /// The object as it was when the plugin was done with it.
    last: Option<Value>,
}

impl Rounds {
    /// Begins the second round, if there is reason for one.
    pub(crate) fn begin_second(&mut self) -> bool {
        self.is_second = self.is_wanted && !self.is_second;
        self.is_second
    }

    /// Whether this is the second round.
    pub(crate) fn is_second(&self) -> bool {
        self.is_second
    }

    /// A plugin begins its part of a round. What others have changed since its last part, everybody it has asked is to see.
    pub(crate) fn enter(&mut self, plugin: &'static str, object: Option<&Value>) {
        let is_second = self.is_second;
        let asked = self.of_plugins.entry(plugin).or_default();
        if is_second && asked.last.as_ref() != object {
            asked.show_again();
        }
    }

    /// Whether somebody is to be asked in this round.
    pub(crate) fn is_due(&self, plugin: &'static str, id: &str) -> bool {
        let again = || {
            self.of_plugins
                .get(plugin)
                .is_some_and(|asked| asked.again.contains(id))
        };
        !self.is_second || again()
    }

    /// Somebody was asked. If they changed the object, it is to be seen again by those who were asked before.
    pub(crate) fn asked(&mut self, plugin: &'static str, id: &str, changed: bool, wants_to_see_more: bool) {
        let asked = self.of_plugins.entry(plugin).or_default();
        if changed {
            asked.show_again();
            self.is_wanted = true;
        }
        if wants_to_see_more {
            asked.before.insert(id.to_owned());
        }
    }

    /// A plugin is done with its part of the round.
    pub(crate) fn leave(&mut self, plugin: &'static str, object: Option<&Value>) {
        if !self.is_second && self.is_wanted {
            self.of_plugins.entry(plugin).or_default().last = object.cloned();
        }
    }
}

impl Asked {
    fn show_again(&mut self) {
        self.again.extend(self.before.drain());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_was_asked_before_a_change_sees_it() {
        let object = json!({"a": 1});
        let mut rounds = Rounds::default();
        rounds.enter("p", Some(&object));
        rounds.asked("p", "curious", false, true);
        rounds.asked("p", "content", false, false);
        rounds.asked("p", "changer", true, true);
        rounds.leave("p", Some(&object));
        assert!(rounds.begin_second());
        rounds.enter("p", Some(&object));
        let due = ["curious", "content", "changer"].map(|id| rounds.is_due("p", id));
        assert_eq!(due, [true, false, false]);
        assert!(!rounds.begin_second(), "there are no more than two");
    }

    #[test]
    fn what_other_plugins_changed_afterwards_is_new_to_everybody() {
        let (object, later) = (json!({"a": 1}), json!({"a": 2}));
        let mut rounds = Rounds::default();
        rounds.enter("p", Some(&object));
        rounds.asked("p", "changer", true, true);
        rounds.leave("p", Some(&object));
        assert!(rounds.begin_second());
        rounds.enter("p", Some(&later));
        assert!(rounds.is_due("p", "changer"));
    }

    #[test]
    fn without_a_change_there_is_one_round() {
        let mut rounds = Rounds::default();
        rounds.enter("p", None);
        rounds.asked("p", "curious", false, true);
        rounds.leave("p", None);
        assert!(!rounds.begin_second());
    }
}
