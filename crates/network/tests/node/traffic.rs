//! Connections between namespaces.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use linux::Namespace;

/// How long a connection may take. Packets that die quietly are noticed after it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server in a namespace that tells each caller who it is.
pub fn serve(namespace: &Namespace, ip: Ipv4Addr, port: u16) -> SocketAddr {
    let listener = namespace.run(|| TcpListener::bind((ip, port))).unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for (stream, from) in listener.incoming().flatten().map(|stream| {
            let from = stream.peer_addr().unwrap();
            (stream, from)
        }) {
            let _ = tell(stream, from);
        }
    });
    address
}

fn tell(mut stream: TcpStream, from: SocketAddr) -> io::Result<()> {
    write!(stream, "{}", from.ip())
}

/// Asks a server who one is to it.
pub fn ask(namespace: &Namespace, to: impl Into<SocketAddr>) -> io::Result<IpAddr> {
    let to = to.into();
    namespace
        .run(|| {
            let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut said = String::new();
            stream.read_to_string(&mut said)?;
            Ok(said.parse().unwrap())
        })
        .unwrap()
}

/// A server that tells each caller who it is, by UDP.
pub fn serve_udp(namespace: &Namespace, ip: Ipv4Addr, port: u16) -> SocketAddr {
    let socket = namespace.run(|| UdpSocket::bind((ip, port))).unwrap().unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(from.ip().to_string().as_bytes(), from);
        }
    });
    address
}

/// Asks by UDP.
pub fn ask_udp(namespace: &Namespace, to: impl Into<SocketAddr>) -> io::Result<IpAddr> {
    let to = to.into();
    namespace
        .run(|| {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.connect(to)?;
            socket.send(b"?")?;
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer)?;
            Ok(String::from_utf8_lossy(&buffer[..length]).parse().unwrap())
        })
        .unwrap()
}

/// A server that answers datagrams with a name.
pub fn serve_name(namespace: &Namespace, port: u16, name: &'static str) {
    let socket = namespace
        .run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)))
        .unwrap()
        .unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(name.as_bytes(), from);
        }
    });
}

/// Sends datagrams from one port.
pub struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Sender {
    pub fn new(namespace: &Namespace, to: impl Into<SocketAddr>) -> Self {
        let socket = namespace
            .run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))
            .unwrap();
        let socket = socket.unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        Self {
            socket,
            to: to.into(),
        }
    }

    /// What is answered, if anything soon is.
    pub fn ask(&self) -> Option<String> {
        self.socket.send_to(b"?", self.to).unwrap();
        let mut buffer = [0; 64];
        let (length, _) = self.socket.recv_from(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}
