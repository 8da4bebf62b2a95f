//! Fields that a configuration would change although others own them.

use std::fmt;

use meta::Status;
use meta::status::{Cause, Details, Reason};

use crate::fields::FieldSet;
use crate::managed::Identity;

/// Fields of one other owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    owner: Identity,
    fields: FieldSet,
}

/// The conflicts of an apply, in order of their owners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conflicts(Vec<Conflict>);

impl std::error::Error for Conflicts {}

impl Conflicts {
    pub(super) fn new(conflicts: Vec<(Identity, FieldSet)>) -> Self {
        let conflicts = conflicts
            .into_iter()
            .map(|(owner, fields)| Conflict { owner, fields });
        let mut conflicts: Vec<Conflict> = conflicts.collect();
        conflicts.sort_by_cached_key(|conflict| conflict.owner.written());
        Self(conflicts)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are about other fields.
    pub(super) fn without(self, fields: &FieldSet) -> Self {
        let rest = self.0.into_iter().filter_map(|conflict| {
            let fields = conflict.fields.difference(fields);
            (!fields.is_empty()).then_some(Conflict { fields, ..conflict })
        });
        Self(rest.collect())
    }

    fn paths(&self) -> impl Iterator<Item = (&Identity, String)> {
        self.0.iter().flat_map(|conflict| {
            conflict
                .fields
                .paths()
                .into_iter()
                .map(|path| (&conflict.owner, path))
        })
    }

    /// What the client is answered: 409 with a cause for each field.
    pub fn to_status(&self) -> Status {
        let causes = self.paths().map(|(owner, field)| Cause {
            reason: String::from("FieldManagerConflict"),
            message: format!("conflict with {owner}"),
            field,
        });
        let details = Details {
            causes: causes.collect(),
            ..Details::default()
        };
        Status::failure(409, Reason::CONFLICT, self.to_string()).with_details(details)
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<(&Identity, String)> = self.paths().collect();
        if let [(owner, path)] = paths.as_slice() {
            return write!(f, "Apply failed with 1 conflict: conflict with {owner}: {path}");
        }
        write!(f, "Apply failed with {} conflicts:", paths.len())?;
        for (i, conflict) in self.0.iter().enumerate() {
            f.write_str(if i == 0 { " " } else { "\n" })?;
            write!(f, "conflicts with {}:", conflict.owner)?;
            for path in conflict.fields.paths() {
                write!(f, "\n- {path}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Element;
    use crate::managed::Operation;

    #[test]
    fn owners_come_in_the_order_of_what_is_written_of_them() {
        let mut fields = FieldSet::new();
        fields.insert_path(&[Element::field("a")]);
        let owner = |operation, manager: &str, subresource: &str| {
            let identity = Identity::new(operation, manager, "apps/v1", subresource);
            (identity, fields.clone())
        };
        let conflicts = Conflicts::new(vec![
            owner(Operation::Update, "b", ""),
            owner(Operation::Update, "a", ""),
            owner(Operation::Update, "a", "scale"),
            owner(Operation::Apply, "a", ""),
        ]);
        let owners: Vec<String> = conflicts
            .0
            .iter()
            .map(|conflict| conflict.owner.to_string())
            .collect();
        let expected = [
            r#""a""#,
            r#""a" with subresource "scale" using apps/v1"#,
            r#""a" using apps/v1"#,
            r#""b" using apps/v1"#,
        ];
        assert_eq!(owners, expected);
    }
}
