//! The facts in the READMEs are those of the tree.

use std::collections::BTreeSet;
use std::fs;

use super::tree::{root, text};

const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];

/// The value of `key = "value"` in the manifest's first section.
fn manifest(key: &str) -> String {
    let manifest = text("Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix(&format!("{key} = \""))).unwrap();
    line.trim_end_matches('"').to_owned()
}

/// The first cell of each row of the table below the heading, without its backticks.
fn first_cells(text: &str, heading: &str) -> BTreeSet<String> {
    let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect()
}

fn examples() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let programs =
        entries.filter(|path| path.join("main.rs").exists() || path.extension().is_some_and(|e| e == "rs"));
    programs.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn example_index_is_complete_in_both_readmes() {
    for (readme, heading) in READMES.into_iter().zip(["## Examples", "## 示例"]) {
        assert_eq!(first_cells(&text(readme), heading), examples(), "{readme}");
    }
}

#[test]
fn version_and_msrv_match_manifest() {
    let (version, rust) = (manifest("version"), manifest("rust-version"));
    for readme in READMES {
        let text = text(readme);
        assert!(text.contains(&version), "{readme} does not say {version}");
        assert!(text.contains(&rust), "{readme} does not say {rust}");
    }
    let root = text("src/lib.rs").replace("\n//! ", " ");
    assert!(root.contains(&format!("Rust version is {rust}")));
    assert!(text(".github/workflows/ci.yml").contains(&format!("cargo +{rust} check")));
}

#[test]
fn every_dependency_is_documented() {
    let manifest = text("Cargo.toml");
    let mut section = "";
    let mut seen = 0;
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name;
        } else if let (true, Some((name, _))) = (section.contains("dependencies]"), line.split_once(" = ")) {
            let row = format!("| `{name}`");
            assert!(text("ARCHITECTURE.md").contains(&row), "ARCHITECTURE.md has no row for {name}");
            let is_for_users = !section.contains("dev-");
            for readme in READMES.into_iter().filter(|_| is_for_users) {
                assert!(text(readme).contains(&format!("`{name}`")), "{readme} does not name {name}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen} dependencies found");
}

#[test]
fn feature_tables_match_manifest() {
    let manifest = text("Cargo.toml");
    let section = manifest.split("[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let features = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.to_owned());
    let features: BTreeSet<String> = features.filter(|name| name != "default").collect();
    for (readme, heading) in READMES.into_iter().zip(["| feature | adds", "| feature | 增加"]) {
        assert_eq!(first_cells(&text(readme), heading), features, "{readme}");
    }
    assert_eq!(first_cells(&text("src/guide/root.md"), "# Features"), features);
}

#[test]
fn ci_runs_readme_commands() {
    let check = text(".ci/run");
    for command in ["cargo test", "cargo run"] {
        for readme in READMES {
            assert!(text(readme).contains(&format!("$ {command}")), "{readme}");
        }
        assert!(check.contains(command), "{command}");
    }
}

/// What of a section does not depend on its language: its kind of heading, its code without what is said in comments, its pictures,
/// the length of its tables, and where its links lead.
#[derive(Debug, Default, PartialEq)]
struct Section {
    level: usize,
    code: Vec<String>,
    pictures: Vec<String>,
    rows: usize,
    links: BTreeSet<String>,
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut fence = None;
    for line in text.lines() {
        let section = sections.last_mut().unwrap();
        if let Some(language) = line.strip_prefix("```") {
            fence = fence.is_none().then_some(language);
            section.code.extend(fence.map(str::to_owned));
        } else if let Some(language) = fence {
            let comment = if language == "console" { "# " } else { "// " };
            let code = line.split(comment).next().unwrap().trim_end();
            section.code.last_mut().unwrap().extend(["\n", code]);
        } else if line.starts_with('#') {
            let level = line.chars().take_while(|&c| c == '#').count();
            sections.push(Section { level, ..Section::default() });
        } else {
            section.rows += usize::from(line.starts_with('|'));
            for link in line.split("](").skip(1) {
                let target = link.split(')').next().unwrap().to_owned();
                if line.starts_with("![") {
                    section.pictures.push(target);
                } else if !READMES.contains(&&*target) {
                    section.links.insert(target);
                }
            }
        }
    }
    sections
}

/// What a reader of the one finds, a reader of the other finds in the same place.
#[test]
fn readmes_have_identical_section_structure() {
    let [english, chinese] = READMES.map(|readme| sections(&text(readme)));
    assert_eq!(english.len(), chinese.len());
    for (number, (english, chinese)) in english.iter().zip(&chinese).enumerate() {
        assert_eq!(english, chinese, "section {number}");
    }
    let all = |count: fn(&Section) -> usize| english.iter().map(count).sum::<usize>();
    let [code, pictures, rows] = [all(|s| s.code.len()), all(|s| s.pictures.len()), all(|s| s.rows)];
    assert!(english.len() >= 11 && code >= 7 && pictures >= 2 && rows >= 50, "{code}, {pictures}, {rows}");
}

/// The first example is read at a glance, and each program is one page.
#[test]
fn readme_programs_stay_within_line_limits() {
    for readme in READMES {
        let sections = sections(&text(readme));
        let programs =
            sections.iter().flat_map(|section| &section.code).filter(|code| code.starts_with("rust"));
        let lines: Vec<usize> = programs.map(|code| code.lines().count() - 1).collect();
        assert!(lines[0] <= 15 && lines.len() >= 5, "{readme}: {lines:?}");
        assert!(lines.iter().all(|&lines| lines < 30), "{readme}: {lines:?}");
    }
}

#[test]
fn readme_public_types_exist() {
    let root = text("src/lib.rs");
    for (readme, heading) in READMES.into_iter().zip(["## What is in it", "## 里面有什么"]) {
        for name in first_cells(&text(readme), heading) {
            assert!(root.contains(&name), "{readme} praises {name}");
        }
    }
}
