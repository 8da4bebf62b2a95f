//! What auditing is told, under the names of upstream's flags, and what is wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use crate::policy::Policy;

/// Versions of events that can be written.
const VERSION: &str = "audit.k8s.io/v1";

/// What auditing is told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The policy; without one nothing is written.
    pub policy: Option<Policy>,
    /// Fields of the policy that nobody knows.
    pub unknown_fields: Vec<String>,
    /// The log.
    pub log: LogOptions,
    /// The webhook.
    pub webhook: WebhookOptions,
}

/// How events are handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Several at a time, later.
    Batch,
    /// Each while its request waits.
    Blocking,
    /// The same, and a request that cannot be written about when it comes is refused.
    BlockingStrict,
}

impl Mode {
    const ALL: [(&'static str, Self); 3] = [
        ("batch", Self::Batch),
        ("blocking", Self::Blocking),
        ("blocking-strict", Self::BlockingStrict),
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(name, _)| *name == text)
            .map(|(_, mode)| mode)
    }
}

/// `--audit-log-*`.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The file, `-` for standard output; empty: no log.
    pub path: String,
    /// Days that old files are kept; 0: without end.
    pub max_age: i64,
    /// How many old files are kept; 0: all.
    pub max_backups: i64,
    /// Megabytes of a file at most; 0: without end.
    pub max_size: i64,
    /// `json` or `legacy`.
    pub format: String,
    /// Whether old files are compressed.
    pub compress: bool,
    /// How events are handed on.
    pub handing: Handing,
}

/// `--audit-webhook-*`.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// A kubeconfig of where events go; none: nowhere.
    pub config: Option<PathBuf>,
    /// How long is waited before what failed is tried again the first time.
    pub initial_backoff: Duration,
    /// How events are handed on.
    pub handing: Handing,
}

/// What log and webhook have in common.
#[derive(Clone, Debug)]
pub struct Handing {
    /// `batch`, `blocking`, `blocking-strict`.
    pub mode: String,
    /// `audit.k8s.io/v1`.
    pub version: String,
    /// Events that may wait.
    pub buffer_size: i64,
    /// Events of a batch at most.
    pub max_batch: i64,
    /// How long a batch that is not full waits for more.
    pub max_wait: Duration,
    /// Whether batches are limited in time.
    pub throttle: bool,
    /// How many a second.
    pub throttle_rate: f64,
    /// How many at once, after a while without any.
    pub throttle_burst: i64,
    /// Whether events that are too large are cut.
    pub truncate: bool,
    /// Bytes of an event at most.
    pub max_event_bytes: i64,
    /// Bytes of a batch at most.
    pub max_batch_bytes: i64,
}

impl Default for Handing {
    fn default() -> Self {
        Self {
            mode: "blocking".into(),
            version: VERSION.into(),
            buffer_size: 10_000,
            max_batch: 1,
            max_wait: Duration::ZERO,
            throttle: false,
            throttle_rate: 0.0,
            throttle_burst: 0,
            truncate: false,
            max_event_bytes: 100 << 10,
            max_batch_bytes: 10 << 20,
        }
    }
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            path: String::new(),
            max_age: 366,
            max_backups: 100,
            max_size: 100,
            format: "json".into(),
            compress: false,
            handing: Handing::default(),
        }
    }
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            config: None,
            initial_backoff: Duration::from_secs(10),
            handing: Handing {
                mode: "batch".into(),
                max_batch: 400,
                max_wait: Duration::from_secs(30),
                throttle: true,
                throttle_rate: 10.0,
                throttle_burst: 15,
                ..Handing::default()
            },
        }
    }
}

impl Options {
    /// What is wrong, in upstream's words; nothing if all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.log.path.is_empty() {
            problems.extend(self.log.problems());
        }
        if self.webhook.config.is_some() {
            problems.extend(self.webhook.handing.problems("webhook"));
        }
        problems
    }
}

impl LogOptions {
    fn problems(&self) -> Vec<String> {
        let mut problems = self.handing.problems("log");
        if !matches!(self.format.as_str(), "legacy" | "json") {
            let format = &self.format;
            problems.push(format!(
                "invalid audit log format {format}, allowed formats are \"legacy,json\""
            ));
        }
        let limits = [
            ("maxage", self.max_age),
            ("maxbackup", self.max_backups),
            ("maxsize", self.max_size),
        ];
        let negative = limits.into_iter().filter(|(_, value)| *value < 0);
        problems.extend(
            negative.map(|(name, value)| format!("--audit-log-{name} {value} can't be a negative number")),
        );
        problems
    }
}

impl Handing {
    /// How events are handed on.
    pub(crate) fn mode(&self) -> Mode {
        Mode::parse(&self.mode).unwrap_or(Mode::Blocking)
    }

    fn problems(&self, plugin: &str) -> Vec<String> {
        let found = [
            self.batch_problem(plugin),
            self.truncate_problem(plugin),
            self.version_problem(),
        ];
        found.into_iter().flatten().collect()
    }

    fn batch_problem(&self, plugin: &str) -> Option<String> {
        let Some(mode) = Mode::parse(&self.mode) else {
            let allowed = Mode::ALL.map(|(name, _)| name).join(",");
            return Some(format!(
                "invalid audit {plugin} mode {}, allowed modes are {allowed:?}",
                self.mode
            ));
        };
        if mode != Mode::Batch {
            return None;
        }
        let positive = |what: &str, value: f64| {
            let why = || format!("invalid audit batch {plugin} {what} {value}, must be a positive number");
            (value <= 0.0).then(why)
        };
        positive("buffer size", self.buffer_size as f64)
            .or_else(|| positive("max batch size", self.max_batch as f64))
            .or_else(|| {
                self.throttle
                    .then(|| positive("throttle QPS", self.throttle_rate))?
            })
            .or_else(|| {
                self.throttle
                    .then(|| positive("throttle burst", self.throttle_burst as f64))?
            })
    }

    fn truncate_problem(&self, plugin: &str) -> Option<String> {
        let (event, batch) = (self.max_event_bytes, self.max_batch_bytes);
        if event <= 0 {
            return Some(format!(
                "invalid audit truncate {plugin} max event size {event}, must be a positive number"
            ));
        }
        (batch < event).then(|| {
            format!(
                "invalid audit truncate {plugin} max batch size {batch}, must be greater than max event size ({event})"
            )
        })
    }

    fn version_problem(&self) -> Option<String> {
        (self.version != VERSION)
            .then(|| format!("invalid group version, allowed versions are [\"{VERSION}\"]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_in_upstreams_words() {
        let mut options = Options::default();
        options.log.handing.mode = "foo".into();
        assert_eq!(options.problems(), [""; 0], "there is no log");
        options.log.path = "x".into();
        options.log.format = "x".into();
        options.log.max_age = -1;
        options.log.handing.max_event_bytes = 0;
        options.log.handing.version = "audit.k8s.io/v2".into();
        options.webhook.config = Some("x".into());
        options.webhook.handing.max_batch = 0;
        assert_eq!(
            options.problems(),
            [
                r#"invalid audit log mode foo, allowed modes are "batch,blocking,blocking-strict""#,
                "invalid audit truncate log max event size 0, must be a positive number",
                r#"invalid group version, allowed versions are ["audit.k8s.io/v1"]"#,
                r#"invalid audit log format x, allowed formats are "legacy,json""#,
                "--audit-log-maxage -1 can't be a negative number",
                "invalid audit batch webhook max batch size 0, must be a positive number",
            ]
        );
    }

    #[test]
    fn the_defaults_are_good() {
        let mut options = Options::default();
        options.log.path = "-".into();
        options.webhook.config = Some("x".into());
        assert_eq!(options.problems(), [""; 0]);
    }
}
