//! What expressions see of a request, and what they make of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use auth::{Attributes, Authorizer, ResourceTarget};
use cel::value::Map;
use cel::{
    Activation, Decision, EvaluationError, LazyFields, PER_CALL_LIMIT, Program, Question, Target, Value,
};
use futures::FutureExt;
use kinds::expressions::{NAMESPACE, REQUEST};
use meta::User;
use meta::field_selector::FieldSelector;
use meta::label_selector::LabelSelector;
use serde_json::Value as Json;

/// What expressions see of a request.
pub(crate) struct Scene<'a> {
    pub(crate) object: &'a Json,
    pub(crate) old_object: &'a Json,
    /// The facts of the request.
    pub(crate) request: &'a Json,
    /// The namespace that it is in; null if it is in none.
    pub(crate) namespace: &'a Json,
    /// None if there are no such parameters to speak of.
    pub(crate) parameters: Option<&'a Json>,
    pub(crate) user: &'a User,
    pub(crate) authorizer: &'a dyn Authorizer,
}

/// A compiled expression with its text, for who has to tell what was wrong with it.
pub(crate) struct Expression {
    pub(crate) text: String,
    /// Else what is wrong with it.
    pub(crate) program: Result<Program, String>,
}

/// Why an expression gives nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It failed; others may yet be evaluated.
    Failed(String),
    /// All that may be spent is spent.
    OutOfBudget(String),
}

/// What expressions may still cost together.
pub(crate) struct Spending(u64);

impl Spending {
    pub(crate) fn of(budget: u64) -> Self {
        Self(budget)
    }

    fn spend(&mut self, cost: u64) -> Result<(), Problem> {
        match self.0.checked_sub(cost) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(Problem::OutOfBudget(EvaluationError::Budget.to_string())),
        }
    }
}

/// Named expressions that are worked out when others ask for them, each once.
pub(crate) struct Variables<'v> {
    expressions: &'v [(String, Expression)],
    base: Activation<'v>,
    known: RefCell<BTreeMap<&'v str, Result<Value<'v>, EvaluationError>>>,
    cost: Rc<Cell<u64>>,
    this: Weak<Self>,
}

/// A scene set up for expressions.
pub(crate) struct Stage<'v> {
    activation: Activation<'v>,
    /// What variables have cost since it was last asked.
    cost: Rc<Cell<u64>>,
}

impl<'v> Stage<'v> {
    /// With these variables.
    pub(crate) fn new(scene: &'v Scene<'v>, variables: &'v [(String, Expression)]) -> Self {
        let base = scene.activation();
        let cost = Rc::<Cell<u64>>::default();
        let variables = Rc::new_cyclic(|this| Variables {
            expressions: variables,
            base: base.clone(),
            known: RefCell::default(),
            cost: cost.clone(),
            this: this.clone(),
        });
        Self {
            activation: base.with("variables", Value::Map(Map::Lazy(variables))),
            cost,
        }
    }

    /// What an expression gives.
    pub(crate) fn evaluate(
        &self,
        expression: &'v Expression,
        spending: &mut Spending,
    ) -> Result<Value<'v>, Problem> {
        let program = expression
            .program
            .as_ref()
            .map_err(|why| Problem::Failed(format!("compilation error: {why}")))?;
        let (value, cost) = program.evaluate_within(&self.activation, PER_CALL_LIMIT);
        spending.spend(self.cost.take())?;
        spending.spend(cost)?;
        value.map_err(|why| {
            Problem::Failed(format!(
                "expression '{}' resulted in error: {why}",
                expression.text
            ))
        })
    }
}

impl<'v> Scene<'v> {
    fn activation(&'v self) -> Activation<'v> {
        let mut activation = Activation::new();
        activation.set("object", cel::from_json(self.object, None));
        activation.set("oldObject", cel::from_json(self.old_object, None));
        activation.set("request", cel::from_json(self.request, Some(&REQUEST)));
        activation.set(
            "namespaceObject",
            cel::from_json(self.namespace, Some(&NAMESPACE)),
        );
        let parameters = self.parameters.unwrap_or(&Json::Null);
        activation.set("params", cel::from_json(parameters, None));
        let asker: Rc<dyn cel::Authorizer + 'v> = Rc::new(Asker(self));
        activation.set("authorizer", Value::authorizer(asker.clone()));
        let of_request = Value::resource_check(asker, self.request_resource());
        activation.set("authorizer.requestResource", of_request);
        activation
    }

    /// The resource that the request is about.
    fn request_resource(&self) -> cel::ResourceTarget {
        let text = |pointer: &str| {
            let found = self.request.pointer(pointer).and_then(Json::as_str);
            found.unwrap_or_default().to_owned()
        };
        cel::ResourceTarget {
            group: text("/requestResource/group"),
            resource: text("/requestResource/resource"),
            subresource: text("/requestSubResource"),
            namespace: text("/namespace"),
            name: text("/name"),
            ..cel::ResourceTarget::default()
        }
    }
}

impl<'v> LazyFields<'v> for Variables<'v> {
    fn field(&self, name: &str) -> Option<Result<Value<'v>, EvaluationError>> {
        let (name, expression) = self.expressions.iter().find(|(known, _)| known == name)?;
        if let Some(known) = self.known.borrow().get(name.as_str()) {
            return Some(known.clone());
        }
        let value = self.work_out(expression).map_err(|error| match error {
            EvaluationError::Failed(why) => {
                EvaluationError::Failed(format!("composited variable {} {why}", meta::quote(name)))
            }
            other => other,
        });
        self.known.borrow_mut().insert(name, value.clone());
        Some(value)
    }

    fn names(&self) -> Vec<String> {
        self.expressions.iter().map(|(name, _)| name.clone()).collect()
    }

    fn type_name(&self) -> String {
        "kubernetes.variables".to_owned()
    }
}

impl<'v> Variables<'v> {
    fn work_out(&self, expression: &'v Expression) -> Result<Value<'v>, EvaluationError> {
        let failed = |why: String| EvaluationError::Failed(why);
        let program = expression
            .program
            .as_ref()
            .map_err(|why| failed(format!("fails to compile: {why}")))?;
        let this = self.this.upgrade().ok_or_else(|| failed("is gone".to_owned()))?;
        let activation = self.base.clone().with("variables", Value::Map(Map::Lazy(this)));
        let (value, cost) = program.evaluate_within(&activation, PER_CALL_LIMIT);
        self.cost.set(self.cost.get().saturating_add(cost));
        value.map_err(|why| failed(format!("fails to evaluate: {why}")))
    }
}

/// Asks the server's authorizer on behalf of the user of a request.
struct Asker<'a>(&'a Scene<'a>);

impl cel::Authorizer for Asker<'_> {
    fn authorize(&self, question: &Question) -> Decision {
        let account = question.service_account.as_ref();
        let account = account.map(|(namespace, name)| User::service_account(namespace, name));
        let user = account.as_ref().unwrap_or(self.0.user);
        match &question.target {
            Target::Path(path) => self.decide(&Attributes::path(user, &question.verb, path)),
            Target::Resource(target) => self.ask_about(user, &question.verb, target),
        }
    }
}

impl Asker<'_> {
    /// Selectors that cannot be read narrow nothing.
    fn ask_about(&self, user: &User, verb: &str, target: &cel::ResourceTarget) -> Decision {
        let fields = target.field_selector.as_deref();
        let fields = fields.and_then(|text| FieldSelector::parse(text).ok());
        let labels = target.label_selector.as_deref();
        let labels = labels.and_then(|text| LabelSelector::parse(text).ok());
        self.decide(&Attributes::resource(
            user,
            verb,
            ResourceTarget {
                group: &target.group,
                version: "*",
                resource: &target.resource,
                subresource: &target.subresource,
                namespace: &target.namespace,
                name: &target.name,
                field_selector: fields.as_ref(),
                label_selector: labels.as_ref(),
            },
        ))
    }

    /// An expression cannot wait: an authorizer that has to is an error of the decision.
    fn decide(&self, attributes: &Attributes<'_>) -> Decision {
        match self.0.authorizer.authorize(attributes).now_or_never() {
            Some(decision) => Decision {
                allowed: decision.is_allowed(),
                reason: decision.reason().to_owned(),
                error: None,
            },
            None => Decision {
                allowed: false,
                reason: String::new(),
                error: Some("the authorizer does not answer at once".to_owned()),
            },
        }
    }
}
