//! All benchmarks in one table, and the picture and the tables of the READMEs, which are made of it
//! and of nothing else: `cargo bench --bench figures -- all`, on a machine that does nothing
//! besides. It takes some minutes. With the name of one of them instead of `all` that one is
//! measured anew; with `drawn` the pictures and the tables are made anew of what was measured last.

mod growth;
mod picks;
mod picture;
mod terminal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use picks::{PICKS, Pick};

/// What was measured of one work: by whom, nanoseconds each, and the speed to the first.
type Rows = Vec<(String, f64, f64)>;

pub(crate) struct Figures(BTreeMap<String, Rows>);

/// The benchmarks, from the quickest to the slowest.
const BENCHES: [&str; 6] = ["peers", "resolver", "frames", "text", "udp", "tcp"];

const BEGIN: &str = "<!-- made by `cargo bench --bench figures -- all`: do not edit -->";
const END: &str = "<!-- end of what is made -->";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the lines of the last measurement are, with its circumstances on the first.
fn measured() -> PathBuf {
    root().join("benches/figures/measured.tsv")
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().find(|word| !word.starts_with('-')).map(String::as_str) {
        Some(bench) if bench == "all" || BENCHES.contains(&bench) => {
            let benches = if bench == "all" { &BENCHES[..] } else { &[bench] };
            measure(benches);
            let figures = Figures::read();
            figures.print();
            draw(&figures);
        }
        Some("drawn") => draw(&Figures::read()),
        _ => println!("`cargo bench --bench figures -- all` measures all of it, and draws"),
    }
}

/// Measures these anew, and keeps what was measured of the others.
fn measure(benches: &[&str]) {
    let path = measured();
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let is_of = |line: &&str| benches.iter().any(|bench| line.starts_with(&format!("{bench}: ")));
    let kept = before.lines().filter(|line| !line.starts_with('#') && !is_of(line));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, format!("# {}\n{kept}", circumstances())).unwrap();
    for bench in benches {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["bench", "--bench", bench]).env("SOCKETRY_FIGURES", &path).current_dir(root());
        assert!(command.status().unwrap().success(), "{bench}");
    }
}

/// When, and on what.
fn circumstances() -> String {
    let said = |program: &str, arguments: &[&str]| -> String {
        let output = Command::new(program).args(arguments).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_else(|_| format!("no {program}"))
    };
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = cpuinfo.lines().filter(|line| line.starts_with("model name")).collect();
    let model = models.first().and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown processor");
    format!(
        "{} · {} × {model} · {} {} · {}",
        said("date", &["-u", "+%Y-%m-%d"]),
        models.len(),
        said("uname", &["-s"]),
        // What stands behind the version is of the one who made it.
        said("uname", &["-r"]).split('-').next().unwrap_or_default(),
        said("rustc", &["--version"]).split(" (").next().unwrap_or_default(),
    )
}

impl Figures {
    fn read() -> Figures {
        let text = std::fs::read_to_string(measured()).expect("measured before");
        let mut figures = BTreeMap::<String, Rows>::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [work, who, each, speed] = fields[..] else { panic!("{line:?}") };
            let row = (who.to_owned(), each.parse().unwrap(), speed.parse().unwrap());
            figures.entry(work.to_owned()).or_default().push(row);
        }
        Figures(figures)
    }

    fn print(&self) {
        println!("\n{:<44}{:>14}{:>10}", "", "each", "speed");
        for (work, rows) in &self.0 {
            println!("{work}");
            for (who, each, speed) in rows {
                println!("  {who:<42}{each:>11.0} ns{speed:>9.2}×");
            }
        }
    }

    fn row(&self, work: &str, who: &str) -> &(String, f64, f64) {
        let rows = self.0.get(work).unwrap_or_else(|| panic!("{work:?} was not measured"));
        let row = rows.iter().find(|(name, ..)| name == who);
        row.unwrap_or_else(|| panic!("{who:?} was not measured at {work:?}"))
    }

    /// The speed of one to another at the same work.
    pub(crate) fn speed(&self, work: &str, who: &str, to: &str) -> f64 {
        self.row(work, who).2 / self.row(work, to).2
    }

    /// What one took of it, in the unit of the benchmark.
    pub(crate) fn each(&self, work: &str, who: &str) -> f64 {
        self.row(work, who).1
    }
}

fn draw(figures: &Figures) {
    let text = std::fs::read_to_string(measured()).unwrap();
    let when = text.lines().next().unwrap_or_default().trim_start_matches("# ");
    std::fs::write(root().join("benches/figures/speed.svg"), picture::picture(figures, when)).unwrap();
    std::fs::write(root().join("benches/figures/tour.svg"), terminal::tour()).unwrap();
    for (file, is_chinese) in [("README.md", false), ("README.zh-CN.md", true)] {
        let path = root().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{file} has no {BEGIN}"));
        let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{file} has no {END}"));
        let made = table(figures, when, is_chinese);
        std::fs::write(&path, format!("{before}{BEGIN}\n{made}{END}{after}")).unwrap();
    }
}

fn table(figures: &Figures, when: &str, is_chinese: bool) -> String {
    let mut lines = match is_chinese {
        true => "| 工作 | 与谁相比 = 1 | socketry | 其他 |\n|---|---|---|---|\n".to_owned(),
        false => "| work | to whom = 1 | socketry | others |\n|---|---|---|---|\n".to_owned(),
    };
    for pick in &PICKS {
        let Pick { english, chinese, base, others, .. } = pick;
        let label = if is_chinese { chinese } else { english };
        let own = picks::rounded(pick.own_speed(figures));
        let others: Vec<String> = others
            .iter()
            .map(|(name, who)| format!("{name} {}", picks::rounded(figures.speed(pick.work, who, base.1))))
            .collect();
        lines += &format!("| {label} | {} | **{own}** | {} |\n", base.0, others.join(", "));
    }
    let (faster, growth) = (how_to_read(when, is_chinese), growth::table(figures, is_chinese));
    format!("{lines}\n{faster}\n{growth}")
}

fn how_to_read(when: &str, is_chinese: bool) -> String {
    const COMMAND: &str = "`cargo bench --bench figures -- all`";
    match is_chinese {
        true => format!(
            "数字越大越快；同一次运行中的中位数。{when}，用 {COMMAND} 测得。\n\n\
             东西多了，每一件的代价怎样增长（同一次测量）：\n"
        ),
        false => format!(
            "More is faster; medians of ratios in the same run. {when}, by {COMMAND}.\n\n\
             And how the cost of one grows with how many there are, by the same command:\n"
        ),
    }
}
