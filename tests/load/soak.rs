//! Minutes of clients of all kinds at once, for one way of serving: those that behave keep account of every request, the
//! others do what they can. Meanwhile processes are killed, workers are replaced, and every minute the server ends and
//! another begins at the same port. At the end each failure of a client that behaves must be explained.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::client::{Account, Failure, Visit, within};
use super::held::{Held, children_of};
use super::server::{Counters, Model, Server};
use super::unkind::{LONGEST_STAY, Manner};

const GRACE: Duration = Duration::from_secs(10);
const BETWEEN_KILLS: Duration = Duration::from_millis(1_500);
const BETWEEN_RESTARTS: Duration = Duration::from_secs(15);

/// How much more of its heap the process of a server may use after a later end than after the first, in bytes: one thing more of
/// each kind that is made once. A byte for each connection would be more.
pub const KEPT: i64 = 4 * 1024;

/// What all threads share.
struct Stage {
    model: Model,
    address: RwLock<SocketAddr>,
    is_over: AtomicBool,
    kind: Account,
    unkind: [AtomicU64; Manner::ALL.len()],
    longest_stay: Mutex<(Duration, Option<Manner>)>,
    kills: Mutex<Vec<(u32, Instant)>>,
    /// When a server was ending.
    ends: Mutex<Vec<(Instant, Instant)>>,
}

pub fn run(model: Model, minutes: f64) {
    let (kind, unkind) = if model == Model::Turn { (4, 2) } else { (10, 5) };
    let own = Held::by_this_process();
    let mut server = Server::new(model);
    let before = settled(server.id());
    println!(
        "{model}: {minutes} minutes, {kind} clients that behave and {unkind} that do not; before: {before}"
    );
    let stage = Arc::new(Stage {
        model,
        address: RwLock::new(server.start("wait")),
        is_over: AtomicBool::new(false),
        kind: Account::default(),
        unkind: Default::default(),
        longest_stay: Mutex::default(),
        kills: Mutex::default(),
        ends: Mutex::default(),
    });
    let mut threads = Vec::new();
    for number in 0..kind {
        let stage = Arc::clone(&stage);
        threads.push(std::thread::spawn(move || stage.behave(number)));
    }
    for number in 0..unkind {
        let stage = Arc::clone(&stage);
        threads.push(std::thread::spawn(move || stage.misbehave(number)));
    }
    if model.has_processes() {
        let (stage, process) = (Arc::clone(&stage), server.id());
        threads.push(std::thread::spawn(move || stage.kill(process)));
    }
    let mut wrong = Vec::new();
    let (total, left) = stage.conduct(&mut server, minutes, &before, &mut wrong);
    stage.is_over.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let after = Held::by(server.id());
    drop(server);
    stage.judge(&total, &mut wrong);
    let heap: Vec<i64> = left.iter().map(|(heap, _)| *heap).collect();
    let memory: Vec<u64> = left.iter().map(|(_, memory)| *memory).collect();
    if heap.iter().any(|bytes| *bytes > heap[0] + KEPT) {
        wrong.push("the heap grows".to_owned());
    }
    println!("{model}: of the server's heap in use after each end: {heap:?} bytes");
    println!("{model}: memory that its process has then: {memory:?} KiB; after: {after}");
    let mine = Held::as_before(std::process::id(), &own, Duration::from_secs(5));
    println!("{model}: the clients' process before: {own}; after: {mine}");
    if !mine.is_as(&own) {
        wrong.push(format!("the clients' process holds {mine} after {own}"));
    }
    wrong.iter().for_each(|what| println!("{model}: WRONG: {what}"));
    println!("{model}: {}", if wrong.is_empty() { "nothing wrong" } else { "FAILED" });
    std::process::exit(i32::from(!wrong.is_empty()));
}

/// What a process holds that has begun and waits for its first order.
fn settled(process: u32) -> Held {
    let end = Instant::now() + Duration::from_secs(5);
    let mut last = Held::by(process);
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = Held::by(process);
        if now == last || Instant::now() > end {
            return now;
        }
        last = now;
    }
}

impl Stage {
    /// Starts and ends servers, and looks what each has left: in use of the heap, and of the process's memory in KiB.
    fn conduct(
        &self,
        server: &mut Server,
        minutes: f64,
        before: &Held,
        wrong: &mut Vec<String>,
    ) -> (Counters, Vec<(i64, u64)>) {
        let (began, length) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
        let (mut total, mut left) = (Counters::default(), Vec::new());
        for round in 1.. {
            let until = (began + Duration::from_secs(60) * round).min(began + length);
            while self.model == Model::Workers && Instant::now() + BETWEEN_RESTARTS < until {
                std::thread::sleep(BETWEEN_RESTARTS);
                let said = server.restart(GRACE);
                if said != "done" {
                    println!("{}: restart: {said}", self.model);
                }
            }
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            let open = server.counters();
            if !open.add_up() {
                wrong.push(format!("while it is open, of {open}"));
            }
            let ending = Instant::now();
            let counters = server.stop(GRACE);
            let ended = ending.elapsed();
            self.ends.lock().unwrap().push((ending, Instant::now()));
            if !counters.add_up() || counters.get("active") > 0 {
                wrong.push(format!("at the end of round {round}, of {counters}"));
            }
            if ended > GRACE + Duration::from_secs(1) {
                wrong.push(format!("the end took {ended:?}"));
            }
            // Idle threads wait ten seconds for work while a server is open, and the thread of polite ends one.
            let after = Held::as_before(server.id(), before, Duration::from_secs(5));
            if !after.is_as(before) {
                wrong.push(format!("after round {round} there are {after}, before {before}"));
            }
            let heap = server.heap();
            left.push((heap, after.memory));
            println!(
                "{} {round}: {counters}; ended in {ended:.1?}; {after}, {heap} bytes in use",
                self.model
            );
            total.add(&counters);
            if Instant::now() >= began + length {
                return (total, left);
            }
            let address = server.start(if round % 2 == 0 { "wait" } else { "refuse" });
            assert_eq!(address, *self.address.read().unwrap(), "it is at the same port again");
        }
        unreachable!("the rounds end with the time")
    }

    fn behave(&self, number: u8) {
        let mut dice = Dice::new(number);
        while !self.is_over.load(Ordering::Relaxed) {
            let most = if self.model == Model::Turn { 1 } else { 10 };
            let requests = 1 + dice.roll(most) as u32;
            let from = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1 + number));
            let visit = Visit { from, requests, half_closes: dice.roll(2) == 0 };
            self.kind.visit(*self.address.read().unwrap(), visit);
            std::thread::sleep(Duration::from_millis(dice.roll(8)));
        }
    }

    fn misbehave(&self, number: u8) {
        let mut dice = Dice::new(100 + number);
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 2, 1 + number));
        while !self.is_over.load(Ordering::Relaxed) {
            let index = dice.roll(Manner::ALL.len() as u64) as usize;
            let address = *self.address.read().unwrap();
            if let Ok(stay) = Manner::ALL[index].visit(address, from) {
                self.unkind[index].fetch_add(1, Ordering::Relaxed);
                let mut longest = self.longest_stay.lock().unwrap();
                if let Some(stay) = stay.filter(|stay| *stay > longest.0) {
                    *longest = (stay, Some(Manner::ALL[index]));
                }
            }
            std::thread::sleep(Duration::from_millis(dice.roll(200)));
        }
    }

    fn kill(&self, server: u32) {
        let mut dice = Dice::new(200);
        while !self.is_over.load(Ordering::Relaxed) {
            std::thread::sleep(BETWEEN_KILLS);
            let children: Vec<_> =
                children_of(server).into_iter().filter(|(_, state)| *state != 'Z').collect();
            if children.is_empty() {
                continue;
            }
            let victim = children[dice.roll(children.len() as u64) as usize].0;
            self.kills.lock().unwrap().push((victim, Instant::now()));
            let _ = kill_process(Pid::from_raw(victim as i32).unwrap(), Signal::KILL);
        }
    }

    /// Each failure must have a reason, and the counters must agree with what the clients saw.
    fn judge(&self, total: &Counters, wrong: &mut Vec<String>) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (kills, ends) = (self.kills.lock().unwrap(), self.ends.lock().unwrap());
        let failures = self.kind.failures.lock().unwrap();
        let (mut by_kill, mut at_end) = (0, 0);
        for failure in failures.iter() {
            if is_of_a_killed(failure, &kills) {
                by_kill += 1;
            } else if self.model == Model::Requests && is_idle_at_an_end(failure, &ends) {
                at_end += 1;
            } else {
                wrong.push(format!("not answered: {failure:?}"));
            }
        }
        let (visits, answered, busy) =
            (read(&self.kind.visits), read(&self.kind.answered), read(&self.kind.busy));
        let mut times = self.kind.times.lock().unwrap();
        let part = |times: &mut Vec<u32>, part| f64::from(within(times, part)) / 1e3;
        println!("{}: in all {total}", self.model);
        println!(
            "{}: {visits} visits with {answered} answers, {busy} told of the limit, {} found the port closed; not answered: \
             {by_kill} by {} kills, {at_end} idle when the server ended, {} of which nothing explains it",
            self.model,
            read(&self.kind.closed),
            kills.len(),
            failures.len() - by_kill - at_end,
        );
        println!(
            "{}: answers within {:.2} ms (half), {:.1} ms (99 %), {:.0} ms (all)",
            self.model,
            part(&mut times, 0.5),
            part(&mut times, 0.99),
            part(&mut times, 1.0),
        );
        let unkind: Vec<_> = Manner::ALL
            .iter()
            .zip(&self.unkind)
            .map(|(manner, count)| format!("{manner:?} {}", read(count)))
            .collect();
        let (stay, manner) = *self.longest_stay.lock().unwrap();
        println!("{}: {}; the longest stay {stay:.1?} of {manner:?}", self.model, unkind.join(", "));
        if stay >= LONGEST_STAY {
            wrong.push(format!("{manner:?} could stay for {stay:?}"));
        }
        // What a killed worker did in its last tenth of a second nobody knows.
        if self.model != Model::Workers {
            if total.get("accepted") < visits {
                wrong.push(format!("{visits} visits of {total}"));
            }
            if total.get("refused") < busy {
                wrong.push(format!("{busy} were told of the limit, of {total}"));
            }
        }
        if self.model == Model::Requests && total.get("requests") < answered {
            wrong.push(format!("{answered} answers of {total}"));
        }
        if total.get("panicked") > 0 || total.get("crashed") > kills.len() as u64 {
            wrong.push(format!("{} kills, and {total}", kills.len()));
        }
    }
}

/// A client that was told by whom it is served knows; one that was not was with one that was killed at that time.
fn is_of_a_killed(failure: &Failure, killed: &[(u32, Instant)]) -> bool {
    killed.iter().any(|(process, moment)| match failure.process {
        Some(own) => own == *process,
        None => (failure.began..=failure.failed).contains(moment),
    })
}

/// A connection that asks nothing at the moment is ended, in order, when the server is: its next request came too late.
fn is_idle_at_an_end(failure: &Failure, ends: &[(Instant, Instant)]) -> bool {
    let is_then = |(from, to): &(Instant, Instant)| failure.failed >= *from && failure.began <= *to;
    failure.is_end && ends.iter().any(is_then)
}

/// The same numbers in each run.
struct Dice(u64);

impl Dice {
    fn new(number: u8) -> Dice {
        Dice(0x9e37_79b9_7f4a_7c15 ^ (u64::from(number) << 17 | 1))
    }

    /// Less than `most`.
    fn roll(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}
