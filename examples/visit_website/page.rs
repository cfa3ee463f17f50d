//! What a page is in, and what a reader sees of it.

use socketry::Encoding;

use crate::http::Response;

/// How much of a page is searched for what it says of itself: HTML, 13.2.3.2.
const BEGINNING: usize = 1024;

/// The encoding of a page, and who says so: the header, the page itself, or nobody.
pub(crate) fn encoding(response: &Response) -> (Encoding, String) {
    if let Some(label) = response.content_type.as_deref().and_then(charset) {
        return known(label, "as the header says");
    }
    let beginning = &response.body[..response.body.len().min(BEGINNING)];
    match charset(&String::from_utf8_lossy(beginning)) {
        Some(label) => known(label, "as the page itself says"),
        None => (Encoding::Utf8, "because nobody says what it is in".to_owned()),
    }
}

fn known(label: &str, who: &str) -> (Encoding, String) {
    match label.parse() {
        Ok(encoding) => (encoding, who.to_owned()),
        Err(error) => (Encoding::Utf8, format!("because of what it says nobody knows: {error}")),
    }
}

/// What stands behind `charset=`, with or without quotes.
fn charset(text: &str) -> Option<&str> {
    let at = text.to_ascii_lowercase().find("charset=")?;
    let rest = text.get(at + "charset=".len()..)?.trim_start_matches(['"', '\'']);
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c))).unwrap_or(rest.len());
    rest.get(..end).filter(|label| !label.is_empty())
}

/// The lines of a page without its tags, its scripts and its styles. A browser does more.
pub(crate) fn readable(page: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = ["script", "style"].iter().find_map(|tag| {
            let is_tag = rest.get(1..=tag.len()).is_some_and(|own| own.eq_ignore_ascii_case(tag));
            let close = format!("</{tag}");
            is_tag.then(|| rest.to_ascii_lowercase().find(&close).unwrap_or(rest.len()))
        });
        rest = &rest[end.unwrap_or(0)..];
        rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
        text.push('\n');
    }
    text.push_str(rest);
    let text = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&nbsp;", " "), ("&amp;", "&")]
        .into_iter()
        .fold(text, |text, (written, meant)| text.replace(written, meant));
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect()
}

/// The line of a hosts file that has a name, and its number, counted from 1.
pub(crate) fn hosts_line(file: &str, host: &str) -> Option<(usize, String)> {
    let bytes = std::fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let has = |line: &str| {
        let names = line.split('#').next().unwrap_or_default().split_whitespace().skip(1);
        names.into_iter().any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(host))
    };
    let found = text.lines().enumerate().find(|(_, line)| has(line));
    found.map(|(index, line)| (index + 1, line.trim().to_owned()))
}
