//! Addresses: [`Address`] to connect or send to, [`BindAddress`] to bind, and the values that
//! convert to them.

mod bind;
mod convert;
mod error;
mod parse;
mod target;

pub use bind::BindAddress;
pub use convert::{ToAddress, ToBindAddress};
pub use error::AddressError;
pub use target::Address;

#[cfg(test)]
mod tests;
