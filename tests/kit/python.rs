//! The notes' own scripts, in `tests/notes`.

use std::path::Path;
use std::process::Command;

use super::{has, skip};

/// One of the notes' scripts, or `None`, said aloud, where there is no Python.
pub fn script(test: &str, name: &str, arguments: &[&str]) -> Option<Command> {
    if !has("python3") {
        skip(test, "no python3 on this machine");
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notes").join(name);
    let mut command = Command::new("python3");
    // Arguments are UTF-8, and so is what is printed, whatever the terminal of this machine speaks.
    command.env("PYTHONUTF8", "1").arg(path).args(arguments);
    Some(command)
}

/// Bytes as Python prints them, as far as these tests send any.
pub fn python_bytes(bytes: &[u8]) -> String {
    format!("b'{}'", bytes.escape_ascii().to_string().replace("\\\"", "\""))
}
