//! Where in an object a check stands, kept on the stack: it is written out only if something is wrong.

use std::fmt;

/// A place below another.
pub(super) struct Way<'w> {
    above: Option<&'w Way<'w>>,
    step: Step<'w>,
}

enum Step<'w> {
    /// The whole.
    Whole,
    /// A declared field.
    Property(&'w str),
    /// Another field; upstream writes a dot before it in any case.
    Entry(&'w str),
    /// An item of a list.
    Item(usize),
}

impl<'w> Way<'w> {
    pub fn whole() -> Self {
        Self {
            above: None,
            step: Step::Whole,
        }
    }

    pub fn property(&'w self, name: &'w str) -> Self {
        self.below(Step::Property(name))
    }

    pub fn entry(&'w self, name: &'w str) -> Self {
        self.below(Step::Entry(name))
    }

    pub fn item(&'w self, index: usize) -> Self {
        self.below(Step::Item(index))
    }

    fn below(&'w self, step: Step<'w>) -> Self {
        Self {
            above: Some(self),
            step,
        }
    }

    pub fn is_whole(&self) -> bool {
        self.above.is_none()
    }
}

/// As messages have it: `spec.list[0]`; empty for the whole.
impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(above) = self.above else {
            return Ok(());
        };
        write!(f, "{above}")?;
        match self.step {
            Step::Whole => Ok(()),
            Step::Property(name) if above.is_whole() => f.write_str(name),
            Step::Property(name) | Step::Entry(name) => write!(f, ".{name}"),
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}
