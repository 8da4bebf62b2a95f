//! What all versions of a definition have in common. Upstream validates it once, beside the versions, and names it there:
//! `spec.validation.openAPIV3Schema`. With one version that is everything.

use serde_json::Value;

use crate::toolkit::Field;
use crate::toolkit::columns::list;

/// What versions may share: its name in a version, and beside the versions.
pub const SHAREABLE: [(&str, &str); 4] = [
    ("schema", "validation"),
    ("subresources", "subresources"),
    ("additionalPrinterColumns", "additionalPrinterColumns"),
    ("selectableFields", "selectableFields"),
];

/// What the versions of a definition share.
pub struct Shared<'v> {
    spec: &'v Value,
    versions: &'v [Value],
}

impl<'v> Shared<'v> {
    /// Of a definition.
    pub fn of(definition: &'v Value) -> Self {
        Self {
            spec: &definition["spec"],
            versions: list(definition, &["spec", "versions"]),
        }
    }

    /// The versions.
    pub fn versions(&self) -> &'v [Value] {
        self.versions
    }

    /// Whether unknown fields of all objects are kept, as definitions of old may ask for.
    pub fn keeps_unknown(&self) -> bool {
        self.spec["preserveUnknownFields"] == Value::Bool(true)
    }

    /// Whether all versions have the same of that.
    pub fn has_in_common(&self, within: &str) -> bool {
        let first = self.versions.first().map(|version| given(version, within));
        let mut others = self.versions.iter();
        first.is_some_and(|first| others.all(|version| given(version, within) == first))
    }

    /// What all versions have of that; none if they differ, or have nothing.
    pub fn common(&self, within: &str) -> Option<&'v Value> {
        let first = given(self.versions.first()?, within);
        first.filter(|_| self.has_in_common(within))
    }

    /// Where a definition says that of all versions: the name and the value there.
    pub fn place<'c>(&self, spec: &'c Field<'_, 'v>, within: &str) -> Field<'c, 'v> {
        let beside = SHAREABLE
            .iter()
            .find(|(name, _)| *name == within)
            .map_or("", |(_, beside)| beside);
        spec.standing_for(beside, self.common(within))
    }

    /// All schemas of the definition, each once.
    pub fn schemas(&self) -> impl Iterator<Item = &'v Value> {
        let all = self.versions.iter().filter_map(|version| schema_of(version));
        let how_many = if self.has_in_common("schema") {
            1
        } else {
            usize::MAX
        };
        all.take(how_many)
    }
}

/// The schema of a version.
pub fn schema_of(version: &Value) -> Option<&Value> {
    version
        .get("schema")?
        .get("openAPIV3Schema")
        .filter(|schema| !schema.is_null())
}

/// An empty list is no list.
fn given<'v>(version: &'v Value, field: &str) -> Option<&'v Value> {
    version
        .get(field)
        .filter(|value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()))
}
