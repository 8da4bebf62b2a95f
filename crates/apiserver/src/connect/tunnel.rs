//! Two connections joined after both sides have changed protocols: WebSocket or SPDY, the server does not look.

use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use streaming::upgrade::join;

use crate::call::Call;
use crate::connect::Lasting;

/// Joins the client of a call to the backend that gave `response`, once the answer to the client is out. `counted` lives as
/// long as the connection.
pub fn tunnel(call: &mut Call, response: &mut Response<Incoming>, counted: Lasting) {
    let Some(client) = call.head.extensions.remove::<OnUpgrade>() else {
        return;
    };
    let backend = hyper::upgrade::on(response);
    tokio::spawn(async move {
        join(client, backend).await;
        drop(counted);
    });
}
