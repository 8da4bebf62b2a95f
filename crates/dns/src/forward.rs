//! Asking other servers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use crate::resolv_conf::ResolvConf;

/// A server that does not answer in this time is taken for dead, and the next is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// All servers are asked so many times.
const ROUNDS: usize = 2;
/// Questions under way at once; one more is refused.
const MAX_UNDER_WAY: usize = 1000;
/// What we can take in a datagram.
const DATAGRAM_BYTES: u16 = 1232;
/// Larger than what we say, for servers that do not listen.
const BUFFER_BYTES: usize = 4096;

/// Why there is no answer from elsewhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    #[error("there is no server to ask")]
    NoServer,
    #[error("too many questions are under way")]
    TooMany,
    #[error("no server answered")]
    NoAnswer,
}

/// A question for other servers.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) query: Query,
    pub(crate) checking_disabled: bool,
    pub(crate) dnssec_ok: bool,
}

/// Other servers.
pub(crate) struct Forwarder {
    conf: ResolvConf,
    slots: Semaphore,
    /// The server that answered last: it is asked first.
    preferred: AtomicUsize,
}

impl Forwarder {
    pub(crate) fn new(conf: ResolvConf) -> Self {
        Self {
            conf,
            slots: Semaphore::new(MAX_UNDER_WAY),
            preferred: AtomicUsize::new(0),
        }
    }

    /// The first answer that a server gives.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Message, ForwardError> {
        let servers = self.conf.servers();
        let _slot = self.slots.try_acquire().map_err(|_| ForwardError::TooMany)?;
        if servers.is_empty() {
            return Err(ForwardError::NoServer);
        }
        let first = self.preferred.load(Ordering::Relaxed);
        for turn in 0..servers.len() * ROUNDS {
            let index = (first + turn) % servers.len();
            let asked = ask_server(servers[index], question);
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(answer)) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(error)) => tracing::debug!(server = %servers[index], %error, "DNS server failed"),
                Err(_) => tracing::debug!(server = %servers[index], "DNS server does not answer"),
            }
        }
        Err(ForwardError::NoAnswer)
    }
}

/// Asks by UDP, and if the answer is cut, by TCP.
async fn ask_server(server: SocketAddr, question: &Question) -> io::Result<Message> {
    let message = question.message();
    let bytes = message.to_vec().map_err(io::Error::other)?;
    let answer = ask_udp(server, &message, &bytes).await?;
    if answer.metadata.truncation {
        return ask_tcp(server, &message, &bytes).await;
    }
    Ok(answer)
}

impl Question {
    /// A query with a random number.
    fn message(&self) -> Message {
        let mut message = Message::new(Message::query().metadata.id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = self.checking_disabled;
        message.add_query(self.query.clone());
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM_BYTES);
        edns.set_dnssec_ok(self.dnssec_ok);
        message.set_edns(edns);
        message
    }
}

async fn ask_udp(server: SocketAddr, query: &Message, bytes: &[u8]) -> io::Result<Message> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A socket of its own: a random port makes answers hard to forge.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(answer) = answer_to(query, &buffer[..length]) {
            return Ok(answer);
        }
    }
}

async fn ask_tcp(server: SocketAddr, query: &Message, bytes: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    answer_to(query, &buffer).ok_or_else(|| io::Error::other("the answer is to another question"))
}

/// What a server sent, if it is an answer to that query.
fn answer_to(query: &Message, bytes: &[u8]) -> Option<Message> {
    // What cannot be it is not read at all.
    let id = query.metadata.id.to_be_bytes();
    if bytes.get(..2)? != id || bytes.get(4..6)? != [0, 1] {
        return None;
    }
    let answer = Message::from_vec(bytes).ok()?;
    let is_answer = answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == query.metadata.id
        && answer.queries == query.queries;
    is_answer.then_some(answer)
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    #[test]
    fn only_answers_to_the_question_count() {
        let question = |name: &str| Question {
            query: Query::query(Name::from_ascii(name).unwrap(), RecordType::A),
            checking_disabled: false,
            dnssec_ok: false,
        };
        let query = question("example.com.").message();
        let answer = query.clone().into_response();
        let check = |answer: &Message, expected: bool| {
            let bytes = answer.to_vec().unwrap();
            assert_eq!(answer_to(&query, &bytes).is_some(), expected, "{answer:?}");
        };
        check(&answer, true);
        check(&query, false);
        let mut other = answer.clone();
        other.metadata.id ^= 1;
        check(&other, false);
        let mut other = answer.clone();
        other.queries = question("example.org.").message().queries;
        check(&other, false);
        let mut shouted = answer;
        shouted.queries = question("EXAMPLE.com.").message().queries;
        check(&shouted, true);
        assert!(answer_to(&query, &[1, 2, 3]).is_none());
    }
}
