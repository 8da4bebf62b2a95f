//! Who asks for a certificate is written into the request, where approvers look: nobody can say it is another.

use async_trait::async_trait;
use meta::{Status, User};
use registry::{Hooks, Pending, RequestContext};
use serde_json::{Value, json};

/// Stamps requests for certificates with their requester.
pub struct StampRequester;

#[async_trait]
impl Hooks for StampRequester {
    async fn begin_create(
        &self,
        context: &RequestContext,
        new: &mut Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        stamp(new, &context.user);
        Ok(None)
    }

    async fn begin_update(
        &self,
        _context: &RequestContext,
        new: &mut Value,
        old: &Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        // A request stays as it was made; what a client changes in it is not heard.
        new["spec"] = old["spec"].clone();
        Ok(None)
    }
}

fn stamp(request: &mut Value, user: &User) {
    let Some(spec) = request["spec"].as_object_mut() else {
        return;
    };
    for field in ["username", "uid", "groups", "extra"] {
        spec.remove(field);
    }
    spec.insert(String::from("username"), json!(user.name));
    if !user.uid.is_empty() {
        spec.insert(String::from("uid"), json!(user.uid));
    }
    if !user.groups.is_empty() {
        spec.insert(String::from("groups"), json!(user.groups));
    }
    if !user.extra.is_empty() {
        spec.insert(String::from("extra"), json!(user.extra));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requester_is_who_asks_whatever_the_request_says() {
        let mut request = json!({"spec": {
            "username": "root", "uid": "0", "groups": ["system:masters"], "extra": {"a": ["b"]}, "signerName": "s",
        }});
        stamp(&mut request, &User::new("eve", &["dev"]));
        assert_eq!(
            request,
            json!({"spec": {"username": "eve", "groups": ["dev"], "signerName": "s"}})
        );
        stamp(&mut request, &User::new("eve", &[]));
        assert_eq!(request, json!({"spec": {"username": "eve", "signerName": "s"}}));
    }
}
