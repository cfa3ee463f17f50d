//! Handles of the system for the types of the shells: what lets a user set an option that this library does not know.

/// Implements the conversions to and from owned and borrowed handles for a type that holds a socket of `std`.
macro_rules! handle_conversions {
    ($type:ty, $field:ident: $std:ty) => {
        #[cfg(unix)]
        const _: () = {
            use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

            impl AsFd for $type {
                fn as_fd(&self) -> BorrowedFd<'_> {
                    self.$field.as_fd()
                }
            }

            impl AsRawFd for $type {
                fn as_raw_fd(&self) -> RawFd {
                    self.$field.as_raw_fd()
                }
            }

            /// Gives the descriptor away, as the conversion into the socket of `std` does.
            impl From<$type> for OwnedFd {
                fn from(value: $type) -> OwnedFd {
                    <$std>::from(value).into()
                }
            }

            /// Takes a descriptor over, as the conversion from the socket of `std` does.
            impl TryFrom<OwnedFd> for $type {
                type Error = crate::error::Error;

                fn try_from(descriptor: OwnedFd) -> crate::error::Result<$type> {
                    <$std>::from(descriptor).try_into()
                }
            }
        };

        #[cfg(windows)]
        const _: () = {
            use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, OwnedSocket, RawSocket};

            impl AsSocket for $type {
                fn as_socket(&self) -> BorrowedSocket<'_> {
                    self.$field.as_socket()
                }
            }

            impl AsRawSocket for $type {
                fn as_raw_socket(&self) -> RawSocket {
                    self.$field.as_raw_socket()
                }
            }

            /// Gives the socket away, as the conversion into the socket of `std` does.
            impl From<$type> for OwnedSocket {
                fn from(value: $type) -> OwnedSocket {
                    <$std>::from(value).into()
                }
            }

            /// Takes a socket over, as the conversion from the socket of `std` does.
            impl TryFrom<OwnedSocket> for $type {
                type Error = crate::error::Error;

                fn try_from(socket: OwnedSocket) -> crate::error::Result<$type> {
                    <$std>::from(socket).try_into()
                }
            }
        };
    };
}

pub(crate) use handle_conversions;

/// The same for a type that may share its stream, so that giving it away can fail; in terms of its conversions to and from
/// the stream of `std`.
macro_rules! stream_handle_conversions {
    ($type:ty, $($field:ident).+: $std:ty) => {
        #[cfg(unix)]
        const _: () = {
            use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

            impl AsFd for $type {
                fn as_fd(&self) -> BorrowedFd<'_> {
                    self.$($field).+.as_fd()
                }
            }

            impl AsRawFd for $type {
                fn as_raw_fd(&self) -> RawFd {
                    self.$($field).+.as_raw_fd()
                }
            }

            /// Gives the descriptor away, as the conversion into the stream of `std` does.
            impl TryFrom<$type> for OwnedFd {
                type Error = crate::error::Error;

                fn try_from(value: $type) -> crate::error::Result<OwnedFd> {
                    Ok(<$std>::try_from(value)?.into())
                }
            }

            /// Takes a descriptor over, as the conversion from the stream of `std` does.
            impl TryFrom<OwnedFd> for $type {
                type Error = crate::error::Error;

                fn try_from(descriptor: OwnedFd) -> crate::error::Result<$type> {
                    <$std>::from(descriptor).try_into()
                }
            }
        };

        #[cfg(windows)]
        const _: () = {
            use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, OwnedSocket, RawSocket};

            impl AsSocket for $type {
                fn as_socket(&self) -> BorrowedSocket<'_> {
                    self.$($field).+.as_socket()
                }
            }

            impl AsRawSocket for $type {
                fn as_raw_socket(&self) -> RawSocket {
                    self.$($field).+.as_raw_socket()
                }
            }

            /// Gives the socket away, as the conversion into the stream of `std` does.
            impl TryFrom<$type> for OwnedSocket {
                type Error = crate::error::Error;

                fn try_from(value: $type) -> crate::error::Result<OwnedSocket> {
                    Ok(<$std>::try_from(value)?.into())
                }
            }

            /// Takes a socket over, as the conversion from the stream of `std` does.
            impl TryFrom<OwnedSocket> for $type {
                type Error = crate::error::Error;

                fn try_from(socket: OwnedSocket) -> crate::error::Result<$type> {
                    <$std>::from(socket).try_into()
                }
            }
        };
    };
}

pub(crate) use stream_handle_conversions;

/// Lends the handle of a type that keeps its socket: what an event loop can wait for.
macro_rules! borrowed_handle {
    ($type:ty, $($field:tt).+) => {
        #[cfg(unix)]
        const _: () = {
            use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

            impl AsFd for $type {
                fn as_fd(&self) -> BorrowedFd<'_> {
                    self.$($field).+.as_fd()
                }
            }

            impl AsRawFd for $type {
                fn as_raw_fd(&self) -> RawFd {
                    self.as_fd().as_raw_fd()
                }
            }
        };

        #[cfg(windows)]
        const _: () = {
            use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};

            impl AsSocket for $type {
                fn as_socket(&self) -> BorrowedSocket<'_> {
                    self.$($field).+.as_socket()
                }
            }

            impl AsRawSocket for $type {
                fn as_raw_socket(&self) -> RawSocket {
                    self.as_socket().as_raw_socket()
                }
            }
        };
    };
}

pub(crate) use borrowed_handle;
