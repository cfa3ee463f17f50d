//! The picture of the picks: a bar for each, on a scale on which twice as fast is one step to the
//! right.

use std::fmt::Write as _;

use super::Figures;
use super::picks::{PICKS, Pick, rounded};

const WIDTH: f64 = 760.0;
/// Where the bars begin, which is a fourth of who is 1, and how wide a doubling is.
const LEFT: f64 = 330.0;
const DOUBLING: f64 = 34.0;
const LEAST: f64 = 0.25;
const ROW: f64 = 16.0;
const GAP: f64 = 12.0;

/// Readable on light and on dark ground.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#24292f}.own{fill:#0969da}.other{fill:#8c959f}.one{stroke:#cf222e;stroke-dasharray:2 4;opacity:.6}\
    .small{font-size:11px;fill:#57606a}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#4493f8}.other{fill:#6e7681}.one{stroke:#ff7b72}.small{fill:#9198a1}}";

pub(crate) fn picture(figures: &Figures, when: &str) -> String {
    let mut body = String::new();
    let mut top = 34.0;
    for pick in &PICKS {
        let Pick { english, base, others, .. } = pick;
        let _ = write!(body, r#"<text x="8" y="{:.0}">{}</text>"#, top + 12.0, escaped(english));
        let mut bars = vec![("socketry", pick.own_speed(figures), "own")];
        bars.extend(others.iter().map(|(name, who)| (*name, figures.speed(pick.work, who, base.1), "other")));
        for (index, (name, speed, class)) in bars.iter().enumerate() {
            let y = top + index as f64 * ROW;
            let end = at(*speed);
            let _ = write!(
                body,
                r#"<rect class="{class}" x="{LEFT}" y="{:.1}" width="{:.1}" height="11" rx="2"/><text class="small" x="{:.1}" y="{:.1}">{} {}</text>"#,
                y + 2.0,
                (end - LEFT).max(1.0),
                end + 5.0,
                y + 12.0,
                escaped(name),
                rounded(*speed),
            );
        }
        let _ =
            write!(body, r#"<text class="small" x="8" y="{:.0}">{} = 1</text>"#, top + 27.0, escaped(base.0));
        top += (bars.len().max(2) as f64) * ROW + GAP;
    }
    let one = at(1.0);
    let height = top + 24.0;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="How fast: more to the right is faster"><style>{STYLE}</style><line class="one" x1="{one:.1}" y1="26" x2="{one:.1}" y2="{:.1}"/><text class="small" x="{one:.1}" y="20" text-anchor="middle">1</text>{body}<text class="small" x="8" y="{:.0}">{}</text></svg>
"#,
        top - GAP / 2.0,
        height - 8.0,
        escaped(when),
    )
}

/// Where a speed is.
fn at(speed: f64) -> f64 {
    LEFT + (speed.max(LEAST) / LEAST).log2() * DOUBLING
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('`', "")
}
