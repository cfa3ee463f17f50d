//! Each public function is in one of two lists: it can block, and has a row, or it never blocks.

use std::collections::{BTreeMap, BTreeSet};

const API: &str = include_str!("../public_api.txt");
const CAN_BLOCK: &str = include_str!("can_block.txt");
const NEVER_BLOCKS: &str = include_str!("never_blocks.txt");

/// The path of a function in a line of the snapshot: what precedes the parentheses and generics of
/// its name.
fn path(line: &str) -> Option<&str> {
    let text = line.strip_prefix("pub fn ")?;
    let mut depth = 0;
    for (at, sign) in text.char_indices() {
        match sign {
            // A type can be a tuple, whose parenthesis is the first.
            '(' if depth == 0 && at > 0 => return Some(without_generics(&text[..at])),
            '(' | '<' | '[' => depth += 1,
            '>' if text[..at].ends_with('-') => {}
            ')' | '>' | ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn without_generics(path: &str) -> &str {
    let mut depth = 0;
    for (at, sign) in path.char_indices().rev() {
        match sign {
            '>' => depth += 1,
            '<' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if sign == '<' { &path[..at] } else { path };
        }
    }
    path
}

/// The entries of a list, without comments and the headings that name reasons.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '[']))
}

/// The methods of all cells.
fn rows() -> BTreeSet<&'static str> {
    let families = [
        crate::broadcast::all(),
        crate::connects::all(),
        crate::frame_rows::all(),
        crate::frame_writes::all(),
        crate::lookups::all(),
        crate::accepts::all(),
        crate::servers::all(),
        crate::udp_servers::all(),
        crate::tcp_rows::all(),
        crate::udp::all(),
        crate::udp_sends::all(),
        crate::writes::all(),
    ];
    families.iter().flatten().map(|cell| cell.method).collect()
}

#[test]
fn every_public_function_is_listed() {
    let public: BTreeSet<_> = API.lines().filter_map(path).collect();
    assert!(public.len() > 500, "{} functions are too few", public.len());
    let can_block: BTreeMap<_, _> = entries(CAN_BLOCK)
        .map(|line| line.split_once(" = ").unwrap_or_else(|| panic!("no row: {line}")))
        .collect();
    let never: BTreeSet<_> = entries(NEVER_BLOCKS).collect();
    let mut wrong = Vec::new();
    for path in &public {
        match (can_block.contains_key(path), never.contains(path)) {
            (false, false) => wrong.push(format!("in neither list: {path}")),
            (true, true) => wrong.push(format!("in both lists: {path}")),
            _ => {}
        }
    }
    for path in can_block.keys().chain(&never) {
        if !public.contains(path) {
            wrong.push(format!("no longer public: {path}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} public functions: {} can block", public.len(), can_block.len());
}

#[test]
fn every_function_that_can_block_has_a_row() {
    let rows = rows();
    let missing: Vec<_> = entries(CAN_BLOCK)
        .filter_map(|line| line.split_once(" = "))
        .filter(|(_, row)| !row.starts_with("elsewhere: ") && !rows.contains(row))
        .map(|(path, row)| format!("{path} has no row {row}"))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
