//! What a server decides: whom it admits, what a failed accept means, and the course of a shutdown.

pub(crate) mod accept;
pub(crate) mod admission;
pub(crate) mod lifecycle;
