//! A resolver without name servers: the OS resolves the names that are in no hosts file. This file
//! has the items of `queries/mod.rs` for a build without the feature `dns`.

use std::net::IpAddr;

use super::backend::Backend;
use crate::proto::dns::name::NameRef;
use crate::proto::dns::sources::Sources;
use crate::wait::Moment;

#[derive(Clone, Debug, Default)]
pub(super) struct Options {}

pub(super) struct Queries {
    backend: Option<Backend>,
}

impl Queries {
    pub(super) fn new(options: &Options, backend: Option<Backend>) -> Queries {
        let Options {} = options;
        Queries { backend }
    }

    #[inline]
    pub(super) fn sources(&self, _: NameRef<'_>, _: Moment) -> Sources {
        match self.backend {
            None | Some(Backend::System) => Sources::FILES_SYSTEM,
        }
    }

    pub(super) fn reverse_sources(&self, _: IpAddr, _: Moment) -> Sources {
        Sources::FILES_SYSTEM
    }

    pub(super) fn flush(&self) {}
}
