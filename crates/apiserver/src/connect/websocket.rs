//! Exec, attach and port-forward over a client's WebSocket. Kubelets know these streams over SPDY, so the WebSocket ends here.

use http::StatusCode;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use meta::Status;
use streaming::remote_command::{SPDY_PROTOCOLS, Wanted};
use streaming::translate::translate;
use streaming::tunnel::{PORT_FORWARD, PORT_FORWARD_TUNNEL, tunnel};
use streaming::upgrade::{asks_upgrade, open_spdy};
use streaming::websocket::{ChannelProtocol, accept, is_websocket, offered_protocols};
use tracing::debug;

use crate::body::Body;
use crate::call::{Call, Response};
use crate::connect::Lasting;
use crate::connect::connectors::Connectors;
use crate::query::Query;

/// What a WebSocket carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// The streams of a process, under the protocol's name.
    Channels(String, ChannelProtocol),
    /// A SPDY connection.
    Tunnel,
}

/// Where it leads.
pub struct Backend {
    /// Ways to nodes.
    pub connectors: Connectors,
    /// The node.
    pub node: String,
    /// At its kubelet.
    pub path_and_query: String,
}

/// What a call's WebSocket carries, if it is one that ends here. Others go through to the kubelet as they are.
pub fn carried(call: &Call, subresource: &str) -> Option<Carried> {
    let headers = &call.head.headers;
    if !asks_upgrade(headers) || !is_websocket(headers) {
        return None;
    }
    let offered = offered_protocols(headers);
    match subresource {
        "exec" | "attach" if offered.is_empty() => {
            let protocol = ChannelProtocol::from_name("")?;
            Some(Carried::Channels(String::new(), protocol))
        }
        "exec" | "attach" => offered.iter().find_map(|name| {
            let protocol = ChannelProtocol::from_name(name)?;
            Some(Carried::Channels((*name).to_owned(), protocol))
        }),
        "portforward" if offered.contains(&PORT_FORWARD_TUNNEL) => Some(Carried::Tunnel),
        _ => None,
    }
}

/// Takes the WebSocket and leads it to the kubelet. `counted` lives as long as it does.
pub async fn take(
    call: &mut Call,
    carried: Carried,
    to: Backend,
    counted: Lasting,
) -> Result<Response, Status> {
    let protocol = match &carried {
        Carried::Channels(name, _) => name,
        Carried::Tunnel => PORT_FORWARD_TUNNEL,
    };
    let headers =
        accept(&call.head.headers, protocol).map_err(|error| Status::bad_request(error.to_string()))?;
    let Some(client) = call.head.extensions.remove::<OnUpgrade>() else {
        return Err(Status::bad_request(
            "this connection cannot change to another protocol",
        ));
    };
    match carried {
        Carried::Channels(_, protocol) => {
            let wanted = wanted(&to.path_and_query);
            serve(client, counted, async move |client| {
                translate(client, protocol, wanted, to.open(&SPDY_PROTOCOLS)).await;
            });
        }
        Carried::Tunnel => {
            // What goes wrong is told by the answer, as long as there is none yet.
            let backend = to.open(&[PORT_FORWARD]).await?;
            serve(client, counted, async move |client| tunnel(client, backend).await);
        }
    }
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Goes on with the client once the answer is out.
fn serve<F>(client: OnUpgrade, counted: Lasting, then: impl FnOnce(TokioIo<Upgraded>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        match client.await {
            Ok(client) => then(TokioIo::new(client)).await,
            Err(error) => debug!(%error, "a WebSocket was not taken up"),
        }
        drop(counted);
    });
}

impl Backend {
    async fn open(self, protocols: &[&'static str]) -> Result<TokioIo<Upgraded>, Status> {
        let connection = self.connectors.node(&self.node).await.map_err(|e| e.to_node())?;
        open_spdy(
            connection.stream,
            &connection.authority,
            &self.path_and_query,
            protocols,
        )
        .await
    }
}

/// The streams that are asked of the kubelet.
fn wanted(path_and_query: &str) -> Wanted {
    let query = Query::parse(path_and_query.split_once('?').map(|(_, query)| query));
    let is_set = |name| query.first(name) == Some("1");
    Wanted {
        stdin: is_set("input"),
        stdout: is_set("output"),
        stderr: is_set("error"),
        tty: is_set("tty"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::call;

    fn check(upgrade: &str, offered: &str, subresource: &str, expected: Option<Carried>) {
        let headers = [
            ("connection", "Upgrade"),
            ("upgrade", upgrade),
            ("sec-websocket-protocol", offered),
        ];
        let call = call("GET", "/", &headers);
        assert_eq!(
            carried(&call, subresource),
            expected,
            "{upgrade} {offered} {subresource}"
        );
    }

    #[test]
    fn websockets_end_here_if_what_they_carry_is_known() {
        let channels = |name: &str| {
            let protocol = ChannelProtocol::from_name(name)?;
            Some(Carried::Channels(name.to_owned(), protocol))
        };
        check(
            "websocket",
            "v5.channel.k8s.io",
            "exec",
            channels("v5.channel.k8s.io"),
        );
        check(
            "websocket",
            "x, v4.channel.k8s.io",
            "attach",
            channels("v4.channel.k8s.io"),
        );
        check("websocket", "", "exec", channels(""));
        check("websocket", "x", "exec", None);
        check("SPDY/3.1", "", "exec", None);
        check(
            "websocket",
            PORT_FORWARD_TUNNEL,
            "portforward",
            Some(Carried::Tunnel),
        );
        check("websocket", "v4.channel.k8s.io", "portforward", None);
        check("websocket", "v5.channel.k8s.io", "proxy", None);
    }

    #[test]
    fn streams_are_those_of_the_kubelets_path() {
        let expected = Wanted {
            stdin: true,
            stdout: true,
            ..Wanted::default()
        };
        assert_eq!(wanted("/exec/n/p/c?command=ls&input=1&output=1"), expected);
        assert_eq!(wanted("/attach/n/p/c"), Wanted::default());
    }
}
