//! Connections to containers, and why there is none, in the words users know.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

/// `host:port`, with brackets where the host has colons.
pub fn authority(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// Connects.
pub async fn tcp(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, String> {
    let connected = tokio::time::timeout(timeout, TcpStream::connect((host, port))).await;
    let problem = match connected {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => words(&error),
        Err(_) => "i/o timeout".to_owned(),
    };
    Err(format!("dial tcp {}: {problem}", authority(host, port)))
}

/// An error of the system as upstream's library has it.
pub fn words(error: &io::Error) -> String {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
        ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        ErrorKind::TimedOut => "connect: connection timed out".to_owned(),
        ErrorKind::UnexpectedEof => "EOF".to_owned(),
        _ => error.to_string(),
    }
}
