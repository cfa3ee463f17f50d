//! Addresses as people write them, parsed once: [`Address`] for where to send, [`BindAddress`] for where to listen.

mod bind;
mod error;
mod parse;
mod target;

pub use bind::BindAddress;
pub use error::AddressError;
pub use target::Address;

#[cfg(test)]
mod tests;
