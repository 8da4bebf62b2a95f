//! Requests answered.

use std::path::PathBuf;
use std::sync::Arc;

use auth::AuthenticationError;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::container::{has_container, logged_container, pod_of};
use super::log::{self, BadOptions, LogOptions, LogSource};
use super::pods;
use super::query::Query;
use super::reply::{self, Reply, text};
use super::route::{Route, Target};
use super::run_command::run_command;
use super::settings::Settings;
use super::stats::{self, Reading};
use super::streams::{StreamKind, stream};
use super::view::NodeView;

/// Answers requests.
pub struct Handler {
    access: Access,
    view: Arc<dyn NodeView>,
    node_name: String,
    root_directory: PathBuf,
    /// Ends what would go on for ever.
    stop: CancellationToken,
}

impl Handler {
    pub fn new(settings: Settings, view: Arc<dyn NodeView>) -> Result<Self, AuthenticationError> {
        Ok(Self {
            access: Access::new(&settings)?,
            view,
            node_name: settings.node_name,
            root_directory: settings.root_directory,
            stop: CancellationToken::new(),
        })
    }

    /// Ends logs that are followed, and streams.
    pub fn stop_streams(&self) {
        self.stop.cancel();
    }

    /// Answers a request, if who sends it may have the answer.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        certificates: &[CertificateDer<'static>],
    ) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let checked = self
            .access
            .check(&method, &path, request.headers(), certificates)
            .await;
        match checked {
            Ok(_) => self.dispatch(&method, Route::parse(&path), request).await,
            Err(refusal) => refusal,
        }
    }

    async fn dispatch(&self, method: &Method, route: Route, request: Request<Incoming>) -> Reply {
        let query = Query::parse(request.uri().query());
        let view = &*self.view;
        match (method, route) {
            (&Method::GET, Route::ContainerLogs(target)) => self.container_logs(&target, &query).await,
            (&Method::GET | &Method::POST, Route::Exec(target)) => {
                self.stream(StreamKind::Exec, &target, request).await
            }
            (&Method::GET | &Method::POST, Route::Attach(target)) => {
                self.stream(StreamKind::Attach, &target, request).await
            }
            (&Method::GET | &Method::POST, Route::PortForward(target)) => {
                self.stream(StreamKind::PortForward, &target, request).await
            }
            (&Method::POST, Route::Run(target)) => run_command(view, &target, &query).await,
            (&Method::GET, Route::Pods) => reply::json(&pods::wanted(view)),
            (&Method::GET, Route::RunningPods) => match pods::running(view).await {
                Ok(list) => reply::json(&list),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            },
            (&Method::GET, Route::StatsSummary) => {
                self.reading(|reading| reply::json(&stats::summary(reading, &self.node_name)))
                    .await
            }
            (&Method::GET, Route::MetricsResource) => {
                self.reading(|reading| reply::metrics(stats::resource(reading)))
                    .await
            }
            (&Method::GET, Route::MetricsCadvisor) => {
                self.reading(|reading| reply::metrics(stats::cadvisor(reading)))
                    .await
            }
            (&Method::GET, Route::Metrics) => self.own_metrics().await,
            (&Method::GET, Route::Healthz) => text(StatusCode::OK, "ok"),
            (_, Route::NodeLogs) => text(StatusCode::METHOD_NOT_ALLOWED, "logs endpoint is disabled."),
            (_, Route::Checkpoint) => {
                text(StatusCode::NOT_FOUND, "checkpointing containers is not supported")
            }
            (_, Route::Unknown) => text(StatusCode::NOT_FOUND, "404 page not found\n"),
            _ => text(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed"),
        }
    }

    async fn stream(&self, kind: StreamKind, target: &Target, request: Request<Incoming>) -> Reply {
        stream(&*self.view, kind, target, request, self.stop.child_token()).await
    }

    async fn reading(&self, show: impl FnOnce(&Reading) -> Reply) -> Reply {
        let folder = self.root_directory.clone();
        match Reading::take(self.view.runtime(), self.view.pods(), folder).await {
            Ok(reading) => show(&reading),
            Err(error) => {
                let message = client::controller::Chain(&error).to_string();
                text(StatusCode::INTERNAL_SERVER_ERROR, message)
            }
        }
    }

    async fn own_metrics(&self) -> Reply {
        match pods::count_running(&*self.view).await {
            Ok((pods, containers)) => reply::metrics(stats::own(&self.node_name, pods, containers)),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    async fn container_logs(&self, target: &Target, query: &Query) -> Reply {
        let options = match LogOptions::parse(query, Timestamp::now()) {
            Ok(options) => options,
            Err(error @ BadOptions::Undecodable) => return text(StatusCode::BAD_REQUEST, error.to_string()),
            Err(error @ BadOptions::Invalid) => {
                return text(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
            }
        };
        let Some(pod) = pod_of(&*self.view, target) else {
            let message = format!("pod {:?} does not exist\n", target.pod);
            return text(StatusCode::NOT_FOUND, message);
        };
        if !has_container(&pod, &target.container) {
            let message = format!(
                "container {:?} not found in pod {:?}\n",
                target.container, target.pod
            );
            return text(StatusCode::NOT_FOUND, message);
        }
        let opened = async {
            let container = logged_container(&pod, &target.container, options.previous)?;
            let runtime = self.view.runtime();
            let gone = |_| format!("unable to retrieve container logs for containerd://{container}");
            let status = runtime.container_status(&container).await.map_err(gone)?;
            let source = LogSource {
                runtime,
                path: status.log_path.into(),
                container,
            };
            let path = source.path.clone();
            log::open(source, options, self.stop.child_token())
                .await
                .map_err(|error| format!("failed to open log file {path:?}: {error}"))
        };
        match opened.await {
            Ok(lines) => reply::stream(lines),
            Err(message) => text(StatusCode::BAD_REQUEST, message),
        }
    }
}
