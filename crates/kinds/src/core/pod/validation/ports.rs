//! Rules for container ports, and for ports given as a number or a name.

use crate::toolkit::{Field, Seen};

/// Protocols a port may have.
pub const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

/// A container's ports.
pub fn ports(ports: &Field) {
    let mut names = Seen::new();
    for port in ports.items() {
        let name = port.child("name");
        if !name.is_empty() && name.port_name() && names.again(name.text()) {
            name.duplicate();
        }
        let number = port.child("containerPort");
        if number.number() == 0 {
            number.required("");
        } else {
            number.port_number();
        }
        let host_port = port.child("hostPort");
        if host_port.number() != 0 {
            host_port.port_number();
        }
        port.child("protocol").one_of(PROTOCOLS);
    }
}

/// Ports of the host, of which each may be claimed once by the containers that share `taken`.
pub fn host_ports<'v>(ports: &Field<'_, 'v>, taken: &mut Seen<(&'v str, &'v str, i64)>) {
    for port in ports.items() {
        let host_port = port.child("hostPort");
        let number = host_port.number();
        if number == 0 {
            continue;
        }
        let (protocol, address) = (port.text_of("protocol"), port.text_of("hostIP"));
        if taken.again((protocol, address, number)) {
            host_port.duplicate_as(format!("{protocol}/{address}/{number}"));
        }
    }
}
