//! Connections per second: connect, 16 bytes there and back, close. The clients are another
//! process, and the same for all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::kit::{is_smoke_run, median, record};
use super::servers::{MESSAGE, SERVERS, Start, TOKIO};
use super::{processes, server_process};

/// What one turn of one server came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    /// In µs, as the next.
    pub(crate) half: f64,
    pub(crate) worst_of_100: f64,
}

pub(crate) struct Clients {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Clients {
    pub(crate) fn start() -> Clients {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command.arg("as-clients").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Clients { child, input, output }
    }

    pub(crate) fn turn(&mut self, port: u16, threads: usize, time: Duration) -> Turn {
        writeln!(self.input.as_mut().unwrap(), "{port} {threads} {}", time.as_millis()).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let figures: Vec<f64> = line.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
        let [per_second, half, worst_of_100] = figures[..] else { panic!("the clients said {line:?}") };
        Turn { per_second, half, worst_of_100 }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// What the other process does: for each line with a port, a number of threads and a time it
/// connects for so long.
pub(crate) fn be_clients() {
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<u64> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [port, threads, millis] = words[..] else { panic!("{line:?}") };
        let start = Instant::now();
        let end = start + Duration::from_millis(millis);
        let mut times: Vec<Duration> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|number| scope.spawn(move || connect_until(end, port as u16, number)))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let per_second = times.len() as f64 / start.elapsed().as_secs_f64();
        times.sort_unstable();
        let micros =
            |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
        println!("{per_second} {} {}", micros(50), micros(99));
    }
}

/// The side that closes first keeps the pair of addresses for a minute, so the server's address is
/// another one of the loopback interface's each time.
fn connect_until(end: Instant, port: u16, number: u64) -> Vec<Duration> {
    let mut times = Vec::with_capacity(16 * 1024);
    let mut message = [b'x'; MESSAGE];
    loop {
        let start = Instant::now();
        let to: SocketAddr =
            (Ipv4Addr::new(127, 0, number as u8, 1 + (times.len() % 200) as u8), port).into();
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(&message).unwrap();
        stream.read_exact(&mut message).unwrap();
        drop(stream);
        let now = Instant::now();
        times.push(now - start);
        if now >= end {
            return times;
        }
    }
}

/// Servers, and the two that all are compared with, by their place in the list.
pub(crate) struct Comparison<'a> {
    pub(crate) servers: &'a [(&'a str, Start)],
    pub(crate) to: [(usize, &'a str); 2],
}

pub(crate) fn compare(comparison: &Comparison<'_>, threads: usize) {
    let Comparison { servers, to: [(first, first_name), (second, second_name)] } = *comparison;
    let (rounds, time) = match is_smoke_run() {
        true => (1, Duration::from_millis(5)),
        false => (15, Duration::from_millis(400)),
    };
    let mut clients = Clients::start();
    let ports: Vec<u16> = servers.iter().map(|(_, start)| start().port()).collect();
    let mut turns = vec![Vec::with_capacity(rounds); servers.len()];
    for round in 0..=rounds {
        for step in 0..servers.len() {
            let index = (step + round) % servers.len();
            let turn = clients.turn(ports[index], threads, time);
            // The first round is not counted.
            if round > 0 {
                turns[index].push(turn);
            }
        }
    }
    println!("\nconnections of {threads} clients at a time");
    println!(
        "  {:<38} {:>9} {:>12} {:>9}   {:<12} {:>7} {:>8}",
        "", "a second", first_name, second_name, "middle half", "p50 µs", "p99 µs"
    );
    for (own, (name, _)) in turns.iter().zip(servers) {
        let all = |figure: fn(&Turn) -> f64| median(own.iter().map(figure).collect());
        let ratios = |to: usize| {
            let pairs = own.iter().zip(&turns[to]);
            let mut ratios: Vec<f64> = pairs.map(|(own, other)| own.per_second / other.per_second).collect();
            ratios.sort_by(f64::total_cmp);
            ratios
        };
        let to_second = ratios(second);
        let quarter = to_second.len() / 4;
        let work = format!("connections of {threads} clients at a time");
        let per_second = all(|turn| turn.per_second);
        record(&work, name, 1e9 / per_second, median(ratios(first)));
        let spread = format!("{:.2}–{:.2}", to_second[quarter], to_second[to_second.len() - 1 - quarter]);
        println!(
            "  {name:<38} {:>9.0} {:>11.2}× {:>8.2}×   {spread:<12} {:>7.0} {:>8.0}",
            per_second,
            median(ratios(first)),
            median(to_second),
            all(|turn| turn.half),
            all(|turn| turn.worst_of_100),
        );
    }
}

pub(crate) fn run() {
    let mut servers = SERVERS.to_vec();
    if server_process::has_go() {
        servers.push(("Go", || (Ipv4Addr::LOCALHOST, server_process::start_go_fixed()).into()));
    }
    if server_process::has_python() {
        servers.push(("Python ThreadingTCPServer", || processes::python("threading")));
    }
    for threads in [8, 32] {
        let to = [(0, "to a thread"), (TOKIO, "to tokio")];
        compare(&Comparison { servers: &servers, to }, threads);
    }
}
