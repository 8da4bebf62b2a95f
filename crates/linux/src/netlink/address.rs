//! Addresses of interfaces.

use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};

use super::{Netlink, NetlinkError, collect, explain};

/// An address an interface has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface.
    pub link: u32,
    /// The address, with the length of its network's prefix.
    pub net: IpNet,
}

impl Netlink {
    /// All addresses of all interfaces.
    pub async fn addresses(&self) -> Result<Vec<Address>, NetlinkError> {
        let dump = self.handle.address().get().execute();
        collect("addresses", dump, Address::read).await
    }

    /// Gives an interface an address, to be used at once: nobody is asked whether it is free. It is no error if the
    /// interface has it already.
    pub async fn add_address(&self, address: Address) -> Result<(), NetlinkError> {
        let net = address.net;
        let mut request = self
            .handle
            .address()
            .add(address.link, net.addr(), net.prefix_len());
        if net.addr().is_ipv6() {
            let flags = AddressAttribute::Flags(AddressFlags::Nodad);
            request.message_mut().attributes.push(flags);
        }
        let operation = || format!("give {net} to the interface {}", address.link);
        match request.execute().await.map_err(explain(operation)) {
            Err(error) if error.is_present() => Ok(()),
            outcome => outcome,
        }
    }

    /// Takes an address from an interface. It is no error if the interface does not have it.
    pub async fn delete_address(&self, address: Address) -> Result<(), NetlinkError> {
        let net = address.net;
        let message = self
            .handle
            .address()
            .add(address.link, net.addr(), net.prefix_len())
            .message_mut()
            .clone();
        let operation = || format!("take {net} from the interface {}", address.link);
        let outcome = self.handle.address().del(message).execute().await;
        match outcome.map_err(explain(operation)) {
            Err(error) if error.is_missing() => Ok(()),
            outcome => outcome,
        }
    }
}

impl Address {
    fn read(message: AddressMessage) -> Option<Self> {
        let (mut local, mut remote) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(ip) => local = Some(*ip),
                AddressAttribute::Address(ip) => remote = Some(*ip),
                _ => {}
            }
        }
        // Of an address with a peer, `Address` is the peer's; IPv6 mostly has nothing else.
        let ip: IpAddr = local.or(remote)?;
        Some(Self {
            link: message.header.index,
            net: IpNet::new(ip, message.header.prefix_len).ok()?,
        })
    }
}
