//! Lists of headers as HTTP/2 has them on the wire (RFC 7541): read with the table that both sides keep, written without it.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::frames::Code;
use super::huffman;

/// How large the table of headers that clients have sent may become: what is usual, and what ours are told.
const TABLE_BYTES: usize = 4096;
/// A header counts so much more than its name and value.
const OVERHEAD: usize = 32;

/// The headers that everybody knows, from the first on.
#[rustfmt::skip]
const COMMON: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

/// A header.
pub(super) type Field = (Bytes, Bytes);

/// Reads lists of headers of one connection, one after the other.
pub(super) struct Decoder {
    /// What clients have sent to be named again, the newest first.
    table: VecDeque<Field>,
    bytes: usize,
    /// As much as the client wants of it.
    capacity: usize,
    /// No list is larger.
    limit: usize,
    /// Whether the last list left the table as it was.
    is_repeatable: bool,
}

impl Decoder {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            table: VecDeque::new(),
            bytes: 0,
            capacity: TABLE_BYTES,
            limit,
            is_repeatable: false,
        }
    }

    /// Whether the list that was read last means the same if it comes again next.
    pub(super) fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    /// Reads a list.
    pub(super) fn decode(&mut self, block: &[u8]) -> Result<Vec<Field>, Code> {
        self.is_repeatable = true;
        let mut rest = Rest { block, at: 0 };
        let (mut fields, mut size) = (Vec::new(), 0);
        while let Some(first) = rest.peek() {
            let field = match first {
                0x80.. => self.known(rest.integer(7)?)?,
                0x40.. => {
                    let field = self.literal(&mut rest, 6)?;
                    self.remember(field.clone());
                    field
                }
                0x20.. => {
                    self.resize(rest.integer(5)?)?;
                    continue;
                }
                _ => self.literal(&mut rest, 4)?,
            };
            size += weight(&field);
            if size > self.limit {
                return Err(Code::Calm);
            }
            fields.push(field);
        }
        Ok(fields)
    }

    fn known(&self, index: usize) -> Result<Field, Code> {
        let place = index.checked_sub(1).ok_or(Code::Compression)?;
        match COMMON.get(place) {
            Some((name, value)) => Ok((
                Bytes::from_static(name.as_bytes()),
                Bytes::from_static(value.as_bytes()),
            )),
            None => self
                .table
                .get(place - COMMON.len())
                .cloned()
                .ok_or(Code::Compression),
        }
    }

    fn literal(&self, rest: &mut Rest<'_>, prefix: u32) -> Result<Field, Code> {
        let name = match rest.integer(prefix)? {
            0 => rest.string(self.limit)?,
            index => self.known(index)?.0,
        };
        Ok((name, rest.string(self.limit)?))
    }

    fn remember(&mut self, field: Field) {
        self.is_repeatable = false;
        self.bytes += weight(&field);
        self.table.push_front(field);
        self.shrink();
    }

    fn resize(&mut self, capacity: usize) -> Result<(), Code> {
        if capacity > TABLE_BYTES {
            return Err(Code::Compression);
        }
        self.is_repeatable = false;
        self.capacity = capacity;
        self.shrink();
        Ok(())
    }

    fn shrink(&mut self) {
        while self.bytes > self.capacity
            && let Some(oldest) = self.table.pop_back()
        {
            self.bytes -= weight(&oldest);
        }
    }
}

fn weight((name, value): &Field) -> usize {
    name.len() + value.len() + OVERHEAD
}

/// What is left of a list.
struct Rest<'a> {
    block: &'a [u8],
    at: usize,
}

impl Rest<'_> {
    fn peek(&self) -> Option<u8> {
        self.block.get(self.at).copied()
    }

    fn byte(&mut self) -> Result<u8, Code> {
        let byte = self.peek().ok_or(Code::Compression)?;
        self.at += 1;
        Ok(byte)
    }

    /// A number whose first bits are the last `prefix` ones of a byte.
    fn integer(&mut self, prefix: u32) -> Result<usize, Code> {
        let full = (1usize << prefix) - 1;
        let mut number = usize::from(self.byte()?) & full;
        if number < full {
            return Ok(number);
        }
        for shift in (0..28).step_by(7) {
            let byte = self.byte()?;
            number += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Code::Compression)
    }

    fn string(&mut self, limit: usize) -> Result<Bytes, Code> {
        let is_coded = self.peek().ok_or(Code::Compression)? & 0x80 != 0;
        let length = self.integer(7)?;
        if length > limit {
            return Err(Code::Calm);
        }
        let end = self.at + length;
        let bytes = self.block.get(self.at..end).ok_or(Code::Compression)?;
        self.at = end;
        if is_coded {
            huffman::decode(bytes).map(Bytes::from).ok_or(Code::Compression)
        } else {
            Ok(Bytes::copy_from_slice(bytes))
        }
    }
}

/// The headers an answer begins with.
pub(super) fn encode_head(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    // The eighth of the common headers is a status of 200, and has the name for others.
    let mut block = vec![if status == StatusCode::OK { 0x88 } else { 0x08 }];
    if status != StatusCode::OK {
        encode_text(&mut block, status.as_str().as_bytes());
    }
    encode_fields(&mut block, headers);
    block
}

/// The headers an answer ends with.
pub(super) fn encode_trailers(headers: &HeaderMap) -> Vec<u8> {
    let mut block = Vec::new();
    encode_fields(&mut block, headers);
    block
}

fn encode_fields(block: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        block.push(0);
        encode_text(block, name.as_str().as_bytes());
        encode_text(block, value.as_bytes());
    }
}

fn encode_text(block: &mut Vec<u8>, text: &[u8]) {
    let full = 0x7f;
    if text.len() < full {
        block.push(text.len() as u8);
    } else {
        block.push(full as u8);
        let mut left = text.len() - full;
        while left >= 0x80 {
            block.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        block.push(left as u8);
    }
    block.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(fields: Vec<Field>) -> Vec<(String, String)> {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).expect("text");
        fields
            .into_iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    fn read(decoder: &mut Decoder, block: &[u8]) -> Vec<(String, String)> {
        texts(decoder.decode(block).expect("read"))
    }

    fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn requests_of_the_rfc_are_read() {
        let mut decoder = Decoder::new(1000);
        let first = [
            &[0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2][..],
            &[0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff],
        ]
        .concat();
        let begin = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
        ];
        assert_eq!(read(&mut decoder, &first), fields(&begin));
        assert!(!decoder.is_repeatable());
        let second = [
            0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf,
        ];
        let expected = [&begin[..], &[("cache-control", "no-cache")]].concat();
        assert_eq!(read(&mut decoder, &second), fields(&expected));
        assert_eq!(
            read(&mut decoder, &[0xbf, 0xbe]),
            fields(&[begin[3], ("cache-control", "no-cache")])
        );
        assert!(decoder.is_repeatable());
    }

    #[test]
    fn the_table_is_no_larger_than_the_client_wants() {
        let mut decoder = Decoder::new(1000);
        read(&mut decoder, &[0x40, 1, b'a', 1, b'b']);
        assert_eq!(read(&mut decoder, &[0xbe]), fields(&[("a", "b")]));
        assert_eq!(read(&mut decoder, &[0x20]), []);
        assert_eq!(decoder.decode(&[0xbe]), Err(Code::Compression));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for (block, code) in [
            (&[0x80][..], Code::Compression),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Code::Compression),
            (&[0x40, 1], Code::Compression),
            (&[0x40, 5, b'a'], Code::Compression),
            (&[0x3f, 0xe2, 0x1f], Code::Compression),
            (&[0xbe], Code::Compression),
            (&[0, 1, b'a', 0x7f, 0xff, 0x7f], Code::Calm),
        ] {
            assert_eq!(Decoder::new(100).decode(block), Err(code), "{block:?}");
        }
        let many = [0x82; 4];
        assert_eq!(Decoder::new(100).decode(&many), Err(Code::Calm), "42 bytes each");
    }

    #[test]
    fn what_is_written_is_read() {
        let mut headers = HeaderMap::new();
        let long = "x".repeat(20_000);
        headers.insert("grpc-message", long.parse().expect("a value"));
        headers.insert("grpc-status", "5".parse().expect("a value"));
        let expected = [("grpc-message", &long[..]), ("grpc-status", "5")];
        let mut decoder = Decoder::new(1 << 20);
        assert_eq!(read(&mut decoder, &encode_trailers(&headers)), fields(&expected));
        let block = encode_head(StatusCode::NOT_FOUND, &headers);
        let expected = [&[(":status", "404")], &expected[..]].concat();
        assert_eq!(read(&mut decoder, &block), fields(&expected));
    }
}
