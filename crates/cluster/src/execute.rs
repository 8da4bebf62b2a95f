//! Makes a plan come true over the API.

use async_trait::async_trait;
use client::error::optional;
use client::{Client, Error};
use futures::stream::{self, TryStreamExt};
use http::Method;
use serde_json::Value;

use crate::bootstrap::Wanted;
use crate::reconcile::{Action, plan};

/// Objects in work at a time: enough that their writes share the store's disk syncs.
const CONCURRENCY: usize = 64;
/// How often an object is tried that somebody else keeps changing.
const ATTEMPTS: usize = 5;

/// Why objects could not be put in place.
#[derive(Debug, thiserror::Error)]
#[error("{resource} {name:?}")]
pub struct ExecuteError {
    resource: String,
    name: String,
    source: Error,
}

/// Reads and writes the objects of a cluster.
#[async_trait]
pub trait Objects: Send + Sync {
    /// The object as it is; none if it is not there.
    async fn get(&self, wanted: &Wanted) -> Result<Option<Value>, Error>;
    /// Does it, and gives the object as it is then; none if somebody else was faster.
    async fn act(&self, wanted: &Wanted, action: &Action) -> Result<Option<Value>, Error>;
}

/// Puts every wanted object in place. The steps go one after the other, the objects of a step side by side. `is_new` says that
/// the store was empty: then nothing is read first.
pub async fn execute(
    objects: &dyn Objects,
    steps: impl IntoIterator<Item = Vec<Wanted>>,
    is_new: bool,
) -> Result<(), ExecuteError> {
    for step in steps {
        let ensure = |wanted: Wanted| async move {
            let done = ensure(objects, &wanted, is_new).await;
            done.map_err(|source| ExecuteError {
                resource: wanted.resource.group_resource().to_string(),
                name: wanted.name,
                source,
            })
        };
        stream::iter(step.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENCY, ensure)
            .await?;
    }
    Ok(())
}

async fn ensure(objects: &dyn Objects, wanted: &Wanted, is_new: bool) -> Result<(), Error> {
    let mut existing = if is_new { None } else { objects.get(wanted).await? };
    for _ in 0..ATTEMPTS {
        let Some(action) = plan(wanted, existing.as_ref()) else {
            return Ok(());
        };
        existing = match objects.act(wanted, &action).await {
            Ok(Some(object)) => Some(object),
            Ok(None) => objects.get(wanted).await?,
            // Another server that starts may have made it meanwhile: then what it holds is not to be had any more.
            Err(error) if existing.is_none() => match objects.get(wanted).await? {
                Some(object) => Some(object),
                None => return Err(error),
            },
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

#[async_trait]
impl Objects for Client {
    async fn get(&self, wanted: &Wanted) -> Result<Option<Value>, Error> {
        optional(self.call(Method::GET, &path(wanted, true), "", None).await)
    }

    async fn act(&self, wanted: &Wanted, action: &Action) -> Result<Option<Value>, Error> {
        let (method, path, body) = match action {
            Action::Create(object) => (Method::POST, path(wanted, false), object),
            Action::Update(object) => (Method::PUT, path(wanted, true), object),
            Action::UpdateStatus(object) => (Method::PUT, format!("{}/status", path(wanted, true)), object),
            Action::Recreate(object) => {
                delete(self, wanted).await?;
                (Method::POST, path(wanted, false), object)
            }
            Action::Delete => {
                delete(self, wanted).await?;
                return Ok(None);
            }
        };
        let body = serde_json::to_vec(body).map_err(Error::Encode)?;
        let path = format!("{path}{}", as_manager(wanted));
        match self
            .call(method, &path, "application/json", Some(body.into()))
            .await
        {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_already_exists() || error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn delete(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let path = path(wanted, true);
    let gone = client.call::<Value>(Method::DELETE, &path, "", None).await;
    optional(gone).map(drop)
}

/// The query that says who owns the fields, where that is not the server under its own name.
fn as_manager(wanted: &Wanted) -> &'static str {
    match &*wanted.resource.group {
        "flowcontrol.apiserver.k8s.io" => "?fieldManager=api-priority-and-fairness-config-producer-v1",
        _ => "",
    }
}

/// The path of an object, or of the collection it belongs to.
fn path(wanted: &Wanted, of_object: bool) -> String {
    let resource = &wanted.resource;
    let mut path = match &*resource.group {
        "" => format!("/api/{}", resource.version),
        group => format!("/apis/{group}/{}", resource.version),
    };
    let namespace = Some(&wanted.namespace).filter(|n| !n.is_empty());
    let segments = [namespace.map(|_| "namespaces"), namespace.map(String::as_str)];
    let tail = [
        Some(&*resource.resource),
        of_object.then_some(wanted.name.as_str()),
    ];
    for segment in segments.into_iter().chain(tail).flatten() {
        path.push('/');
        path.push_str(segment);
    }
    path
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use meta::GroupVersionResource;
    use parking_lot::Mutex;
    use serde_json::json;

    use super::*;
    use crate::reconcile::Policy;

    /// Objects in memory that count what is done to them.
    #[derive(Default)]
    struct Memory {
        objects: Mutex<HashMap<String, Value>>,
        reads: Mutex<usize>,
        writes: Mutex<usize>,
    }

    #[async_trait]
    impl Objects for Memory {
        async fn get(&self, wanted: &Wanted) -> Result<Option<Value>, Error> {
            *self.reads.lock() += 1;
            Ok(self.objects.lock().get(&path(wanted, true)).cloned())
        }

        async fn act(&self, wanted: &Wanted, action: &Action) -> Result<Option<Value>, Error> {
            *self.writes.lock() += 1;
            let mut objects = self.objects.lock();
            let key = path(wanted, true);
            let object = match action {
                Action::Create(_) if objects.contains_key(&key) => return Ok(None),
                Action::Create(object) | Action::Update(object) => object,
                Action::UpdateStatus(object) | Action::Recreate(object) => object,
                Action::Delete => {
                    objects.remove(&key);
                    return Ok(None);
                }
            };
            objects.insert(key, object.clone());
            Ok(Some(object.clone()))
        }
    }

    fn wanted() -> Vec<Wanted> {
        let resource = GroupVersionResource::new("apps", "v1", "things");
        let object = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"x": 1}});
        vec![Wanted {
            resource,
            namespace: String::from("d"),
            name: String::from("a"),
            policy: Policy::Spec,
            object,
            status: Some(json!({"ready": true})),
        }]
    }

    #[tokio::test]
    async fn what_earlier_versions_made_goes() {
        let memory = Memory::default();
        run(&memory, true).await;
        let mut retired = wanted();
        retired[0].policy = Policy::Retired;
        for (is_new, writes) in [(false, 1), (false, 0), (true, 0)] {
            execute(&memory, [retired.clone()], is_new).await.expect("done");
            assert_eq!(std::mem::take(&mut *memory.writes.lock()), writes);
            assert!(memory.objects.lock().is_empty());
        }
    }

    async fn run(memory: &Memory, is_new: bool) -> (usize, usize) {
        execute(memory, [wanted()], is_new).await.expect("done");
        (
            std::mem::take(&mut *memory.reads.lock()),
            std::mem::take(&mut *memory.writes.lock()),
        )
    }

    #[tokio::test]
    async fn objects_are_made_once_and_kept() {
        let memory = Memory::default();
        assert_eq!(run(&memory, true).await, (0, 2), "created, then its status");
        assert_eq!(run(&memory, false).await, (1, 0), "nothing to do");
        assert_eq!(run(&memory, true).await, (1, 1), "it was not new after all");
        let key = "/apis/apps/v1/namespaces/d/things/a";
        memory.objects.lock().get_mut(key).expect("there")["spec"]["x"] = 2.into();
        assert_eq!(run(&memory, false).await, (1, 1), "put right");
        assert_eq!(memory.objects.lock()[key]["spec"]["x"], 1);
    }
}
