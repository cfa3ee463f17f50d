//! Text on the wire.
