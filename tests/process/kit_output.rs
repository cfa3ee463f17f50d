//! The output of the kit's children.

use crate::kit::{Lines, Running};
use std::process::Command;

#[test]
fn child_prints_after_test_drops_its_lines() {
    // More than a pipe holds, so that it is read to the end.
    let script = "echo first; i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done; echo last";
    let mut running = Running::start(Command::new("sh").args(["-c", script]));
    assert_eq!(Lines::of(running.stdout()).next(), "first");
    running.assert_success("a child that prints on");
}
