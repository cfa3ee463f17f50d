//! A property on every toolchain: the seeds of its fuzz target, changes of them, and bytes of any kind; bounded in number and time.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const TIMES: u32 = 20_000;
const TIME: Duration = Duration::from_millis(600);
const LONGEST: usize = 600;

/// Bytes that parsers tell apart.
const SPECIAL: &[u8] = b"\0\x01\x02\x07\x10\r\n ;.:%[]aA0915xn-\x7f\x80\xa1\xb0\xc0\xc3\xd6\xe9\xfe\xff";

/// The numbers of `xorshift64*`, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % count.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }
}

/// Prints the input that the property did not hold for.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with the input {:02X?}", self.0);
        }
    }
}

/// The seeds that were put there by hand; none where the package has no `fuzz/`.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seed-")))
        .collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn change(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len() + 1);
        match numbers.below(5) {
            0 => input.insert(at, numbers.byte()),
            1 => input.truncate(at),
            2 => input.extend_from_within(at..),
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte =
                        if numbers.below(2) == 0 { *byte ^ (1 << numbers.below(8)) } else { numbers.byte() };
                }
            }
        }
        input.truncate(LONGEST);
    }
    input
}

/// Each way of any bytes has another part of the values that decide something.
fn any_bytes(numbers: &mut Numbers) -> Vec<u8> {
    let longest = if numbers.below(8) == 0 { LONGEST } else { 60 };
    let length = numbers.below(longest);
    let most = numbers.below(3);
    let byte = |_| match (most, numbers.byte()) {
        (0, byte) => byte,
        (1, byte) => byte & 0x1f,
        (_, byte) => SPECIAL[usize::from(byte) % SPECIAL.len()],
    };
    (0..length).map(byte).collect()
}

pub(super) fn holds(target: &str, property: fn(&[u8])) {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let try_out = |input: &[u8]| {
        let _shown = Shown(input);
        property(input);
    };
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| try_out(seed));
    let started = Instant::now();
    for _ in 0..TIMES {
        if started.elapsed() > TIME {
            break;
        }
        match numbers.below(seeds.len() + 1) {
            0 => try_out(&any_bytes(&mut numbers)),
            seed => try_out(&change(&seeds[seed - 1], &mut numbers)),
        }
    }
}
