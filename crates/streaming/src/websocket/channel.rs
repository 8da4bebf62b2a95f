//! The channel protocols: several streams in the messages of one WebSocket, each message marked with its channel.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;

/// What a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// What the client types.
    Stdin,
    /// What the process writes.
    Stdout,
    /// What the process complains.
    Stderr,
    /// How it ended.
    Error,
    /// The size of the client's terminal.
    Resize,
    /// A number that means nothing here.
    Other(u8),
}

impl Channel {
    /// By its number.
    pub fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Stdin,
            1 => Self::Stdout,
            2 => Self::Stderr,
            3 => Self::Error,
            4 => Self::Resize,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::Stdin => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Error => 3,
            Self::Resize => 4,
            Self::Other(other) => other,
        }
    }
}

/// The channel of messages of v5 that say that another channel is closed.
const CLOSE: u8 = 255;

/// How channels are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelProtocol {
    /// Without a name, or `channel.k8s.io`: how a process ended is told in words, and only if badly.
    V1,
    /// `base64.channel.k8s.io`: the same in text.
    V1Base64,
    /// `v4.channel.k8s.io`: how a process ended is told by a Status.
    V4,
    /// `v4.base64.channel.k8s.io`: the same in text.
    V4Base64,
    /// `v5.channel.k8s.io`: the client may close its input.
    V5,
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// Bytes of a channel.
    Data(Channel, Bytes),
    /// Nothing more will come on a channel.
    Close(Channel),
    /// Nothing more will come at all.
    Goodbye,
    /// Nothing of interest.
    Nothing,
}

/// A message that is none of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message is not of the channel protocol")]
pub struct MalformedMessage;

impl ChannelProtocol {
    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "" | "channel.k8s.io" => Self::V1,
            "base64.channel.k8s.io" => Self::V1Base64,
            "v4.channel.k8s.io" => Self::V4,
            "v4.base64.channel.k8s.io" => Self::V4Base64,
            "v5.channel.k8s.io" => Self::V5,
            _ => return None,
        })
    }

    /// Whether messages are text.
    pub fn is_base64(self) -> bool {
        matches!(self, Self::V1Base64 | Self::V4Base64)
    }

    /// Whether how a process ended is told by a Status, also if well.
    pub fn tells_status(self) -> bool {
        !matches!(self, Self::V1 | Self::V1Base64)
    }

    /// A message to the client.
    pub fn encode(self, channel: Channel, bytes: &[u8]) -> Message {
        let number = channel.number();
        if self.is_base64() {
            let mut text = String::with_capacity(1 + bytes.len().div_ceil(3) * 4);
            text.push(char::from(b'0' + number));
            STANDARD.encode_string(bytes, &mut text);
            return Message::text(text);
        }
        let mut message = Vec::with_capacity(1 + bytes.len());
        message.push(number);
        message.extend_from_slice(bytes);
        Message::binary(message)
    }

    /// A message from the client.
    pub fn decode(self, message: Message) -> Result<ClientMessage, MalformedMessage> {
        let (number, bytes) = match message {
            Message::Close(_) => return Ok(ClientMessage::Goodbye),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(ClientMessage::Nothing),
            Message::Text(text) if self.is_base64() => {
                let text: Bytes = text.into();
                let Some((number, encoded)) = text.split_first() else {
                    return Ok(ClientMessage::Nothing);
                };
                let number = number.checked_sub(b'0').ok_or(MalformedMessage)?;
                let bytes = STANDARD.decode(encoded).map_err(|_| MalformedMessage)?;
                (number, Bytes::from(bytes))
            }
            // Clients of the binary protocols may mark their messages as text.
            Message::Text(text) => first_and_rest(text.into())?,
            Message::Binary(bytes) if bytes.is_empty() => return Ok(ClientMessage::Nothing),
            Message::Binary(bytes) => first_and_rest(bytes)?,
        };
        if self == Self::V5 && number == CLOSE {
            let [closed] = bytes[..] else {
                return Err(MalformedMessage);
            };
            return Ok(ClientMessage::Close(Channel::from_number(closed)));
        }
        Ok(ClientMessage::Data(Channel::from_number(number), bytes))
    }
}

fn first_and_rest(mut bytes: Bytes) -> Result<(u8, Bytes), MalformedMessage> {
    let number = *bytes.first().ok_or(MalformedMessage)?;
    Ok((number, bytes.split_off(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_their_channel() {
        use ChannelProtocol::{V1, V1Base64, V4, V5};
        let data = |channel, text: &'static str| Ok(ClientMessage::Data(channel, Bytes::from(text)));
        for (protocol, message, expected) in [
            (V4, Message::binary(&b"\0hi"[..]), data(Channel::Stdin, "hi")),
            (V4, Message::binary(&b"\0"[..]), data(Channel::Stdin, "")),
            (V4, Message::binary(&b"\x04{}"[..]), data(Channel::Resize, "{}")),
            (V1, Message::text("\0hi"), data(Channel::Stdin, "hi")),
            (V4, Message::binary(&b""[..]), Ok(ClientMessage::Nothing)),
            (
                V5,
                Message::binary(&b"\xff\0"[..]),
                Ok(ClientMessage::Close(Channel::Stdin)),
            ),
            (V5, Message::binary(&b"\xff"[..]), Err(MalformedMessage)),
            (
                V4,
                Message::binary(&b"\xff\0"[..]),
                Ok(ClientMessage::Data(Channel::Other(255), Bytes::from_static(&[0]))),
            ),
            (V1Base64, Message::text("0aGk="), data(Channel::Stdin, "hi")),
            (V1Base64, Message::text("0a"), Err(MalformedMessage)),
            (V1Base64, Message::text(" aGk="), Err(MalformedMessage)),
            (V5, Message::Close(None), Ok(ClientMessage::Goodbye)),
        ] {
            assert_eq!(
                protocol.decode(message.clone()),
                expected,
                "{protocol:?} {message:?}"
            );
        }
    }

    #[test]
    fn what_is_sent_can_be_read() {
        let bytes: Vec<u8> = (0..=255).collect();
        for name in [
            "",
            "channel.k8s.io",
            "base64.channel.k8s.io",
            "v4.channel.k8s.io",
            "v4.base64.channel.k8s.io",
            "v5.channel.k8s.io",
        ] {
            let protocol = ChannelProtocol::from_name(name).unwrap();
            let message = protocol.encode(Channel::Stderr, &bytes);
            assert_eq!(message.is_text(), protocol.is_base64());
            assert_eq!(
                protocol.decode(message),
                Ok(ClientMessage::Data(Channel::Stderr, bytes.clone().into())),
                "{name}"
            );
        }
        assert_eq!(ChannelProtocol::from_name("v3.channel.k8s.io"), None);
    }
}
