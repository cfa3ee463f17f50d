//! The old vocabulary: phrases that comments, documentation and messages no longer gain.
//!
//! `words.tsv` has the number of matches in each folder. A folder with more matches fails, and one with fewer fails until the
//! table is lowered, so that a count can only fall:
//!
//! ```text
//! SOCKETRY_LOWER_WORDS=1 cargo test --test lint words
//! ```

mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use reading::{Block, Word, markdown, rust, words};

use super::tree::{relative, root, sources, text};

/// Phrases for one term, and sentences that show where they match.
struct Rule {
    /// Alternatives of a word are divided by slashes. A leading `^` is the opening of a sentence that is not a question.
    phrases: &'static [&'static str],
    instead: &'static str,
    matches: &'static [&'static str],
    passes: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        phrases: &["somebody/nobody/anybody/everybody/whoever", "somebody's/nobody's/anybody's/everybody's"],
        instead: "the actor: the caller, the peer, another thread, no listener",
        matches: &["Nobody listens there.", "It wakes whoever\nwaits.", "That is nobody's loss."],
        passes: &["Some body of text.", "Every body part.", "the `nobody` user"],
    },
    Rule {
        phrases: &["for ever"],
        instead: "indefinitely",
        matches: &["It waits for ever.", "keeps the others waiting for\never"],
        passes: &["It is kept forever.", "Wait for every peer.", "It is for, ever since, a test."],
    },
    Rule {
        phrases: &["time is/was over", "its time"],
        instead: "the timeout expires, the deadline passes",
        matches: &["Then the time is over.", "as if its time was over", "It cuts what is left at its time."],
        passes: &["The deadline has passed.", "its timeout expires", "its times"],
    },
    Rule {
        phrases: &["tells/told"],
        instead: "returns, reports, notifies",
        matches: &["The error tells which one it was.", "It is told once.", "Those that were told end."],
        passes: &["The caller is notified.", "`Told` is a trait.", "It foretold nothing.", "`tells()`"],
    },
    Rule {
        phrases: &["look-up", "look-ups"],
        instead: "lookup (noun), look up (verb)",
        matches: &["A look-up ends in time.", "Look-ups are cached."],
        passes: &["A lookup has a deadline.", "To look up a name.", "It looks up names."],
    },
    Rule {
        phrases: &["time-out", "time-outs"],
        instead: "timeout",
        matches: &["A time-out loses nothing.", "after two time-outs"],
        passes: &["The timeout expires.", "The call will time out."],
    },
    Rule {
        phrases: &["stopper", "stoppers", "thrown"],
        instead: "cancel token, cancelled",
        matches: &["The stopper is given to the builder.", "The switch is thrown once."],
        passes: &["The cancel token is cancelled.", "The server stopped.", "a thread", "throws"],
    },
    Rule {
        phrases: &[
            "farewell",
            "farewells",
            "polite/politely end/ends/ended/close/closes/closed",
            "ends/closes/closed politely",
        ],
        instead: "graceful close, lingering close",
        matches: &[
            "The farewell has a thread.",
            "A polite end drains.",
            "The connection is closed politely.",
        ],
        passes: &["A graceful close sends a FIN.", "a polite error text"],
    },
    Rule {
        phrases: &["stands/stood", "stand for/in/at/behind/before/here/there"],
        instead: "is, means, is in, is at",
        matches: &[
            "It stands for every address.",
            "The delimiter stands behind it.",
            "It stood there before.",
        ],
        passes: &["It understands both.", "a standard name", "long-standing", "withstands"],
    },
    Rule {
        phrases: &["in charge of"],
        instead: "responsible for, manages",
        matches: &["The thread in charge of accepting."],
        passes: &["It is free of charge.", "in charge"],
    },
    Rule {
        phrases: &["^what is/are/comes/came/has/was/were/arrives/arrived"],
        instead: "a noun: received bytes, the rest",
        matches: &["What is left is kept.", "It ends. What came before is kept.", "- What has arrived."],
        passes: &["What is a socket?", "This is what is left.", "Whatever is left.", "`What` is a type."],
    },
    Rule {
        phrases: &["what becomes/became/came of"],
        instead: "what happens to, the outcome of",
        matches: &["What became of it on each.", "This is what becomes of a connection."],
        passes: &["what happens to it", "what came over the network"],
    },
    Rule {
        phrases: &[
            "has/have the system",
            "the system has/is/was/does/can/cannot/may/takes/took/gives/gave/refuses/drops/dropped/chose/chooses/sends/hands/reports",
            "the system's",
        ],
        instead: "the OS, the kernel",
        matches: &[
            "Has the system ask a peer.",
            "the port that the system\nchose",
            "It is the system's error.",
        ],
        passes: &["It makes a system call.", "the systems that have it", "The OS chooses a port."],
    },
    Rule {
        phrases: &["as many/much/long/few as may be"],
        instead: "up to the limit",
        matches: &["Where there are as many as may be, it waits."],
        passes: &["As many as fit are sent.", "It may be one."],
    },
    Rule {
        phrases: &["is/are there no more", "that is/are no more", "not there any more", "is/are not there"],
        instead: "no longer exists, is closed",
        matches: &["A connection that is no more.", "It is not there any more.", "What is not there fails."],
        passes: &["There are no more frames.", "That there is any more.", "It is not therefore closed."],
    },
    Rule {
        phrases: &["mend/mends/mended"],
        instead: "fix, fixed",
        matches: &["The faults are mended."],
        passes: &["recommended", "an amendment", "It was fixed."],
    },
    Rule {
        phrases: &["hear/hears/heard"],
        instead: "receive, received",
        matches: &["Whether the peer hears it.", "The answer was heard.", "It is heard of once."],
        passes: &["heartbeat", "`heard` is a list", "shear", "the socket receives it"],
    },
    Rule {
        phrases: &["break/breaks/broke/broken/breaking off", "break/breaks/broke/broken it/them off"],
        instead: "abort, reset",
        matches: &["The peer broke off.", "The connection was broken off."],
        passes: &["a broken pipe", "break out of the loop", "off"],
    },
    Rule {
        phrases: &["anew", "unasked", "again and again", "now and then"],
        instead: "again, unexpectedly, repeatedly, periodically",
        matches: &["It is connected anew.", "It comes unasked.", "It looks again and again."],
        passes: &["a new connection", "It is asked again.", "now, and then later"],
    },
    Rule {
        phrases: &["go/goes/went on", "going on"],
        instead: "continue, remains usable",
        matches: &["The stream goes on with the next one.", "The server goes\non."],
        passes: &["It goes over the network.", "The load is on.", "a go-on button"],
    },
    Rule {
        phrases: &["one after the other", "turned/turns/turn away"],
        instead: "sequentially, refused",
        matches: &["It serves one after the other.", "A client was turned away."],
        passes: &["one after another address", "turn the option off"],
    },
    Rule {
        phrases: &["drips", "peer that is gone", "peers that are gone", "vanished peer/peers"],
        instead: "sends data slowly; unreachable peer",
        matches: &["A peer that drips.", "It notices a peer that is gone.", "a vanished peer"],
        passes: &["a descriptor", "a peer that is connected"],
    },
];

impl Rule {
    /// Whether one of the phrases begins at a word.
    fn is_at(&self, words: &[Word], at: usize) -> bool {
        self.phrases.iter().any(|phrase| {
            let (phrase, is_opening) = match phrase.strip_prefix('^') {
                Some(phrase) => (phrase, true),
                None => (*phrase, false),
            };
            let first = &words[at];
            if is_opening {
                let is_question = words[at..].iter().find_map(|word| word.end) == Some('?');
                let is_capital = first.text.starts_with(char::is_uppercase);
                if is_question || !is_capital || !first.opens_sentence {
                    return false;
                }
            }
            phrase.split(' ').enumerate().all(|(index, alternatives)| {
                let Some(word) = words.get(at + index) else { return false };
                let is_one = alternatives.split('/').any(|option| option.eq_ignore_ascii_case(&word.text));
                is_one && (index == 0 || word.follows)
            })
        })
    }
}

/// The matches in a text: the line of each, and its rule.
fn matches(text: &str, first_line: usize) -> Vec<(usize, &'static Rule)> {
    let words = words(text, first_line);
    let found = (0..words.len()).flat_map(|at| RULES.iter().map(move |rule| (at, rule)));
    found.filter(|(at, rule)| rule.is_at(&words, *at)).map(|(at, rule)| (words[at].line, rule)).collect()
}

/// What is read of a file.
fn blocks(path: &Path) -> Vec<Block> {
    let text = fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "rs") {
        return rust(&text, 1);
    }
    if path.ends_with("CHANGELOG.md") {
        // The table of old names.
        let lines = text.lines().map(|line| if line.trim_start().starts_with('|') { "" } else { line });
        return markdown(&lines.collect::<Vec<_>>().join("\n"), 1);
    }
    markdown(&text, 1)
}

/// The files that are read, but for this check's own.
fn files() -> Vec<PathBuf> {
    let folders = ["src", "examples", "tests", "benches"];
    let mut files: Vec<PathBuf> = folders.into_iter().flat_map(sources).collect();
    files.retain(|path| !relative(path).starts_with("tests/lint/"));
    for folder in ["", "src/guide"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    files.sort();
    files
}

/// The row of the table that a file belongs to.
fn folder(path: &Path) -> String {
    let path = relative(path);
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        [_] => "docs".to_owned(),
        ["src", module, _, ..] => format!("src/{module}"),
        [folder, ..] => folder.to_owned(),
        [] => unreachable!("a path has a name"),
    }
}

const TABLE: &str = "tests/lint/words.tsv";

fn table() -> BTreeMap<String, usize> {
    let rows = text(TABLE);
    let rows = rows.lines().map(|row| row.split_once('\t').expect("folder and count"));
    rows.map(|(folder, count)| (folder.to_owned(), count.parse().expect("a count"))).collect()
}

#[test]
fn old_vocabulary_does_not_grow() {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for path in files() {
        let lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        let offenders = found.entry(folder(&path)).or_default();
        for (start, block) in blocks(&path) {
            for (line, rule) in matches(&block, start) {
                let said = lines.get(line - 1).map_or("", |line| line.trim());
                offenders.push(format!("{}:{line}: {said}\n    write: {}", relative(&path), rule.instead));
            }
        }
    }
    let old = table();
    if std::env::var_os("SOCKETRY_LOWER_WORDS").is_some() {
        let rows = found.iter().map(|(folder, offenders)| {
            let count = offenders.len().min(old.get(folder).copied().unwrap_or(0));
            format!("{folder}\t{count}\n")
        });
        fs::write(root().join(TABLE), rows.collect::<String>()).unwrap();
    }
    let table = table();
    let mut complaints = String::new();
    for folder in table.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let offenders = found.get(folder).map_or(&[][..], Vec::as_slice);
        let (allowed, count) = (table.get(folder).copied().unwrap_or(0), offenders.len());
        if count > allowed {
            let list = offenders.join("\n");
            writeln!(complaints, "{folder}: {count} matches, {allowed} allowed by {TABLE}:\n{list}").unwrap();
        } else if count < allowed || !table.contains_key(folder) || !found.contains_key(folder) {
            let command = "SOCKETRY_LOWER_WORDS=1 cargo test --test lint words";
            writeln!(complaints, "{folder}: {count} matches, {allowed} in {TABLE}; lower it: {command}")
                .unwrap();
        }
    }
    assert!(complaints.is_empty(), "words of the old vocabulary\n{complaints}");
}

#[test]
fn every_rule_matches_its_sentences_only() {
    for rule in RULES {
        let finds = |sentence: &str| {
            let words = words(sentence, 1);
            (0..words.len()).any(|at| rule.is_at(&words, at))
        };
        assert!(!rule.matches.is_empty() && !rule.passes.is_empty(), "{:?}", rule.phrases);
        for sentence in rule.matches {
            assert!(finds(sentence), "{:?} do not match {sentence:?}", rule.phrases);
        }
        for sentence in rule.passes {
            assert!(!finds(sentence), "{:?} match {sentence:?}", rule.phrases);
        }
    }
}

#[test]
fn comments_docs_and_messages_are_read() {
    let code = r##"
//! Nobody reads this.
//! ```
//! let nobody = "nobody"; // told by a comment
//! ```
//! ```console
//! $ nobody
//! ```

/// See [`nobody`], and [a page](nobody): it waits for
/// ever.
fn nobody<'a>(it: &'a str) -> char {
    let nobody = '"'; // Whoever
    // waits.
    println!("nobody {} \"heard\"", r#"it "goes on" here"#);
    "somebody"
}
"##;
    let mut lines: Vec<usize> = rust(code, 1)
        .iter()
        .flat_map(|(start, block)| matches(block, *start))
        .map(|(line, _)| line)
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 4, 10, 13, 15, 15, 15], "{:?}", rust(code, 1));
    let table = "Told.\n\n| old | new |\n|---|---|\n| told | returned |\n\n[told]: told";
    let lines: Vec<usize> = markdown(table, 1)
        .iter()
        .flat_map(|(start, block)| matches(block, *start))
        .map(|(line, _)| line)
        .collect();
    assert_eq!(lines, [1, 5]);
}
