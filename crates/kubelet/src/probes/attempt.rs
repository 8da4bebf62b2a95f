//! One attempt of a probe.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, Probe, TCPSocketAction};

use super::http::{Scheme, Url, get};
use super::{Target, container_port, dial, grpc};

/// The most of a command's output that is told.
const MAX_OUTPUT_BYTES: usize = 10 * 1024;
/// Who asks.
pub const USER_AGENT: &str = "kube-probe/1.36";

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// A success that someone should know of.
    Warning(String),
    Failure(String),
    /// It could not be made, and says nothing about the container.
    Unknown(String),
}

/// Makes an attempt.
pub async fn attempt(target: &Target, probe: &Probe, timeout: Duration) -> Outcome {
    if let Some(command) = &probe.exec {
        return exec(target, command, timeout).await;
    }
    if let Some(action) = &probe.http_get {
        return http_get(target, action, timeout).await;
    }
    if let Some(action) = &probe.tcp_socket {
        return tcp(target, action, timeout).await;
    }
    if let Some(action) = &probe.grpc {
        let service = action.service.as_deref().unwrap_or_default();
        return match (target.pod_ip, u16::try_from(action.port)) {
            (Some(ip), Ok(port)) => grpc::check(ip, port, service, timeout).await,
            (None, _) => Outcome::Unknown("the pod has no address".to_owned()),
            (_, Err(_)) => Outcome::Unknown(format!("invalid port number: {}", action.port)),
        };
    }
    Outcome::Unknown(format!("missing probe handler for {}", target.container.name))
}

async fn exec(target: &Target, action: &ExecAction, timeout: Duration) -> Outcome {
    let command = action.command.clone().unwrap_or_default();
    let answer = target
        .runtime
        .exec_sync(&target.instance_id, &command, timeout)
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_timeout() => {
            let line = command.join(" ");
            return Outcome::Failure(format!(
                "command timed out: {line:?} timed out after {}s",
                timeout.as_secs()
            ));
        }
        Err(error) => return Outcome::Unknown(error.to_string()),
    };
    if answer.exit_code == 0 {
        return Outcome::Success;
    }
    let mut output = String::from_utf8_lossy(&answer.stdout).into_owned();
    output.push_str(&String::from_utf8_lossy(&answer.stderr));
    Outcome::Failure(shortened(output))
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_OUTPUT_BYTES {
        let mut end = MAX_OUTPUT_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

fn url(target: &Target, action: &HTTPGetAction) -> Result<Url, String> {
    let host = match action.host.as_deref() {
        Some(host) if !host.is_empty() => host.to_owned(),
        _ => target.pod_ip.ok_or("the pod has no address")?.to_string(),
    };
    Ok(Url {
        scheme: Scheme::of(action.scheme.as_deref()),
        host,
        port: container_port(&action.port, &target.container)?,
        path: action.path.clone().unwrap_or_default(),
    })
}

async fn http_get(target: &Target, action: &HTTPGetAction, timeout: Duration) -> Outcome {
    let url = match url(target, action) {
        Ok(url) => url,
        Err(problem) => return Outcome::Unknown(problem),
    };
    let headers = action.http_headers.as_deref().unwrap_or_default();
    match get(&url, headers, USER_AGENT, timeout).await {
        Err(error) => Outcome::Failure(error),
        Ok(answer) if (200..300).contains(&answer.status) => Outcome::Success,
        // It leads to another host, where nobody asks, or nowhere.
        Ok(answer) if (300..400).contains(&answer.status) => Outcome::Warning(format!(
            "Probe terminated redirects, Response body: {}",
            answer.body
        )),
        Ok(answer) => Outcome::Failure(format!("HTTP probe failed with statuscode: {}", answer.status)),
    }
}

async fn tcp(target: &Target, action: &TCPSocketAction, timeout: Duration) -> Outcome {
    let host = match (action.host.as_deref(), target.pod_ip) {
        (Some(host), _) if !host.is_empty() => host.to_owned(),
        (_, Some(ip)) => ip.to_string(),
        (_, None) => return Outcome::Unknown("the pod has no address".to_owned()),
    };
    let port = match container_port(&action.port, &target.container) {
        Ok(port) => port,
        Err(problem) => return Outcome::Unknown(problem),
    };
    match dial::tcp(&host, port, timeout).await {
        Ok(_) => Outcome::Success,
        Err(error) => Outcome::Failure(error),
    }
}
