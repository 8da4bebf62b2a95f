//! What a structural schema knows of one place in an object.

use serde_json::Value;

use super::properties::Properties;
use crate::reference::ListType;

/// What stands at a place. Junctors (`allOf` and its like) hold nodes too, of which only checks count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// What a value is; none where anything goes or a number or text does.
    pub type_name: Option<TypeName>,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether it is a number or text (`x-kubernetes-int-or-string`).
    pub int_or_string: bool,
    /// Whether fields that are not declared are kept (`x-kubernetes-preserve-unknown-fields`).
    pub preserves_unknown: bool,
    /// Whether it is an object with `apiVersion`, `kind` and `metadata` of its own: the root, or embedded in it.
    pub is_resource: bool,
    /// How items of the list are told apart, if that is said.
    pub list_type: Option<ListType>,
    /// The names of the fields that tell them apart.
    pub list_map_keys: Vec<String>,
    /// Whether apply takes the object as a whole (`x-kubernetes-map-type: atomic`).
    pub is_atomic_map: bool,
    /// What it is if it is not given.
    pub default: Option<Value>,
    /// Fields by name.
    pub properties: Properties,
    /// Other fields.
    pub additional: Option<Additional>,
    /// Items of a list.
    pub items: Option<Box<Node>>,
    /// Rules in CEL that it must meet.
    pub rules: Vec<Rule>,
    /// What a value must meet; most places ask for nothing.
    pub(super) checks: Option<Box<Checks>>,
    pub(super) holds: Holds,
}

/// What there is at a place or below it, so that nobody looks where there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    /// Objects with metadata of their own.
    pub embedded: bool,
    /// Lists whose items must differ.
    pub lists: bool,
    /// Rules in CEL.
    pub rules: bool,
}

/// What fields may be that are not declared.
#[derive(Clone, Debug, PartialEq)]
pub enum Additional {
    /// Anything.
    Any,
    /// There must not be any.
    Nothing,
    /// That.
    Schema(Box<Node>),
}

/// What a value is, in JSON's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeName {
    /// A list.
    Array,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// An object.
    Object,
    /// Text.
    String,
}

impl TypeName {
    /// All of them, as OpenAPI spells them, in the order of the alphabet.
    pub const ALL: [&'static str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

    /// From OpenAPI's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "array" => Self::Array,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "object" => Self::Object,
            "string" => Self::String,
            _ => return None,
        })
    }

    /// As OpenAPI spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

/// What a value must meet besides being of its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checks {
    /// `date-time`; empty for none, or one that is not known.
    pub format: String,
    /// Upper bound of a number.
    pub maximum: Option<f64>,
    /// Whether the bound itself is beyond it.
    pub exclusive_maximum: bool,
    /// Lower bound of a number.
    pub minimum: Option<f64>,
    /// Whether the bound itself is beyond it.
    pub exclusive_minimum: bool,
    /// What a number must be a multiple of.
    pub multiple_of: Option<f64>,
    /// Characters of a text.
    pub max_length: Option<i64>,
    /// Characters of a text.
    pub min_length: Option<i64>,
    /// What a text must match somewhere.
    pub pattern: Option<meta::Pattern>,
    /// Items of a list.
    pub max_items: Option<i64>,
    /// Items of a list.
    pub min_items: Option<i64>,
    /// Whether items of a list must differ.
    pub unique_items: bool,
    /// Fields of an object.
    pub max_properties: Option<i64>,
    /// Fields of an object.
    pub min_properties: Option<i64>,
    /// Fields that an object must have.
    pub required: Vec<String>,
    /// The values that are allowed; none for any.
    pub enum_values: Option<Vec<Value>>,
    /// All of these must be met.
    pub all_of: Vec<Node>,
    /// One of these at least.
    pub any_of: Vec<Node>,
    /// One of these and no other.
    pub one_of: Vec<Node>,
    /// This must not be met.
    pub not: Option<Box<Node>>,
}

/// A rule of `x-kubernetes-validations`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The expression.
    pub rule: String,
    /// What the client is told if it does not hold; empty for the default.
    pub message: String,
    /// An expression for the same; empty if there is none.
    pub message_expression: String,
    /// The reason of the cause; empty for `FieldValueInvalid`.
    pub reason: String,
    /// The field that the cause names, from here on; empty for this place.
    pub field_path: String,
    /// Whether the rule is asked for objects that are new too, `oldSelf` being an optional value.
    pub optional_old_self: Option<bool>,
}

/// What is asked for where nothing is.
static NO_CHECKS: Checks = Checks {
    format: String::new(),
    maximum: None,
    exclusive_maximum: false,
    minimum: None,
    exclusive_minimum: false,
    multiple_of: None,
    max_length: None,
    min_length: None,
    pattern: None,
    max_items: None,
    min_items: None,
    unique_items: false,
    max_properties: None,
    min_properties: None,
    required: Vec::new(),
    enum_values: None,
    all_of: Vec::new(),
    any_of: Vec::new(),
    one_of: Vec::new(),
    not: None,
};

impl Node {
    /// What a value must meet.
    pub fn checks(&self) -> &Checks {
        self.checks.as_deref().unwrap_or(&NO_CHECKS)
    }

    /// Puts the checks in.
    pub(super) fn with_checks(mut self, checks: Checks) -> Self {
        self.checks = (checks != NO_CHECKS).then(|| Box::new(checks));
        self
    }

    /// Notes what there is here and below.
    pub(super) fn noted(mut self) -> Self {
        let additional = match &self.additional {
            Some(Additional::Schema(node)) => Some(node),
            _ => None,
        };
        let below = self.properties.values().chain(self.items.as_deref());
        let below = below.chain(additional.map(|node| &**node));
        let own = Holds {
            embedded: self.is_resource,
            lists: matches!(self.list_type, Some(ListType::Set | ListType::Map)),
            rules: !self.rules.is_empty(),
        };
        self.holds = below.fold(own, |sum, node| Holds {
            embedded: sum.embedded || node.holds.embedded,
            lists: sum.lists || node.holds.lists,
            rules: sum.rules || node.holds.rules,
        });
        self
    }

    /// What stands at a field, declared or not.
    pub fn field(&self, name: &str) -> Option<&Node> {
        self.properties.get(name).or(match &self.additional {
            Some(Additional::Schema(node)) => Some(node),
            _ => None,
        })
    }

    /// Whether it, or anything within it, must meet rules in CEL.
    pub fn has_rules(&self) -> bool {
        self.holds.rules
    }

    /// Whether null stands for "not given" here.
    pub(crate) fn refuses(&self, value: &Value) -> bool {
        value.is_null() && !self.nullable
    }
}
