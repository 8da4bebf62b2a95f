//! Where events go: a log, a webhook; each at once, or in batches by and by.

mod file;
mod housekeeping;
mod log;
mod queue;
mod throttle;
mod webhook;

use std::sync::Arc;

use bytes::Bytes;
use tracing::error;

use crate::event::Event;
use crate::metrics::Metrics;
use crate::options::{Handing, Mode, Options};
use crate::policy::Level;

use log::Log;
use queue::Queue;
use webhook::Webhook;

/// Why auditing cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be written.
    #[error("the audit log {path} cannot be written")]
    Log {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not known where the webhook is.
    #[error("the audit webhook cannot be called")]
    Webhook {
        /// Why.
        #[source]
        source: client::config::ConfigError,
    },
}

/// A place where events go.
#[derive(Debug)]
pub(crate) struct Sink {
    output: Arc<Output>,
    /// Bytes of an event at most; none: of any size.
    max_event_bytes: Option<usize>,
    way: Way,
    metrics: Arc<Metrics>,
}

/// How events come there.
#[derive(Debug)]
enum Way {
    /// Each while its request waits.
    Now {
        /// Whether a request is refused that cannot be written about.
        strict: bool,
    },
    /// By and by.
    Later(Queue),
}

#[derive(Debug)]
enum Output {
    Log(Log),
    Webhook(Webhook),
}

/// Everything that the options name.
pub(crate) fn open(options: &Options, metrics: &Arc<Metrics>) -> Result<Vec<Sink>, StartError> {
    let mut sinks = Vec::new();
    if !options.log.path.is_empty() {
        let log = Log::open(&options.log).map_err(|source| StartError::Log {
            path: options.log.path.clone(),
            source,
        })?;
        sinks.push(Sink::new(Output::Log(log), &options.log.handing, metrics));
    }
    if let Some(config) = &options.webhook.config {
        let webhook = Webhook::open(config, options.webhook.initial_backoff);
        let webhook = webhook.map_err(|source| StartError::Webhook { source })?;
        sinks.push(Sink::new(
            Output::Webhook(webhook),
            &options.webhook.handing,
            metrics,
        ));
    }
    Ok(sinks)
}

impl Sink {
    fn new(output: Output, handing: &Handing, metrics: &Arc<Metrics>) -> Self {
        let output = Arc::new(output);
        let way = match handing.mode() {
            Mode::Batch => Way::Later(Queue::start(Arc::clone(&output), handing, Arc::clone(metrics))),
            mode => Way::Now {
                strict: mode == Mode::BlockingStrict,
            },
        };
        let max = usize::try_from(handing.max_event_bytes).ok();
        Self {
            output,
            max_event_bytes: max.filter(|_| handing.truncate),
            way,
            metrics: Arc::clone(metrics),
        }
    }

    /// Takes an event. False if its request is to be refused because it could not be written.
    pub(crate) async fn take(&self, event: &Event) -> bool {
        let Some(encoded) = self.encoded(event) else {
            return true;
        };
        match &self.way {
            Way::Later(queue) => {
                if !queue.push(encoded) {
                    error!(
                        audit_id = event.asked.id,
                        "the audit buffer is full: an event is lost"
                    );
                    self.metrics.lost("buffered", 1);
                }
                true
            }
            Way::Now { strict } => self.output.write(&[encoded], &self.metrics).await || !strict,
        }
    }

    /// The event as it is written; none if it is too large in any form.
    fn encoded(&self, event: &Event) -> Option<Bytes> {
        let encoded = self.output.encode(event);
        let Some(max) = self.max_event_bytes else {
            return Some(encoded);
        };
        // What an event is measured by is its JSON, whatever it is written in.
        if standing_alone_bytes(event) <= max {
            return Some(encoded);
        }
        let cut = (event.level >= Level::Request).then(|| event.clone().without_objects());
        if let Some(cut) = cut.filter(|cut| standing_alone_bytes(cut) <= max) {
            return Some(self.output.encode(&cut));
        }
        error!(
            audit_id = event.asked.id,
            "an audit event is too large even without its objects, and lost"
        );
        self.metrics.lost("truncate", 1);
        None
    }

    /// Writes what waits, and takes no more.
    pub(crate) async fn shut_down(&self) {
        if let Way::Later(queue) = &self.way {
            queue.finish().await;
        }
    }
}

/// Bytes of an event on a line of its own.
fn standing_alone_bytes(event: &Event) -> usize {
    crate::event::standing_alone(&event.to_json()).len() + 1
}

impl Output {
    fn encode(&self, event: &Event) -> Bytes {
        match self {
            Self::Log(log) => log.encode(event),
            Self::Webhook(_) => event.to_json().into(),
        }
    }

    /// Writes a batch; what is lost is counted, and told.
    async fn write(&self, batch: &[Bytes], metrics: &Metrics) -> bool {
        let (plugin, written) = match self {
            Self::Log(log) => ("log", log.write(batch).map_err(|error| error.to_string())),
            Self::Webhook(webhook) => ("webhook", webhook.send(batch).await),
        };
        if let Err(error) = &written {
            error!(plugin, events = batch.len(), error, "audit events are lost");
            metrics.lost(plugin, batch.len());
        }
        written.is_ok()
    }

    /// Whether several batches may be under way.
    fn is_slow(&self) -> bool {
        matches!(self, Self::Webhook(_))
    }
}
