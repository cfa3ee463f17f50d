//! A network that cuts connections: a listener before a server, which carries bytes both ways until
//! so many have gone one way.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both ends get a reset.
    Reset,
    /// The one that bytes went to reads their end; the other way is open.
    End,
    /// Nothing more comes this way, and nothing is said.
    Stall,
    /// All arrives, byte by byte.
    Drip,
}

pub const CUTS: [Cut; 4] = [Cut::Reset, Cut::End, Cut::Stall, Cut::Drip];

/// Which way is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// What is done to a connection: the way that is cut, after how many bytes, and how.
pub type Plan = (Way, usize, Cut);

/// The network; gone when this is, with all connections through it.
pub struct Cutting {
    pub address: SocketAddr,
    plans: Arc<Mutex<VecDeque<Plan>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Cutting {
    /// Connections come to the server as the plans say, one after the other; one for which there is
    /// none is carried whole.
    pub fn before(server: SocketAddr) -> Cutting {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let plans = Arc::new(Mutex::new(VecDeque::<Plan>::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (own, over) = (Arc::clone(&plans), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let mut carriers = Vec::new();
            while let Ok((client, _)) = listener.accept() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                let plan = own.lock().unwrap().pop_front();
                let over = Arc::clone(&over);
                carriers.push(std::thread::spawn(move || carry(client, server, plan, &over)));
            }
            for carrier in carriers {
                let _ = carrier.join();
            }
        });
        Cutting { address, plans, is_over, thread: Some(thread) }
    }

    /// What is done to the next connection for which nothing is planned.
    pub fn plan(&self, plan: Plan) {
        self.plans.lock().unwrap().push_back(plan);
    }
}

impl Drop for Cutting {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It is looked at with the next connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One thread has the only handles of both ends: only so is a close with a linger of zero a reset.
fn carry(client: TcpStream, server: TcpStream, plan: Option<Plan>, over: &AtomicBool) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
    }
    let cut = |way| plan.filter(|plan| plan.0 == way).map(|(_, after, cut)| (after, cut));
    let mut ways = [OneWay::new(cut(Way::ToServer)), OneWay::new(cut(Way::ToClient))];
    while !over.load(Ordering::Relaxed) && ways.iter().any(|way| !way.is_done) {
        let (one, two) = (ways[0].step(&client, &server, over), ways[1].step(&server, &client, over));
        match (one, two) {
            (Ok(false), Ok(false)) => std::thread::sleep(Duration::from_micros(500)),
            (Ok(_), Ok(_)) => {}
            // Planned, or one end was reset: so is the other.
            _ => break,
        }
    }
    if ways.iter().any(|way| !way.is_done) {
        for stream in [&client, &server] {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

struct OneWay {
    /// How many bytes go on, and what is then.
    left: usize,
    how: Option<Cut>,
    is_fresh: bool,
    is_done: bool,
}

impl OneWay {
    fn new(cut: Option<(usize, Cut)>) -> OneWay {
        let left = match cut {
            Some((_, Cut::Drip)) | None => usize::MAX,
            Some((after, _)) => after,
        };
        OneWay { left, how: cut.map(|cut| cut.1), is_fresh: true, is_done: false }
    }

    /// Carries what is there; whether there was something. An error is the end of the connection.
    fn step(&mut self, mut from: &TcpStream, to: &TcpStream, over: &AtomicBool) -> io::Result<bool> {
        if self.is_done {
            return Ok(false);
        }
        let mut buffer = [0; 4_096];
        if self.left == 0 {
            // An exchange is cut, and not the connect before it.
            if self.is_fresh && self.how == Some(Cut::Reset) && is_waiting(from, &mut buffer[..1])? {
                return Ok(false);
            }
            match self.how {
                Some(Cut::Reset) => return Err(io::ErrorKind::ConnectionReset.into()),
                Some(Cut::End) => {
                    self.how = None;
                    to.shutdown(Shutdown::Write)?;
                }
                _ => {}
            }
        }
        // What is too much stays where it is while the way is stalled, so that whoever writes has
        // to wait.
        let is_stalled = self.left == 0 && self.how == Some(Cut::Stall);
        // Behind the cut of an end it is swallowed.
        let room = if self.left == 0 { buffer.len() } else { buffer.len().min(self.left) };
        let length =
            match if is_stalled { from.peek(&mut buffer[..1]) } else { from.read(&mut buffer[..room]) } {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
        if length == 0 {
            self.is_done = true;
            return to.shutdown(Shutdown::Write).map(|()| true).or(Ok(true));
        }
        if is_stalled {
            return Ok(false);
        }
        self.is_fresh = false;
        let taken = length.min(self.left);
        let step = if self.how == Some(Cut::Drip) { 1 } else { taken.max(1) };
        for piece in buffer[..taken].chunks(step) {
            write_all(to, piece, over)?;
        }
        if self.left != usize::MAX {
            self.left -= taken;
        }
        Ok(true)
    }
}

fn is_waiting(from: &TcpStream, buffer: &mut [u8]) -> io::Result<bool> {
    match from.peek(buffer) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

fn write_all(mut to: &TcpStream, mut bytes: &[u8], over: &AtomicBool) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !over.load(Ordering::Relaxed) => {
                std::thread::sleep(Duration::from_micros(500));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
