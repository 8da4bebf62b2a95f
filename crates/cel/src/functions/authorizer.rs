//! Questions about permissions. Who answers them is given by the caller.

use std::rc::Rc;

use super::opaque::{
    Opaque,
    types::{AUTHORIZER, DECISION, GROUP_CHECK, PATH_CHECK, RESOURCE_CHECK},
};
use super::{Answer, Functions, Run, failed, no_such_overload};
use crate::types::Type;
use crate::value::Value;

/// Answers questions about permissions.
pub trait Authorizer {
    /// Whether it may be done, by the user of the request or by the service account that the question names.
    fn authorize(&self, question: &Question) -> Decision;
}

/// A question: may someone do something?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Namespace and name of a service account; the user of the request if there is none.
    pub service_account: Option<(String, String)>,
    /// What is to be done.
    pub verb: String,
    /// To what.
    pub target: Target,
}

/// What a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path that is no resource.
    Path(String),
    /// A resource.
    Resource(ResourceTarget),
}

impl Default for Target {
    fn default() -> Self {
        Self::Path(String::new())
    }
}

/// A resource that a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceTarget {
    /// Its group.
    pub group: String,
    /// Its plural name.
    pub resource: String,
    /// A part of it.
    pub subresource: String,
    /// The namespace; empty for all.
    pub namespace: String,
    /// The object's name; empty for all.
    pub name: String,
    /// Which objects, by their fields.
    pub field_selector: Option<String>,
    /// Which objects, by their labels.
    pub label_selector: Option<String>,
}

/// The answer to a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why, or why not.
    pub reason: String,
    /// What went wrong when it was decided.
    pub error: Option<String>,
}

/// Someone to ask, perhaps about a service account.
#[derive(Clone)]
pub struct AuthorizerValue<'v> {
    answers: Rc<dyn Authorizer + 'v>,
    service_account: Option<(String, String)>,
}

/// A question about a path.
pub struct PathCheck<'v> {
    who: AuthorizerValue<'v>,
    path: String,
}

/// The beginning of a question about a resource.
pub struct GroupCheck<'v> {
    who: AuthorizerValue<'v>,
    group: String,
}

/// A question about a resource.
#[derive(Clone)]
pub struct ResourceCheck<'v> {
    who: AuthorizerValue<'v>,
    target: ResourceTarget,
}

impl<'v> Value<'v> {
    /// What expressions call `authorizer`.
    pub fn authorizer(answers: Rc<dyn Authorizer + 'v>) -> Self {
        Value::Opaque(Opaque::Authorizer(AuthorizerValue {
            answers,
            service_account: None,
        }))
    }

    /// What expressions call `authorizer.requestResource`: a question about the resource of the request.
    pub fn resource_check(answers: Rc<dyn Authorizer + 'v>, target: ResourceTarget) -> Self {
        let who = AuthorizerValue {
            answers,
            service_account: None,
        };
        Value::Opaque(Opaque::ResourceCheck(Rc::new(ResourceCheck { who, target })))
    }
}

pub(super) fn declare(functions: &mut Functions) {
    use Type::{Bool, String};
    let mut member = |function, id, arguments: &[Type], result: Type, run: Run| {
        functions.member(function, id, arguments, result, run);
    };
    member("path", "authorizer_path", &[AUTHORIZER, String], PATH_CHECK, path);
    member(
        "group",
        "authorizer_group",
        &[AUTHORIZER, String],
        GROUP_CHECK,
        group,
    );
    member(
        "serviceAccount",
        "authorizer_serviceaccount",
        &[AUTHORIZER, String, String],
        AUTHORIZER,
        service_account,
    );
    member(
        "resource",
        "groupcheck_resource",
        &[GROUP_CHECK, String],
        RESOURCE_CHECK,
        resource,
    );
    let narrowing: [(&'static str, &'static str, Run); 5] = [
        ("subresource", "resourcecheck_subresource", |a| {
            narrowed(a, |t, text| t.subresource = text)
        }),
        ("namespace", "resourcecheck_namespace", |a| {
            narrowed(a, |t, text| t.namespace = text)
        }),
        ("name", "resourcecheck_name", |a| {
            narrowed(a, |t, text| t.name = text)
        }),
        ("fieldSelector", "authorizer_fieldselector", |a| {
            narrowed(a, |t, text| t.field_selector = Some(text))
        }),
        ("labelSelector", "authorizer_labelselector", |a| {
            narrowed(a, |t, text| t.label_selector = Some(text))
        }),
    ];
    for (function, id, run) in narrowing {
        member(function, id, &[RESOURCE_CHECK, String], RESOURCE_CHECK, run);
    }
    member("check", "pathcheck_check", &[PATH_CHECK, String], DECISION, check);
    member(
        "check",
        "resourcecheck_check",
        &[RESOURCE_CHECK, String],
        DECISION,
        check,
    );
    let answers: [(&'static str, &'static str, Type, Run); 4] = [
        ("errored", "decision_errored", Bool, |a| {
            told(a, |d| Value::Bool(d.error.is_some()))
        }),
        ("error", "decision_error", String, |a| {
            told(a, |d| Value::text(d.error.clone().unwrap_or_default()))
        }),
        ("allowed", "decision_allowed", Bool, |a| {
            told(a, |d| Value::Bool(d.allowed))
        }),
        ("reason", "decision_reason", String, |a| {
            told(a, |d| Value::text(d.reason.clone()))
        }),
    ];
    for (function, id, result, run) in answers {
        member(function, id, &[DECISION], result, run);
    }
}

fn path<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::Opaque(Opaque::Authorizer(who)), Value::String(path)] = arguments else {
        return Err(no_such_overload());
    };
    if path.is_empty() {
        return failed("path must not be empty");
    }
    let (who, path) = (who.clone(), path.to_string());
    Ok(Value::Opaque(Opaque::PathCheck(Rc::new(PathCheck { who, path }))))
}

fn group<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::Opaque(Opaque::Authorizer(who)), Value::String(group)] = arguments else {
        return Err(no_such_overload());
    };
    let (who, group) = (who.clone(), group.to_string());
    Ok(Value::Opaque(Opaque::GroupCheck(Rc::new(GroupCheck {
        who,
        group,
    }))))
}

fn service_account<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [
        Value::Opaque(Opaque::Authorizer(who)),
        Value::String(namespace),
        Value::String(name),
    ] = arguments
    else {
        return Err(no_such_overload());
    };
    if !meta::name::dns1123_subdomain(name).is_empty() {
        return failed("Invalid service account name");
    }
    if !meta::name::dns1123_label(namespace).is_empty() {
        return failed("Invalid service account namespace");
    }
    Ok(Value::Opaque(Opaque::Authorizer(AuthorizerValue {
        answers: who.answers.clone(),
        service_account: Some((namespace.to_string(), name.to_string())),
    })))
}

fn resource<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::Opaque(Opaque::GroupCheck(group)), Value::String(resource)] = arguments else {
        return Err(no_such_overload());
    };
    if resource.is_empty() {
        return failed("resource must not be empty");
    }
    let target = ResourceTarget {
        group: group.group.clone(),
        resource: resource.to_string(),
        ..ResourceTarget::default()
    };
    let who = group.who.clone();
    Ok(Value::Opaque(Opaque::ResourceCheck(Rc::new(ResourceCheck {
        who,
        target,
    }))))
}

fn narrowed<'v>(arguments: &[Value<'v>], narrow: fn(&mut ResourceTarget, String)) -> Answer<'v> {
    let [Value::Opaque(Opaque::ResourceCheck(check)), Value::String(text)] = arguments else {
        return Err(no_such_overload());
    };
    let mut check = ResourceCheck::clone(check);
    narrow(&mut check.target, text.to_string());
    Ok(Value::Opaque(Opaque::ResourceCheck(Rc::new(check))))
}

fn check<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (who, target, verb) = match arguments {
        [Value::Opaque(Opaque::PathCheck(check)), Value::String(verb)] => {
            (&check.who, Target::Path(check.path.clone()), verb)
        }
        [Value::Opaque(Opaque::ResourceCheck(check)), Value::String(verb)] => {
            (&check.who, Target::Resource(check.target.clone()), verb)
        }
        _ => return Err(no_such_overload()),
    };
    let decision = who.answers.authorize(&Question {
        service_account: who.service_account.clone(),
        verb: verb.to_string(),
        target,
    });
    Ok(Value::Opaque(Opaque::Decision(Rc::new(decision))))
}

fn told<'v>(arguments: &[Value<'v>], tell: fn(&Decision) -> Value<'v>) -> Answer<'v> {
    match arguments {
        [Value::Opaque(Opaque::Decision(decision))] => Ok(tell(decision)),
        _ => Err(no_such_overload()),
    }
}
