//! How fast the text codecs are, next to `encoding_rs` and to Python's codecs:
//! `cargo bench --bench text`.
//!
//! Every figure is in MB of UTF-8 per second and the median of rounds in which all contenders take
//! turns, so that a slow moment of the machine meets all of them. The ratios are socketry's figure
//! by the other's.
#![allow(clippy::print_stdout, reason = "a program that prints a table")]

#[path = "kit/record.rs"]
mod record;

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use socketry::Encoding;
use socketry::text::OnInvalid;

const ROUNDS: usize = 7;
/// How long one contender runs in one round.
const TURN: Duration = Duration::from_millis(4);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--first-use") {
        return first_use(&arguments[place + 1], &arguments[place + 2]);
    }
    // As `cargo bench` says it. Everything else, `cargo test --benches` above all, only wants to
    // know whether it runs.
    let is_test = !arguments.iter().any(|argument| argument == "--bench");
    let sizes: &[usize] = if is_test { &[1024] } else { &[96, 64 * 1024, 1024 * 1024] };
    let rounds = if is_test { 1 } else { ROUNDS };
    let mut python = Python::start();
    if python.is_none() {
        println!("no python3: its columns are skipped");
    }
    println!(
        "{:<10}{:>8}  {:<9}{:<15}{:>9}{:>13}{:>7}{:>11}{:>7}",
        "text", "bytes", "encoding", "direction", "socketry", "encoding_rs", "ratio", "python", "ratio"
    );
    for kind in [Kind::Chinese, Kind::Uniform, Kind::Mixed, Kind::Ascii, Kind::FourBytes] {
        for &size in sizes {
            let text = kind.text(size);
            if let Some(python) = &mut python {
                python.take(&text);
            }
            for &(encoding, directions) in kind.rows() {
                for &direction in directions {
                    measure(kind, &text, encoding, direction, rounds, python.as_mut());
                }
            }
        }
    }
    print_first_uses(if is_test { 1 } else { 5 });
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Ideographs as unequally common as in prose, or a little less.
    Chinese,
    /// All ideographs of GB 2312's first level with equal chances: harder on the caches than any
    /// prose.
    Uniform,
    /// Words of ASCII between short runs of ideographs.
    Mixed,
    Ascii,
    /// Characters that have four bytes in GB 18030: of the BMP, and emoji.
    FourBytes,
}

impl Kind {
    /// What is measured with such text. Rows that only borrow are left out.
    fn rows(self) -> &'static [(Encoding, &'static [Direction])] {
        use Direction::{Decode, DecodeInto, Encode, EncodeInto};
        match self {
            Kind::Chinese | Kind::Mixed => &[
                (Encoding::Gb2312, &[Decode, DecodeInto, Encode, EncodeInto]),
                (Encoding::Gbk, &[Decode, Encode]),
                (Encoding::Gb18030, &[Decode, Encode]),
                (Encoding::Utf8, &[Decode, DecodeInto]),
            ],
            Kind::Ascii => &[
                (Encoding::Gb2312, &[Decode, DecodeInto, Encode, EncodeInto]),
                (Encoding::Utf8, &[Decode, DecodeInto]),
            ],
            Kind::Uniform => &[(Encoding::Gb2312, &[Decode, Encode]), (Encoding::Gbk, &[Decode, Encode])],
            Kind::FourBytes => &[(Encoding::Gb18030, &[Decode, Encode])],
        }
    }

    /// Text of about that many bytes.
    fn text(self, size: usize) -> String {
        let mut state = 1_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let mut text = String::new();
        while text.len() < size {
            if let Kind::Chinese | Kind::Uniform | Kind::Mixed = self {
                for _ in 0..3 + random(12) {
                    // The cube of an equal chance: the commonest 300 make up 43 in 100.
                    let chance = f64::from(random(1 << 20)) / f64::from(1 << 20);
                    let power = if let Kind::Uniform = self { 1 } else { 3 };
                    let rank = (3_755.0 * chance.powi(power)) as u32;
                    let cell = rank * 1_237 % 3_755;
                    let pair = [0xB0 + (cell / 94) as u8, 0xA1 + (cell % 94) as u8];
                    text.push_str(&Encoding::Gb2312.decode(&pair).expect("an ideograph of the first level"));
                }
                text.push(if random(4) == 0 { '。' } else { '，' });
            }
            if let Kind::FourBytes = self {
                text.extend(char::from_u32(0x3400 + random(0x1900)));
                text.extend(char::from_u32(0x1_F600 + random(0x40)));
            }
            if let Kind::Mixed | Kind::Ascii = self {
                for _ in 0..1 + random(6) {
                    text.push_str(
                        ["GET ", "/index.html ", "192.0.2.7:7788 ", "ok ", "a=1; ", "temperature "]
                            [random(6) as usize],
                    );
                }
            }
        }
        text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Decode,
    DecodeInto,
    Encode,
    EncodeInto,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Direction::Decode => "decode",
            Direction::DecodeInto => "decode again", // into a buffer that is used again
            Direction::Encode => "encode",
            Direction::EncodeInto => "encode again",
        }
    }
}

fn measure(
    kind: Kind,
    text: &str,
    encoding: Encoding,
    direction: Direction,
    rounds: usize,
    mut python: Option<&mut Python>,
) {
    let bytes = encoding.encode(text).expect("text of GB 2312");
    // What a program gets that asks the Web's library for the encoding of that name.
    let theirs = encoding_rs::Encoding::for_label(encoding.name().as_bytes()).expect("a label");
    let (mut string, mut buffer) = (String::new(), Vec::new());
    let mut ours = || match direction {
        Direction::Decode => drop(black_box(encoding.decode(black_box(&bytes)).expect("text"))),
        Direction::DecodeInto => {
            string.clear();
            encoding.decode_into(black_box(&bytes), OnInvalid::Strict, &mut string).expect("text");
            black_box(&string);
        }
        Direction::Encode => drop(black_box(encoding.encode(black_box(text)).expect("text"))),
        Direction::EncodeInto => {
            buffer.clear();
            encoding.encode_into(black_box(text), OnInvalid::Strict, &mut buffer).expect("text");
            black_box(&buffer);
        }
    };
    let mut their_string = String::with_capacity(3 * text.len() + 16);
    let mut their_buffer = Vec::with_capacity(3 * text.len() + 16);
    let mut theirs = || match direction {
        Direction::Decode => drop(black_box(theirs.decode_without_bom_handling(black_box(&bytes)))),
        Direction::DecodeInto => {
            their_string.clear();
            let mut decoder = theirs.new_decoder_without_bom_handling();
            let _ = black_box(decoder.decode_to_string(black_box(&bytes), &mut their_string, true));
        }
        Direction::Encode => drop(black_box(theirs.encode(black_box(text)))),
        Direction::EncodeInto => {
            their_buffer.clear();
            let mut encoder = theirs.new_encoder();
            let _ = black_box(encoder.encode_from_utf8_to_vec(black_box(text), &mut their_buffer, true));
        }
    };
    let is_in_python = matches!(direction, Direction::Decode | Direction::Encode);
    let (mut our_times, mut their_times, mut python_times) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_times.push(turn(&mut ours));
        their_times.push(turn(&mut theirs));
        if let Some(python) = python.as_deref_mut().filter(|_| is_in_python) {
            python_times.push(python.turn(encoding, direction));
        }
    }
    let speed = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).map(|seconds| text.len() as f64 / seconds / 1e6)
    };
    let ours = speed(&mut our_times).unwrap_or_default();
    let [their_speed, python_speed] = [&mut their_times, &mut python_times].map(speed);
    let size = match text.len() {
        bytes @ ..1024 => format!("{bytes} bytes"),
        bytes => format!("{} KiB", bytes / 1024),
    };
    let work = format!("{kind:?}, {size}, {}, {}", encoding.name(), direction.name());
    let all = [("encoding_rs", their_speed), ("socketry", Some(ours)), ("Python", python_speed)];
    for (who, own) in all.into_iter().filter_map(|(who, own)| Some((who, own?))) {
        record::record(&work, who, text.len() as f64 / own * 1e3, own / their_speed.unwrap_or(own));
    }
    let column = |speed: Option<f64>, width| match speed {
        Some(speed) => format!("{speed:>width$.0}{:>7.2}", ours / speed),
        None => String::new(),
    };
    println!(
        "{:<10}{:>8}  {:<9}{:<15}{ours:>9.0}{}{}",
        format!("{kind:?}").to_lowercase(),
        text.len(),
        encoding.name(),
        direction.name(),
        column(their_speed, 13),
        column(python_speed, 11),
    );
}

/// Seconds for one call, from as many as fit into a turn.
fn turn(call: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    loop {
        call();
        calls += 1;
        let elapsed = start.elapsed();
        if elapsed >= TURN {
            return elapsed.as_secs_f64() / f64::from(calls);
        }
    }
}

/// A Python process that times its own codecs when it is its turn.
struct Python {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

const SCRIPT: &str = r#"
import sys, time
for line in sys.stdin.buffer:
    what, _, rest = line[:-1].partition(b' ')
    if what == b'text':
        text = rest.decode()
    else:
        codec = rest.decode()
        data = text.encode(codec)
        call = (lambda: data.decode(codec)) if what == b'decode' else (lambda: text.encode(codec))
        start = time.perf_counter()
        calls = 0
        while True:
            call()
            calls += 1
            elapsed = time.perf_counter() - start
            if elapsed >= 0.004: break
        print(elapsed / calls, flush=True)
"#;

impl Python {
    fn start() -> Option<Python> {
        let mut child = Command::new("python3")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (stdin, stdout) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Python { child, stdin, stdout })
    }

    fn take(&mut self, text: &str) {
        self.stdin.write_all(format!("text {text}\n").as_bytes()).expect("python3 listens");
    }

    fn turn(&mut self, encoding: Encoding, direction: Direction) -> f64 {
        writeln!(self.stdin, "{} {encoding}", direction.name()).expect("python3 listens");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("python3 answers");
        line.trim().parse().expect("seconds")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The tables are made at the first use: what that call takes, and what stays. Each is a process of
/// its own.
fn print_first_uses(runs: usize) {
    println!("\n{:<9}{:<9}{:>10}{:>14}", "first", "use", "takes", "then resident");
    for encoding in ["gb2312", "gbk", "gb18030"] {
        for direction in ["decode", "encode", "both"] {
            let program = std::env::current_exe().expect("this program");
            let mut runs: Vec<(f64, String)> = (0..runs)
                .map(|_| {
                    let output = Command::new(&program).args(["--first-use", encoding, direction]).output();
                    let output = String::from_utf8(output.expect("this program again").stdout).expect("text");
                    let (millis, memory) = output.trim().split_once(' ').expect("two figures");
                    (millis.parse().expect("a number"), memory.to_owned())
                })
                .collect();
            runs.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (millis, memory) = &runs[runs.len() / 2];
            println!("{encoding:<9}{direction:<9}{millis:>7.2} ms{memory:>14}");
        }
    }
}

fn first_use(encoding: &str, direction: &str) {
    let encoding = Encoding::for_label(encoding).expect("a name");
    let before = resident();
    let start = Instant::now();
    if direction != "encode" {
        black_box(encoding.decode(b"\xB0\xA1").expect("an ideograph"));
    }
    if direction != "decode" {
        black_box(encoding.encode("啊").expect("an ideograph"));
    }
    if encoding == Encoding::Gb18030 {
        // Four bytes have a table of their own.
        black_box(encoding.encode("\u{3400}").expect("all of Unicode"));
    }
    let elapsed = start.elapsed();
    let memory = match (before, resident()) {
        (Some(before), Some(after)) => format!("{} KiB", after.saturating_sub(before) * 4),
        _ => "unknown".to_owned(),
    };
    println!("{} {memory}", elapsed.as_secs_f64() * 1e3);
}

/// The process's resident pages, where the system says.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm.split_whitespace().nth(1)?.parse().ok()
}
