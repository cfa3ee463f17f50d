//! The floors of ARCHITECTURE.md, held by reading the source: a floor imports only floors below it.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the crate root with its floor. Modules of one floor import each other only where `BESIDE` says so.
const FLOORS: [(&str, u8); 12] = [
    ("error", 0),
    ("addr", 0),
    ("config", 0),
    ("proto", 1),
    ("sys", 2),
    ("frame", 3),
    ("resolve", 3),
    ("udp", 3),
    ("tcp", 3),
    ("broadcast", 3),
    ("guide", 4),
    ("fuzzing", 4),
];

/// Who may import whom on the same floor.
const BESIDE: [(&str, &str); 6] = [
    ("addr", "error"),
    ("udp", "resolve"),
    ("tcp", "resolve"),
    ("tcp", "frame"),
    ("broadcast", "udp"),
    ("broadcast", "resolve"),
];

/// What only `sys` may know: the names of systems, and the crates that call them.
const PLATFORM: [&str; 7] =
    ["cfg(unix)", "cfg(windows)", "target_os", "target_vendor", "nix::", "libc::", "rustix::"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module of the crate root that a file belongs to.
fn module(path: &Path) -> String {
    let relative = path.strip_prefix(source_root()).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The code without its comments, which may name anything, and without the tests beside it.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The names after each `crate::` in the code.
fn imports(code: &str) -> impl Iterator<Item = &str> {
    let after = code.split("crate::").skip(1);
    after.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// The code without the declarations of modules that some systems have, and their re-exports: that they are there is said
/// where they are declared.
fn without_declarations(code: &str) -> String {
    let mut lines = code.lines().map(str::trim).peekable();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        let declares = |next: &&str| next.ends_with(';') && (next.contains("mod ") || next.contains("use "));
        if line != "#[cfg(unix)]" || lines.next_if(declares).is_none() {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[test]
fn every_module_of_the_root_has_a_floor() {
    for entry in fs::read_dir(source_root()).unwrap() {
        let name = module(&entry.unwrap().path());
        assert!(name == "lib" || floor(&name).is_some(), "{name} is on no floor");
    }
}

#[test]
fn a_floor_imports_only_floors_below_it() {
    let mut seen = 0;
    for path in sources(&source_root()) {
        let from = module(&path);
        if from == "lib" {
            continue;
        }
        for to in imports(&code(&path)) {
            let (Some(own), Some(other)) = (floor(&from), floor(to)) else {
                panic!("{} imports crate::{to}, which is on no floor", path.display())
            };
            let is_allowed = own > other || from == to || BESIDE.contains(&(from.as_str(), to));
            assert!(is_allowed, "{} on floor {own} imports crate::{to} on floor {other}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "the test has found no imports to look at");
}

#[test]
fn the_guide_is_documentation_alone() {
    for path in sources(&source_root().join("guide")) {
        for line in code(&path).lines().filter(|line| !line.is_empty()) {
            let is_documentation = line.starts_with("pub mod ") || line.starts_with("#![doc = include_str!(");
            assert!(is_documentation, "{}: {line}", path.display());
        }
    }
}

#[test]
fn only_the_platform_floor_knows_the_platform() {
    for path in sources(&source_root()).into_iter().filter(|path| module(path) != "sys") {
        let code = without_declarations(&code(&path));
        for word in PLATFORM {
            assert!(!code.contains(word), "{} says {word}", path.display());
        }
    }
}

#[test]
fn the_pure_floor_is_held_by_lints_and_the_whole_crate_is_safe() {
    let pure = fs::read_to_string(source_root().join("proto/mod.rs")).unwrap();
    assert!(pure.contains("#![deny(clippy::disallowed_methods, clippy::disallowed_types)]"));
    for path in sources(&source_root().join("proto")) {
        assert!(!code(&path).contains("allow(clippy::disallowed"), "{} switches it off", path.display());
    }
    let root = fs::read_to_string(source_root().join("lib.rs")).unwrap();
    assert!(root.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn no_file_is_longer_than_can_be_kept_in_mind() {
    for folder in ["src", "tests", "benches", "examples"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for path in sources(&folder) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 500, "{} has {lines} lines", path.display());
        }
    }
}
