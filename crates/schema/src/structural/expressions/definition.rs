//! Rules checked when a schema is defined: that they can be compiled, and that they cannot cost too much.

use meta::field::FieldErrorKind;
use meta::{ErrorList, FieldError, Path};

use super::compile::{CompiledRule, compile, most_in_request, place};
use crate::reference::ListType;
use crate::structural::StructuralSchema;
use crate::structural::node::{Additional, Node, Rule, TypeName};

/// The most that one rule may be estimated to cost.
const MOST_OF_RULE: u64 = 10_000_000;
/// The most that all rules of a schema may be estimated to cost.
const MOST_OF_SCHEMA: u64 = 100_000_000;
/// How many of the most expensive rules are named if all together cost too much.
const NAMED: usize = 4;

/// What is wrong with the rules of a schema that stands at `path`. Where something is `wrong` otherwise, there or below, rules
/// are not looked at.
pub fn violations(schema: &StructuralSchema, path: &Path, wrong: &[Path]) -> ErrorList {
    let root = schema.root();
    if !root.has_rules() {
        return ErrorList::new();
    }
    let mut check = Check {
        errors: ErrorList::new(),
        total: 0,
        expensive: Vec::new(),
        wrong,
    };
    check.node(root, path, Some(1), None);
    check.whole(path);
    check.errors
}

struct Check<'w> {
    wrong: &'w [Path],
    errors: ErrorList,
    total: u64,
    /// The most expensive ones, those first.
    expensive: Vec<(u64, Path)>,
}

impl Check<'_> {
    /// `count`: how often the place can be in an object, if that is bounded. `uncorrelated`: the nearest place whose parts cannot be
    /// told to be the same as before.
    fn node(&mut self, node: &Node, path: &Path, count: Option<u64>, uncorrelated: Option<&Path>) {
        let below = count
            .zip(most_parts(node))
            .map(|(count, parts)| count.saturating_mul(parts));
        let atomic = (node.is_atomic_map && node.type_name == Some(TypeName::Object)).then_some(path);
        let of_fields = uncorrelated.or(atomic);
        if let Some(Additional::Schema(values)) = &node.additional {
            self.node(values, &path.child("additionalProperties"), below, of_fields);
        }
        for (name, property) in &node.properties {
            self.node(property, &path.child("properties").key(name), below, of_fields);
        }
        if let Some(items) = &node.items {
            let unordered = (node.list_type != Some(ListType::Map)).then_some(path);
            self.node(items, &path.child("items"), below, uncorrelated.or(unordered));
        }
        self.rules(node, path, count, uncorrelated);
    }

    fn rules(&mut self, node: &Node, path: &Path, count: Option<u64>, uncorrelated: Option<&Path>) {
        if node.rules.is_empty() || self.wrong.iter().any(|wrong| is_within(wrong, path)) {
            return;
        }
        let path = path.child("x-kubernetes-validations");
        let Some(place) = place(node) else {
            let detail = "internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations";
            self.errors.push(FieldError::internal(&path, detail));
            return;
        };
        let count = count.unwrap_or_else(|| most_in_request(&place));
        for (index, (rule, compiled)) in node.rules.iter().zip(compile(node, Some(&place))).enumerate() {
            self.rule(rule, &compiled, &path.index(index), count, uncorrelated);
        }
    }

    fn rule(
        &mut self,
        rule: &Rule,
        compiled: &CompiledRule,
        path: &Path,
        count: u64,
        uncorrelated: Option<&Path>,
    ) {
        let at_rule = path.child("rule");
        let cost = match &compiled.program {
            Ok(Some(program)) => program.estimated_cost().max.saturating_mul(count),
            _ => 0,
        };
        self.costs("estimated rule cost", &at_rule, cost);
        if let Err(error) = &compiled.program {
            self.errors.push(invalid_rule(&at_rule, rule, error));
        }
        let at_message = path.child("messageExpression");
        match &compiled.message {
            Err(error) => self.errors.push(invalid_rule(&at_message, rule, error)),
            Ok(Some(program)) => self.costs(
                "estimated messageExpression cost",
                &at_message,
                program.estimated_cost().max,
            ),
            Ok(None) => {}
        }
        if let (true, Some(place)) = (compiled.uses_old, uncorrelated) {
            let detail =
                format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {place}");
            self.errors
                .push(FieldError::invalid(&at_rule, rule.rule.as_str(), &detail));
        }
        if let (false, Some(optional)) = (compiled.uses_old, rule.optional_old_self) {
            let detail = "may not be set if oldSelf is not used in rule";
            self.errors.push(FieldError::invalid(
                &path.child("optionalOldSelf"),
                optional,
                detail,
            ));
        }
    }

    fn costs(&mut self, what: &str, path: &Path, cost: u64) {
        if cost > MOST_OF_RULE {
            self.errors.push(FieldError::forbidden(
                path,
                &too_expensive(what, cost, MOST_OF_RULE),
            ));
        }
        self.total = self.total.saturating_add(cost);
        if cost >= MOST_OF_SCHEMA / 100 {
            self.expensive.push((cost, path.clone()));
            self.expensive.sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
            self.expensive.truncate(NAMED);
        }
    }

    fn whole(&mut self, path: &Path) {
        if self.total <= MOST_OF_SCHEMA {
            return;
        }
        let detail =
            "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
        for (_, path) in &self.expensive {
            self.errors.push(FieldError::forbidden(path, detail));
        }
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        self.errors.push(FieldError::forbidden(
            path,
            &too_expensive(what, self.total, MOST_OF_SCHEMA),
        ));
    }
}

/// Whether a place is another, or below it.
fn is_within(place: &Path, around: &Path) -> bool {
    let below = place.as_str().strip_prefix(around.as_str());
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// How many values a value at the place can have directly below at one place of the schema, if that is bounded.
fn most_parts(node: &Node) -> Option<u64> {
    let bound = |most: Option<i64>| most.map(|most| u64::try_from(most).unwrap_or(0));
    match node.type_name {
        Some(TypeName::Object) if node.additional.is_some() => bound(node.checks().max_properties),
        Some(TypeName::Array) => bound(node.checks().max_items),
        _ => Some(1),
    }
}

fn too_expensive(what: &str, cost: u64, most: u64) -> String {
    let times = cost as f64 / most as f64;
    let factor = if times > 100.0 {
        "more than 100x".to_owned()
    } else if times < 1.5 {
        format!("{times:.6}x")
    } else {
        format!("{times:.1}x")
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}

/// The rule is shown whole, in the order and spelling of upstream's type.
fn invalid_rule(path: &Path, rule: &Rule, detail: &str) -> FieldError {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let reason = if rule.reason.is_empty() {
        "null".to_owned()
    } else {
        text(&rule.reason)
    };
    let optional = rule
        .optional_old_self
        .map_or("null".to_owned(), |optional| optional.to_string());
    let shown = format!(
        "{{\"Rule\":{},\"Message\":{},\"MessageExpression\":{},\"Reason\":{reason},\"FieldPath\":{},\"OptionalOldSelf\":{optional}}}",
        text(&rule.rule),
        text(&rule.message),
        text(&rule.message_expression),
        text(&rule.field_path),
    );
    // Go's JSON has these escaped.
    let shown = shown
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    FieldError {
        kind: FieldErrorKind::Invalid,
        path: path.clone(),
        message: format!("Invalid value: {shown}: {detail}"),
    }
}
