//! Exec, attach and port-forward: the runtime prepares a stream and names an address for it; the client's connection is
//! joined to that.
//!
//! SPDY goes through as it is. WebSockets do not, because runtimes know only old protocols over them: their channels are
//! translated to SPDY here.

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use meta::quote;
use streaming::remote_command::{SPDY_PROTOCOLS, Wanted};
use streaming::translate::translate;
use streaming::tunnel::{PORT_FORWARD, PORT_FORWARD_TUNNEL, tunnel};
use streaming::websocket::{ChannelProtocol, accept, is_websocket, offered_protocols};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::address::StreamAddress;
use super::container::{pod_of, running_container, running_sandbox};
use super::proxy::hand_through;
use super::query::Query;
use super::reply::{Reply, empty, text};
use super::route::Target;
use super::view::NodeView;
use crate::cri::RuntimeError;
use crate::cri::message::{AttachRequest, ExecRequest};

/// What is to be streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    Exec,
    Attach,
    PortForward,
}

/// Answers a request for a stream.
pub async fn stream(
    view: &dyn NodeView,
    kind: StreamKind,
    target: &Target,
    request: Request<Incoming>,
    stop: CancellationToken,
) -> Reply {
    let query = Query::parse(request.uri().query());
    // Over SPDY, and over a tunnel for it, each stream says which port it is for.
    let mut ports = Vec::new();
    let wanted = match kind {
        StreamKind::PortForward => {
            let offered = offered_protocols(request.headers());
            if is_websocket(request.headers()) && !offered.contains(&PORT_FORWARD_TUNNEL) {
                match ports_of(&query) {
                    Ok(named) => ports = named,
                    Err(problem) => return text(StatusCode::BAD_REQUEST, problem),
                }
            }
            Wanted::default()
        }
        StreamKind::Exec | StreamKind::Attach => match wanted(&query) {
            Some(wanted) => wanted,
            None => {
                let message = "you must specify at least 1 of stdin, stdout, stderr";
                return text(StatusCode::BAD_REQUEST, message);
            }
        },
    };
    let Some(pod) = pod_of(view, target) else {
        return text(StatusCode::NOT_FOUND, "pod does not exist");
    };
    let address = match prepare(view, kind, &pod, target, wanted, &query, &ports).await {
        Ok(address) => address,
        Err(refusal) => return refusal,
    };
    if is_websocket(request.headers())
        && let Some(reply) = take_websocket(&request, kind, wanted, &address, &stop)
    {
        return reply;
    }
    hand_through(request, &address, stop).await
}

/// The streams of exec and attach; none if there are none. A terminal has no separate complaints.
fn wanted(query: &Query) -> Option<Wanted> {
    let tty = query.is_one("tty");
    let wanted = Wanted {
        stdin: query.is_one("input"),
        stdout: query.is_one("output"),
        stderr: query.is_one("error") && !tty,
        tty,
    };
    (wanted.stdin || wanted.stdout || wanted.stderr).then_some(wanted)
}

/// The ports that a request names, in upstream's words what is wrong with them.
fn ports_of(query: &Query) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    for named in query.all("port") {
        if named.is_empty() {
            return Err("query parameter \"port\" cannot be empty".to_owned());
        }
        for one in named.split(',') {
            let port = port(one).map_err(|problem| {
                let (named, one) = (quote(named), quote(one));
                format!("unable to parse {named} as a port: strconv.ParseUint: parsing {one}: {problem}")
            })?;
            if port == 0 {
                return Err(format!("port {} must be > 0", quote(named)));
            }
            ports.push(port);
        }
    }
    if ports.is_empty() {
        return Err("query parameter \"port\" is required".to_owned());
    }
    Ok(ports)
}

fn port(text: &str) -> Result<u16, &'static str> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("invalid syntax");
    }
    text.parse().map_err(|_| "value out of range")
}

/// Lets the runtime prepare the stream.
async fn prepare(
    view: &dyn NodeView,
    kind: StreamKind,
    pod: &Pod,
    target: &Target,
    wanted: Wanted,
    query: &Query,
    ports: &[u16],
) -> Result<StreamAddress, Reply> {
    let runtime = view.runtime();
    let url = if kind == StreamKind::PortForward {
        let sandbox = running_sandbox(view, pod).await.map_err(|e| failed(&e))?;
        let missing = || internal(format!("pod not found (\"{}_{}\")", target.pod, target.namespace));
        runtime.port_forward(&sandbox.ok_or_else(missing)?, ports).await
    } else {
        let container = running_container(view, pod, &target.container)
            .await
            .map_err(|e| failed(&e))?;
        let missing = || internal(format!("container not found ({:?})", target.container));
        let container_id = container.ok_or_else(missing)?;
        let Wanted {
            stdin,
            stdout,
            stderr,
            tty,
        } = wanted;
        if kind == StreamKind::Exec {
            let request = ExecRequest {
                container_id,
                cmd: query.all("command").map(str::to_owned).collect(),
                tty,
                stdin,
                stdout,
                stderr,
            };
            runtime.exec(request).await
        } else {
            let request = AttachRequest {
                container_id,
                stdin,
                tty,
                stdout,
                stderr,
            };
            runtime.attach(request).await
        }
    };
    let url = url.map_err(|e| failed(&e))?;
    StreamAddress::parse(&url).ok_or_else(|| internal(format!("the runtime's address {url:?} is of no use")))
}

fn internal(message: String) -> Reply {
    text(StatusCode::INTERNAL_SERVER_ERROR, message)
}

fn failed(error: &RuntimeError) -> Reply {
    let code = if error.is_not_found() {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    text(code, error.to_string())
}

/// Takes a WebSocket, if its protocol is one that is translated here.
fn take_websocket(
    request: &Request<Incoming>,
    kind: StreamKind,
    wanted: Wanted,
    address: &StreamAddress,
    stop: &CancellationToken,
) -> Option<Reply> {
    let offered = offered_protocols(request.headers());
    let is_tunnel = kind == StreamKind::PortForward && offered.contains(&PORT_FORWARD_TUNNEL);
    let channels = match offered[..] {
        _ if kind == StreamKind::PortForward => None,
        [] => ChannelProtocol::from_name("").map(|protocol| ("", protocol)),
        _ => offered
            .iter()
            .find_map(|name| Some((*name, ChannelProtocol::from_name(name)?))),
    };
    let protocol = match channels {
        Some((name, _)) => name,
        None if is_tunnel => PORT_FORWARD_TUNNEL,
        None => return None,
    };
    let headers = match accept(request.headers(), protocol) {
        Ok(headers) => headers,
        Err(error) => return Some(text(StatusCode::BAD_REQUEST, error.to_string())),
    };
    let client = request.extensions().get::<OnUpgrade>()?.clone();
    let address = address.clone();
    let channels = channels.map(|(_, protocol)| protocol);
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        let client = match client.await {
            Ok(client) => TokioIo::new(client),
            Err(error) => return debug!(%error, "a WebSocket was not taken up"),
        };
        match channels {
            Some(protocol) => translate(client, protocol, wanted, address.open_spdy(&SPDY_PROTOCOLS)).await,
            None => match address.open_spdy(&[PORT_FORWARD]).await {
                Ok(backend) => tunnel(client, backend).await,
                Err(error) => debug!(%error, "ports cannot be forwarded"),
            },
        }
    }));
    let mut reply: Reply = Response::new(empty());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *reply.headers_mut() = headers;
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_wanted_by_ones() {
        let of = |query| wanted(&Query::parse(Some(query)));
        let expected = Wanted {
            stdin: true,
            stdout: true,
            ..Wanted::default()
        };
        assert_eq!(of("input=1&output=1&error=0"), Some(expected));
        let terminal = Wanted {
            tty: true,
            ..expected
        };
        assert_eq!(of("input=1&output=1&error=1&tty=1"), Some(terminal));
        assert_eq!(of("input=true"), None);
        assert_eq!(of("tty=1&error=1"), None);
    }

    fn check_ports(query: &str, expected: Result<&[u16], &str>) {
        let found = ports_of(&Query::parse(Some(query)));
        assert_eq!(
            found,
            expected.map(<[u16]>::to_vec).map_err(str::to_owned),
            "{query}"
        );
    }

    #[test]
    fn ports_are_named_in_the_query() {
        check_ports("port=80", Ok(&[80]));
        check_ports("port=80,81&port=82", Ok(&[80, 81, 82]));
        check_ports("", Err("query parameter \"port\" is required"));
        check_ports("port=", Err("query parameter \"port\" cannot be empty"));
        check_ports("port=0", Err("port \"0\" must be > 0"));
        let wrong = "unable to parse \"80,x\" as a port: strconv.ParseUint: parsing \"x\": invalid syntax";
        check_ports("port=80,x", Err(wrong));
        let wrong =
            "unable to parse \"65536\" as a port: strconv.ParseUint: parsing \"65536\": value out of range";
        check_ports("port=65536", Err(wrong));
    }
}
