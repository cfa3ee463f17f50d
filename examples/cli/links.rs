//! What the broadcast examples share: the interfaces, the outcome on each, and the end by Ctrl-C.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use socketry::broadcast::{BroadcastBuilder, InterfaceSend};
use socketry::interfaces::InterfaceSelector;
use socketry::{CancelToken, ErrorKind};

use super::note;

/// Which links of this machine are meant.
#[derive(clap::Args)]
pub(crate) struct Links {
    /// An interface to use, by name or address; give it again for one more [default: every one that
    /// is up and leads to others]
    #[arg(long = "interface", value_name = "NAME", value_parser = interface)]
    interfaces: Vec<InterfaceSelector>,
    /// Uses the loopback interface as well, which leads to this machine itself
    #[arg(long)]
    loopback: bool,
}

fn interface(text: &str) -> Result<InterfaceSelector, &'static str> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.into()),
        Err(_) if text.is_empty() => Err("an interface has a name"),
        Err(_) => Ok(text.into()),
    }
}

impl Links {
    /// Gives the choice to a builder.
    pub(crate) fn choose(&self, builder: BroadcastBuilder) -> BroadcastBuilder {
        let chosen = self.interfaces.iter().cloned();
        chosen.fold(builder.loopback(self.loopback), BroadcastBuilder::interface)
    }

    /// Adds what helps to an error that is one because this machine has no link to others.
    pub(crate) fn explain(&self, error: socketry::Error) -> Box<dyn Error> {
        let is_alone = matches!(error.kind(), ErrorKind::AddressNotAvailable | ErrorKind::NetworkUnreachable);
        if is_alone && self.interfaces.is_empty() && !self.loopback {
            return format!("{error} (--loopback takes the one that leads to this machine)").into();
        }
        error.into()
    }
}

/// Says on standard error what became of a message on each interface.
pub(crate) fn note_deliveries(deliveries: &[InterfaceSend]) {
    for delivery in deliveries {
        let way = match (delivery.source, delivery.destination) {
            (Some(from), Some(to)) => format!(" from {from} to {to}"),
            _ => String::new(),
        };
        match &delivery.result {
            Ok(()) => note(format_args!("{}: sent{way}", delivery.interface_name)),
            Err(error) => {
                note(format_args!("{}: not sent{way}: {}", delivery.interface_name, error.reason()))
            }
        }
    }
}

/// A switch that Ctrl-C throws, or the time if there is one.
pub(crate) fn cancelled_by_ctrl_c(after: Option<Duration>) -> Result<CancelToken, Box<dyn Error>> {
    let token = CancelToken::new()?;
    let own = token.clone();
    ctrlc::set_handler(move || own.cancel())?;
    if let Some(time) = after {
        let own = token.clone();
        std::thread::spawn(move || {
            std::thread::sleep(time);
            own.cancel();
        });
    }
    Ok(token)
}
