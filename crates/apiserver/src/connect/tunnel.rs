//! Two connections joined after both sides have changed protocols: WebSocket or SPDY, the server does not look.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tracing::debug;

use crate::call::Call;

/// Whether a request asks to change protocols.
pub fn asks_upgrade(headers: &HeaderMap) -> bool {
    let tokens = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    headers.contains_key(UPGRADE)
        && tokens
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// Joins the client of a call to the backend that gave `response`, once the answer to the client is out.
pub fn tunnel(call: &mut Call, response: &mut Response<Incoming>) {
    let Some(client) = call.head.extensions.remove::<OnUpgrade>() else {
        return;
    };
    let backend = hyper::upgrade::on(response);
    tokio::spawn(async move {
        let joined = async {
            let (client, backend) = tokio::try_join!(client, backend)?;
            let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
            Ok::<_, hyper::Error>(copy_bidirectional(&mut client, &mut backend).await)
        };
        match joined.await {
            Ok(Ok((up, down))) => debug!(up, down, "tunnel closed"),
            Ok(Err(error)) => debug!(%error, "tunnel broke"),
            Err(error) => debug!(%error, "tunnel could not be opened"),
        }
    });
}
