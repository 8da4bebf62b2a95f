//! What a controller is given to work with.

use std::sync::Arc;

use client::{Client, EventRecorder, Informers};
use tokio_util::sync::CancellationToken;

/// What a controller is given to work with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    clients: Arc<dyn Fn(&str) -> Client + Send + Sync>,
    informers: Arc<Informers>,
    shutdown: CancellationToken,
}

/// A pass that could not be finished; it will be tried again.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// A call to the API failed.
    #[error("{doing}")]
    Call {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: client::Error,
    },
    /// An object cannot be worked with as it is.
    #[error("{0}")]
    Object(String),
}

impl ControllerError {
    /// What conditions tell of it: what the server said, without what we say around it.
    pub(crate) fn said(&self) -> String {
        match self {
            Self::Call { source, .. } => crate::pod_control::said(source),
            Self::Object(message) => message.clone(),
        }
    }
}

/// Says what was being done when a call failed.
pub(crate) fn doing(doing: &'static str) -> impl FnOnce(client::Error) -> ControllerError {
    move |source| ControllerError::Call { doing, source }
}

impl Context {
    /// `clients` gives the client of a controller's own identity, by the controller's name
    /// (`deployment-controller`); informers are shared by all controllers of the process.
    pub fn new(
        clients: impl Fn(&str) -> Client + Send + Sync + 'static,
        informers: Arc<Informers>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            clients: Arc::new(clients),
            informers,
            shutdown,
        }
    }

    /// The client that acts as that controller.
    pub fn client(&self, controller: &str) -> Client {
        (self.clients)(controller)
    }

    /// The recorder of that controller's events.
    pub fn recorder(&self, controller: &str) -> EventRecorder {
        EventRecorder::start(self.client(controller), controller, "")
    }

    /// The shared informers.
    pub fn informers(&self) -> &Informers {
        &self.informers
    }

    /// Fires when the controllers are to end.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}
