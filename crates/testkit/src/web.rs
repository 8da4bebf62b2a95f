//! The smallest web client: one page, no waiting.

use std::io::{Error, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting, and each piece of the answer, may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The page at `/` of `IP:PORT`.
pub(crate) fn get(address: &str) -> Result<String> {
    let parsed: SocketAddr = address.parse().map_err(Error::other)?;
    let mut stream = TcpStream::connect_timeout(&parsed, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET / HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, page)) if head.split(' ').nth(1) == Some("200") => Ok(page.to_owned()),
        _ => Err(Error::other(format!("no page but {answer:?}"))),
    }
}
