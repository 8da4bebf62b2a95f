//! `/healthz`, `/livez` and `/readyz`: what must be well, check by check.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::StatusCode;
use meta::quote;
use tracing::warn;

use crate::call::{Call, Response};
use crate::metrics::HealthMetrics;
use crate::respond::{not_found_page, plain_text};

/// Something that must be well.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// What is wrong; only logs see it.
    async fn check(&self) -> Result<(), String>;
}

/// A question about health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// `/healthz`: the older question, the same as `livez`.
    Health,
    /// `/livez`: would a restart help?
    Live,
    /// `/readyz`: may it have requests?
    Ready,
}

impl Probe {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Health, Self::Live, Self::Ready];

    /// Its name in paths and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "healthz",
            Self::Live => "livez",
            Self::Ready => "readyz",
        }
    }
}

/// The checks of a server, in the order in which they are listed.
#[derive(Clone, Default)]
pub struct Health {
    checks: Vec<Entry>,
    metrics: Arc<HealthMetrics>,
}

#[derive(Clone)]
struct Entry {
    name: String,
    probes: &'static [Probe],
    check: Arc<dyn HealthCheck>,
}

/// A step of starting up that must be done once. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Hook(Arc<AtomicBool>);

impl Hook {
    /// It is done.
    pub fn done(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[async_trait]
impl HealthCheck for Hook {
    async fn check(&self) -> Result<(), String> {
        if self.0.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(String::from("not finished"))
        }
    }
}

/// Always well: that it answers is the answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ping;

#[async_trait]
impl HealthCheck for Ping {
    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Health {
    /// No checks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check that the given probes ask.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        probes: &'static [Probe],
        check: impl HealthCheck + 'static,
    ) -> Self {
        self.checks.push(Entry {
            name: name.into(),
            probes,
            check: Arc::new(check),
        });
        self
    }

    /// How the checks went so far.
    pub fn metrics(&self) -> &HealthMetrics {
        &self.metrics
    }

    /// The paths this answers.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for probe in Probe::ALL {
            paths.push(format!("/{}", probe.name()));
            paths.extend(
                self.of(probe)
                    .map(|entry| format!("/{}/{}", probe.name(), entry.name)),
            );
        }
        paths
    }

    /// Answers a path below `/`; none if it is not about health.
    pub async fn answer(&self, call: &Call) -> Option<Response> {
        let path = call.info.path().strip_prefix('/')?;
        let probe = Probe::ALL
            .into_iter()
            .find(|probe| path.starts_with(probe.name()))?;
        match path.strip_prefix(probe.name())? {
            "" => Some(self.all(call, probe).await),
            rest => Some(self.one(probe, rest.strip_prefix('/')?).await),
        }
    }

    fn of(&self, probe: Probe) -> impl Iterator<Item = &Entry> {
        self.checks
            .iter()
            .filter(move |entry| entry.probes.contains(&probe))
    }

    async fn one(&self, probe: Probe, name: &str) -> Response {
        let Some(entry) = self.of(probe).find(|entry| entry.name == name) else {
            return not_found_page();
        };
        match entry.check.check().await {
            Ok(()) => plain_text(StatusCode::OK, "ok"),
            Err(error) => plain_text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("internal server error: {error}\n"),
            ),
        }
    }

    async fn all(&self, call: &Call, probe: Probe) -> Response {
        let mut excluded: BTreeSet<&str> = call.query.all("exclude").collect();
        let mut report = String::new();
        let mut failed = Vec::new();
        for entry in self.of(probe) {
            let name = &entry.name;
            // Writing to a String cannot fail.
            if excluded.remove(name.as_str()) {
                let _ = writeln!(report, "[+]{name} excluded: ok");
                continue;
            }
            let checked = entry.check.check().await;
            self.metrics.asked(name, probe.name(), checked.is_ok());
            let _ = if let Err(error) = checked {
                failed.push(format!("{name}: {error}"));
                writeln!(report, "[-]{name} failed: reason withheld")
            } else {
                writeln!(report, "[+]{name} ok")
            };
        }
        if !excluded.is_empty() {
            let names: Vec<String> = excluded.into_iter().map(quote).collect();
            let _ = writeln!(
                report,
                "warn: some health checks cannot be excluded: no matches for {}",
                names.join(", ")
            );
        }
        if !failed.is_empty() {
            warn!(
                probe = probe.name(),
                failed = failed.join(", "),
                "health check failed"
            );
            let _ = writeln!(report, "{} check failed", probe.name());
            return plain_text(StatusCode::INTERNAL_SERVER_ERROR, report);
        }
        if !call.query.has("verbose") {
            return plain_text(StatusCode::OK, "ok");
        }
        let _ = writeln!(report, "{} check passed", probe.name());
        plain_text(StatusCode::OK, report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{routed_call, text_of};

    async fn check(health: &Health, target: &str, code: u16, expected: &str) {
        let response = health
            .answer(&routed_call("GET", target))
            .await
            .expect("an answer");
        assert_eq!(response.status().as_u16(), code, "{target}");
        assert_eq!(text_of(response).await, expected, "{target}");
    }

    #[tokio::test]
    async fn checks_are_asked_all_together_or_one_by_one() {
        let hook = Hook::default();
        let health = Health::new()
            .with("ping", &Probe::ALL, Ping)
            .with("etcd", &[Probe::Live, Probe::Ready], Ping)
            .with("poststarthook/x", &[Probe::Ready], hook.clone());
        check(&health, "/livez", 200, "ok").await;
        check(&health, "/livez/etcd", 200, "ok").await;
        check(&health, "/healthz/etcd", 404, "404 page not found\n").await;
        check(&health, "/livez/", 404, "404 page not found\n").await;
        check(
            &health,
            "/livez?verbose&exclude=etcd",
            200,
            "[+]ping ok\n[+]etcd excluded: ok\nlivez check passed\n",
        )
        .await;
        let unknown = "[+]ping ok\nwarn: some health checks cannot be excluded: no matches for \"x\"\nhealthz check passed\n";
        check(&health, "/healthz?verbose&exclude=x", 200, unknown).await;
        let failing =
            "[+]ping ok\n[+]etcd ok\n[-]poststarthook/x failed: reason withheld\nreadyz check failed\n";
        check(&health, "/readyz", 500, failing).await;
        check(
            &health,
            "/readyz/poststarthook/x",
            500,
            "internal server error: not finished\n",
        )
        .await;
        hook.done();
        check(&health, "/readyz", 200, "ok").await;
        let mut told = String::new();
        health.metrics().write(&mut told);
        for line in [
            "kubernetes_healthcheck{name=\"poststarthook/x\",type=\"readyz\"} 1",
            "kubernetes_healthchecks_total{name=\"etcd\",status=\"success\",type=\"livez\"} 1",
            "kubernetes_healthchecks_total{name=\"poststarthook/x\",status=\"error\",type=\"readyz\"} 1",
            "kubernetes_healthchecks_total{name=\"poststarthook/x\",status=\"success\",type=\"readyz\"} 1",
        ] {
            assert!(told.lines().any(|told| told == line), "{line}\n{told}");
        }
        assert!(health.answer(&routed_call("GET", "/version")).await.is_none());
        assert!(health.answer(&routed_call("GET", "/livezz")).await.is_none());
    }
}
