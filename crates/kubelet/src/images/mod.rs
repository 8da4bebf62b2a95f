//! Images: whether one is here, and fetching it if not.

mod credentials;
pub mod folders;
mod name;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use parking_lot::Mutex;

use crate::cri::message::{AuthConfig, Image, PodSandboxConfig};
use crate::cri::{ContainerRuntime, RuntimeError};
use crate::objects::Objects;
use crate::pod::{Member, PodToRun};

pub use folders::{FolderError, ImageFolders};

use credentials::Keyring;
use name::ImageName;

/// An image that is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageRef {
    /// What the runtime knows it by.
    pub id: String,
    /// The user it runs as, if given by number. An image that names no user runs as root.
    pub uid: Option<i64>,
    /// The user it runs as, if given by name.
    pub username: String,
}

impl ImageRef {
    fn new(image: &Image) -> Self {
        let uid = image.uid.map(|uid| uid.value);
        Self {
            id: image.id.clone(),
            uid: uid.or(image.username.is_empty().then_some(0)),
            username: image.username.clone(),
        }
    }
}

/// Why there is no image: a reason and a message as the container's status shows them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ImageError {
    pub reason: &'static str,
    pub message: String,
    /// What the status says while the next try is waited for, if not the same.
    pub waiting: Option<PullWait>,
}

/// An image that could not be fetched is tried again later. The reason in the status is `ImagePullBackOff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullWait {
    pub image: String,
    pub message: String,
}

impl PullWait {
    pub const REASON: &str = "ImagePullBackOff";
}

impl ImageError {
    fn new(reason: &'static str, message: String) -> Self {
        Self {
            reason,
            message,
            waiting: None,
        }
    }

    /// A failed transfer.
    fn pull(image: &str, message: String) -> Self {
        let waiting = PullWait {
            image: image.to_owned(),
            message: format!("Back-off pulling image {image:?}: ErrImagePull: {message}"),
        };
        Self {
            waiting: Some(waiting),
            ..Self::new("ErrImagePull", message)
        }
    }
}

/// Something to tell about an image, as an Event of its container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEvent {
    pub is_warning: bool,
    pub reason: &'static str,
    pub message: String,
}

/// Takes events as they happen.
pub type Report<'a> = &'a (dyn Fn(ImageEvent) + Send + Sync);

fn note(reason: &'static str, message: String) -> ImageEvent {
    ImageEvent {
        is_warning: false,
        reason,
        message,
    }
}

fn warning(reason: &'static str, message: String) -> ImageEvent {
    ImageEvent {
        is_warning: true,
        reason,
        message,
    }
}

/// The images of a node. Cheap to clone.
#[derive(Clone)]
pub struct Images {
    runtime: Arc<dyn ContainerRuntime>,
    objects: Arc<dyn Objects>,
    /// Images that are being fetched: nobody fetches the same one beside.
    pulls: Arc<Mutex<Pulls>>,
}

type Pulls = HashMap<String, Arc<tokio::sync::Mutex<()>>>;

impl Images {
    pub fn new(runtime: Arc<dyn ContainerRuntime>, objects: Arc<dyn Objects>) -> Self {
        Self {
            runtime,
            objects,
            pulls: Arc::default(),
        }
    }

    /// Makes sure that the image of a container is here, by its pull policy. Dropping the future ends a transfer.
    pub async fn ensure(
        &self,
        pod: &PodToRun,
        member: &Member,
        sandbox: &PodSandboxConfig,
        report: Report<'_>,
    ) -> Result<ImageRef, ImageError> {
        let policy = member.container.image_pull_policy.as_deref();
        self.bring(pod, (member.image(), policy), sandbox, report).await
    }

    /// Makes sure that an image is here for a pod, by name and pull policy.
    pub async fn bring(
        &self,
        pod: &PodToRun,
        (given, policy): (&str, Option<&str>),
        sandbox: &PodSandboxConfig,
        report: Report<'_>,
    ) -> Result<ImageRef, ImageError> {
        let name = ImageName::parse(given).map_err(|problem| {
            let message = format!(
                "Failed to apply default image tag {given:?}: couldn't parse image name {given:?}: {problem}"
            );
            report(warning("InspectFailed", message.clone()));
            ImageError::new("InvalidImageName", message)
        })?;
        let tagged = name.with_tag(given);
        let policy = policy.unwrap_or("IfNotPresent");
        let waiting_since = Instant::now();
        let pull = self.turn(&tagged);
        let _turn = pull.lock().await;
        let found = self.inspect(given, &tagged, report).await?;
        match (policy, found) {
            ("Never", None) => {
                let message = format!("Container image {given:?} is not present with pull policy of Never");
                report(warning("ErrImageNeverPull", message.clone()));
                Err(ImageError::new("ErrImageNeverPull", message))
            }
            ("Never" | "IfNotPresent", Some(image)) => {
                let message = format!(
                    "Container image {given:?} already present on machine and can be accessed by the pod"
                );
                report(note("Pulled", message));
                Ok(ImageRef::new(&image))
            }
            _ => {
                let wanted = Wanted {
                    given,
                    tagged: &tagged,
                    name: &name,
                    sandbox,
                    waiting_since,
                };
                self.pull(pod, wanted, report).await
            }
        }
    }

    fn turn(&self, image: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut pulls = self.pulls.lock();
        // What nobody waits for any more need not be remembered.
        pulls.retain(|_, turn| Arc::strong_count(turn) > 1);
        pulls.entry(image.to_owned()).or_default().clone()
    }

    async fn inspect(
        &self,
        given: &str,
        tagged: &str,
        report: Report<'_>,
    ) -> Result<Option<Image>, ImageError> {
        self.runtime.image_status(tagged).await.map_err(|error| {
            let message = format!("Failed to inspect image {given:?}: {error}");
            report(warning("InspectFailed", message.clone()));
            ImageError::new("ImageInspectError", message)
        })
    }

    async fn pull(
        &self,
        pod: &PodToRun,
        wanted: Wanted<'_>,
        report: Report<'_>,
    ) -> Result<ImageRef, ImageError> {
        let given = wanted.given;
        report(note("Pulling", format!("Pulling image {given:?}")));
        let begun = Instant::now();
        let keyring = Keyring::new(&self.secrets(pod).await);
        let pulled = self.transfer(&wanted, keyring.lookup(wanted.name)).await;
        let id = pulled.map_err(|error| {
            let message = error.to_string();
            report(warning(
                "Failed",
                format!("Failed to pull image {given:?}: {message}"),
            ));
            ImageError::pull(given, message)
        })?;
        let image = self.inspect(given, &id, report).await?;
        let size = image.as_ref().map_or(0, |image| image.size);
        let message = format!(
            "Successfully pulled image {given:?} in {} ({} including waiting). Image size: {size} bytes.",
            rounded(begun.elapsed()),
            rounded(wanted.waiting_since.elapsed())
        );
        report(note("Pulled", message));
        match image {
            Some(image) => Ok(ImageRef::new(&image)),
            None => Err(ImageError::pull(
                given,
                format!("image {id} is gone after it was pulled"),
            )),
        }
    }

    /// Tries one credential after the other; without any, as nobody.
    async fn transfer(
        &self,
        wanted: &Wanted<'_>,
        credentials: Vec<AuthConfig>,
    ) -> Result<String, RuntimeError> {
        let mut attempts: Vec<Option<AuthConfig>> = credentials.into_iter().map(Some).collect();
        if attempts.is_empty() {
            attempts.push(None);
        }
        let mut last = None;
        for auth in attempts {
            match self.runtime.pull_image(wanted.tagged, auth, wanted.sandbox).await {
                Ok(id) => return Ok(id),
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("there is at least one attempt"))
    }

    /// The pull secrets that are there: others may do.
    async fn secrets(&self, pod: &PodToRun) -> Vec<Arc<Secret>> {
        let mut found = Vec::new();
        for secret in pod.spec().image_pull_secrets.iter().flatten() {
            match self.objects.secret(pod.namespace(), &secret.name).await {
                Ok(secret) => found.push(secret),
                Err(error) => tracing::warn!(pod = pod.described(), %error, "no pull secret"),
            }
        }
        found
    }
}

/// An image that is to be fetched.
struct Wanted<'a> {
    given: &'a str,
    tagged: &'a str,
    name: &'a ImageName,
    sandbox: &'a PodSandboxConfig,
    waiting_since: Instant,
}

fn rounded(duration: Duration) -> meta::Duration {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    meta::Duration::from_nanos(millis.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests;
