use std::time::Duration;

use super::InterfaceSelector;

/// The largest datagram that IP can carry, its headers included: no datagram is truncated by a buffer of this size.
pub(crate) const LARGEST_DATAGRAM: usize = 65_535;

/// What becomes of a datagram that is longer than the room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Truncation {
    /// It is an error that carries the beginning, the sender and the true size.
    #[default]
    Error,
    /// It is delivered, cut; [`RecvMeta::truncated`](crate::udp::RecvMeta::truncated) tells its true size.
    Deliver,
}

/// The options of a UDP socket and endpoint; `None` leaves the system's default.
///
/// Each field is described at the [`UdpBuilder`](crate::udp::UdpBuilder) method of its name.
#[derive(Clone, Debug)]
pub(crate) struct UdpConfig {
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) dual_stack: bool,
    pub(crate) broadcast: bool,
    pub(crate) ttl: Option<u8>,
    pub(crate) tos: Option<u8>,
    pub(crate) receive_buffer_size: Option<usize>,
    pub(crate) send_buffer_size: Option<usize>,
    pub(crate) device: Option<Box<str>>,
    pub(crate) multicast_ttl: Option<u8>,
    pub(crate) multicast_loopback: Option<bool>,
    pub(crate) multicast_interface: Option<InterfaceSelector>,
    pub(crate) packet_info: Option<bool>,
    pub(crate) report_unreachable: bool,
    pub(crate) count_lost: bool,
    pub(crate) batches_only: bool,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) max_datagram: usize,
    pub(crate) truncation: Truncation,
    pub(crate) spin: Option<Duration>,
}

impl Default for UdpConfig {
    fn default() -> UdpConfig {
        UdpConfig {
            reuse_address: false,
            reuse_port: false,
            dual_stack: false,
            broadcast: false,
            ttl: None,
            tos: None,
            receive_buffer_size: None,
            send_buffer_size: None,
            device: None,
            multicast_ttl: None,
            multicast_loopback: None,
            multicast_interface: None,
            packet_info: None,
            report_unreachable: false,
            count_lost: false,
            batches_only: false,
            read_timeout: None,
            write_timeout: None,
            max_datagram: LARGEST_DATAGRAM,
            truncation: Truncation::Error,
            spin: None,
        }
    }
}
