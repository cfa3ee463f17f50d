use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::error::{Error, ErrorKind, Operation, Result};

/// The outcome of sending a message on one interface.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InterfaceSend {
    /// The name of the interface, or the name that was chosen if there is no such interface.
    pub interface_name: Box<str>,
    /// The index of the interface, or 0 if there is no such interface.
    pub interface_index: u32,
    /// The source address of the message, or `None` if there was no attempt to send it.
    pub source: Option<IpAddr>,
    /// The destination address of the message, or `None` if there was no attempt to send it.
    pub destination: Option<SocketAddr>,
    /// Whether the OS has accepted the message, or its error. Delivery to a host is not confirmed.
    pub result: Result<()>,
}

/// The reason why a message was sent on no interface.
///
/// It is the [`detail`](crate::Error::detail) of an [`Error`] of
/// [`Broadcaster::send`](crate::Broadcaster::send) or [`discover`](crate::Broadcaster::discover).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NoInterfaceSent {
    /// The outcome on each interface. Empty if there is no usable interface.
    pub sends: Vec<InterfaceSend>,
}

impl fmt::Display for NoInterfaceSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sends.is_empty() {
            return f.write_str("no usable interface");
        }
        f.write_str("send failed on every interface: ")?;
        for (number, send) in self.sends.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            match &send.result {
                Err(error) => write!(f, "{comma}{}: {}", send.interface_name, error.reason())?,
                Ok(()) => write!(f, "{comma}{}", send.interface_name)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for NoInterfaceSent {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let errors = self.sends.iter().filter_map(|send| send.result.as_ref().err());
        errors.map(|error| error as &(dyn std::error::Error + 'static)).next()
    }
}

/// Returns an error if the message was sent on no interface.
pub(super) fn at_least_one(sends: Vec<InterfaceSend>, to: impl fmt::Display) -> Result<Vec<InterfaceSend>> {
    if sends.iter().any(|send| send.result.is_ok()) {
        return Ok(sends);
    }
    let first = sends.iter().find_map(|send| send.result.as_ref().err());
    let kind = first.map_or(ErrorKind::NetworkUnreachable, Error::kind);
    Err(Error::detailed(Operation::Send, kind, NoInterfaceSent { sends }).at(to))
}
