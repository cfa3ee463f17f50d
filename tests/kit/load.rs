//! Clients that ask without a pause, and keep account.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A request that was not answered.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which process had it in hand, if the client was told.
    pub process: Option<u32>,
    pub began: Instant,
    pub failed: Instant,
    pub error: String,
}

#[derive(Default)]
struct Account {
    answered: AtomicU64,
    refused: AtomicU64,
    failures: Mutex<Vec<Failure>>,
    is_over: AtomicBool,
}

/// Clients in threads of their own. Each connects, is told by whom it is served, asks once, has its
/// answer, and begins anew.
pub struct Load {
    account: Arc<Account>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(address: SocketAddr, clients: usize) -> Load {
        let account = Arc::new(Account::default());
        let clients = (0..clients).map(|number| {
            let account = Arc::clone(&account);
            std::thread::spawn(move || {
                while !account.is_over.load(Ordering::Relaxed) {
                    account.visit(address, number);
                }
            })
        });
        Load { clients: clients.collect(), account }
    }

    pub fn answered(&self) -> u64 {
        self.account.answered.load(Ordering::Relaxed)
    }

    /// Waits until so many more are answered.
    #[track_caller]
    pub fn more(&self, requests: u64) {
        let goal = self.answered() + requests;
        super::eventually("more answers", || self.answered() >= goal);
    }

    /// Ends it: how many were answered, how many found the port closed, and all others.
    pub fn end(self) -> (u64, u64, Vec<Failure>) {
        self.account.is_over.store(true, Ordering::Relaxed);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
        let failures = std::mem::take(&mut *self.account.failures.lock().unwrap());
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.account.answered), read(&self.account.refused), failures)
    }
}

impl Account {
    fn visit(&self, address: SocketAddr, number: usize) {
        let began = Instant::now();
        let stream = match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
                return;
            }
            Err(error) => return self.fail(None, began, format!("connect: {error}")),
        };
        let mut process = None;
        match ask(stream, number, &mut process) {
            Ok(()) => drop(self.answered.fetch_add(1, Ordering::Relaxed)),
            Err(error) => self.fail(process, began, error.to_string()),
        }
    }

    fn fail(&self, process: Option<u32>, began: Instant, error: String) {
        let failure = Failure { process, began, failed: Instant::now(), error };
        self.failures.lock().unwrap().push(failure);
    }
}

fn ask(stream: TcpStream, number: usize, process: &mut Option<u32>) -> io::Result<()> {
    use std::io::{BufRead, BufReader, Write};
    stream.set_read_timeout(Some(super::PATIENCE))?;
    let mut lines = BufReader::new(&stream).lines();
    let mut next = || lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
    *process = next()?.parse().ok();
    writeln!(&stream, "question {number}")?;
    let answer = next()?;
    match answer == format!("question {number}") {
        true => Ok(()),
        false => Err(io::Error::other(answer)),
    }
}
