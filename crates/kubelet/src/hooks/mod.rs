//! What containers ask to be done right after their start and right before their end.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, ExecAction, HTTPGetAction, LifecycleHandler, TCPSocketAction};

use crate::cri::ContainerRuntime;
use crate::pod::{Member, PodToRun};
use crate::probes::container_port;
use crate::probes::http::{Scheme, Url, get};

/// Who asks.
const USER_AGENT: &str = "kube-lifecycle/1.36";
/// How long an HTTP hook may take that has no other limit.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a hook failed. The text is that of the Event (a warning, reason `FailedPostStartHook` or `FailedPreStopHook`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookError(String);

/// A hook that is to be run.
#[derive(Clone, Copy)]
pub struct HookRequest<'a> {
    pub handler: &'a LifecycleHandler,
    pub pod: &'a PodToRun,
    pub member: &'a Member,
    pub instance_id: &'a str,
    pub pod_ip: Option<IpAddr>,
}

/// Runs a hook to its end. Dropping the future gives it up.
pub async fn run(runtime: &dyn ContainerRuntime, request: HookRequest<'_>) -> Result<(), HookError> {
    let handler = request.handler;
    if let Some(action) = &handler.exec {
        exec(runtime, request, action).await
    } else if let Some(action) = &handler.http_get {
        http_get(request, action).await
    } else if let Some(action) = &handler.sleep {
        tokio::time::sleep(Duration::from_secs(u64::try_from(action.seconds).unwrap_or(0))).await;
        Ok(())
    } else if let Some(action) = &handler.tcp_socket {
        tcp(request, action)
    } else {
        Err(HookError("invalid handler: Cannot run handler".to_owned()))
    }
}

impl HookRequest<'_> {
    fn failed(self, kind: &str, what: &str, error: &str, message: &str) -> HookError {
        HookError(format!(
            "{kind} lifecycle hook ({what}) for Container {:?} in Pod {:?} failed - error: {error}, message: {message:?}",
            self.member.name(),
            self.pod.described(),
        ))
    }

    fn container(&self) -> &Container {
        &self.member.container
    }
}

async fn exec(
    runtime: &dyn ContainerRuntime,
    request: HookRequest<'_>,
    action: &ExecAction,
) -> Result<(), HookError> {
    let command = action.command.clone().unwrap_or_default();
    let what = format!("[{}]", command.join(" "));
    let answer = runtime
        .exec_sync(request.instance_id, &command, Duration::ZERO)
        .await;
    let answer = answer.map_err(|error| request.failed("Exec", &what, &error.to_string(), ""))?;
    if answer.exit_code == 0 {
        return Ok(());
    }
    let error = format!(
        "command '{}' exited with {}: ",
        command.join(" "),
        answer.exit_code
    );
    let mut output = String::from_utf8_lossy(&answer.stdout).into_owned();
    let errors = String::from_utf8_lossy(&answer.stderr);
    output.push_str(&errors);
    Err(request.failed("Exec", &what, &format!("{error}{errors}"), &output))
}

/// Any answer will do.
async fn http_get(request: HookRequest<'_>, action: &HTTPGetAction) -> Result<(), HookError> {
    let path = action.path.clone().unwrap_or_default();
    let failed = |error: &str| request.failed("HTTP", &path, error, "");
    let host = match (action.host.as_deref(), request.pod_ip) {
        (Some(host), _) if !host.is_empty() => host.to_owned(),
        (_, Some(ip)) => ip.to_string(),
        (_, None) => {
            return Err(failed(&format!(
                "failed to find networking container: {}",
                request.pod.described()
            )));
        }
    };
    let url = Url {
        scheme: Scheme::of(action.scheme.as_deref()),
        host,
        port: container_port(&action.port, request.container()).map_err(|error| failed(&error))?,
        path: path.clone(),
    };
    let headers = action.http_headers.as_deref().unwrap_or_default();
    let answer = get(&url, headers, USER_AGENT, HTTP_TIMEOUT).await;
    answer.map(|_| ()).map_err(|error| failed(&error))
}

/// The API takes this kind for compatibility and says that it does nothing but fail.
fn tcp(request: HookRequest<'_>, action: &TCPSocketAction) -> Result<(), HookError> {
    let port = container_port(&action.port, request.container()).map_or_else(|e| e, |port| port.to_string());
    Err(request.failed(
        "TCP",
        &port,
        "tcpSocket is not supported as a lifecycle handler",
        "",
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::cri::fake::FakeRuntime;
    use crate::cri::message::{ContainerConfig, ImageSpec, PodSandboxConfig};

    async fn run_hook(handler: Value, pod_ip: Option<IpAddr>) -> Result<(), String> {
        let runtime = FakeRuntime::new(&["a"]);
        let sandbox_config = PodSandboxConfig::default();
        let sandbox = runtime.run_sandbox(&sandbox_config, "").await.unwrap();
        let config = ContainerConfig {
            image: Some(ImageSpec::new("a")),
            ..ContainerConfig::default()
        };
        let id = runtime
            .create_container(&sandbox, &config, &sandbox_config)
            .await
            .unwrap();
        runtime.start_container(&id).await.unwrap();
        let object = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": "u" },
            "spec": { "containers": [{ "name": "c" }] } });
        let pod = PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()));
        let request = HookRequest {
            handler: &serde_json::from_value(handler).unwrap(),
            pod: &pod,
            member: &pod.members()[0],
            instance_id: &id,
            pod_ip,
        };
        run(&runtime, request).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn commands() {
        let exec = |command: Value| json!({ "exec": { "command": command } });
        assert_eq!(run_hook(exec(json!(["true"])), None).await, Ok(()));
        let error = run_hook(exec(json!(["sh", "exit", "3"])), None)
            .await
            .unwrap_err();
        assert_eq!(
            error,
            "Exec lifecycle hook ([sh exit 3]) for Container \"c\" in Pod \"p_ns(u)\" failed - error: command 'sh exit 3' \
             exited with 3: , message: \"\""
        );
    }

    #[tokio::test]
    async fn requests_take_any_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream
                .write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
                .await
                .unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let ip = Some("127.0.0.1".parse().unwrap());
        let handler = json!({ "httpGet": { "path": "/bye", "port": port } });
        assert_eq!(run_hook(handler, ip).await, Ok(()));
        let request = served.await.unwrap();
        assert!(request.starts_with("GET /bye HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("user-agent: kube-lifecycle/1.36"), "{request}");
        let refused = run_hook(json!({ "httpGet": { "port": port } }), ip)
            .await
            .unwrap_err();
        assert!(refused.contains("connect: connection refused"), "{refused}");
    }

    #[tokio::test]
    async fn others() {
        assert_eq!(run_hook(json!({ "sleep": { "seconds": 0 } }), None).await, Ok(()));
        assert!(
            run_hook(json!({ "tcpSocket": { "port": 1 } }), None)
                .await
                .is_err()
        );
        assert!(run_hook(json!({}), None).await.is_err());
    }
}
