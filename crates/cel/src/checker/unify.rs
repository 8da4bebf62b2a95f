//! What placeholders stand for: types are matched, and what has to be equal becomes so.

use std::sync::Arc;

use crate::types::Type;

/// What is known of the placeholders so far.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    found: Vec<Option<Type>>,
}

impl Bindings {
    /// A new placeholder.
    pub fn fresh(&mut self) -> Type {
        self.found.push(None);
        Type::Variable(self.found.len() - 1)
    }

    fn get(&self, variable: usize) -> Option<&Type> {
        self.found.get(variable).and_then(Option::as_ref)
    }

    /// Whether a value of type `given` may be used as `wanted`. If so, the placeholders in both are known better after.
    pub fn assignable(&mut self, given: &Type, wanted: &Type) -> bool {
        self.all_assignable(&[(given, wanted)])
    }

    /// The same for several pairs at once.
    pub fn all_assignable(&mut self, pairs: &[(&Type, &Type)]) -> bool {
        let before = self.clone();
        let fit = pairs.iter().all(|(given, wanted)| self.matches(given, wanted));
        if !fit {
            *self = before;
        }
        fit
    }

    fn matches(&mut self, left: &Type, right: &Type) -> bool {
        if let Type::Variable(variable) = right {
            match self.bind(*variable, left) {
                Bound::Fits => return true,
                Bound::Differs => return false,
                Bound::Circular => {}
            }
        }
        if let Type::Variable(variable) = left {
            return matches!(self.bind(*variable, right), Bound::Fits);
        }
        match (left, right) {
            (Type::Dyn | Type::Error, _) | (_, Type::Dyn | Type::Error) => true,
            (Type::Null, other) | (other, Type::Null) => nullable(other),
            (Type::List(left), Type::List(right)) | (Type::Optional(left), Type::Optional(right)) => {
                self.matches(left, right)
            }
            (Type::Map(left), Type::Map(right)) => {
                self.matches(&left.0, &right.0) && self.matches(&left.1, &right.1)
            }
            (Type::Type(_), Type::Type(_)) => true,
            (left, right) => left == right,
        }
    }

    fn bind(&mut self, variable: usize, to: &Type) -> Bound {
        if *to == Type::Variable(variable) {
            return Bound::Fits;
        }
        let Some(known) = self.get(variable).cloned() else {
            if self.occurs(variable, to) {
                return Bound::Circular;
            }
            self.found[variable] = Some(to.clone());
            return Bound::Fits;
        };
        if known == *to {
            return Bound::Fits;
        }
        if !self.matches(to, &known) {
            return Bound::Differs;
        }
        let general = if less_specific(to, &known) {
            to.clone()
        } else {
            known
        };
        if !self.occurs(variable, &general) {
            self.found[variable] = Some(general);
        }
        Bound::Fits
    }

    /// Whether a type has the placeholder in it.
    fn occurs(&self, variable: usize, within: &Type) -> bool {
        match within {
            Type::Variable(other) if *other == variable => true,
            Type::Variable(other) => self.get(*other).is_some_and(|known| self.occurs(variable, known)),
            Type::List(inner) | Type::Optional(inner) | Type::Type(inner) => self.occurs(variable, inner),
            Type::Map(pair) => self.occurs(variable, &pair.0) || self.occurs(variable, &pair.1),
            _ => false,
        }
    }

    /// The type with all placeholders replaced that are known; with `finish`, the others are `dyn`.
    pub fn resolve(&self, of: &Type, finish: bool) -> Type {
        match of {
            Type::Variable(variable) => match self.get(*variable) {
                Some(known) => self.resolve(known, finish),
                None if finish => Type::Dyn,
                None => of.clone(),
            },
            Type::List(inner) => Type::list(self.resolve(inner, finish)),
            Type::Optional(inner) => Type::optional(self.resolve(inner, finish)),
            Type::Type(inner) => Type::type_of(self.resolve(inner, finish)),
            Type::Map(pair) => Type::map(self.resolve(&pair.0, finish), self.resolve(&pair.1, finish)),
            other => other.clone(),
        }
    }
}

enum Bound {
    Fits,
    Differs,
    Circular,
}

/// Whether `null` may stand for it.
fn nullable(of: &Type) -> bool {
    matches!(
        of,
        Type::Null | Type::Duration | Type::Timestamp | Type::Object(_) | Type::Opaque(_) | Type::Optional(_)
    )
}

/// Whether `left` says no more than `right`.
fn less_specific(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::Dyn | Type::Variable(_), _) => true,
        (_, Type::Dyn | Type::Variable(_)) => false,
        (Type::List(left), Type::List(right)) | (Type::Optional(left), Type::Optional(right)) => {
            less_specific(left, right)
        }
        (Type::Map(left), Type::Map(right)) => {
            less_specific(&left.0, &right.0) && less_specific(&left.1, &right.1)
        }
        (Type::Type(_), Type::Type(_)) => true,
        (left, right) => left == right,
    }
}

/// The more general of two types that fit.
pub fn most_general(left: Type, right: Type) -> Type {
    if less_specific(&left, &right) { left } else { right }
}

/// The declaration's type with its parameters replaced by placeholders of this call.
pub fn instantiate(of: &Type, parameters: &mut Vec<(&'static str, Type)>, bindings: &mut Bindings) -> Type {
    match of {
        Type::Parameter(name) => {
            if let Some((_, known)) = parameters.iter().find(|(known, _)| known == name) {
                return known.clone();
            }
            let fresh = bindings.fresh();
            parameters.push((name, fresh.clone()));
            fresh
        }
        Type::List(inner) => Type::list(instantiate(inner, parameters, bindings)),
        Type::Optional(inner) => Type::optional(instantiate(inner, parameters, bindings)),
        Type::Type(inner) => Type::Type(Arc::new(instantiate(inner, parameters, bindings))),
        Type::Map(pair) => {
            let key = instantiate(&pair.0, parameters, bindings);
            Type::map(key, instantiate(&pair.1, parameters, bindings))
        }
        other => other.clone(),
    }
}
