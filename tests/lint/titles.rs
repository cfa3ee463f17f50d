//! Titles of tests: the item and its behavior, in standard terms, at most 60 characters.

use std::collections::BTreeMap;
use std::fs;

use super::tree::{relative, sources};

/// The private words of this crate's beginnings.
const BANNED: [&str; 24] = [
    "anybody",
    "anew",
    "anyway",
    "besides",
    "else",
    "ever",
    "everybody",
    "farewell",
    "heard",
    "itself",
    "nobody",
    "patience",
    "polite",
    "said",
    "says",
    "somebody",
    "stands",
    "stopper",
    "thrown",
    "told",
    "what",
    "whatever",
    "who",
    "whoever",
];

#[test]
fn titles_are_short_unique_and_in_standard_terms() {
    let mut seen = 0;
    for path in sources("tests").into_iter().chain(sources("src")) {
        let file = relative(&path);
        let text = fs::read_to_string(&path).unwrap();
        let mut titles = BTreeMap::<&str, usize>::new();
        for after in text.split("#[test]").skip(1) {
            let Some((_, rest)) = after.split_once("fn ") else { continue };
            let title = rest.split('(').next().unwrap();
            if !title.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                // The parameter of a macro.
                continue;
            }
            seen += 1;
            *titles.entry(title).or_default() += 1;
            assert!(title.len() <= 60, "{file}: {title} has {} characters", title.len());
            let banned: Vec<&str> = title.split('_').filter(|word| BANNED.contains(word)).collect();
            assert!(banned.is_empty(), "{file}: {title} contains {banned:?}");
        }
        for (title, count) in titles {
            let modules = text.matches("\nmod ").count() + text.matches("\n    mod ").count();
            assert!(count <= 1 + modules, "{file}: {title} is there {count} times");
        }
    }
    assert!(seen > 700, "the test has found {seen} titles only");
}
