//! Rules of a schema, compiled: a tree of the places that have rules, or places with rules below.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{CompileErrors, Declaration, Environment, Program, Type};

use super::declaration::{self, LARGEST_REQUEST, Place};
use crate::structural::node::{Additional, Node, Rule};
use crate::structural::{StructuralSchema, paths};

/// All rules of a schema.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) root: Option<Arc<Ruled>>,
}

/// A place with rules, or with some below.
#[derive(Debug)]
pub(super) struct Ruled {
    pub rules: Vec<CompiledRule>,
    /// What rules know of the place. None if the schema says too little.
    pub declaration: Option<Declaration>,
    pub properties: BTreeMap<String, Ruled>,
    pub additional: Option<Box<Ruled>>,
    pub items: Option<Box<Ruled>>,
}

/// A rule and what became of it.
#[derive(Debug)]
pub(super) struct CompiledRule {
    /// None if the rule is empty.
    pub program: Result<Option<Program>, String>,
    /// What tells why the rule does not hold.
    pub message: Result<Option<Program>, String>,
    pub uses_old: bool,
    /// The field that errors name, from the place on.
    pub field_path: Option<String>,
}

impl Rules {
    /// Compiles the rules of a schema. Those that cannot be compiled say so when they are asked.
    pub fn compile(schema: &StructuralSchema) -> Self {
        let root = schema.root();
        Self {
            root: root.has_rules().then(|| Arc::new(ruled(root))),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

pub(super) fn ruled(node: &Node) -> Ruled {
    let place = (!node.rules.is_empty()).then(|| place(node)).flatten();
    let rules = compile(node, place.as_ref());
    let below = |node: &Node| node.has_rules().then(|| ruled(node));
    let properties = node.properties.iter();
    Ruled {
        rules,
        declaration: place.map(|place| place.declaration),
        properties: properties
            .filter_map(|(name, node)| Some((name.clone(), below(node)?)))
            .collect(),
        additional: match &node.additional {
            Some(Additional::Schema(values)) => below(values).map(Box::new),
            _ => None,
        },
        items: node.items.as_deref().and_then(below).map(Box::new),
    }
}

/// What errors call the type of the place that a rule is asked of.
const TYPE_NAME: &str = "selfType";

pub(super) fn place(node: &Node) -> Option<Place> {
    declaration::place(node, TYPE_NAME)
}

/// How often a place can be in a request, if the schema does not bound it.
pub(super) fn most_in_request(place: &Place) -> u64 {
    LARGEST_REQUEST / (place.fewest_bytes + 1)
}

/// The rules of one place.
pub(super) fn compile(node: &Node, place: Option<&Place>) -> Vec<CompiledRule> {
    let Some(place) = place else {
        let error = "failed to convert to declType for CEL validation rules";
        return node.rules.iter().map(|_| failed(error)).collect();
    };
    let current = Environment::kubernetes().variable("self", place.declaration.clone());
    let with_old = current.clone().variable("oldSelf", place.declaration.clone());
    let old_type = Type::optional(place.declaration.cel_type());
    let with_optional_old = current.variable_of("oldSelf", old_type);
    let compile = |rule: &Rule| match rule.optional_old_self {
        Some(true) => compile_rule(node, rule, &with_optional_old),
        _ => compile_rule(node, rule, &with_old),
    };
    node.rules.iter().map(compile).collect()
}

fn failed(error: &str) -> CompiledRule {
    CompiledRule {
        program: Err(error.to_owned()),
        message: Ok(None),
        uses_old: false,
        field_path: None,
    }
}

fn compile_rule(node: &Node, rule: &Rule, environment: &Environment) -> CompiledRule {
    if rule.rule.trim().is_empty() {
        return CompiledRule {
            program: Ok(None),
            ..failed("")
        };
    }
    let program = match environment.check(&rule.rule) {
        Err(errors) => return failed(&errors.told()),
        Ok(program) if *program.output_type() != Type::Bool => {
            return failed("cel expression must evaluate to a bool");
        }
        Ok(program) => program,
    };
    let program = match program.instantiated() {
        Err(errors) => return failed(&errors.told()),
        Ok(program) => program,
    };
    let field_path = paths::field_at(node, &rule.field_path, true).ok();
    CompiledRule {
        uses_old: program.uses("oldSelf"),
        program: Ok(Some(program)),
        message: compile_message(rule, environment),
        field_path: field_path
            .filter(|_| !rule.field_path.is_empty())
            .map(|(path, _)| path.as_str().to_owned()),
    }
}

fn compile_message(rule: &Rule, environment: &Environment) -> Result<Option<Program>, String> {
    if rule.message_expression.is_empty() {
        return Ok(None);
    }
    let said = |what: &str, errors: CompileErrors| format!("messageExpression {what} failed: {errors}");
    let program = environment
        .check(&rule.message_expression)
        .map_err(|errors| said("compilation", errors))?;
    if *program.output_type() != Type::String {
        return Err("messageExpression must evaluate to a string".to_owned());
    }
    let program = program.instantiated();
    Ok(Some(program.map_err(|errors| said("instantiation", errors))?))
}
