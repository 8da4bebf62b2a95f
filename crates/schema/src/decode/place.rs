//! Where in an object a decoder stands, kept on the stack.

use std::fmt;

use super::number::Way;
use crate::table::{Field, Kind, Type};

/// A step into a value.
#[derive(Clone, Copy)]
pub(super) enum Step<'p> {
    /// To a known field.
    Field {
        owner: &'static Type,
        field: &'static Field,
    },
    /// To an entry of a map, or to a field that is not known.
    Key(&'p str),
    /// To an item of a list.
    Index(usize),
}

/// A place below another.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub above: Option<&'p Place<'p>>,
    pub step: Step<'p>,
}

impl Place<'_> {
    /// The struct and the path of a Go type error: the innermost struct, and the names of all fields on the way, each after
    /// the types that it is embedded by. None where no field leads. What decodes by itself has its error told of the struct
    /// around it.
    pub fn go_path(&self) -> Option<(&'static str, String)> {
        let mut owner = None;
        let mut names = Vec::new();
        let mut place = Some(self);
        while let Some(here) = place {
            if let Step::Field { owner: of, field } = here.step {
                if decodes_by_itself(field.kind) {
                    owner = Some(of.name);
                }
                owner.get_or_insert(of.name);
                names.push(field.name);
                names.extend(of.embedding(field).into_iter().rev());
            }
            place = here.above;
        }
        names.reverse();
        Some((owner?, names.join(".")))
    }

    /// The way from the root, for [`super::number::text_at`].
    pub fn way(&self) -> Vec<Way> {
        let mut way = Vec::new();
        let mut place = Some(self);
        while let Some(here) = place {
            way.push(match here.step {
                Step::Field { field, .. } => Way::Member(field.name.to_owned()),
                Step::Key(key) => Way::Member(key.to_owned()),
                Step::Index(index) => Way::Item(index),
            });
            place = here.above;
        }
        way.reverse();
        way
    }

    /// What comes first where fields are read in the order of their declaration.
    pub fn order(&self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut place = Some(self);
        while let Some(here) = place {
            order.push(match here.step {
                Step::Field { owner, field } => owner.position(field.name).unwrap_or_default(),
                Step::Key(_) => 0,
                Step::Index(index) => index,
            });
            place = here.above;
        }
        order.reverse();
        order
    }

    /// Whether null stands for absence here.
    pub fn is_pointer(&self) -> bool {
        matches!(self.step, Step::Field { field, .. } if field.pointer)
    }

    /// Whether amounts of resources stand here.
    pub fn counts_resources(&self) -> bool {
        matches!(self.step, Step::Field { owner, field } if owner.counts_resources(field))
    }

    /// The name of the Go type of what stands here, being of that kind.
    pub fn go_type(&self, kind: Kind) -> String {
        match self.step {
            Step::Field { field, .. } => field.facts.go_type.map_or_else(|| kind.go_name(), str::to_owned),
            Step::Key(_) | Step::Index(_) => self
                .above
                .and_then(|above| element_of(&above.declared_go_type()?))
                .unwrap_or_else(|| kind.go_name()),
        }
    }

    /// The name of the Go type here as far as a field declares it.
    fn declared_go_type(&self) -> Option<String> {
        match self.step {
            Step::Field { field, .. } => field.facts.go_type.map(str::to_owned),
            Step::Key(_) | Step::Index(_) => element_of(&self.above?.declared_go_type()?),
        }
    }
}

fn decodes_by_itself(kind: Kind) -> bool {
    match kind {
        Kind::SchemaOr(_) => true,
        Kind::Map(of) => decodes_by_itself(*of),
        _ => false,
    }
}

/// `v1.Protocol` of `[]v1.Protocol` or `map[string]v1.Protocol`.
fn element_of(go_type: &str) -> Option<String> {
    let element = match go_type.strip_prefix("map[") {
        Some(rest) => rest.split_once(']')?.1,
        None => go_type.strip_prefix("[]")?,
    };
    Some(element.to_owned())
}

/// As strict decoding names a field: `spec.containers[0].image`.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            write!(f, "{above}")?;
        }
        let dot = if self.above.is_some() { "." } else { "" };
        match self.step {
            Step::Field { field, .. } => write!(f, "{dot}{}", field.name),
            Step::Key(key) => write!(f, "{dot}{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}
