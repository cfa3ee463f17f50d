//! What the tour prints, as a picture of a terminal.

use std::fmt::Write as _;
use std::process::Command;

use super::root;

/// The steps that are shown, by their numbers.
const STEPS: [&str; 5] = [" 2. ", " 4. ", " 6. ", "13. ", "16. "];

const LINE: usize = 17;

pub(crate) fn tour() -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--example", "tour"])
        .current_dir(root())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let steps = text.split("\n\n").filter(|step| STEPS.iter().any(|number| step.starts_with(number)));
    let shown = steps.collect::<Vec<_>>().join("\n\n");
    picture(&format!("$ cargo run --example tour\n\n{shown}"))
}

fn picture(text: &str) -> String {
    let mut body = String::new();
    for (index, line) in text.lines().enumerate() {
        let class = match line.get(..4) {
            Some("    ") | None => "text",
            Some(_) if line.starts_with('$') => "command",
            Some(_) => "heading",
        };
        let line = line.replace('&', "&amp;").replace('<', "&lt;");
        let _ = write!(body, r#"<text class="{class}" x="16" y="{}">{line}</text>"#, 44 + index * LINE);
    }
    let height = 44 + text.lines().count() * LINE;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 {height}" role="img" aria-label="Some steps of the tour"><style>text{{font:12.5px ui-monospace,monospace;white-space:pre;fill:#c9d1d9}}.command{{fill:#7ee787}}.heading{{fill:#79c0ff;font-weight:600}}</style><rect width="960" height="{height}" rx="8" fill="#0d1117"/><circle cx="18" cy="16" r="5" fill="#ff5f56"/><circle cx="34" cy="16" r="5" fill="#ffbd2e"/><circle cx="50" cy="16" r="5" fill="#27c93f"/>{body}</svg>
"##
    )
}
