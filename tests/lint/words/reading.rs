//! What is read of a source: its comments, its documentation and its messages, in words.

use std::fmt::Write as _;

/// A word of a text that is read: words of code are [`CODE`].
pub(super) struct Word {
    pub(super) text: String,
    pub(super) line: usize,
    /// Whether nothing but space is between it and the word before.
    pub(super) follows: bool,
    pub(super) opens_sentence: bool,
    /// The punctuation that ends a sentence after it.
    pub(super) end: Option<char>,
}

const CODE: &str = "`";

/// Words of a text, with the line of each. Code, link targets and placeholders are no words.
pub(super) fn words(text: &str, first_line: usize) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut line = first_line;
    let (mut follows, mut opens_sentence) = (false, true);
    let mut chars = text.chars().peekable();
    let mut ticks = text.matches('`').count() / 2 * 2;
    while let Some(char) = chars.next() {
        if char == '\n' {
            line += 1;
        } else if char.is_alphanumeric() || char == '_' || (char == '`' && ticks > 0) || char == '{' {
            let mut word = String::from(char);
            let start = line;
            let close = match char {
                '`' => Some('`'),
                '{' => Some('}'),
                _ => None,
            };
            if let Some(close) = close {
                word = CODE.to_owned();
                ticks = ticks.saturating_sub(2 * usize::from(char == '`'));
                for inner in chars.by_ref() {
                    line += usize::from(inner == '\n');
                    if inner == close {
                        break;
                    }
                }
            } else {
                while let Some(&next) = chars.peek() {
                    if !(next.is_alphanumeric() || matches!(next, '_' | '-' | '\'' | '’')) {
                        break;
                    }
                    word.push(next);
                    chars.next();
                }
            }
            let text = word.trim_end_matches(['-', '\'', '’']).replace('’', "'");
            words.push(Word { text, line: start, follows, opens_sentence, end: None });
            (follows, opens_sentence) = (true, false);
        } else if char == ']' && chars.peek() == Some(&'(') {
            for inner in chars.by_ref() {
                line += usize::from(inner == '\n');
                if inner == ')' {
                    break;
                }
            }
        } else if matches!(char, '.' | '!' | '?') {
            if let Some(last) = words.last_mut() {
                last.end = last.end.or(Some(char));
            }
            (follows, opens_sentence) = (false, true);
        } else if matches!(char, '|' | '#') {
            (follows, opens_sentence) = (false, true);
        } else if !char.is_whitespace() && !matches!(char, '*' | '[' | ']' | '"') {
            follows = false;
        }
    }
    words
}

/// A text that is read, with its first line.
pub(super) type Block = (usize, String);

/// The paragraphs of Markdown. Of code blocks, Rust is read as such, and `text` line by line.
pub(super) fn markdown(text: &str, first_line: usize) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut fence: Option<(String, Block)> = None;
    let mut is_continued = false;
    for (number, line) in text.lines().enumerate() {
        let number = first_line + number;
        let trimmed = line.trim_start();
        if let Some(tag) = trimmed.strip_prefix("```") {
            is_continued = false;
            match fence.take() {
                Some((tag, (start, code))) => {
                    let is_rust = tag.is_empty() || tag.starts_with("rust") || tag.contains("no_run");
                    if is_rust {
                        blocks.extend(rust(&code, start));
                    } else if tag == "text" {
                        blocks.extend(code.lines().enumerate().map(|(n, line)| (start + n, line.to_owned())));
                    }
                }
                None => fence = Some((tag.trim().to_owned(), (number + 1, String::new()))),
            }
        } else if let Some((_, (_, code))) = &mut fence {
            code.push_str(line);
            code.push('\n');
        } else if trimmed.is_empty() || (trimmed.starts_with('[') && trimmed.contains("]: ")) {
            is_continued = false;
        } else {
            let is_item = ["* ", "- ", "|", "#"].iter().any(|mark| trimmed.starts_with(mark));
            match blocks.last_mut().filter(|_| is_continued && !is_item) {
                Some((_, block)) => write!(block, "\n{line}").unwrap(),
                None => blocks.push((number, line.to_owned())),
            }
            is_continued = true;
        }
    }
    blocks
}

/// The comments of Rust code, read as Markdown where they are documentation, and its string literals of several words.
pub(super) fn rust(code: &str, first_line: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut comment: Option<(&str, usize, usize, String)> = None;
    let bytes = code.as_bytes();
    let (mut at, mut line) = (0, first_line);
    let flush = |comment: &mut Option<(&str, usize, usize, String)>, blocks: &mut Vec<Block>| {
        if let Some((_, start, _, text)) = comment.take() {
            blocks.extend(markdown(&text, start));
        }
    };
    while at < bytes.len() {
        let rest = &code[at..];
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            let mark = ["///", "//!", "//"].into_iter().find(|mark| rest.starts_with(mark)).unwrap();
            let said = &rest[mark.len()..end];
            match &mut comment {
                Some((kind, _, last, text)) if *kind == mark && *last + 1 == line => {
                    write!(text, "\n{said}").unwrap();
                    *last = line;
                }
                _ => {
                    flush(&mut comment, &mut blocks);
                    comment = Some((mark, line, line, said.to_owned()));
                }
            }
            at += end;
            continue;
        }
        // The end of a literal that begins here, and the part between its quotes.
        let literal = literal(rest);
        if let Some((length, content)) = literal {
            if content.trim().contains(' ') {
                blocks.push((line, unescaped(content)));
            }
            line += rest[..length].matches('\n').count();
            at += length;
            continue;
        }
        let char = rest.chars().next().unwrap();
        line += usize::from(char == '\n');
        at += char.len_utf8();
        // A name ends with what may look like the beginning of a literal.
        if char.is_alphanumeric() || char == '_' {
            let name = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
            let is_prefix = matches!(&rest[..name], "r" | "b" | "br" | "c" | "cr");
            if !is_prefix {
                at += name - char.len_utf8();
            }
        }
    }
    flush(&mut comment, &mut blocks);
    blocks
}

/// A string or character literal at the beginning of code: its length, and its content if it is a string.
fn literal(code: &str) -> Option<(usize, &str)> {
    if let Some(rest) = code.strip_prefix('\'') {
        // A lifetime is no literal.
        let mut chars = rest.char_indices();
        return match chars.next()? {
            (_, '\\') => rest[2..].find('\'').map(|end| (end + 4, "")),
            (_, char) => rest[char.len_utf8()..].starts_with('\'').then(|| (char.len_utf8() + 2, "")),
        };
    }
    let prefix = code.find(|char: char| !matches!(char, 'r' | 'b' | 'c'))?;
    let (prefix, rest) = code.split_at(prefix);
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if !rest[hashes..].starts_with('"') || (hashes > 0 && !prefix.contains('r')) {
        return None;
    }
    let start = prefix.len() + hashes + 1;
    let content = &code[start..];
    let end = if prefix.contains('r') {
        content.find(&format!("\"{}", "#".repeat(hashes)))?
    } else {
        let mut is_escaped = false;
        content.find(|char: char| {
            let ends = char == '"' && !is_escaped;
            is_escaped = char == '\\' && !is_escaped;
            ends
        })?
    };
    Some((start + end + 1 + hashes, &content[..end]))
}

/// A literal as it is read, line by line as it is written.
fn unescaped(literal: &str) -> String {
    let mut text = String::new();
    let mut chars = literal.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('\n') => text.push('\n'),
                Some('\'') => text.push('\''),
                _ => text.push(' '),
            },
            char => text.push(char),
        }
    }
    text
}
