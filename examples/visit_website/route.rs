//! Where what leaves this machine goes first: the default gateway, and the hardware address that
//! the system has learned of it.

use std::fs;
use std::net::Ipv4Addr;

/// The gateway of the default route and its MAC, as the system's tables have them now.
pub(crate) fn default_gateway() -> String {
    let Ok(routes) = fs::read_to_string("/proc/net/route") else {
        return "this system has no table that a program can simply read (`route print`, `netstat -rn`)"
            .to_owned();
    };
    let Some((interface, gateway)) = routes.lines().skip(1).find_map(default_route) else {
        return "none: what this machine has no own network for goes nowhere".to_owned();
    };
    let neighbours = fs::read_to_string("/proc/net/arp").unwrap_or_default();
    match neighbours.lines().skip(1).find_map(|line| hardware_address(line, gateway)) {
        Some(mac) => format!("{gateway} by {interface}, MAC {mac} (ARP)"),
        None => format!("{gateway} by {interface}, whose MAC will be asked for (ARP) when something leaves"),
    }
}

/// A line of the table of routes: name, destination, gateway, flags and more, numbers in
/// hexadecimal, addresses as they are in memory.
fn default_route(line: &str) -> Option<(&str, Ipv4Addr)> {
    /// `RTF_GATEWAY`: it leads to another machine.
    const GATEWAY: u32 = 2;
    let mut fields = line.split_ascii_whitespace();
    let interface = fields.next()?;
    let mut number = || u32::from_str_radix(fields.next()?, 16).ok();
    let (destination, gateway, flags) = (number()?, number()?, number()?);
    let is_default = destination == 0 && flags & GATEWAY != 0;
    is_default.then(|| (interface, Ipv4Addr::from(gateway.to_ne_bytes())))
}

/// A line of the table of neighbours: address, type, flags, hardware address and more.
fn hardware_address(line: &str, ip: Ipv4Addr) -> Option<&str> {
    let mut fields = line.split_ascii_whitespace();
    let is_its_own = fields.next()?.parse() == Ok(ip);
    let mac = fields.nth(2)?;
    // One that nobody has answered for is all zeros.
    (is_its_own && mac != "00:00:00:00:00:00").then_some(mac)
}
