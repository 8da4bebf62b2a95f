//! Exec and port-forward end to end: a client's WebSocket on one side, a runtime that speaks SPDY on the other.

use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use meta::Status;
use streaming::remote_command::{Wanted, exited, from_wire, success, to_wire};
use streaming::spdy::{Connection, FlowControl, Role, Stream};
use streaming::translate::translate;
use streaming::tunnel::tunnel;
use streaming::websocket::ChannelProtocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role as WebSocketRole;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const PATIENCE: Duration = Duration::from_secs(20);

type Client = WebSocketStream<DuplexStream>;

const PIPES: Wanted = Wanted {
    stdin: true,
    stdout: true,
    stderr: true,
    tty: false,
};

/// A client whose WebSocket is translated to a runtime's connection.
async fn start(protocol: &str, wanted: Wanted) -> (Client, Connection, JoinHandle<()>) {
    let (client, server) = duplex(8 << 10);
    let (near, far) = duplex(8 << 10);
    let protocol = ChannelProtocol::from_name(protocol).expect("a protocol");
    let translating = tokio::spawn(translate(server, protocol, wanted, ready(Ok(near))));
    let client = WebSocketStream::from_raw_socket(client, WebSocketRole::Client, None).await;
    let runtime = Connection::new(far, Role::Server, FlowControl::Backpressure);
    (client, runtime, translating)
}

/// The streams of a process, in the order they must come.
async fn accept<const N: usize>(runtime: &Connection, types: [&str; N]) -> [Stream; N] {
    let mut streams = Vec::new();
    for expected in types {
        let stream = timeout(PATIENCE, runtime.accept()).await.expect("a stream");
        let stream = stream.expect("the connection stands");
        assert_eq!(stream.headers.get("streamtype"), Some(expected));
        streams.push(stream);
    }
    streams
        .try_into()
        .unwrap_or_else(|_| unreachable!("as many as types"))
}

async fn next(client: &mut Client) -> Message {
    let message = timeout(PATIENCE, client.next()).await.expect("a message");
    message.expect("the socket stands").expect("a message")
}

async fn expect(client: &mut Client, expected: &[u8]) {
    assert_eq!(next(client).await, Message::binary(expected.to_vec()));
}

/// Reads the status and the goodbye.
async fn expect_end(client: &mut Client, expected: &Status) {
    let Message::Binary(message) = next(client).await else {
        panic!("no status")
    };
    assert_eq!(message[0], 3);
    assert_eq!(from_wire(&message[1..]), *expected);
    expect_goodbye(client).await;
}

async fn expect_goodbye(client: &mut Client) {
    let Message::Close(Some(frame)) = next(client).await else {
        panic!("no goodbye")
    };
    assert_eq!(frame.code, CloseCode::Normal);
}

async fn say(stream: Stream, bytes: &'static [u8]) {
    stream
        .writer
        .write(Bytes::from_static(bytes))
        .await
        .expect("written");
    stream.writer.finish().await.expect("finished");
}

#[tokio::test]
async fn closed_input_ends_a_process_that_reads_it() {
    let (mut client, runtime, translating) = start("v5.channel.k8s.io", PIPES).await;
    expect(&mut client, b"\x01").await;
    let [error, mut stdin, stdout, stderr] = accept(&runtime, ["error", "stdin", "stdout", "stderr"]).await;
    // `cat`, on a file larger than all buffers between.
    let cat = tokio::spawn(async move {
        while let Some(bytes) = stdin.reader.read().await.expect("input") {
            stdout.writer.write(bytes).await.expect("output");
        }
        stdout.writer.finish().await.expect("finished");
        say(stderr, b"done").await;
        error.writer.finish().await.expect("finished");
        // The connection stays until the other side has read everything.
        runtime.closed().await;
    });
    let sent: Vec<u8> = (0..400_000_u32).map(|n| n as u8).collect();
    let (mut to_server, mut from_server) = client.split();
    let to_send = sent.clone();
    let sending = tokio::spawn(async move {
        for piece in to_send.chunks(30_000) {
            let message = [&[0], piece].concat();
            to_server.send(Message::binary(message)).await.expect("sent");
        }
        to_server.send(Message::binary(vec![255, 0])).await.expect("sent");
        to_server
    });
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = loop {
        let message = timeout(PATIENCE, from_server.next()).await.expect("a message");
        let Message::Binary(message) = message.expect("open").expect("a message") else {
            panic!("no bytes")
        };
        match message[0] {
            1 => stdout.extend_from_slice(&message[1..]),
            2 => stderr.extend_from_slice(&message[1..]),
            3 => break from_wire(&message[1..]),
            other => panic!("channel {other}"),
        }
    };
    assert_eq!(stdout, sent);
    assert_eq!(stderr, b"done");
    assert_eq!(status, success());
    let to_server = sending.await.expect("sent");
    let mut client = from_server.reunite(to_server).expect("one socket");
    expect_goodbye(&mut client).await;
    drop(client);
    timeout(PATIENCE, translating)
        .await
        .expect("an end")
        .expect("no panic");
    timeout(PATIENCE, cat).await.expect("an end").expect("no panic");
}

#[tokio::test]
async fn exit_codes_and_terminals_go_through() {
    let terminal = Wanted {
        stderr: true,
        tty: true,
        ..PIPES
    };
    let (mut client, runtime, translating) = start("v4.channel.k8s.io", terminal).await;
    expect(&mut client, b"\x01").await;
    let [error, mut stdin, stdout, mut resize] =
        accept(&runtime, ["error", "stdin", "stdout", "resize"]).await;
    for message in [&b"\x04{\"Width\":80,\"Height\":24}"[..], b"\0exit 3\n", b"\x09?"] {
        client.send(Message::binary(message)).await.expect("sent");
    }
    let size = timeout(PATIENCE, resize.reader.read()).await.expect("a size");
    assert_eq!(
        size.expect("open").expect("bytes"),
        "{\"Width\":80,\"Height\":24}"
    );
    let typed = timeout(PATIENCE, stdin.reader.read()).await.expect("input");
    assert_eq!(typed.expect("open").expect("bytes"), "exit 3\n");
    say(stdout, b"bye").await;
    let status = to_wire(&exited(3));
    error.writer.write(status.into()).await.expect("written");
    error.writer.finish().await.expect("finished");
    expect(&mut client, b"\x01bye").await;
    expect_end(&mut client, &exited(3)).await;
    drop(client);
    timeout(PATIENCE, translating)
        .await
        .expect("an end")
        .expect("no panic");
}

#[tokio::test]
async fn old_clients_are_told_in_words_and_text() {
    let wanted = Wanted {
        stdout: true,
        ..Wanted::default()
    };
    let (mut client, runtime, _translating) = start("base64.channel.k8s.io", wanted).await;
    assert_eq!(next(&mut client).await, Message::text("1"));
    let [error, stdout] = accept(&runtime, ["error", "stdout"]).await;
    say(stdout, b"hi").await;
    error
        .writer
        .write(to_wire(&exited(1)).into())
        .await
        .expect("written");
    error.writer.finish().await.expect("finished");
    assert_eq!(next(&mut client).await, Message::text("1aGk="));
    let Message::Text(text) = next(&mut client).await else {
        panic!("no text")
    };
    assert!(text.starts_with('3'), "{text}");
    expect_goodbye(&mut client).await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_told_on_the_error_channel() {
    let (client, server) = duplex(8 << 10);
    let refusal = Status::internal("unable to upgrade connection: container not found (\"c\")");
    let backend = ready(Err::<DuplexStream, _>(refusal.clone()));
    let translating = tokio::spawn(translate(server, ChannelProtocol::V5, PIPES, backend));
    let mut client = WebSocketStream::from_raw_socket(client, WebSocketRole::Client, None).await;
    expect(&mut client, b"\x01").await;
    expect_end(&mut client, &refusal).await;
    drop(client);
    timeout(PATIENCE, translating)
        .await
        .expect("an end")
        .expect("no panic");
}

#[tokio::test]
async fn a_client_that_leaves_takes_the_process_streams_along() {
    let (mut client, runtime, translating) = start("v5.channel.k8s.io", PIPES).await;
    expect(&mut client, b"\x01").await;
    let [_error, _stdin, _stdout, _stderr] = accept(&runtime, ["error", "stdin", "stdout", "stderr"]).await;
    drop(client);
    timeout(PATIENCE, runtime.closed()).await.expect("closed");
    timeout(PATIENCE, translating)
        .await
        .expect("an end")
        .expect("no panic");
}

#[tokio::test]
async fn a_runtime_that_vanishes_is_an_error_to_the_client() {
    let (mut client, runtime, _translating) = start("v5.channel.k8s.io", PIPES).await;
    expect(&mut client, b"\x01").await;
    let streams = accept(&runtime, ["error", "stdin", "stdout", "stderr"]).await;
    drop(runtime);
    drop(streams);
    let Message::Binary(message) = next(&mut client).await else {
        panic!("no status")
    };
    assert_eq!((message[0], from_wire(&message[1..]).code), (3, 500));
}

/// How Go's library ends: it resets every stream, said to the end or not.
#[tokio::test]
async fn a_status_counts_though_its_stream_is_reset() {
    let wanted = Wanted {
        stdout: true,
        ..Wanted::default()
    };
    let (mut client, runtime, _translating) = start("v5.channel.k8s.io", wanted).await;
    expect(&mut client, b"\x01").await;
    let [error, stdout] = accept(&runtime, ["error", "stdout"]).await;
    stdout
        .writer
        .write(Bytes::from_static(b"hi"))
        .await
        .expect("written");
    let status = to_wire(&exited(4));
    error.writer.write(status.into()).await.expect("written");
    drop((error, stdout, runtime));
    expect(&mut client, b"\x01hi").await;
    expect_end(&mut client, &exited(4)).await;
}

#[tokio::test]
async fn tunnels_carry_bytes_both_ways() {
    let (client, server) = duplex(8 << 10);
    let (near, mut far) = duplex(8 << 10);
    let tunnelling = tokio::spawn(tunnel(server, near));
    let mut client = WebSocketStream::from_raw_socket(client, WebSocketRole::Client, None).await;
    client.send(Message::binary(&b"ping"[..])).await.expect("sent");
    let mut bytes = [0; 4];
    timeout(PATIENCE, far.read_exact(&mut bytes))
        .await
        .expect("bytes")
        .expect("bytes");
    assert_eq!(&bytes, b"ping");
    far.write_all(b"pong").await.expect("written");
    expect(&mut client, b"pong").await;
    drop(far);
    expect_goodbye(&mut client).await;
    drop(client);
    timeout(PATIENCE, tunnelling)
        .await
        .expect("an end")
        .expect("no panic");
}
