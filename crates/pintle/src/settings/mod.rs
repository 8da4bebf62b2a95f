//! What the components are told beyond the options that everyone sees: mostly by upstream's flags.

mod api;
mod backup;
mod controllers;
mod election;
mod health;
mod kubelet;
mod proxy;
mod scheduler;

pub use self::backup::{BackupOptions, S3Options};
pub use api::{ADMISSION_PLUGINS, ApiSettings, AuthorizationMode};
pub use controllers::{ControllerSettings, SigningFiles};
pub use election::ElectionSettings;
pub use health::HealthSettings;
pub use kubelet::KubeletSettings;
pub use proxy::ProxySettings;
pub use scheduler::SchedulerSettings;
