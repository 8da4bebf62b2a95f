//! What a client sends: frame by frame, put together to requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::frames::*;
use super::headers::{Decoder, Field};
use super::outlet::{Answering, Outlet};
use super::relay::{self, Inlet, RequestBody};
use super::unary::{MAX_BODY, Taken, Unary};
use super::{CONNECTION_WINDOW, MAX_STREAMS, STREAM_WINDOW};
use crate::etcd_api::EtcdApi;
use crate::server::route::Routes;

/// Headers of a request are no larger.
pub(super) const HEADER_LIST: u32 = 16 << 10;
/// So much of unfinished requests is held of one connection.
const MAX_HELD: usize = 64 << 20;
/// How much a client may send before it is told more.
const FIRST_WINDOW: u32 = 65_535;

/// What a frame leads to.
pub(super) enum Event {
    Nothing,
    /// The client has given the request up.
    GivenUp,
    /// The request is whole, and is answered by the connection.
    Taken(Taken),
}

/// What the connection is answering.
pub(super) struct Open<'a> {
    /// The requests that somebody waits for.
    pub(super) active: &'a BTreeSet<u32>,
    /// How many there are with those that were given up.
    pub(super) count: usize,
}

/// Puts requests together.
pub(super) struct Receiver {
    routes: Routes,
    outlet: Arc<Outlet>,
    decoder: Decoder,
    /// The requests that are not whole.
    requests: BTreeMap<u32, Body>,
    /// Headers whose end has not come.
    unfinished: Option<(FrameHeader, Vec<u8>)>,
    /// The headers that came last, if the same bytes mean the same again.
    usual: Option<(Vec<u8>, Unary)>,
    last_stream: u32,
    /// So much may the client send, and so much has come that it was not told of.
    window: i64,
    untold: u32,
    is_greeted: bool,
    is_leaving: bool,
}

/// Where the body of a request goes.
enum Body {
    Unary {
        unary: Unary,
        all: Vec<u8>,
        /// So much of it is in the account.
        held: usize,
        untold: usize,
    },
    Relayed(Inlet),
}

impl Receiver {
    pub(super) fn new(routes: Routes, outlet: Arc<Outlet>) -> Self {
        Self {
            routes,
            outlet,
            decoder: Decoder::new(HEADER_LIST as usize),
            requests: BTreeMap::new(),
            unfinished: None,
            usual: None,
            last_stream: 0,
            window: FIRST_WINDOW.into(),
            untold: CONNECTION_WINDOW - FIRST_WINDOW,
            is_greeted: false,
            is_leaving: false,
        }
    }

    /// What requests are for.
    pub(super) fn api(&self) -> &Arc<EtcdApi> {
        self.routes.api()
    }

    /// Tells the client how much more it may send.
    pub(super) fn widen(&mut self) {
        let more = std::mem::take(&mut self.untold);
        self.window += i64::from(more);
        self.outlet.frame(WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
    }

    /// Takes no new requests, and tells why.
    pub(super) fn leave(&mut self, why: Code) {
        self.is_leaving = true;
        let last = self.last_stream.to_be_bytes();
        let payload = [last, (why as u32).to_be_bytes()].concat();
        self.outlet.frame(GO_AWAY, 0, 0, &payload);
    }

    /// Whether no request is under way to here.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }

    /// Forgets requests that are answered already: what may come of them is of no use.
    pub(super) fn sweep(&mut self) {
        for stream in self.outlet.take_closed() {
            if self.requests.remove(&stream).is_some() {
                self.reset(stream, Code::NoError);
            }
        }
    }

    fn reset(&self, stream: u32, code: Code) {
        self.outlet.frame(RESET, 0, stream, &(code as u32).to_be_bytes());
    }

    /// Takes a frame. Fails if the client does not keep to HTTP/2.
    pub(super) fn frame(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        open: &Open<'_>,
    ) -> Result<Event, Code> {
        if is_about_stream(header.kind).is_some_and(|of_stream| of_stream != (header.stream != 0)) {
            return Err(Code::Protocol);
        }
        let is_first = !std::mem::replace(&mut self.is_greeted, true);
        if is_first && header.kind != SETTINGS || self.unfinished.is_some() != (header.kind == CONTINUATION) {
            return Err(Code::Protocol);
        }
        match header.kind {
            DATA => return self.data(header, payload),
            HEADERS => {
                let block = header.content(payload)?;
                if header.has(END_HEADERS) {
                    return self.headers(header, block, open);
                }
                self.unfinished = Some((header, block.to_vec()));
            }
            CONTINUATION => return self.more_headers(header, payload, open),
            RESET => {
                fixed::<4>(payload)?;
                if header.stream > self.last_stream {
                    return Err(Code::Protocol);
                }
                self.drop_request(header.stream);
                self.outlet.reset(header.stream);
                return Ok(Event::GivenUp);
            }
            SETTINGS => self.settings(header, payload)?,
            PING => {
                let payload = fixed::<8>(payload)?;
                if !header.has(ACK) {
                    self.outlet.frame(PING, ACK, 0, &payload);
                }
            }
            WINDOW_UPDATE => self.window_update(header.stream, fixed(payload)?, open)?,
            PRIORITY => drop(fixed::<5>(payload)?),
            PUSH_PROMISE => return Err(Code::Protocol),
            // That the client leaves shows when it has left; what nobody knows is left out.
            _ => {}
        }
        Ok(Event::Nothing)
    }

    fn settings(&self, header: FrameHeader, payload: &[u8]) -> Result<(), Code> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() || header.has(ACK) && !payload.is_empty() {
            return Err(Code::FrameSize);
        }
        if header.has(ACK) {
            return Ok(());
        }
        for [a, b, value @ ..] in settings {
            if u16::from_be_bytes([*a, *b]) == INITIAL_WINDOW_SIZE {
                self.outlet.set_first_window(u32::from_be_bytes(*value))?;
            }
        }
        self.outlet.frame(SETTINGS, ACK, 0, &[]);
        Ok(())
    }

    fn window_update(&self, stream: u32, more: [u8; 4], open: &Open<'_>) -> Result<(), Code> {
        match u32::from_be_bytes(more) & (u32::MAX >> 1) {
            0 => Err(Code::Protocol),
            _ if stream > self.last_stream => Err(Code::Protocol),
            more => {
                let is_open = self.requests.contains_key(&stream) || open.active.contains(&stream);
                self.outlet.widen(stream, more, is_open)
            }
        }
    }

    fn data(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Event, Code> {
        let (stream, is_end) = (header.stream, header.has(END_STREAM));
        let length = u32::try_from(payload.len()).map_err(|_| Code::FrameSize)?;
        self.window -= i64::from(length);
        self.untold += length;
        if self.window < 0 {
            return Err(Code::FlowControl);
        }
        if self.untold >= CONNECTION_WINDOW / 2 {
            self.widen();
        }
        let part = header.content(payload)?;
        match self.requests.get_mut(&stream) {
            None if stream > self.last_stream => return Err(Code::Protocol),
            // It was refused, or is answered already.
            None => {}
            Some(Body::Unary { unary, all, .. }) if is_end => {
                let unary = *unary;
                let taken = if all.is_empty() {
                    unary.take(self.routes.api(), stream, part)
                } else {
                    all.extend_from_slice(part);
                    unary.take(self.routes.api(), stream, all)
                };
                self.drop_request(stream);
                return Ok(Event::Taken(taken));
            }
            Some(Body::Unary {
                unary,
                all,
                held,
                untold,
            }) => {
                all.extend_from_slice(part);
                *held += part.len();
                self.outlet.held.fetch_add(part.len(), Ordering::Relaxed);
                *untold += payload.len();
                let is_too_large = all.len() > MAX_BODY;
                if *untold >= STREAM_WINDOW as usize / 2 && !is_too_large {
                    let more = u32::try_from(std::mem::take(untold)).unwrap_or_default();
                    self.outlet.grant(stream, more);
                }
                if is_too_large {
                    let refused = unary.take(self.routes.api(), stream, all);
                    self.drop_request(stream);
                    return Ok(Event::Taken(refused));
                }
            }
            Some(Body::Relayed(inlet)) => {
                inlet.push(part, &self.outlet)?;
                if is_end {
                    self.drop_request(stream);
                }
            }
        }
        if self.outlet.held.load(Ordering::Relaxed) > MAX_HELD {
            self.drop_request(stream);
            self.reset(stream, Code::Calm);
            self.outlet.reset(stream);
        }
        Ok(Event::Nothing)
    }

    fn drop_request(&mut self, stream: u32) {
        if let Some(Body::Unary { held, .. }) = self.requests.remove(&stream) {
            self.outlet.release(held);
        }
    }

    fn more_headers(&mut self, header: FrameHeader, payload: &[u8], open: &Open<'_>) -> Result<Event, Code> {
        let Some((first, mut block)) = self.unfinished.take() else {
            return Err(Code::Protocol);
        };
        if first.stream != header.stream {
            return Err(Code::Protocol);
        }
        block.extend_from_slice(payload);
        if block.len() > 2 * HEADER_LIST as usize || payload.is_empty() && !header.has(END_HEADERS) {
            return Err(Code::Calm);
        }
        if header.has(END_HEADERS) {
            return self.headers(first, &block, open);
        }
        self.unfinished = Some((first, block));
        Ok(Event::Nothing)
    }

    fn headers(&mut self, header: FrameHeader, block: &[u8], open: &Open<'_>) -> Result<Event, Code> {
        let stream = header.stream;
        let usual = self.usual.as_ref().filter(|(bytes, _)| bytes == block);
        let usual = usual.map(|(_, unary)| *unary);
        let fields = match usual {
            Some(_) => Vec::new(),
            None => self.decoder.decode(block)?,
        };
        if usual.is_none() {
            // The table may have changed.
            self.usual = None;
        }
        if stream <= self.last_stream {
            return self.trailers(header);
        }
        if stream.is_multiple_of(2) {
            return Err(Code::Protocol);
        }
        self.last_stream = stream;
        let count = self.requests.len() + open.count + self.outlet.relays();
        if self.is_leaving || count >= MAX_STREAMS as usize {
            self.reset(stream, Code::Refused);
            return Ok(Event::Nothing);
        }
        let unary = usual.or_else(|| Unary::of(&fields));
        let is_end = header.has(END_STREAM);
        match unary {
            Some(unary) if is_end => return Ok(Event::Taken(unary.take(self.routes.api(), stream, &[]))),
            Some(unary) => {
                if usual.is_none() {
                    self.usual = self.decoder.is_repeatable().then(|| (block.to_vec(), unary));
                }
                let body = Body::Unary {
                    unary,
                    all: Vec::new(),
                    held: 0,
                    untold: 0,
                };
                self.requests.insert(stream, body);
            }
            None => {
                self.relay(stream, &fields, is_end);
            }
        }
        Ok(Event::Nothing)
    }

    /// The headers behind a body: its end.
    fn trailers(&mut self, header: FrameHeader) -> Result<Event, Code> {
        let stream = header.stream;
        match self.requests.get(&stream) {
            None => Ok(Event::Nothing),
            Some(_) if !header.has(END_STREAM) => Err(Code::Protocol),
            Some(Body::Relayed(_)) => {
                self.drop_request(stream);
                Ok(Event::Nothing)
            }
            Some(Body::Unary { unary, all, .. }) => {
                let taken = unary.take(self.routes.api(), stream, all);
                self.drop_request(stream);
                Ok(Event::Taken(taken))
            }
        }
    }

    /// Has a task of its own answer a request.
    fn relay(&mut self, stream: u32, fields: &[Field], is_end: bool) {
        let (inlet, body) = RequestBody::new(stream, self.outlet.clone());
        let Some(request) = request(fields, body) else {
            return self.reset(stream, Code::Protocol);
        };
        if !is_end {
            self.requests.insert(stream, Body::Relayed(inlet));
        }
        let answering = Answering::new(stream, self.outlet.clone());
        tokio::spawn(relay::answer(self.routes.clone(), request, answering));
    }
}

/// A payload of a size that never differs.
fn fixed<const N: usize>(payload: &[u8]) -> Result<[u8; N], Code> {
    payload.try_into().map_err(|_| Code::FrameSize)
}

/// A request for the services. `None` if it is none.
fn request<B>(fields: &[Field], body: B) -> Option<Request<B>> {
    let mut request = Request::new(body);
    *request.version_mut() = Version::HTTP_2;
    let mut has_path = false;
    for (name, value) in fields {
        match &name[..] {
            b":method" => *request.method_mut() = Method::from_bytes(value).ok()?,
            b":path" => {
                *request.uri_mut() = Uri::from_maybe_shared(value.clone()).ok()?;
                has_path = true;
            }
            // Whom they mean by it does not matter: old etcdctl says a URL instead of an authority.
            [b':', ..] => {}
            _ => {
                let (name, value) = (HeaderName::from_lowercase(name).ok()?, value.clone());
                let value = HeaderValue::from_maybe_shared(value).ok()?;
                request.headers_mut().append(name, value);
            }
        }
    }
    has_path.then_some(request)
}
