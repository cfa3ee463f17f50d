//! Options with their defaults and documentation, each in one place: plain values, whose setters
//! every builder has, too.

mod interfaces;
mod keepalive;
mod network_interface;
mod server;
mod tcp;
mod udp;

pub use interfaces::InterfaceSelector;
pub use keepalive::Keepalive;
pub use network_interface::{InterfaceAddress, NetworkInterface};
pub(crate) use server::server_option_setters;
pub use server::{OverLimit, ServerOptions};
pub use tcp::TcpOptions;
pub(crate) use tcp::tcp_option_setters;
pub(crate) use udp::{LARGEST_DATAGRAM, udp_option_setters};
pub use udp::{Truncation, UdpOptions};

/// Declares a type of options: each with its documentation, type, default, and setter. It also
/// declares a macro that implements the same setters for a builder with a field of that type, so
/// that an option is added in one place (and applied in `sys`). The first token is `$`, for the
/// variables of that macro. It is expanded in the builders' modules, so types of arguments are
/// absolute paths.
macro_rules! options {
    (
        ($d:tt)
        $(#[$about:meta])*
        $name:ident, $setters:ident;
        $(
            $(#[$doc:meta])*
            $option:ident: $type:ty = $default:expr, ($argument:ident: $argument_type:ty) => $value:expr;
        )*
    ) => {
        $(#[$about])*
        #[must_use]
        pub struct $name {
            $(pub(crate) $option: $type,)*
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $($option: $default,)* }
            }
        }

        impl $name {
            /// Returns the defaults.
            pub fn new() -> $name {
                $name::default()
            }

            $(
                $(#[$doc])*
                pub fn $option(mut self, $argument: $argument_type) -> $name {
                    self.$option = $value;
                    self
                }
            )*
        }

        macro_rules! $setters {
            ($d builder:ty, $d($d field:ident).+) => {
                impl $d builder {
                    $(
                        $(#[$doc])*
                        pub fn $option(mut self, $argument: $argument_type) -> Self {
                            self.$d($d field).+ = self.$d($d field).+.$option($argument);
                            self
                        }
                    )*
                }
            };
        }
        pub(crate) use $setters;
    };
}

use options;
