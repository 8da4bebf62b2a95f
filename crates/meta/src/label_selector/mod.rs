//! Label selectors: requirements on labels that must all hold.

mod object;
mod parse;
mod requirement;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

pub use object::SelectorObjectError;
pub use parse::SelectorSyntaxError;
pub use requirement::{Operator, Requirement, RequirementError};

/// Labels, whatever holds them.
pub trait Labels {
    /// The value of the label, if it is there.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl Labels for Map<String, Value> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

/// No labels, or some.
impl<L: Labels> Labels for Option<&L> {
    fn label(&self, key: &str) -> Option<&str> {
        self.as_ref()?.label(key)
    }
}

/// Requirements that must all hold, in order of their keys. Without any, everything is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    /// Selects nothing, whatever the labels: the meaning of a selector object that is absent.
    nothing: bool,
}

impl LabelSelector {
    /// Selects everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Selects nothing.
    pub fn nothing() -> Self {
        Self {
            requirements: Vec::new(),
            nothing: true,
        }
    }

    /// Selects what has all these labels. The labels are taken as they are, valid or not.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        labels
            .into_iter()
            .map(|(key, value)| Requirement::equals(key, value))
            .collect()
    }

    /// Reads the text form: `a=b,c!=d,e in (f,g),!h,i>5`.
    ///
    /// # Errors
    /// With upstream's texts.
    pub fn parse(text: &str) -> Result<Self, SelectorSyntaxError> {
        parse::parse(text).map(|requirements| requirements.into_iter().collect())
    }

    /// From a `LabelSelector` object: null selects nothing, an empty object everything.
    ///
    /// # Errors
    /// If an operator is unknown, or a key or value is not valid.
    pub fn from_object(object: &Value) -> Result<Self, SelectorObjectError> {
        object::from_object(object)
    }

    /// The requirements.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether nothing can be selected.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// Whether these labels are selected.
    pub fn matches(&self, labels: &impl Labels) -> bool {
        !self.nothing
            && self
                .requirements
                .iter()
                .all(|requirement| requirement.matches(labels))
    }
}

impl FromIterator<Requirement> for LabelSelector {
    fn from_iter<I: IntoIterator<Item = Requirement>>(requirements: I) -> Self {
        let mut requirements: Vec<Requirement> = requirements.into_iter().collect();
        requirements.sort_by(|a, b| a.key().cmp(b.key()));
        Self {
            requirements,
            nothing: false,
        }
    }
}

/// The text form; empty for a selector of everything (and of nothing).
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, requirement) in self.requirements.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for LabelSelector {
    type Err = SelectorSyntaxError;

    fn from_str(text: &str) -> Result<Self, SelectorSyntaxError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn requirements_hold_or_not() {
        let labels = labels(&[("a", "b"), ("n", "5"), ("e", "")]);
        for (selector, selected) in [
            ("", true),
            ("a", true),
            ("z", false),
            ("!z", true),
            ("!a", false),
            ("a=b", true),
            ("a==b", true),
            ("a=c", false),
            ("z=", false),
            ("e=", true),
            ("a!=b", false),
            ("a!=c", true),
            ("z!=c", true),
            ("a in (b,c)", true),
            ("a in (c)", false),
            ("a notin (b)", false),
            ("z notin (b)", true),
            ("n>4", true),
            ("n>5", false),
            ("n<6", true),
            ("a>1", false),
            ("z<1", false),
            ("a=b,n<6,!z", true),
            ("a=b,n<5", false),
        ] {
            assert_eq!(
                LabelSelector::parse(selector).unwrap().matches(&labels),
                selected,
                "{selector}"
            );
        }
        assert!(!LabelSelector::nothing().matches(&labels));
        let json = json!({"a": "b"});
        assert!(
            LabelSelector::parse("a=b")
                .unwrap()
                .matches(json.as_object().unwrap())
        );
        assert!(
            LabelSelector::parse("a!=b")
                .unwrap()
                .matches(&None::<&BTreeMap<String, String>>)
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            requirements in prop::collection::vec(("[a-z]{1,3}", 0usize..8, prop::collection::vec("[a-z0-9]{0,2}", 1..3)), 0..4)
        ) {
            let text: Vec<String> = requirements.iter().map(|(key, operator, values)| match operator {
                0 => key.clone(),
                1 => format!("!{key}"),
                2 => format!("{key}={}", values[0]),
                3 => format!("{key}=={}", values[0]),
                4 => format!("{key}!={}", values[0]),
                5 => format!("{key} in ({})", values.join(",")),
                6 => format!("{key} notin ({})", values.join(",")),
                _ => format!("{key}>7"),
            }).collect();
            let selector = LabelSelector::parse(&text.join(",")).unwrap();
            prop_assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap(), selector);
        }

        #[test]
        fn no_text_panics(text in "[a-c=!<>(), \\t]{0,20}|\\PC{0,20}") {
            let _ = LabelSelector::parse(&text);
        }
    }
}
