//! Conversions of sockets to and from the handles of the OS, which give access to options that this crate does not have.

/// Implements the borrowed and raw handle for a type that keeps its socket in a field.
macro_rules! borrowed_handle {
    ($type:ty, $($field:tt)+) => {
        #[cfg(unix)]
        const _: () = {
            use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

            impl AsFd for $type {
                fn as_fd(&self) -> BorrowedFd<'_> {
                    self.$($field)+.as_fd()
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
                    self.$($field)+.as_socket()
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

/// Implements the conversions to and from owned handles as well, by those to and from the type of `std`.
macro_rules! handle_conversions {
    ($type:ty, $field:ident: $std:ty) => {
        $crate::sys::borrowed_handle!($type, $field);

        #[cfg(unix)]
        const _: () = {
            use std::os::fd::OwnedFd;

            /// Releases the file descriptor, as the conversion into the socket of `std` does.
            impl From<$type> for OwnedFd {
                fn from(value: $type) -> OwnedFd {
                    <$std>::from(value).into()
                }
            }

            /// Adopts a file descriptor, as the conversion from the socket of `std` does.
            impl TryFrom<OwnedFd> for $type {
                type Error = crate::error::Error;

                fn try_from(descriptor: OwnedFd) -> crate::error::Result<$type> {
                    <$std>::from(descriptor).try_into()
                }
            }
        };

        #[cfg(windows)]
        const _: () = {
            use std::os::windows::io::OwnedSocket;

            /// Releases the socket, as the conversion into the socket of `std` does.
            impl From<$type> for OwnedSocket {
                fn from(value: $type) -> OwnedSocket {
                    <$std>::from(value).into()
                }
            }

            /// Adopts a socket, as the conversion from the socket of `std` does.
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

/// Implements the conversions to and from owned handles for a type whose release can fail, by those to and from the type
/// of `std`.
macro_rules! fallible_handle_conversions {
    ($type:ty: $std:ty) => {
        #[cfg(unix)]
        const _: () = {
            use std::os::fd::OwnedFd;

            /// Releases the file descriptor, as the conversion into the type of `std` does.
            impl TryFrom<$type> for OwnedFd {
                type Error = crate::error::Error;

                fn try_from(value: $type) -> crate::error::Result<OwnedFd> {
                    Ok(<$std>::try_from(value)?.into())
                }
            }

            /// Adopts a file descriptor, as the conversion from the type of `std` does.
            impl TryFrom<OwnedFd> for $type {
                type Error = crate::error::Error;

                fn try_from(descriptor: OwnedFd) -> crate::error::Result<$type> {
                    <$std>::from(descriptor).try_into()
                }
            }
        };

        #[cfg(windows)]
        const _: () = {
            use std::os::windows::io::OwnedSocket;

            /// Releases the socket, as the conversion into the type of `std` does.
            impl TryFrom<$type> for OwnedSocket {
                type Error = crate::error::Error;

                fn try_from(value: $type) -> crate::error::Result<OwnedSocket> {
                    Ok(<$std>::try_from(value)?.into())
                }
            }

            /// Adopts a socket, as the conversion from the type of `std` does.
            impl TryFrom<OwnedSocket> for $type {
                type Error = crate::error::Error;

                fn try_from(socket: OwnedSocket) -> crate::error::Result<$type> {
                    <$std>::from(socket).try_into()
                }
            }
        };
    };
}

pub(crate) use fallible_handle_conversions;
