//! Rules asked of an object, and of what it was before.

use cel::{
    Activation, EvaluationError, OBJECT_BUDGET, PER_CALL_LIMIT, Program, Value as CelValue, from_json,
};
use meta::field::FieldErrorKind;
use meta::{ErrorList, FieldError, Path};
use serde_json::Value;

use super::compile::{CompiledRule, Ruled, Rules, ruled};
use crate::reference::ListType;
use crate::structural::StructuralSchema;
use crate::structural::node::{Additional, Node, Rule, TypeName};
use crate::structural::resource::keeps_from_rules;
use crate::structural::validate::Correlation;

/// What the rules have to say of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// What is wrong.
    pub errors: ErrorList,
    /// What is wrong too, but was so before and has not changed.
    pub warnings: Vec<String>,
}

impl Rules {
    /// Asks all rules, unless what is wrong already (`errors`) keeps from it: then that is said. `old` is the object before a change.
    pub fn ask(
        &self,
        schema: &StructuralSchema,
        errors: &ErrorList,
        new: &Value,
        old: Option<&Value>,
    ) -> Answer {
        let Some(root) = &self.root else {
            return Answer::default();
        };
        if let Some(error) = keeps_from_rules(errors) {
            return Answer {
                errors: vec![error],
                warnings: Vec::new(),
            };
        }
        let mut asking = Asking {
            answer: Answer::default(),
            budget: OBJECT_BUDGET,
        };
        let node = schema.root();
        let was = Was {
            correlated: old.map(|old| Correlation {
                node,
                value: new,
                old,
            }),
            unchanged_around: false,
        };
        // Rules that do not fit the budget end it all; what was found before them is told.
        let _ = asking.place(root, node, &Path::root(), new, old, was);
        asking.answer
    }
}

/// What is wrong with a default by the rules of its place and below. It must be right both as a change of itself and as
/// something new.
pub(in crate::structural) fn of_default(node: &Node, default: &Value, path: &Path) -> ErrorList {
    if !node.has_rules() {
        return ErrorList::new();
    }
    let ruled = ruled(node);
    let ask = |old: Option<&Value>| {
        let mut asking = Asking {
            answer: Answer::default(),
            budget: OBJECT_BUDGET,
        };
        let was = Was {
            correlated: None,
            unchanged_around: false,
        };
        let _ = asking.place(&ruled, node, path, default, old, was);
        asking.answer.errors
    };
    let errors = ask(Some(default));
    match errors.is_empty() {
        true => ask(None),
        false => errors,
    }
}

/// No more rules are asked.
struct Spent;

/// What a value was before, by which errors of unchanged values are only warnings.
#[derive(Clone, Copy)]
struct Was<'a> {
    correlated: Option<Correlation<'a>>,
    /// Whether the nearest place around it that was something before is unchanged.
    unchanged_around: bool,
}

impl<'a> Was<'a> {
    fn is_unchanged(self) -> bool {
        self.correlated
            .map_or(self.unchanged_around, Correlation::is_unchanged)
    }

    /// The same for a part of the value.
    fn part(self, part: impl FnOnce(Correlation<'a>) -> Option<Correlation<'a>>) -> Self {
        let Some(here) = self.correlated else { return self };
        match part(here) {
            Some(below) => Self {
                correlated: Some(below),
                unchanged_around: false,
            },
            None => Self {
                correlated: None,
                unchanged_around: here.is_unchanged(),
            },
        }
    }
}

struct Asking {
    answer: Answer,
    budget: u64,
}

impl Asking {
    fn place(
        &mut self,
        ruled: &Ruled,
        node: &Node,
        path: &Path,
        value: &Value,
        old: Option<&Value>,
        was: Was<'_>,
    ) -> Result<(), Spent> {
        let old = old.filter(|old| !old.is_null());
        if value.is_null() {
            return Ok(());
        }
        self.rules(ruled, node, path, value, old, was)?;
        match value {
            Value::Array(items) => self.items(ruled, node, path, items, old, was),
            Value::Object(_) => self.fields(ruled, node, path, value, old, was),
            _ => Ok(()),
        }
    }

    fn fields(
        &mut self,
        ruled: &Ruled,
        node: &Node,
        path: &Path,
        value: &Value,
        old: Option<&Value>,
        was: Was<'_>,
    ) -> Result<(), Spent> {
        let old = old.filter(|_| !node.is_atomic_map);
        for (name, value) in value.as_object().into_iter().flatten() {
            let old = old.and_then(|old| old.get(name));
            let was = was.part(|here| here.field(name));
            if let (Some(below), Some(node)) = (ruled.properties.get(name), node.properties.get(name)) {
                self.place(below, node, &path.child(name), value, old, was)?;
            } else if let (Some(below), Some(Additional::Schema(node))) =
                (&ruled.additional, &node.additional)
            {
                self.place(below, node, &path.key(name), value, old, was)?;
            }
        }
        Ok(())
    }

    fn items(
        &mut self,
        ruled: &Ruled,
        node: &Node,
        path: &Path,
        items: &[Value],
        old: Option<&Value>,
        was: Was<'_>,
    ) -> Result<(), Spent> {
        let (Some(below), Some(of_items)) = (&ruled.items, node.items.as_deref()) else {
            return Ok(());
        };
        // Only items with keys can be told to be the same as before.
        let old = old
            .and_then(Value::as_array)
            .filter(|_| node.list_type == Some(ListType::Map));
        let were = was.correlated.map(Correlation::items).unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            let old = old.and_then(|old| {
                old.iter()
                    .find(|old| has_same_keys(&node.list_map_keys, old, item))
            });
            let was = was.part(|_| were.get(index).copied().flatten());
            self.place(below, of_items, &path.index(index), item, old, was)?;
        }
        Ok(())
    }

    fn rules(
        &mut self,
        ruled: &Ruled,
        node: &Node,
        path: &Path,
        value: &Value,
        old: Option<&Value>,
        was: Was<'_>,
    ) -> Result<(), Spent> {
        for (rule, compiled) in node.rules.iter().zip(&ruled.rules) {
            let program = match &compiled.program {
                Ok(Some(program)) => program,
                Ok(None) => continue,
                Err(error) => {
                    self.fails(node, path, &format!("rule compile error: {error}"));
                    continue;
                }
            };
            let optional = rule.optional_old_self == Some(true);
            if compiled.uses_old && old.is_none() && !optional {
                continue;
            }
            let activation = activation(ruled, value, old, optional);
            if self.holds(program, rule, node, path, &activation)? {
                continue;
            }
            let error = self.violated(compiled, rule, node, path, value, &activation)?;
            if !compiled.uses_old && was.is_unchanged() {
                self.answer.warnings.push(error.to_string());
            } else {
                self.answer.errors.push(error);
            }
        }
        Ok(())
    }

    /// What cannot be asked is told with the type of the place.
    fn fails(&mut self, node: &Node, path: &Path, detail: &str) {
        let of = node.type_name.map_or("", TypeName::as_str);
        self.answer.errors.push(FieldError::invalid(path, of, detail));
    }

    /// Whether a rule holds. One that cannot be evaluated counts as one that does, since its error was told.
    fn holds(
        &mut self,
        program: &Program,
        rule: &Rule,
        node: &Node,
        path: &Path,
        activation: &Activation<'_>,
    ) -> Result<bool, Spent> {
        let (value, cost) = program.evaluate_within(activation, PER_CALL_LIMIT);
        let Some(left) = self.budget.checked_sub(cost) else {
            self.fails(node, path, &EvaluationError::Budget.to_string());
            return Err(Spent);
        };
        self.budget = left;
        let error = match value {
            Ok(value) => return Ok(value.as_bool() == Some(true)),
            Err(error) => error,
        };
        let rule = told_of(rule);
        if error.is_final() {
            let detail = format!(
                "'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {rule}"
            );
            self.fails(node, path, &detail);
            return Err(Spent);
        }
        let detail = if error.to_string().starts_with("no such overload") {
            format!(
                "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {rule}"
            )
        } else {
            format!("{error} evaluating rule: {rule}")
        };
        self.fails(node, path, &detail);
        Ok(true)
    }

    fn violated(
        &mut self,
        compiled: &CompiledRule,
        rule: &Rule,
        node: &Node,
        path: &Path,
        value: &Value,
        activation: &Activation<'_>,
    ) -> Result<FieldError, Spent> {
        let place = match &compiled.field_path {
            Some(below) if *path == Path::root() => Path::new(below.as_str()),
            Some(below) if below.starts_with('[') => Path::new(format!("{}{below}", path.as_str())),
            Some(below) => Path::new(format!("{}.{below}", path.as_str())),
            None => path.clone(),
        };
        let said = match &compiled.message {
            Ok(Some(program)) => self.message(program, rule, node, &place, activation)?,
            _ => None,
        };
        let detail = said.unwrap_or_else(|| match rule.message.trim() {
            "" => format!("failed rule: {}", told_of(rule)),
            message => message.to_owned(),
        });
        let shown = match value {
            Value::Object(_) | Value::Array(_) => None,
            scalar => Some(scalar),
        };
        Ok(error_of(rule, place, shown, &detail))
    }

    /// What the expression for the message says; nothing if it does not say what a message can be.
    fn message(
        &mut self,
        program: &Program,
        rule: &Rule,
        node: &Node,
        path: &Path,
        activation: &Activation<'_>,
    ) -> Result<Option<String>, Spent> {
        let (value, cost) = program.evaluate_within(activation, PER_CALL_LIMIT);
        let Some(left) = self.budget.checked_sub(cost) else {
            let detail = "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run";
            self.fails(node, path, detail);
            return Err(Spent);
        };
        self.budget = left;
        match value {
            Err(error) if error.is_final() => {
                let expression = meta::quote(&rule.message_expression);
                let detail = format!(
                    "no further validation rules will be run due to call cost exceeds limit for messageExpression: {expression}"
                );
                self.fails(node, path, &detail);
                Err(Spent)
            }
            Err(_) => Ok(None),
            Ok(value) => {
                let text = value.as_str().unwrap_or_default().trim();
                let fits = !text.is_empty() && text.len() <= LONGEST_MESSAGE && !text.contains(['\n', '\r']);
                Ok(fits.then(|| text.to_owned()))
            }
        }
    }
}

/// The longest message that an expression may say, in bytes.
const LONGEST_MESSAGE: usize = 5 * 1024;

/// What a rule is called in errors.
fn told_of(rule: &Rule) -> &str {
    match rule.message.as_str() {
        "" => rule.rule.trim(),
        message => message.trim(),
    }
}

fn activation<'v>(
    ruled: &'v Ruled,
    value: &'v Value,
    old: Option<&'v Value>,
    optional: bool,
) -> Activation<'v> {
    let declared = ruled.declaration.as_ref();
    let mut activation = Activation::new().with("self", from_json(value, declared));
    let old = old.map(|old| from_json(old, declared));
    match (old, optional) {
        (Some(old), true) => activation.set("oldSelf", CelValue::some(old)),
        (None, true) => activation.set("oldSelf", CelValue::Optional(None)),
        (Some(old), false) => activation.set("oldSelf", old),
        (None, false) => {}
    }
    activation
}

fn has_same_keys(keys: &[String], old: &Value, new: &Value) -> bool {
    keys.iter().all(|key| old.get(key) == new.get(key))
}

fn error_of(rule: &Rule, path: Path, value: Option<&Value>, detail: &str) -> FieldError {
    let without_value = |kind: FieldErrorKind, message: String| FieldError {
        kind,
        path: path.clone(),
        message,
    };
    match (rule.reason.as_str(), value) {
        ("FieldValueForbidden", _) => FieldError::forbidden(&path, detail),
        ("FieldValueRequired", _) => FieldError::required(&path, detail),
        ("FieldValueDuplicate", Some(value)) => FieldError::duplicate(&path, value.clone()),
        ("FieldValueDuplicate", None) => {
            without_value(FieldErrorKind::Duplicate, "Duplicate value".to_owned())
        }
        (_, Some(value)) => FieldError::invalid(&path, value.clone(), detail),
        (_, None) => without_value(FieldErrorKind::Invalid, format!("Invalid value: {detail}")),
    }
}
