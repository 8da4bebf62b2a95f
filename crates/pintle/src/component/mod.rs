//! One component alone, with upstream's flags: `pintle kube-scheduler --kubeconfig ...`.

mod connection;
mod controller_manager;
mod error;
mod health;
mod leading;
mod node_agent;
mod own_account;
mod scheduler;
mod service_proxy;

pub use error::ComponentError;
pub use leading::candidate;

use tokio_util::sync::CancellationToken;

use crate::flags::{
    self, Component, FlagError, Given, Treatments, apiserver, apply, controller_manager as controller_flags,
    kubelet, proxy, scheduler as scheduler_flags,
};
use crate::node::NodeOptions;
use crate::runtime;
use crate::server::{self, ServerOptions};
use crate::settings::{ControllerSettings, ProxySettings, SchedulerSettings};
use crate::signals::cancel_on_signal;

/// A component and what it is told.
pub enum Run {
    /// The API server, over the store in the data directory.
    ApiServer(Box<ServerOptions>),
    /// The controllers.
    ControllerManager(Box<ControllerSettings>),
    /// The scheduler.
    Scheduler(Box<SchedulerSettings>),
    /// The node agent.
    Kubelet(Box<NodeOptions>),
    /// The service proxy.
    Proxy(Box<ProxySettings>),
}

impl Run {
    /// From the flags that were given; beside it, the warnings for the log.
    pub fn from_flags(component: Component, given: &Given) -> Result<(Self, Vec<String>), FlagError> {
        match component {
            Component::ApiServer => {
                let options =
                    ServerOptions::unset().map_err(|error| FlagError::Environment(error.to_string()))?;
                let alone = ServerOptions {
                    disable_agent: true,
                    disable_controller_manager: true,
                    disable_scheduler: true,
                    is_component: true,
                    ..options
                };
                let (options, warnings) = settings(&apiserver::TREATMENTS, given, alone)?;
                flags::audit::check(&options.api).map_err(FlagError::Together)?;
                Ok((Self::ApiServer(Box::new(options)), warnings))
            }
            Component::ControllerManager => {
                let unset = ControllerSettings::default();
                let (settings, warnings) = settings(&controller_flags::TREATMENTS, given, unset)?;
                flags::election::check(&settings.election).map_err(FlagError::Together)?;
                Ok((Self::ControllerManager(Box::new(settings)), warnings))
            }
            Component::Scheduler => {
                let unset = SchedulerSettings::default();
                let (settings, warnings) = settings(&scheduler_flags::TREATMENTS, given, unset)?;
                flags::election::check(&settings.election).map_err(FlagError::Together)?;
                Ok((Self::Scheduler(Box::new(settings)), warnings))
            }
            Component::Kubelet => {
                let unset =
                    NodeOptions::unset().map_err(|error| FlagError::Environment(error.to_string()))?;
                let (options, warnings) = settings(&kubelet::TREATMENTS, given, unset)?;
                Ok((Self::Kubelet(Box::new(options)), warnings))
            }
            Component::Proxy => {
                let (settings, warnings) = settings(&proxy::TREATMENTS, given, ProxySettings::default())?;
                Ok((Self::Proxy(Box::new(settings)), warnings))
            }
        }
    }

    /// How much the log says, as upstream counts.
    pub fn verbosity(&self) -> u8 {
        match self {
            Self::ApiServer(options) => options.api.verbosity,
            Self::ControllerManager(settings) => settings.verbosity,
            Self::Scheduler(settings) => settings.verbosity,
            Self::Kubelet(options) => options.kubelet.verbosity,
            Self::Proxy(settings) => settings.verbosity,
        }
    }

    /// Runs it until a signal ends it.
    pub fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        match self {
            Self::ApiServer(options) => server::run(*options).map_err(Into::into),
            Self::ControllerManager(settings) => {
                until_signal(async |shutdown| controller_manager::run(*settings, shutdown).await)
            }
            Self::Scheduler(settings) => {
                until_signal(async |shutdown| scheduler::run(*settings, shutdown).await)
            }
            Self::Kubelet(options) => {
                until_signal(async |shutdown| node_agent::run(&options, shutdown).await)
            }
            Self::Proxy(settings) => {
                until_signal(async |shutdown| service_proxy::run(&settings, shutdown).await)
            }
        }
    }
}

fn settings<S>(
    treatments: &Treatments<S>,
    given: &Given,
    mut settings: S,
) -> Result<(S, Vec<String>), FlagError> {
    let warnings = apply(treatments, given, &mut settings)?;
    Ok((settings, warnings))
}

fn until_signal(
    work: impl AsyncFnOnce(CancellationToken) -> Result<(), ComponentError>,
) -> Result<(), Box<dyn std::error::Error>> {
    let ended = runtime::block_on(async {
        let shutdown = CancellationToken::new();
        cancel_on_signal(shutdown.clone()).map_err(ComponentError::Process)?;
        work(shutdown).await
    });
    Ok(ended.map_err(ComponentError::Process)??)
}
