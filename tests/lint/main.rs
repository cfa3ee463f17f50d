//! Rules for the sources and the documents: layers, documentation, READMEs. `cargo test` does not run them; `.ci/run` does, by
//! `cargo test --test lint`.
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod circles;
mod docs;
mod layers;
mod readme;
mod titles;
mod tree;
mod words;
