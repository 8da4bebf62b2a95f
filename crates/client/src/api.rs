//! Calls to the API, typed by the object's kind.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use k8s_openapi::{Metadata, Resource};
use meta::{Reason, Status};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::watch as channel;
use tower::ServiceExt;

use crate::decode::{self, Unreadable};
use crate::error::Error;
use crate::metadata::ObjectMetadata;
use crate::options::{DeleteOptions, ListOptions, Patch, PatchOptions};
use crate::outage::Outages;
use crate::path::{self, Scope};
use crate::transport::{self, Body, Transport};
use crate::watch::{self, Decode, WatchStream};

/// A kind the client can work with.
pub trait Kind:
    Resource + Metadata<Ty: ObjectMetadata> + DeserializeOwned + Clone + Send + Sync + 'static
{
}

impl<K> Kind for K where
    K: Resource + Metadata<Ty: ObjectMetadata> + DeserializeOwned + Clone + Send + Sync + 'static
{
}

/// A client of an API server. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    user_agent: Arc<str>,
    outages: Outages,
}

/// A list of objects and the version it was read at.
#[derive(Clone, Debug)]
pub struct List<K> {
    /// The objects.
    pub items: Vec<K>,
    /// Where a watch goes on.
    pub resource_version: String,
}

#[derive(Deserialize)]
struct WireList<K> {
    metadata: ListMeta,
    #[serde(default = "Vec::new", bound(deserialize = "K: Deserialize<'de>"))]
    items: Vec<K>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    continue_token: String,
}

/// Gives away the objects of a page. Where one of them cannot be read, each is read by itself.
fn page<K: DeserializeOwned>(
    json: &[u8],
    take: impl FnMut(Result<K, Unreadable>),
) -> serde_json::Result<ListMeta> {
    if let Ok(page) = serde_json::from_slice::<WireList<K>>(json) {
        page.items.into_iter().map(Ok).for_each(take);
        return Ok(page.metadata);
    }
    let page: WireList<Box<RawValue>> = serde_json::from_slice(json)?;
    let read = |item: &RawValue| decode::object(item.get(), |json| decode::from_slice(json.as_bytes()));
    let items = page.items.iter().map(|item| read(item));
    let items: Vec<_> = items.collect::<serde_json::Result<_>>()?;
    items.into_iter().for_each(take);
    Ok(page.metadata)
}

/// Objects asked for in one page of a list.
const PAGE_SIZE: &str = "500";

impl Client {
    /// A client over a transport. `user_agent` names the component; up to its first slash it is also the field manager.
    pub fn new(transport: Transport, user_agent: impl Into<Arc<str>>) -> Self {
        Self {
            transport,
            user_agent: user_agent.into(),
            outages: Outages::default(),
        }
    }

    /// The same transport under another component's name.
    #[must_use]
    pub fn named(&self, user_agent: impl Into<Arc<str>>) -> Self {
        Self {
            transport: self.transport.clone(),
            user_agent: user_agent.into(),
            outages: self.outages.clone(),
        }
    }

    /// Sends a request as it is and gives the answer, whatever its status.
    pub fn send(&self, mut request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, Error>> {
        if let Ok(agent) = header::HeaderValue::from_str(&self.user_agent) {
            request.headers_mut().insert(header::USER_AGENT, agent);
        }
        let (transport, outages) = (self.transport.clone(), self.outages.clone());
        Box::pin(async move {
            let answer = transport.oneshot(request).await;
            outages.heard(&answer);
            answer.map_err(Error::Transport)
        })
    }

    /// Changes whenever the server is back after an outage, as any request of this client has found.
    pub(crate) fn outage_ends(&self) -> channel::Receiver<()> {
        self.outages.ends()
    }

    /// Sends JSON and reads JSON; a failure status is an error.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<Bytes>,
    ) -> Result<R, Error> {
        let bytes = self.ask(&method, path, content_type, body).await?;
        decode::from_slice(&bytes).map_err(|source| Error::Decode {
            request: format!("{method} {path}"),
            source,
        })
    }

    /// Sends JSON and gives the answer as it is; a failure status is an error.
    async fn ask(
        &self,
        method: &Method,
        path: &str,
        content_type: &str,
        body: Option<Bytes>,
    ) -> Result<Bytes, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body.map_or_else(transport::empty, transport::full))?;
        success(self.send(request).await?).await
    }

    async fn call_with<B: Serialize + ?Sized, R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<R, Error> {
        let body = serde_json::to_vec(body).map_err(Error::Encode)?;
        self.call(method, path, "application/json", Some(body.into()))
            .await
    }

    /// Reads an object.
    pub async fn get<K: Kind>(&self, scope: impl Into<Scope<'_>>, name: &str) -> Result<K, Error> {
        self.call(Method::GET, &path::object::<K>(scope.into(), name), "", None)
            .await
    }

    /// Reads all objects that match, page by page.
    pub async fn list<K: Kind>(&self, scope: Scope<'_>, options: &ListOptions) -> Result<List<K>, Error> {
        let mut items = Vec::new();
        let mut unreadable = None;
        let take = |item| match item {
            Ok(item) => items.push(item),
            Err(item) => unreadable = Some(item),
        };
        let resource_version = self.list_each(scope, options, take).await?;
        if let Some(Unreadable { who, why }) = unreadable {
            let request = format!("a list, of {} {}", K::KIND, who.name);
            return Err(Error::Decode { request, source: why });
        }
        Ok(List {
            items,
            resource_version,
        })
    }

    /// Reads the objects that match, page by page, and gives each away as it comes; answers with the version they were read
    /// at.
    pub(crate) async fn list_each<K: Kind>(
        &self,
        scope: Scope<'_>,
        options: &ListOptions,
        take: impl FnMut(Result<K, Unreadable>) + Send,
    ) -> Result<String, Error> {
        let mut take = take;
        let mut continue_token = String::new();
        loop {
            let path = path::with_query(
                path::collection::<K>(scope),
                &[
                    ("labelSelector", &options.label_selector),
                    ("fieldSelector", &options.field_selector),
                    ("limit", PAGE_SIZE),
                    ("continue", &continue_token),
                ],
            );
            let bytes = self.ask(&Method::GET, &path, "", None).await?;
            let metadata = page(&bytes, &mut take).map_err(|source| Error::Decode {
                request: format!("GET {path}"),
                source,
            })?;
            continue_token = metadata.continue_token;
            if continue_token.is_empty() {
                return Ok(metadata.resource_version);
            }
        }
    }

    /// Watches the objects that match from a version on. The stream ends when the server ends it.
    pub async fn watch<K: Kind>(
        &self,
        scope: Scope<'_>,
        options: &ListOptions,
        resource_version: &str,
    ) -> Result<WatchStream<K>, Error> {
        self.watch_into::<K, K>(scope, options, resource_version, |json| {
            decode::from_slice(json.as_bytes())
        })
        .await
    }

    /// The same, with objects of the kind `K` decoded into something else.
    pub(crate) async fn watch_into<K: Kind, T>(
        &self,
        scope: Scope<'_>,
        options: &ListOptions,
        resource_version: &str,
        decode: Decode<T>,
    ) -> Result<WatchStream<T>, Error>
    where
        T: Send + 'static,
    {
        let path = path::with_query(
            path::collection::<K>(scope),
            &[
                ("watch", "true"),
                ("allowWatchBookmarks", "true"),
                ("resourceVersion", resource_version),
                ("labelSelector", &options.label_selector),
                ("fieldSelector", &options.field_selector),
            ],
        );
        self.watch_with(&path, "application/json", decode).await
    }

    /// Watches in the form that `accept` names, such as metadata only; the path says what, and that it is a watch.
    pub async fn watch_as<T>(&self, path: &str, accept: &str) -> Result<WatchStream<T>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.watch_with(path, accept, |json| serde_json::from_str(json))
            .await
    }

    async fn watch_with<T: Send + 'static>(
        &self,
        path: &str,
        accept: &str,
        decode: Decode<T>,
    ) -> Result<WatchStream<T>, Error> {
        let request = Request::get(path)
            .header(header::ACCEPT, accept)
            .body(transport::empty())?;
        let response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(failure(response).await);
        }
        Ok(watch::stream(response.into_body(), decode))
    }

    /// Reads in the form that `accept` names; it must be a JSON one.
    pub async fn get_as<R: DeserializeOwned>(&self, path: &str, accept: &str) -> Result<R, Error> {
        let request = Request::get(path)
            .header(header::ACCEPT, accept)
            .body(transport::empty())?;
        let bytes = success(self.send(request).await?).await?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Decode {
            request: format!("GET {path}"),
            source,
        })
    }

    /// Creates an object.
    pub async fn create<K: Kind + Serialize>(&self, scope: Scope<'_>, object: &K) -> Result<K, Error> {
        self.call_with(Method::POST, &path::collection::<K>(scope), object)
            .await
    }

    /// Sends a body to a subresource that is an action: `binding`, `eviction`, `token`.
    pub async fn act<K: Kind, B: Serialize, R: DeserializeOwned>(
        &self,
        scope: Scope<'_>,
        name: &str,
        subresource: &str,
        body: &B,
    ) -> Result<R, Error> {
        self.call_with(
            Method::POST,
            &path::subresource::<K>(scope, name, subresource),
            body,
        )
        .await
    }

    /// Replaces an object.
    pub async fn replace<K: Kind + Serialize>(&self, object: &K) -> Result<K, Error> {
        let metadata = object.metadata();
        let path = path::object::<K>(metadata.namespace().into(), metadata.name());
        self.call_with(Method::PUT, &path, object).await
    }

    /// Replaces an object's status.
    pub async fn replace_status<K: Kind + Serialize>(&self, object: &K) -> Result<K, Error> {
        let metadata = object.metadata();
        let path = path::subresource::<K>(metadata.namespace().into(), metadata.name(), "status");
        self.call_with(Method::PUT, &path, object).await
    }

    /// Changes an object.
    pub async fn patch<K: Kind>(
        &self,
        scope: Scope<'_>,
        name: &str,
        patch: Patch<'_>,
        options: &PatchOptions,
    ) -> Result<K, Error> {
        let path = match options.subresource.as_str() {
            "" => path::object::<K>(scope, name),
            subresource => path::subresource::<K>(scope, name, subresource),
        };
        let force = if options.force { "true" } else { "" };
        let path = path::with_query(
            path,
            &[("fieldManager", &options.field_manager), ("force", force)],
        );
        let body = serde_json::to_vec(patch.body()).map_err(Error::Encode)?;
        self.call(Method::PATCH, &path, patch.content_type(), Some(body.into()))
            .await
    }

    /// Changes an object's status by a merge patch.
    pub async fn patch_status<K: Kind>(
        &self,
        scope: Scope<'_>,
        name: &str,
        status: &serde_json::Value,
    ) -> Result<K, Error> {
        let options = PatchOptions {
            subresource: "status".into(),
            ..PatchOptions::default()
        };
        self.patch(scope, name, Patch::Merge(status), &options).await
    }

    /// Deletes an object. The answer (a Status or the object) is not kept.
    pub async fn delete<K: Kind>(
        &self,
        scope: Scope<'_>,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(), Error> {
        let _: serde::de::IgnoredAny = self
            .call_with(Method::DELETE, &path::object::<K>(scope, name), options)
            .await?;
        Ok(())
    }
}

async fn success(response: Response<Body>) -> Result<Bytes, Error> {
    if !response.status().is_success() {
        return Err(failure(response).await);
    }
    collect(response.into_body()).await
}

async fn collect(body: Body) -> Result<Bytes, Error> {
    Ok(body.collect().await.map_err(Error::Transport)?.to_bytes())
}

/// The Status of a failed answer; one is made up if the body is none (a proxy's error page, say).
async fn failure(response: Response<Body>) -> Error {
    let code = response.status().as_u16();
    match collect(response.into_body()).await {
        Err(error) => error,
        Ok(bytes) => serde_json::from_slice::<Status>(&bytes)
            .unwrap_or_else(|_| Status::failure(code, Reason::UNKNOWN, String::from_utf8_lossy(&bytes)))
            .into(),
    }
}
