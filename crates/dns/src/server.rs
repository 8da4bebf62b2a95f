//! Listening: queries in, answers out, by UDP and TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::request::{Received, Request, read};
use crate::resolver::{AtOnce, Resolver};
use crate::response;

/// Larger datagrams are no queries.
const BUFFER_BYTES: usize = 4096;
/// Queries by UDP that wait for other servers.
const MAX_WAITING: usize = 1000;
/// Connections a listener serves at once.
const MAX_CONNECTIONS: usize = 256;
/// A connection without a query is closed after this time.
const IDLE_TIME_LIMIT: Duration = Duration::from_secs(10);
/// A client must take its answer in this time.
const WRITE_TIME_LIMIT: Duration = Duration::from_secs(5);
/// After a failure to receive or accept, which is one of the machine.
const PAUSE: Duration = Duration::from_millis(50);
/// Ports tried until one is free for both protocols.
const MAX_BIND_ATTEMPTS: usize = 16;

/// A UDP socket and a TCP listener of the same address.
pub(crate) struct Listener {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// With port 0, one that is free for both protocols.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let mut attempt = 1;
        loop {
            let udp = UdpSocket::bind(address).await?;
            let bound = udp.local_addr()?;
            match TcpListener::bind(bound).await {
                Ok(tcp) => {
                    return Ok(Self {
                        udp,
                        tcp,
                        address: bound,
                    });
                }
                Err(error) if address.port() != 0 || attempt == MAX_BIND_ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the token fires.
    pub(crate) async fn serve(self, resolver: Arc<Resolver>, shutdown: CancellationToken) {
        let udp = serve_udp(Arc::new(self.udp), resolver.clone());
        let tcp = serve_tcp(self.tcp, resolver, shutdown.clone());
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = udp => {}
            () = tcp => {}
        }
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, resolver: Arc<Resolver>) {
    let slots = Arc::new(Semaphore::new(MAX_WAITING));
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "cannot receive a query");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        match read(&buffer[..length]) {
            Received::Nothing => {}
            Received::Reply(reply) => send(&socket, &reply, client).await,
            Received::Request(request) => {
                answer_udp(&socket, &resolver, &slots, request, client).await;
            }
        }
    }
}

/// Answers at once if that is possible; else another task does, if there are not too many.
async fn answer_udp(
    socket: &Arc<UdpSocket>,
    resolver: &Arc<Resolver>,
    slots: &Arc<Semaphore>,
    request: Request,
    client: SocketAddr,
) {
    let limit = response::limit(&request);
    let (path, question) = match resolver.at_once(&request) {
        AtOnce::Answer(message) => return send(socket, &response::encode(message, limit), client).await,
        AtOnce::Ask(path, question) => (path, question),
    };
    let Ok(slot) = slots.clone().try_acquire_owned() else {
        let refusal = hickory_proto::op::ResponseCode::ServFail;
        return send(socket, &response::failure(&request, refusal, limit), client).await;
    };
    let (socket, resolver) = (socket.clone(), resolver.clone());
    tokio::spawn(async move {
        let message = resolver.ask(&request, path, &question).await;
        send(&socket, &response::encode(message, limit), client).await;
        drop(slot);
    });
}

/// A client that cannot be reached asks again, or is gone.
async fn send(socket: &UdpSocket, bytes: &[u8], client: SocketAddr) {
    if let Err(error) = socket.send_to(bytes, client).await {
        tracing::debug!(%client, %error, "cannot send an answer");
    }
}

async fn serve_tcp(listener: TcpListener, resolver: Arc<Resolver>, shutdown: CancellationToken) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others must end first.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            continue;
        };
        let (resolver, shutdown) = (resolver.clone(), shutdown.clone());
        tokio::spawn(async move {
            // Clients break off when they please.
            let _ = shutdown
                .run_until_cancelled(serve_connection(stream, &resolver))
                .await;
            drop(slot);
        });
    }
}

async fn serve_connection(mut stream: TcpStream, resolver: &Resolver) -> io::Result<()> {
    loop {
        let bytes = tokio::time::timeout(IDLE_TIME_LIMIT, read_message(&mut stream)).await??;
        let reply = match read(&bytes) {
            Received::Nothing => return Ok(()),
            Received::Reply(reply) => reply,
            Received::Request(request) => {
                let message = match resolver.at_once(&request) {
                    AtOnce::Answer(message) => message,
                    AtOnce::Ask(path, question) => resolver.ask(&request, path, &question).await,
                };
                response::encode(message, response::OVER_TCP)
            }
        };
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        let whole = [&length.to_be_bytes()[..], &reply].concat();
        tokio::time::timeout(WRITE_TIME_LIMIT, stream.write_all(&whole)).await??;
    }
}

async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
