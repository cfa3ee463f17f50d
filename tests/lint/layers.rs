//! The layers of ARCHITECTURE.md, checked in the source: a layer imports only layers below it.

use std::fs;
use std::path::{Path, PathBuf};

use super::tree::{root, sources};

/// Each module of the crate root with its layer. Modules of one layer import each other only where `SAME_LAYER_IMPORTS` says so.
const LAYERS: [(&str, u8); 16] = [
    ("error", 0),
    ("addr", 0),
    ("proto", 1),
    ("options", 2),
    ("sys", 3),
    ("wait", 4),
    ("handler", 4),
    ("frame", 5),
    ("dns", 5),
    ("udp", 5),
    ("tcp", 5),
    ("broadcast", 5),
    ("interfaces", 6),
    ("text", 6),
    ("guide", 6),
    ("fuzzing", 6),
];

/// Who may import whom on the same layer.
const SAME_LAYER_IMPORTS: [(&str, &str); 6] = [
    ("addr", "error"),
    ("udp", "dns"),
    ("tcp", "dns"),
    ("tcp", "frame"),
    ("broadcast", "udp"),
    ("broadcast", "dns"),
];

/// What only `sys` may contain: the names of systems, and the crates that call them. `wait` polls,
/// so it may use the crate for that.
const PLATFORM: [&str; 8] = [
    "cfg(unix)",
    "cfg(all(unix",
    "cfg(windows)",
    "target_os",
    "target_vendor",
    "nix::",
    "libc::",
    "rustix::",
];

/// What only `wait` may call, because it blocks.
const BLOCKING: [&str; 3] = ["thread::sleep", "rustix::event", "set_read_timeout(Some(Duration"];

/// The sources without those of tests.
fn code_files(folder: &str) -> impl Iterator<Item = PathBuf> {
    sources(folder).into_iter().filter(|path| !path.ends_with("tests.rs"))
}

fn source_root() -> PathBuf {
    root().join("src")
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

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// The code without the declarations of modules that some systems have, and their re-exports: that they are there is said
/// where they are declared.
fn without_declarations(code: &str) -> String {
    let mut lines = code.lines().map(str::trim).peekable();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        let declares = |next: &&str| next.ends_with(';') && (next.contains("mod ") || next.contains("use "));
        let is_condition = ["#[cfg(unix)]", "#[cfg(windows)]"].contains(&line)
            || line.starts_with("#[cfg(all(unix, feature = ")
            || line.starts_with("#[cfg(any(target_os")
            || line.starts_with("#[cfg(not(any(target_os")
            || line.starts_with("#[cfg(any(test, not(any(target_os");
        if !is_condition || lines.next_if(declares).is_none() {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[test]
fn every_root_module_has_a_layer() {
    for entry in fs::read_dir(source_root()).unwrap() {
        let name = module(&entry.unwrap().path());
        assert!(name == "lib" || layer(&name).is_some(), "{name} is on no layer");
    }
}

#[test]
fn layers_import_only_lower_layers() {
    let mut seen = 0;
    for path in code_files("src") {
        let from = module(&path);
        if from == "lib" {
            continue;
        }
        for to in imports(&code(&path)) {
            let (Some(own), Some(other)) = (layer(&from), layer(to)) else {
                panic!("{} imports crate::{to}, which is on no layer", path.display())
            };
            let is_allowed = own > other || from == to || SAME_LAYER_IMPORTS.contains(&(from.as_str(), to));
            assert!(is_allowed, "{} on layer {own} imports crate::{to} on layer {other}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "the test has found no imports to look at");
}

#[test]
fn guide_contains_only_documentation() {
    for path in sources("src/guide") {
        for line in code(&path).lines().filter(|line| !line.is_empty()) {
            let is_documentation = line.starts_with("pub mod ") || line.starts_with("#![doc = include_str!(");
            assert!(is_documentation, "{}: {line}", path.display());
        }
    }
}

#[test]
fn platform_names_appear_only_in_sys() {
    let is_platform = |path: &PathBuf| module(path) == "sys" || path.ends_with("wait/poller/epoll.rs");
    for path in code_files("src").filter(|path| !is_platform(path) && !path.ends_with("poller/poll.rs")) {
        let mut code = without_declarations(&code(&path));
        if module(&path) == "wait" {
            code = code.replace("rustix::event", "").replace("rustix::fd", "").replace("rustix::io", "");
        }
        for word in PLATFORM {
            assert!(!code.contains(word), "{} says {word}", path.display());
        }
    }
}

#[test]
fn blocking_calls_appear_only_in_wait() {
    for path in code_files("src").filter(|path| !["wait", "fuzzing"].contains(&module(path).as_str())) {
        let code = code(&path);
        for word in BLOCKING {
            assert!(!code.contains(word), "{} says {word}", path.display());
        }
    }
}

#[test]
fn proto_denies_impure_calls_and_crate_forbids_unsafe() {
    let pure = fs::read_to_string(source_root().join("proto/mod.rs")).unwrap();
    assert!(pure.contains("#![deny(clippy::disallowed_methods, clippy::disallowed_types)]"));
    for path in code_files("src/proto") {
        assert!(!code(&path).contains("allow(clippy::disallowed"), "{} switches it off", path.display());
    }
    let root = fs::read_to_string(source_root().join("lib.rs")).unwrap();
    assert!(root.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn files_have_at_most_500_lines() {
    for folder in ["src", "tests", "benches", "examples"] {
        for path in sources(folder) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 500, "{} has {lines} lines", path.display());
        }
    }
}
