//! The races of the tests, many times as many rounds of each.

use std::time::Instant;

use super::kit::race::ALL;

pub fn run(times: usize) {
    let began = Instant::now();
    let mut total = 0;
    for &(what, race, rounds) in ALL {
        let (own, rounds) = (Instant::now(), rounds * times);
        race(rounds);
        total += rounds;
        println!("{what}: {rounds} in {:.0?}", own.elapsed());
    }
    println!("{total} in all, in {:.0?}, and nothing wrong", began.elapsed());
}
