//! Messages from the kernel's netfilter, as `linux/netlink.h` and `linux/netfilter/nfnetlink.h` have them: headers and
//! lengths are in the machine's byte order.

const HEADER_BYTES: usize = 16;
/// What stands before the attributes of a netfilter message.
pub(crate) const NETFILTER_HEADER_BYTES: usize = 4;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// The bits of an attribute's type that are flags.
const TYPE_FLAGS: u16 = 0xc000;

/// A message from the kernel.
pub(crate) struct Received<'a> {
    pub(crate) kind: u16,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

/// The messages of one datagram from the kernel.
pub(crate) struct Messages<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Received<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(u32_at(self.0, 0)?).ok()?;
        let message = self.0.get(..length)?;
        let body = message.get(HEADER_BYTES..)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(Received {
            kind: u16_at(message, 4)?,
            body,
        })
    }
}

/// Attributes: type, without its flags, and value.
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16_at(self.0, 0)?);
        let kind = u16_at(self.0, 2)? & !TYPE_FLAGS;
        let value = self.0.get(ATTRIBUTE_HEADER_BYTES..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// A message as the kernel would send it.
#[cfg(test)]
pub(crate) fn message(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES + NETFILTER_HEADER_BYTES];
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    for (kind, value) in attributes {
        let length =
            u16::try_from(ATTRIBUTE_HEADER_BYTES + value.len()).expect("attributes of tests are short");
        bytes.extend(length.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let length = u32::try_from(bytes.len()).expect("messages of tests are short");
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}
