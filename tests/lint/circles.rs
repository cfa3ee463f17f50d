//! Files that import each other in a circle cannot be read one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::tree::{root, sources};

/// Folders whose files import each other in one direction only, and the least number of files.
const FOLDERS: [(&str, usize); 3] = [("src/tcp", 30), ("src/dns", 15), ("src/proto/dns", 20)];

type Module = Vec<String>;

/// The path of a file as a module of the crate.
fn module(path: &std::path::Path) -> Module {
    let relative = path.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut parts: Module =
        relative.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The code without comments and tests.
fn code(path: &std::path::Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that the code names from `super` or `crate`, as paths of the crate.
fn paths(own: &Module, code: &str) -> BTreeSet<Module> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c: char| !is_name(c));
    words
        .filter_map(|word| {
            let mut parts: Vec<&str> = word.trim_end_matches(':').split("::").collect();
            let mut base = match parts[0] {
                "crate" => Vec::new(),
                "super" => own[..own.len() - 1].to_vec(),
                _ => return None,
            };
            parts.remove(0);
            while parts.first() == Some(&"super") {
                base.pop();
                parts.remove(0);
            }
            base.extend(parts.into_iter().map(str::to_owned));
            Some(base)
        })
        .collect()
}

/// Which module of the folder imports which. A module that contains another one is not counted: it
/// declares it, and what it exports is in a third.
fn imports(folder: &str) -> BTreeMap<Module, BTreeSet<Module>> {
    let is_test = |path: &std::path::PathBuf| path.ends_with("tests.rs") || path.ends_with("model.rs");
    let files: Vec<_> = sources(folder).into_iter().filter(|path| !is_test(path)).collect();
    let modules: BTreeSet<Module> = files.iter().map(|path| module(path)).collect();
    files
        .iter()
        .map(|path| {
            let own = module(path);
            let targets = paths(&own, &code(path)).into_iter().filter_map(|path| {
                let prefixes = (1..=path.len()).rev().map(|length| path[..length].to_vec());
                let target = prefixes.into_iter().find(|prefix| modules.contains(prefix))?;
                (!own.starts_with(&target) && !target.starts_with(&own)).then_some(target)
            });
            (own.clone(), targets.collect())
        })
        .collect()
}

/// Removes modules that import nothing that is left, until each imports another one.
fn circles(mut imports: BTreeMap<Module, BTreeSet<Module>>) -> BTreeMap<Module, BTreeSet<Module>> {
    loop {
        let left: BTreeSet<Module> = imports.keys().cloned().collect();
        imports.values_mut().for_each(|targets| targets.retain(|target| left.contains(target)));
        let count = imports.len();
        imports.retain(|_, targets| !targets.is_empty());
        if imports.len() == count {
            return imports;
        }
    }
}

#[test]
fn files_import_in_one_direction() {
    for (folder, files) in FOLDERS {
        let imports = imports(folder);
        assert!(imports.len() > files && imports.values().any(|targets| targets.len() > 3), "{folder}");
        let circles = circles(imports);
        assert!(circles.is_empty(), "{folder}: {circles:#?}");
    }
}

#[test]
fn circle_of_three_is_found() {
    let path = |name: &str| vec![name.to_owned()];
    let imports = |pairs: &[(&str, &str)]| {
        let all = ["a", "b", "c", "d"].map(|name| (path(name), BTreeSet::new()));
        let mut imports = BTreeMap::from(all);
        for (from, to) in pairs {
            imports.get_mut(&path(from)).unwrap().insert(path(to));
        }
        imports
    };
    assert!(circles(imports(&[("a", "b"), ("b", "c"), ("a", "d")])).is_empty());
    assert_eq!(circles(imports(&[("a", "b"), ("b", "c"), ("c", "a"), ("a", "d")])).len(), 3);
}
