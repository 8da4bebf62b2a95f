//! Who decides what is written about a request, and hands it to where it is written.

use std::sync::Arc;

use auth::Attributes;
use tracing::{error, warn};

use crate::event::{Asked, Event};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::policy::{Level, Policy, Stage};
use crate::record::Record;
use crate::sink::{self, Sink};

pub use crate::sink::StartError;

/// Writes about requests.
#[derive(Debug)]
pub struct Auditor {
    policy: Policy,
    sinks: Vec<Sink>,
    metrics: Arc<Metrics>,
}

impl Auditor {
    /// An auditor as the options say; none if nothing is to be written, or nowhere.
    pub fn start(options: &Options) -> Result<Option<Arc<Self>>, StartError> {
        let metrics = Arc::new(Metrics::default());
        for field in &options.unknown_fields {
            warn!(field, "a field of the audit policy is not known, and ignored");
        }
        let sinks = sink::open(options, &metrics)?;
        let Some(policy) = options.policy.clone().filter(|_| !sinks.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Self {
            policy,
            sinks,
            metrics,
        })))
    }

    /// Begins to write about a request; none if the policy wants nothing written. `asked` is made only if it is needed.
    pub fn begin(
        self: &Arc<Self>,
        request: &Attributes<'_>,
        is_known: bool,
        asked: impl FnOnce() -> Asked,
    ) -> Option<Arc<Record>> {
        let treatment = self.policy.treatment(request, is_known);
        self.metrics.level(treatment.level);
        if treatment.level == Level::None {
            return None;
        }
        Some(Arc::new(Record::new(
            Arc::clone(self),
            treatment.clone(),
            asked(),
        )))
    }

    /// Counts a request that is refused because it cannot be written about.
    pub fn rejected(&self) {
        self.metrics.rejected();
    }

    /// Appends what was counted, in the text format of Prometheus.
    pub fn write_metrics(&self, out: &mut String) {
        self.metrics.write(out);
    }

    /// Ends: what waits to be written is written.
    pub async fn shut_down(&self) {
        for sink in &self.sinks {
            sink.shut_down().await;
        }
    }

    /// Hands an event to every sink. False if one that has to take it did not.
    pub(crate) async fn write(&self, event: Event) -> bool {
        self.metrics.event();
        let mut taken = true;
        for sink in &self.sinks {
            taken &= sink.take(&event).await;
        }
        if !taken && event.stage == Stage::RequestReceived {
            error!(
                audit_id = event.asked.id,
                "a request is refused that cannot be audited"
            );
        }
        taken
    }
}
