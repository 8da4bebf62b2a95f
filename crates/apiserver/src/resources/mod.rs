//! Requests to resources: which resource and verb a request is for, then the verb.

mod create;
mod delete;
mod form;
mod get;
mod list;
mod patch;
mod refusal;
mod route;
mod update;
mod watch;
mod writing;

use crate::api::Api;
use crate::call::{Call, Response};
use crate::respond::status;
pub use route::{Action, Route};

/// Answers a request to a resource.
pub async fn serve(api: &Api, call: &mut Call) -> Response {
    let route = match Route::find(api, call) {
        Ok(route) => route,
        Err(refusal) => return refusal.answer(call),
    };
    call.labels.verb = route.action.metric_verb(call);
    call.labels.served = true;
    route::tell_of_deprecation(call, &route.resource);
    call.labels.deprecated = route.resource.kind().deprecation().is_some();
    let answered = match route.action {
        Action::Get => get::get(call, &route).await,
        Action::List => list::list(call, &route).await,
        Action::Watch => watch::watch(api, call, &route).await,
        Action::Create => create::create(call, &route).await,
        Action::Act => create::act(call, &route).await,
        Action::Update => update::update(call, &route).await,
        Action::Patch => patch::patch(call, &route).await,
        Action::Delete => delete::delete(call, &route).await,
        Action::DeleteCollection => delete::delete_collection(call, &route).await,
        Action::Connect => crate::connect::connect(api, call, &route).await,
    };
    answered.unwrap_or_else(|refusal| status(call, &refusal))
}
