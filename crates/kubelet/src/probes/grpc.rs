//! Probes by gRPC's health protocol, `grpc.health.v1`.

use std::net::IpAddr;
use std::time::Duration;

use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::attempt::{Outcome, USER_AGENT};
use super::dial;

#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    pub service: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct HealthCheckResponse {
    #[prost(enumeration = "ServingStatus", tag = "1")]
    pub status: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ServingStatus {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

const PATH: &str = "/grpc.health.v1.Health/Check";

/// Asks a service for its health.
pub async fn check(ip: IpAddr, port: u16, service: &str, timeout: Duration) -> Outcome {
    let address = dial::authority(&ip.to_string(), port);
    let slow = |what: &str| Outcome::Failure(format!("timeout: {what} within {}s", timeout.as_secs()));
    let Ok(endpoint) =
        Endpoint::from_shared(format!("http://{address}")).and_then(|e| e.user_agent(USER_AGENT))
    else {
        return Outcome::Unknown(format!("invalid address {address}"));
    };
    let begun = tokio::time::Instant::now();
    let channel = match tokio::time::timeout(timeout, endpoint.connect()).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(_)) => {
            return Outcome::Failure(format!(
                "error: failed to connect service at {address:?}: connection error"
            ));
        }
        Err(_) => return slow(&format!("failed to connect service {address:?}")),
    };
    let left = timeout.saturating_sub(begun.elapsed());
    let asked = ask(Grpc::new(channel), service);
    match tokio::time::timeout(left, asked).await {
        Ok(answer) => judge(answer),
        Err(_) => slow("health rpc did not complete"),
    }
}

async fn ask(
    mut grpc: Grpc<tonic::transport::Channel>,
    service: &str,
) -> Result<HealthCheckResponse, Status> {
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let request = Request::new(HealthCheckRequest {
        service: service.to_owned(),
    });
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    let answer = grpc
        .unary(request, PathAndQuery::from_static(PATH), codec)
        .await?;
    Ok(answer.into_inner())
}

fn judge(answer: Result<HealthCheckResponse, Status>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(status) if status.code() == Code::Unimplemented => {
            return Outcome::Failure(format!(
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {}",
                status.message()
            ));
        }
        Err(status) => {
            let error = crate::cri::RuntimeError::from(status);
            return Outcome::Failure(format!("error: health rpc probe failed: {error}"));
        }
    };
    match answer.status() {
        ServingStatus::Serving => Outcome::Success,
        other => Outcome::Failure(format!("service unhealthy (responded with {:?})", name(other))),
    }
}

fn name(status: ServingStatus) -> &'static str {
    match status {
        ServingStatus::Unknown => "UNKNOWN",
        ServingStatus::Serving => "SERVING",
        ServingStatus::NotServing => "NOT_SERVING",
        ServingStatus::ServiceUnknown => "SERVICE_UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged() {
        let answer = |status: ServingStatus| {
            judge(Ok(HealthCheckResponse {
                status: status as i32,
            }))
        };
        assert_eq!(answer(ServingStatus::Serving), Outcome::Success);
        let unhealthy = "service unhealthy (responded with \"NOT_SERVING\")".to_owned();
        assert_eq!(answer(ServingStatus::NotServing), Outcome::Failure(unhealthy));
        let text =
            "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service".to_owned();
        assert_eq!(
            judge(Err(Status::not_found("unknown service"))),
            Outcome::Failure(text)
        );
    }
}
