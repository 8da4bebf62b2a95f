//! What this machine says of itself.

use std::net::{IpAddr, UdpSocket};

/// This machine's name, if it can be read.
pub fn host_name() -> Option<String> {
    nix::unistd::gethostname()
        .ok()?
        .into_string()
        .ok()
        .map(|name| name.to_lowercase())
}

/// The address this machine would send from. Connecting a datagram socket sends nothing.
pub fn address_of_default_route() -> Option<IpAddr> {
    // An address for documentation (RFC 5737): any that is not local does.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
