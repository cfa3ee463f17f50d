use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::error::{Error, ErrorKind, Operation, Result};

/// What became of a message on one interface.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InterfaceSend {
    /// The interface's name, or what was asked for if there is no such interface.
    pub interface: Box<str>,
    /// The interface's index; 0 if there is none.
    pub index: u32,
    /// The address that it left from.
    pub source: Option<IpAddr>,
    /// The address that it went to.
    pub destination: Option<SocketAddr>,
    /// Whether the system took it, and if not, why. Whether anybody has heard it nobody knows.
    pub result: Result<()>,
}

/// Why a message left by no interface at all: the [`detail`](crate::Error::detail) of an error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NoInterfaceSent {
    /// What became of it on each; empty if no interface suits.
    pub deliveries: Vec<InterfaceSend>,
}

impl fmt::Display for NoInterfaceSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deliveries.is_empty() {
            return f.write_str("no usable interface");
        }
        f.write_str("send failed on every interface: ")?;
        for (number, delivery) in self.deliveries.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            match &delivery.result {
                Err(error) => write!(f, "{comma}{}: {}", delivery.interface, error.reason())?,
                Ok(()) => write!(f, "{comma}{}", delivery.interface)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for NoInterfaceSent {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let errors = self.deliveries.iter().filter_map(|delivery| delivery.result.as_ref().err());
        errors.map(|error| error as &(dyn std::error::Error + 'static)).next()
    }
}

/// An error if nothing was delivered.
pub(super) fn at_least_one(
    deliveries: Vec<InterfaceSend>,
    to: impl fmt::Display,
) -> Result<Vec<InterfaceSend>> {
    if deliveries.iter().any(|delivery| delivery.result.is_ok()) {
        return Ok(deliveries);
    }
    let first = deliveries.iter().find_map(|delivery| delivery.result.as_ref().err());
    let kind = first.map_or(ErrorKind::NetworkUnreachable, Error::kind);
    Err(Error::detailed(Operation::Send, kind, NoInterfaceSent { deliveries }).at(to))
}
