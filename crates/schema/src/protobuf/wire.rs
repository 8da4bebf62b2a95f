//! The wire format below messages: tags, varints, lengths.

use super::ProtobufError;

/// How a field's value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireType {
    Varint,
    Fixed64,
    Length,
    Fixed32,
}

impl WireType {
    fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Varint),
            1 => Some(Self::Fixed64),
            2 => Some(Self::Length),
            5 => Some(Self::Fixed32),
            _ => None,
        }
    }

    pub fn number(self) -> u8 {
        match self {
            Self::Varint => 0,
            Self::Fixed64 => 1,
            Self::Length => 2,
            Self::Fixed32 => 5,
        }
    }
}

/// Writes from the end to the front, so that a length is known when its turn comes.
#[derive(Default)]
pub(super) struct Writer {
    /// What is written stands at the end.
    buffer: Vec<u8>,
    start: usize,
}

impl Writer {
    /// How much is written.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.start < bytes.len() {
            self.grow(bytes.len());
        }
        let end = self.start;
        self.start -= bytes.len();
        self.buffer[self.start..end].copy_from_slice(bytes);
    }

    pub fn varint(&mut self, mut number: u64) {
        let mut bytes = [0; 10];
        let mut length = 0;
        loop {
            // The low seven bits.
            let low = number.to_le_bytes()[0] & 0x7f;
            number >>= 7;
            bytes[length] = if number == 0 { low } else { low | 0x80 };
            length += 1;
            if number == 0 {
                break;
            }
        }
        self.bytes(&bytes[..length]);
    }

    pub fn tag(&mut self, number: u16, wire_type: WireType) {
        self.varint(u64::from(number) << 3 | u64::from(wire_type.number()));
    }

    /// Tag and length of what was written since the writer held `before` bytes.
    pub fn head(&mut self, number: u16, before: usize) {
        self.varint((self.len() - before) as u64);
        self.tag(number, WireType::Length);
    }

    /// A field of bytes.
    pub fn length_delimited(&mut self, number: u16, bytes: &[u8]) {
        let before = self.len();
        self.bytes(bytes);
        self.head(number, before);
    }

    /// A field with a number.
    pub fn integer(&mut self, number: u16, value: i64) {
        self.varint(value.cast_unsigned());
        self.tag(number, WireType::Varint);
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.buffer.drain(..self.start);
        self.buffer
    }

    fn grow(&mut self, needed: usize) {
        let written = self.len();
        let size = (written + needed).max(2 * self.buffer.len()).max(256);
        let mut buffer = vec![0; size];
        buffer[size - written..].copy_from_slice(&self.buffer[self.start..]);
        self.start = size - written;
        self.buffer = buffer;
    }
}

/// Reads fields from the front.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// A field as it stands on the wire.
#[derive(Clone, Copy)]
pub(super) struct RawField<'a> {
    pub number: u64,
    pub value: RawValue<'a>,
}

/// A value as it stands on the wire.
#[derive(Clone, Copy)]
pub(super) enum RawValue<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Length(&'a [u8]),
    Fixed32,
}

impl RawValue<'_> {
    pub fn wire_type(self) -> WireType {
        match self {
            Self::Varint(_) => WireType::Varint,
            Self::Fixed64(_) => WireType::Fixed64,
            Self::Length(_) => WireType::Length,
            Self::Fixed32 => WireType::Fixed32,
        }
    }
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    /// The next field; none at the end.
    pub fn field(&mut self) -> Result<Option<RawField<'a>>, ProtobufError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let wire_type = WireType::from_number((tag & 7).to_le_bytes()[0]);
        let number = tag >> 3;
        let (Some(wire_type), 1..=0x1fff_ffff) = (wire_type, number) else {
            return Err(ProtobufError::Tag(tag));
        };
        let value = match wire_type {
            WireType::Varint => RawValue::Varint(self.varint()?),
            WireType::Fixed64 => {
                let bytes = self.take(8)?.try_into().map_err(|_| ProtobufError::End)?;
                RawValue::Fixed64(bytes)
            }
            WireType::Length => {
                let length = usize::try_from(self.varint()?).map_err(|_| ProtobufError::End)?;
                RawValue::Length(self.take(length)?)
            }
            WireType::Fixed32 => {
                self.take(4)?;
                RawValue::Fixed32
            }
        };
        Ok(Some(RawField { number, value }))
    }

    pub fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut number: u64 = 0;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return Err(ProtobufError::Overflow);
            }
            number |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(number);
            }
        }
        Err(if self.rest.len() < 10 {
            ProtobufError::End
        } else {
            ProtobufError::Overflow
        })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ProtobufError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ProtobufError::End)?;
        self.rest = rest;
        Ok(taken)
    }
}
