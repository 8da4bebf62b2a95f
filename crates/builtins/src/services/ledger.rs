//! Who holds what: all addresses and ports of all Services, and what writes under way have taken.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use parking_lot::Mutex;
use registry::{Guard, Pending};
use serde_json::Value;
use store::Revision;

use super::addresses::{AddressError, AddressRange, Family};
use super::others::Turn;
use super::ports::{PortError, PortRange};

/// Everything that can be taken. Made from the Services there are, and right ever after if every write goes through its
/// hooks; with other servers over the store, it is read anew when it may be behind.
pub struct Ledger {
    state: Mutex<State>,
    /// Nothing is taken.
    empty: State,
    families: Vec<Family>,
}

#[derive(Clone)]
struct State {
    /// The primary family first; at most one of each.
    ranges: Vec<AddressRange>,
    ports: PortRange,
}

impl Ledger {
    /// A ledger of these ranges, the primary first, in which `services` hold what they hold.
    pub fn new<'a>(
        ranges: Vec<AddressRange>,
        ports: PortRange,
        services: impl IntoIterator<Item = &'a Value>,
    ) -> Arc<Self> {
        let families = ranges.iter().map(AddressRange::family).collect();
        let empty = State { ranges, ports };
        let mut state = empty.clone();
        services.into_iter().for_each(|service| state.hold(service));
        Arc::new(Self {
            state: Mutex::new(state),
            empty,
            families,
        })
    }

    /// Forgets everything but what these hold. Nothing may be under way.
    pub(super) fn read_anew(&self, services: &[Value]) {
        let mut state = self.empty.clone();
        services.iter().for_each(|service| state.hold(service));
        *self.state.lock() = state;
    }

    /// The families that Services can have, the primary first.
    pub(super) fn families(&self) -> &[Family] {
        &self.families
    }

    /// How many addresses are free, in all ranges.
    pub fn free_addresses(&self) -> u128 {
        self.state.lock().ranges.iter().map(AddressRange::free).sum()
    }

    /// How many node ports are free.
    pub fn free_ports(&self) -> u128 {
        self.state.lock().ports.free()
    }

    /// Begins to take; with other servers, when it is this write's turn.
    pub(super) fn begin(self: &Arc<Self>, dry_run: bool, turn: Option<Turn>) -> Taking {
        Taking {
            ledger: Arc::clone(self),
            turn,
            dry_run,
            taken: Held::default(),
            invented: BTreeSet::new(),
            released: Held::default(),
        }
    }

    /// Gives back what a Service held that is gone.
    pub(super) fn release(&self, held: &Held) {
        let mut state = self.state.lock();
        held.addresses
            .iter()
            .for_each(|address| state.give_back(*address));
        held.ports.iter().for_each(|port| state.ports.give_back(*port));
    }
}

impl State {
    fn range_of(&mut self, address: IpAddr) -> Option<&mut AddressRange> {
        self.ranges.iter_mut().find(|range| range.contains(address))
    }

    fn hold(&mut self, service: &Value) {
        let held = Held::by(service);
        held.addresses
            .iter()
            .for_each(|address| self.hold_address(*address));
        held.ports.iter().for_each(|port| self.ports.hold(*port));
    }

    fn hold_address(&mut self, address: IpAddr) {
        if let Some(range) = self.range_of(address) {
            range.hold(address);
        }
    }

    fn give_back(&mut self, address: IpAddr) {
        if let Some(range) = self.range_of(address) {
            range.give_back(address);
        }
    }
}

/// What a Service holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub addresses: BTreeSet<IpAddr>,
    pub ports: BTreeSet<u16>,
}

impl Held {
    /// What is written in a Service.
    pub fn by(service: &Value) -> Self {
        let spec = &service["spec"];
        let texts = spec["clusterIPs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let first = spec["clusterIP"].as_str();
        let ports = spec["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|port| &port["nodePort"]);
        let ports = ports.chain([&spec["healthCheckNodePort"]]);
        Self {
            addresses: texts.chain(first).filter_map(|text| text.parse().ok()).collect(),
            ports: ports.filter_map(port_number).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.ports.is_empty()
    }

    /// What is in this and not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        Self {
            addresses: self.addresses.difference(&other.addresses).copied().collect(),
            ports: self.ports.difference(&other.ports).copied().collect(),
        }
    }
}

/// A port that is set.
pub(super) fn port_number(value: &Value) -> Option<u16> {
    let number = value.as_u64().filter(|number| *number != 0)?;
    u16::try_from(number).ok()
}

/// What a write has taken so far. Dropped, it is all given back; kept, what the write no longer needs is.
pub(super) struct Taking {
    ledger: Arc<Ledger>,
    turn: Option<Turn>,
    dry_run: bool,
    taken: Held,
    /// Ports among the taken ones that a dry run made up.
    invented: BTreeSet<u16>,
    released: Held,
}

/// What upstream's dry runs count on from.
const FIRST_OF_NO_RANGE: u16 = 32_768;

impl Taking {
    /// Takes an address. A dry run only looks whether it is in range.
    pub fn address(&mut self, address: IpAddr) -> Result<(), AddressError> {
        let mut state = self.ledger.state.lock();
        let out_of_range = self.out_of_range(&state, address);
        let range = state.range_of(address).ok_or(out_of_range)?;
        if !self.dry_run {
            range.take(address)?;
            self.taken.addresses.insert(address);
        }
        Ok(())
    }

    fn out_of_range(&self, state: &State, address: IpAddr) -> AddressError {
        let family = Family::of(address);
        match state.ranges.iter().find(|range| range.family() == family) {
            Some(range) if self.dry_run => AddressError::OutOfRange(address, range.network()),
            _ => AddressError::OtherRange,
        }
    }

    /// Takes some address of a family. A dry run is given the network's own, which nobody gets.
    pub fn any_address(&mut self, family: Family) -> Result<IpAddr, AddressError> {
        let mut state = self.ledger.state.lock();
        let range = state.ranges.iter_mut().find(|range| range.family() == family);
        let range = range.ok_or(AddressError::OtherRange)?;
        if self.dry_run {
            return Ok(range.network_address());
        }
        let address = range.take_any(random())?;
        self.taken.addresses.insert(address);
        Ok(address)
    }

    /// Takes a port.
    pub fn port(&mut self, port: u16) -> Result<(), PortError> {
        if self.taken.ports.contains(&port) {
            return Err(PortError::Taken);
        }
        self.ledger.state.lock().ports.take(port, self.dry_run)?;
        self.taken.ports.insert(port);
        Ok(())
    }

    /// Why a number that is no port's cannot be had. A dry run does not mind.
    pub fn no_port(&self) -> Result<(), PortError> {
        if self.dry_run {
            return Ok(());
        }
        Err(self.ledger.state.lock().ports.out_of_range())
    }

    /// Takes some port. A dry run is given one past all ranges, or past those it was given before.
    pub fn any_port(&mut self) -> Result<u16, PortError> {
        if self.dry_run {
            let last = self.taken.ports.last().copied().unwrap_or(FIRST_OF_NO_RANGE);
            let invented = last.checked_add(1).ok_or(PortError::Full)?;
            self.invented.insert(invented);
            self.taken.ports.insert(invented);
            return Ok(invented);
        }
        let port = self.ledger.state.lock().ports.take_any(random())?;
        self.taken.ports.insert(port);
        Ok(port)
    }

    /// Says what is to be given back once the write has happened.
    pub fn release_after(&mut self, held: Held) {
        self.released = held;
    }
}

impl Pending for Taking {
    fn keep(mut self: Box<Self>, at: Revision) {
        let taken = std::mem::take(&mut self.taken);
        self.ledger.release(&self.released);
        if let Some(turn) = self.turn.take() {
            turn.done((!taken.is_empty()).then_some(at));
        }
    }

    fn guard(&self) -> Option<Guard> {
        let turn = self.turn.as_ref().filter(|_| !self.taken.is_empty());
        turn.map(Turn::guard)
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        // What was made up may be somebody else's.
        self.taken.ports.retain(|port| !self.invented.contains(port));
        self.ledger.release(&self.taken);
    }
}

/// Where to begin to look. Without random numbers everyone begins at the beginning, which is right too.
fn random() -> u128 {
    let mut bytes = [0; 16];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u128::from_le_bytes(bytes),
        Err(_) => 0,
    }
}
