//! The options of a connection, which a client's builder and a server's have alike.

/// Implements the builder's methods for a type with a field `settings` of type `Settings`.
macro_rules! connection_options {
    ($type:ty) => {
        impl $type {
            /// Sets the encoding of what is sent and received as text. Defaults to
            /// [`Encoding::Utf8`](crate::Encoding::Utf8).
            pub fn encoding(mut self, encoding: crate::proto::text::Encoding) -> Self {
                self.settings.encoding = encoding;
                self
            }

            /// Sets how long each call that reads may wait. Defaults to no limit.
            pub fn read_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
                self.settings.config.read_timeout = timeout.into();
                self
            }

            /// Gives each connection a [`CancelToken`](crate::CancelToken), which ends its waits. Defaults to none.
            ///
            /// A connection that has one polls before it blocks: see there what that costs.
            pub fn cancel_connections(mut self, token: &crate::sys::CancelToken) -> Self {
                self.settings.token = Some(token.clone());
                self
            }

            /// Sets whether small writes leave at once (`TCP_NODELAY`). Defaults to true.
            ///
            /// Off, the system holds a small write back while an earlier one is not acknowledged, which a peer may take 40 ms
            /// to do. It saves packets for a program that writes in very small pieces and waits for no answer.
            pub fn nodelay(mut self, on: bool) -> Self {
                self.settings.config.nodelay = on;
                self
            }

            /// Has the system ask whether an idle peer is still there. Defaults to `None`, not asking.
            ///
            /// It does not help while something that was sent is unacknowledged: for both see
            /// [`dead_peer_timeout`](Self::dead_peer_timeout).
            pub fn keepalive(mut self, keepalive: impl Into<Option<crate::config::Keepalive>>) -> Self {
                self.settings.config.keepalive = keepalive.into();
                self
            }

            /// Makes a peer that has vanished (a cable pulled, a machine switched off) an error within this time, to the
            /// second: of kind [`TimedOut`](crate::ErrorKind::TimedOut), at the next call or the one that waits. Defaults to
            /// none: then an idle connection to nobody lasts for ever.
            ///
            /// It sets keepalive such that half of the time is silence and the rest probes, and the user timeout for what
            /// was sent and is not acknowledged. A peer that is there and has nothing to say is no error. The least is 2 s.
            ///
            /// # Platform-specific behavior
            ///
            /// Systems other than Linux lack the user timeout: there it is by keepalive alone, which does not count while
            /// something sent is unacknowledged.
            pub fn dead_peer_timeout(mut self, patience: impl Into<Option<std::time::Duration>>) -> Self {
                self.settings.config.dead_peer_timeout = patience.into();
                self
            }

            /// Sets how long what was sent may go unacknowledged before the connection is an error (`TCP_USER_TIMEOUT`,
            /// RFC 5482). Defaults to the system's own, some 15 minutes on Linux.
            ///
            /// # Platform-specific behavior
            ///
            /// Linux. An error of kind [`Unsupported`](crate::ErrorKind::Unsupported) elsewhere.
            pub fn user_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
                self.settings.config.user_timeout = timeout.into();
                self
            }

            /// Sets what the system does with unsent bytes when the connection is closed (`SO_LINGER`): closing waits for
            /// so long until they are sent, and zero drops them and breaks the connection off. Defaults to sending them in
            /// the background.
            pub fn linger(mut self, time: impl Into<Option<std::time::Duration>>) -> Self {
                self.settings.config.linger = time.into();
                self
            }

            /// Sets the time to live, in hops (IPv6: the hop limit). Defaults to the system's, 64 mostly.
            pub fn ttl(mut self, hops: u8) -> Self {
                self.settings.config.ttl = Some(hops);
                self
            }

            /// Sets the type-of-service byte (IPv6: the traffic class). Defaults to 0.
            ///
            /// # Platform-specific behavior
            ///
            /// Not supported for IPv6 on Windows.
            pub fn tos(mut self, byte: u8) -> Self {
                self.settings.config.tos = Some(byte);
                self
            }

            /// Asks for a receive buffer of so many bytes in the system. Defaults to the system's, which grows with the
            /// connection's speed; a size that was asked for does not.
            pub fn receive_buffer_size(mut self, bytes: usize) -> Self {
                self.settings.config.receive_buffer_size = Some(bytes);
                self
            }

            /// Asks for a send buffer of so many bytes in the system. Defaults to the system's: see
            /// [`receive_buffer_size`](Self::receive_buffer_size).
            pub fn send_buffer_size(mut self, bytes: usize) -> Self {
                self.settings.config.send_buffer_size = Some(bytes);
                self
            }

            /// Chooses how the system adapts to the network's speed, such as `"cubic"` or `"reno"`. Defaults to the system's.
            ///
            /// On a local network it matters where the default paces what it sends (`bbr`): bulk transfers over loopback are
            /// 1.3 to 2.6 times as fast with `cubic`.
            ///
            /// # Platform-specific behavior
            ///
            /// Linux and FreeBSD. An error of kind [`Unsupported`](crate::ErrorKind::Unsupported) elsewhere.
            pub fn congestion_control(mut self, name: &str) -> Self {
                self.settings.config.congestion_control = Some(name.into());
                self
            }

            /// Uses one network device only, such as `"eth0"`. Defaults to any.
            ///
            /// # Platform-specific behavior
            ///
            /// Linux since 5.7 and macOS let every user do so. An error of kind
            /// [`Unsupported`](crate::ErrorKind::Unsupported) elsewhere.
            pub fn device(mut self, name: &str) -> Self {
                self.settings.config.device = Some(name.into());
                self
            }
        }
    };
}

pub(super) use connection_options;
