//! The codec against vectors and noise, and connections against each other.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn syn(id: u32, name: &str) -> Frame {
    Frame::SynStream {
        id,
        fin: false,
        unidirectional: false,
        headers: Headers::new([("streamtype", name)]),
    }
}

/// Encodes frames on one connection.
fn encoded(frames: &[Frame]) -> BytesMut {
    let mut encoder = Encoder::new();
    let mut out = BytesMut::new();
    frames
        .iter()
        .for_each(|frame| encoder.encode(frame, &mut out).unwrap());
    out
}

/// Decodes what comes in pieces of this size. Everything that is left must be incomplete.
fn decoded(bytes: &[u8], piece: usize) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = Decoder::new();
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        while let Some(frame) = decoder.decode(&mut buffer)? {
            frames.push(frame);
        }
        assert!(buffer.len() <= (64 << 10) + 8 + piece.len(), "holds too much");
    }
    Ok(frames)
}

#[test]
fn frames_have_the_form_of_the_draft() {
    for (frame, expected) in [
        (
            Frame::RstStream {
                id: 5,
                status: ResetStatus::CANCEL,
            },
            &[0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 5][..],
        ),
        (Frame::Ping(7), &[0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7]),
        (
            Frame::GoAway { last: 9, status: 0 },
            &[0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0],
        ),
        (
            Frame::WindowUpdate { id: 1, delta: 256 },
            &[0x80, 3, 0, 9, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 1, 0],
        ),
        (
            Frame::Settings(vec![(INITIAL_WINDOW, 1)]),
            &[0x80, 3, 0, 4, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1],
        ),
        (
            Frame::Data {
                id: 3,
                fin: true,
                bytes: Bytes::from_static(b"hi"),
            },
            &[0, 0, 0, 3, 1, 0, 0, 2, b'h', b'i'],
        ),
        (
            Frame::Data {
                id: 3,
                fin: true,
                bytes: Bytes::new(),
            },
            &[0, 0, 0, 3, 1, 0, 0, 0],
        ),
    ] {
        assert_eq!(&encoded(std::slice::from_ref(&frame))[..], expected, "{frame:?}");
        assert_eq!(decoded(expected, 100), Ok(vec![frame]));
    }
}

/// A SYN_STREAM and a SYN_REPLY whose blocks were made by zlib itself, one after the other on one connection.
#[test]
fn frames_of_another_library_are_read() {
    let mut recorded = vec![0x80, 3, 0, 1, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    recorded.extend([
        0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x02, 0xa6, 0x23, 0x46, 0x70, 0x3a, 0x2b, 0x29, 0x4a, 0x4d, 0xcc,
        0x85, 0x16, 0x25, 0xac, 0xa9, 0xa0, 0x80, 0x06, 0x00, 0x00, 0x00, 0xff, 0xff,
    ]);
    assert_eq!(decoded(&recorded, 1), Ok(vec![syn(1, "error")]));
    assert_eq!(decoded(&recorded, 1000), Ok(vec![syn(1, "error")]));
}

#[test]
fn frames_out_of_bounds_are_refused() {
    let version = [0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7];
    assert_eq!(decoded(&version, 100), Err(FrameError::Version(2)));
    let length = [0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff];
    assert_eq!(decoded(&length, 100), Err(FrameError::TooLarge(0x00ff_ffff)));
    let short = [0x80, 3, 0, 3, 0, 0, 0, 4, 0, 0, 0, 7];
    assert_eq!(decoded(&short, 100), Err(FrameError::Malformed(3)));
    let settings = [0x80, 3, 0, 4, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(decoded(&settings, 100), Err(FrameError::Malformed(4)));
    let unknown = [
        0x80, 3, 0, 99, 0, 0, 0, 1, 7, 0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7,
    ];
    assert_eq!(decoded(&unknown, 100), Ok(vec![Frame::Ping(7)]));
}

#[test]
fn long_data_comes_in_pieces() {
    let bytes = Bytes::from(vec![7; 200_000]);
    let frame = Frame::Data {
        id: 1,
        fin: true,
        bytes: bytes.clone(),
    };
    let pieces = decoded(&encoded(&[frame]), 70_000).unwrap();
    let mut joined = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let Frame::Data { id: 1, fin, bytes } = piece else {
            panic!("{piece:?}")
        };
        assert!(bytes.len() <= MAX_PIECE_BYTES);
        assert_eq!(*fin, at + 1 == pieces.len());
        joined.extend_from_slice(bytes);
    }
    assert_eq!(joined, bytes);
}

fn any_headers() -> impl Strategy<Value = Headers> {
    proptest::collection::vec(("[a-z-]{1,12}", "[ -~]{0,40}"), 0..6).prop_map(Headers)
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let id = 0_u32..=0x7fff_ffff;
    prop_oneof![
        (id.clone(), any::<bool>(), any::<bool>(), any_headers()).prop_map(
            |(id, fin, unidirectional, headers)| Frame::SynStream {
                id,
                fin,
                unidirectional,
                headers
            }
        ),
        (id.clone(), any::<bool>(), any_headers()).prop_map(|(id, fin, headers)| Frame::SynReply {
            id,
            fin,
            headers
        }),
        (id.clone(), any::<bool>(), any_headers()).prop_map(|(id, fin, headers)| Frame::Headers {
            id,
            fin,
            headers
        }),
        (id.clone(), any::<u32>()).prop_map(|(id, status)| Frame::RstStream {
            id,
            status: ResetStatus(status)
        }),
        proptest::collection::vec((0_u32..1 << 24, any::<u32>()), 0..5).prop_map(Frame::Settings),
        any::<u32>().prop_map(Frame::Ping),
        (id.clone(), any::<u32>()).prop_map(|(last, status)| Frame::GoAway { last, status }),
        (id.clone(), id.clone()).prop_map(|(id, delta)| Frame::WindowUpdate { id, delta }),
        (id, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)).prop_map(|(id, fin, bytes)| {
            Frame::Data {
                id,
                fin,
                bytes: bytes.into(),
            }
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(frames in proptest::collection::vec(any_frame(), 0..20)) {
        let bytes = encoded(&frames);
        // Pieces that do not cut data frames.
        prop_assert_eq!(decoded(&bytes, bytes.len().max(1)), Ok(frames));
    }

    #[test]
    fn noise_neither_panics_nor_grows(bytes in proptest::collection::vec(any::<u8>(), 0..2000), piece in 1_usize..100) {
        let _ = decoded(&bytes, piece);
    }

    #[test]
    fn damaged_frames_neither_panic_nor_grow(
        frames in proptest::collection::vec(any_frame(), 1..10),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        piece in 1_usize..100,
    ) {
        let mut bytes = encoded(&frames).to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = decoded(&bytes, piece);
    }
}

fn pair(flow_control: FlowControl) -> (Connection, Connection) {
    let (a, b) = duplex(16 << 10);
    (
        Connection::new(a, Role::Client, flow_control),
        Connection::new(b, Role::Server, flow_control),
    )
}

async fn both_ways(flow_control: FlowControl) {
    let (client, server) = pair(flow_control);
    let serving = tokio::spawn(async move {
        let mut echoes = Vec::new();
        while let Some(mut stream) = server.accept().await {
            echoes.push(tokio::spawn(async move {
                assert_eq!(stream.headers.get("streamtype"), Some("echo"));
                while let Some(bytes) = stream.reader.read().await.unwrap() {
                    stream.writer.write(bytes).await.unwrap();
                }
                stream.writer.finish().await.unwrap();
            }));
        }
        for echo in echoes {
            echo.await.unwrap();
        }
    });
    let mut speaking = Vec::new();
    for number in 0..5_u8 {
        let stream = client.open(Headers::new([("streamtype", "echo")])).await.unwrap();
        assert_eq!(stream.id(), u32::from(number) * 2 + 1);
        speaking.push(tokio::spawn(async move {
            let Stream {
                mut reader, writer, ..
            } = stream;
            let sent = vec![number; 300_000];
            let to_send = Bytes::from(sent.clone());
            let writing = async {
                writer.write(to_send).await.unwrap();
                writer.finish().await.unwrap();
            };
            let (received, ()) = tokio::join!(reader.read_to_end(1 << 20), writing);
            assert_eq!(received.unwrap(), sent);
        }));
    }
    for speaking in speaking {
        timeout(PATIENCE, speaking)
            .await
            .expect("the echo comes")
            .unwrap();
    }
    drop(client);
    timeout(PATIENCE, serving)
        .await
        .expect("the server ends")
        .unwrap();
}

#[tokio::test]
async fn streams_run_side_by_side_by_backpressure() {
    both_ways(FlowControl::Backpressure).await;
}

#[tokio::test]
async fn streams_run_side_by_side_in_windows() {
    both_ways(FlowControl::Windows).await;
}

#[tokio::test]
async fn a_slow_reader_holds_only_its_own_stream_in_windows() {
    let (client, server) = pair(FlowControl::Windows);
    let opened = async {
        let slow = client.open(Headers::new([("streamtype", "slow")])).await.unwrap();
        let fast = client.open(Headers::new([("streamtype", "fast")])).await.unwrap();
        (slow, fast)
    };
    let accepted = async { (server.accept().await.unwrap(), server.accept().await.unwrap()) };
    let ((slow, fast), (_unread, mut read)) = timeout(PATIENCE, async { tokio::join!(opened, accepted) })
        .await
        .expect("streams");
    // Half of a window of the stream, so that the connection's has room for the other.
    slow.writer.write(Bytes::from(vec![0; 32 << 10])).await.unwrap();
    fast.writer.write(Bytes::from_static(b"quick")).await.unwrap();
    let bytes = timeout(PATIENCE, read.reader.read())
        .await
        .expect("the fast stream");
    assert_eq!(bytes.unwrap().unwrap(), "quick");
    // More than a window is not sent before something is read.
    let blocked = slow.writer.write(Bytes::from(vec![0; 64 << 10]));
    assert!(timeout(Duration::from_millis(50), blocked).await.is_err());
}

#[tokio::test]
async fn half_closed_streams_still_carry_the_other_way() {
    let (client, server) = pair(FlowControl::Backpressure);
    let (opened, accepted) = tokio::join!(client.open(Headers::default()), server.accept());
    let (mut opened, mut accepted) = (opened.unwrap(), accepted.unwrap());
    opened.writer.finish().await.unwrap();
    assert_eq!(accepted.reader.read().await, Ok(None));
    accepted.writer.write(Bytes::from_static(b"late")).await.unwrap();
    accepted.writer.finish().await.unwrap();
    assert_eq!(opened.reader.read_to_end(100).await.unwrap(), b"late");
}

#[tokio::test]
async fn a_dropped_stream_is_a_reset() {
    let (client, server) = pair(FlowControl::Backpressure);
    let (opened, accepted) = tokio::join!(client.open(Headers::default()), server.accept());
    let mut accepted = accepted.unwrap();
    drop(opened);
    let error = timeout(PATIENCE, accepted.reader.read())
        .await
        .expect("the reset");
    assert_eq!(error, Err(StreamError::Reset(ResetStatus::CANCEL)));
}

#[tokio::test]
async fn streams_end_with_their_connection() {
    let (client, server) = pair(FlowControl::Backpressure);
    let (opened, accepted) = tokio::join!(client.open(Headers::default()), server.accept());
    let mut opened = opened.unwrap();
    drop(server);
    drop(accepted);
    assert!(
        timeout(PATIENCE, opened.reader.read())
            .await
            .expect("an end")
            .is_err()
    );
    timeout(PATIENCE, client.closed()).await.expect("closed");
    assert!(client.open(Headers::default()).await.is_err());
}

#[tokio::test]
async fn a_peer_without_windows_is_not_waited_for() {
    // What Go peers do: accept, and never speak of windows.
    let (near, mut far) = duplex(1 << 20);
    let client = Connection::new(near, Role::Client, FlowControl::Backpressure);
    let opening = client.open(Headers::default());
    let reply = async {
        let mut head = [0; 8];
        far.read_exact(&mut head).await.unwrap();
        let mut body = vec![0; usize::from(head[7])];
        far.read_exact(&mut body).await.unwrap();
        let reply = Frame::SynReply {
            id: 1,
            fin: false,
            headers: Headers::default(),
        };
        far.write_all(&encoded(&[reply, Frame::Ping(2)])).await.unwrap();
    };
    let (stream, ()) = tokio::join!(opening, reply);
    let stream = stream.unwrap();
    timeout(PATIENCE, stream.writer.write(Bytes::from(vec![1; 500_000])))
        .await
        .expect("no window holds it")
        .unwrap();
    // The ping comes back, whenever in between.
    let mut decoder = Decoder::new();
    let mut bytes = BytesMut::new();
    let mut sent = 0;
    let mut pinged = false;
    while sent < 500_000 || !pinged {
        timeout(PATIENCE, far.read_buf(&mut bytes))
            .await
            .expect("more")
            .unwrap();
        while let Some(frame) = decoder.decode(&mut bytes).unwrap() {
            match frame {
                Frame::Data { bytes, .. } => sent += bytes.len(),
                Frame::Ping(2) => pinged = true,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn noise_ends_a_connection() {
    let (near, mut far) = duplex(1 << 10);
    let server = Connection::new(near, Role::Server, FlowControl::Backpressure);
    far.write_all(&[0xff; 100]).await.unwrap();
    timeout(PATIENCE, server.closed()).await.expect("closed");
    assert!(server.accept().await.is_none());
}
