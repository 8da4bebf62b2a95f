//! A command run in a container, with its output as the answer.

use std::time::Duration;

use http::StatusCode;

use super::container::{pod_of, running_container};
use super::query::Query;
use super::reply::{Reply, text};
use super::route::Target;
use super::view::NodeView;

/// How long a command may take whose output is waited for.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Answers with what a command wrote.
pub async fn run_command(view: &dyn NodeView, target: &Target, query: &Query) -> Reply {
    let Some(pod) = pod_of(view, target) else {
        return text(StatusCode::NOT_FOUND, "pod does not exist");
    };
    let command: Vec<String> = query
        .first("cmd")
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect();
    match output(view, &pod, target, &command).await {
        Ok(output) => text(StatusCode::OK, output),
        Err(message) => text(StatusCode::INTERNAL_SERVER_ERROR, message),
    }
}

async fn output(
    view: &dyn NodeView,
    pod: &k8s_openapi::api::core::v1::Pod,
    target: &Target,
    command: &[String],
) -> Result<String, String> {
    let container = running_container(view, pod, &target.container)
        .await
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("container not found ({:?})", target.container))?;
    let done = view
        .runtime()
        .exec_sync(&container, command, TIMEOUT)
        .await
        .map_err(|error| error.to_string())?;
    let written = [&done.stdout[..], &done.stderr[..]].concat();
    let written = String::from_utf8_lossy(&written).into_owned();
    match done.exit_code {
        0 => Ok(written),
        code => Err(format!(
            "command '{}' exited with {code}: {written}",
            command.join(" ")
        )),
    }
}
