//! The notes' own scripts, in `tests/notes`.

use std::path::Path;
use std::process::Command;

use super::needs;

/// A Python interpreter; `None` where there is none, which is recorded as a skip.
#[track_caller]
pub fn python() -> Option<Command> {
    needs("python3").then(|| Command::new("python3"))
}

/// One of the notes' scripts; `None` where there is no Python, which is recorded as a skip.
#[track_caller]
pub fn script(name: &str, arguments: &[&str]) -> Option<Command> {
    let mut command = python()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notes").join(name);
    // Arguments are UTF-8, and so is what is printed, whatever the terminal of this machine speaks.
    command.env("PYTHONUTF8", "1").arg(path).args(arguments);
    Some(command)
}

/// Bytes as Python prints them, as far as these tests send any.
pub fn python_bytes(bytes: &[u8]) -> String {
    format!("b'{}'", bytes.escape_ascii().to_string().replace("\\\"", "\""))
}
