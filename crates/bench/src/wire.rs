//! A lean HTTP/1.1 connection over TLS. It counts the bytes of answers and looks at no more than their heads, so that next to
//! nothing of what is measured is the client.

use std::path::Path;
use std::sync::Arc;

use client::config::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The receive buffer of a connection that must not hide a slow reader.
pub const SMALL_BUFFER: u32 = 16 << 10;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Where and how to connect; cheap to clone.
#[derive(Clone)]
pub struct Address {
    authority: String,
    host: String,
    tls: TlsConnector,
    authorization: String,
}

/// One connection, used for one request after the other.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    address: Address,
    buffer: Vec<u8>,
}

/// An answer, without its body.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Status code.
    pub code: u16,
    /// Bytes of the body, as they came.
    pub bytes: u64,
}

/// How a body is delimited.
enum Length {
    Known(u64),
    Chunked,
}

impl Address {
    /// The server of a kubeconfig.
    pub fn of(kubeconfig: &Path) -> Result<Self> {
        let config = ClientConfig::from_kubeconfig(kubeconfig)?;
        let authority = config
            .server
            .trim_start_matches("https://")
            .trim_end_matches('/')
            .to_owned();
        let host = authority.rsplit_once(':').map_or(&*authority, |(host, _)| host);
        let authorization = match config.bearer_token()? {
            Some(token) => format!("Authorization: {}\r\n", token.to_str()?),
            None => String::new(),
        };
        let mut tls = config.tls()?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            host: host.to_owned(),
            authority,
            tls: TlsConnector::from(Arc::new(tls)),
            authorization,
        })
    }

    /// Connects.
    pub async fn connect(&self) -> Result<Connection> {
        self.connect_with(None).await
    }

    /// Connects with a receive buffer of that size.
    pub async fn connect_with(&self, receive_buffer: Option<u32>) -> Result<Connection> {
        let remote = tokio::net::lookup_host(&self.authority).await?.next();
        let socket = TcpSocket::new_v4()?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        let tcp = socket
            .connect(remote.ok_or("the server's name has no address")?)
            .await?;
        tcp.set_nodelay(true)?;
        let stream = self
            .tls
            .connect(ServerName::try_from(self.host.clone())?, tcp)
            .await?;
        Ok(Connection {
            stream,
            address: self.clone(),
            buffer: Vec::new(),
        })
    }
}

impl Connection {
    /// Sends a request and reads the whole answer.
    pub async fn call(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer> {
        self.send(method, path, headers, body).await?;
        self.answer().await
    }

    /// Sends a GET and reads the whole answer.
    pub async fn get(&mut self, path: &str, accept: &str) -> Result<Answer> {
        let answer = self
            .call("GET", path, &format!("Accept: {accept}\r\n"), b"")
            .await?;
        match answer.code {
            200 => Ok(answer),
            code => Err(format!("GET {path} was answered with {code}").into()),
        }
    }

    /// Sends a request. `headers` are whole lines.
    pub async fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<()> {
        let Address {
            authority,
            authorization,
            ..
        } = &self.address;
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\n{authorization}{headers}Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads a whole answer.
    pub async fn answer(&mut self) -> Result<Answer> {
        let (code, length) = self.head().await?;
        let bytes = match length {
            Length::Known(length) => self.skip(length).await?,
            Length::Chunked => {
                let mut all = 0;
                while let Some(chunk) = self.chunk().await? {
                    all += chunk;
                }
                all
            }
        };
        Ok(Answer { code, bytes })
    }

    /// Reads the head of an answer and leaves its body to [`Connection::more`].
    pub async fn begin(&mut self) -> Result<u16> {
        Ok(self.head().await?.0)
    }

    /// Reads what has come of a body without end, framing included; gives it to `look`.
    pub async fn more(&mut self, look: impl FnOnce(&[u8])) -> Result<()> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        look(&self.buffer);
        self.buffer.clear();
        Ok(())
    }

    async fn head(&mut self) -> Result<(u16, Length)> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let head = std::str::from_utf8(&self.buffer[..end])?;
        let code = head.split(' ').nth(1).ok_or("no status line")?.parse()?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        self.buffer.drain(..end + 4);
        Ok((code, length.map_or(Length::Chunked, Length::Known)))
    }

    /// Reads over one chunk; none is the last.
    async fn chunk(&mut self) -> Result<Option<u64>> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let size = u64::from_str_radix(std::str::from_utf8(&self.buffer[..end])?.trim(), 16)?;
        self.buffer.drain(..end + 2);
        self.skip(size + 2).await?;
        Ok((size > 0).then_some(size))
    }

    async fn skip(&mut self, length: u64) -> Result<u64> {
        let mut left = length;
        loop {
            let here = self.buffer.len().min(usize::try_from(left)?);
            self.buffer.drain(..here);
            left -= here as u64;
            if left == 0 {
                return Ok(length);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        self.buffer.reserve(64 << 10);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
