//! The picture: the client on the left, the server on the right, and each state read from the
//! system before it is drawn.

use std::error::Error;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::cli::{Outcome, say};
use crate::kernel::{self, Deaf};

/// What was dropped is sent again after half a second, and each time after twice as long: on a busy
/// machine, which looks late, it may be the fifth time.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Where nothing can be held back, a step is over in microseconds, and what was not seen by then
/// has passed.
const SHORT_WAIT: Duration = Duration::from_millis(100);

/// Whether the states can be read here.
const IS_READABLE: bool = cfg!(target_os = "linux");

/// A segment, who it goes to, what became of it, and its caption. The states tell that it was sent,
/// and whether it came.
pub(crate) type Segment<'s> = (To, Fate, &'s str, &'s str);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Client,
    Server,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Comes,
    /// It was dropped where it arrived.
    Held,
    /// It comes, after one like it was held.
    Again,
}

pub(crate) struct Picture {
    began: Instant,
    client: SocketAddr,
    server: SocketAddr,
    can_hold: bool,
}

impl Picture {
    pub(crate) fn of(client: SocketAddr, server: SocketAddr) -> Result<Picture, Box<dyn Error>> {
        if !IS_READABLE {
            say!(
                "The states of a connection cannot be read here: `netstat -an` shows them. Its segments:\n"
            )?;
        }
        say!("   ms   client :{:<7}                           server :{}", client.port(), server.port())?;
        let began = Instant::now();
        Ok(Picture { began, client, server, can_hold: IS_READABLE })
    }

    pub(crate) fn can_hold(&self) -> bool {
        self.can_hold
    }

    /// Lets nothing through to a socket, until the result is dropped. Without it the picture lacks
    /// the short states.
    pub(crate) fn hold<'s>(
        &mut self,
        socket: impl Into<SockRef<'s>>,
    ) -> Result<Option<Deaf<'s>>, Box<dyn Error>> {
        if !self.can_hold {
            return Ok(None);
        }
        match Deaf::of(socket.into()) {
            Ok(deaf) => Ok(Some(deaf)),
            Err(error) => {
                self.can_hold = false;
                say!("        this system refuses to hold segments back ({error}):")?;
                say!("        SYN_SENT, SYN_RECV, FIN_WAIT1 and LAST_ACK are over before they can be read;")?;
                say!("        root, or `unshare -Urn` and in it `ip link set lo up`, may help")?;
                Ok(None)
            }
        }
    }

    /// Waits until client and server are in these states, and draws what led to them, and them.
    ///
    /// It fails if they do not come though they are held. Where they cannot be, it draws those that
    /// are there instead.
    pub(crate) fn step(&mut self, segments: &[Segment<'_>], expected: [&'static str; 2]) -> Outcome {
        let states = if IS_READABLE { Some(self.wait_for(expected)?) } else { None };
        let is_as_expected = states.is_none_or(|states| states == expected);
        for (to, fate, name, caption) in segments {
            // Of a segment whose effect is not there nobody knows where it is.
            let is_known = if self.can_hold { is_as_expected } else { *fate == Fate::Comes };
            if is_known {
                say!("                    |{}|  {caption}", arrow(*to, *fate, name))?;
            }
        }
        let Some([client, server]) = states else { return Ok(()) };
        let ms = self.began.elapsed().as_millis();
        let row = format!("{ms:5}   {client:<11} |                           |  {server}");
        if is_as_expected {
            return Ok(say!("{row}")?);
        }
        let not_seen = format!("not seen: {} with {}", expected[0], expected[1]);
        say!("{row:<63}{not_seen}")?;
        if self.can_hold { Err(not_seen.into()) } else { Ok(()) }
    }

    fn wait_for(&self, expected: [&str; 2]) -> Result<[&'static str; 2], Box<dyn Error>> {
        let end = Instant::now() + if self.can_hold { LONGEST_WAIT } else { SHORT_WAIT };
        loop {
            let states = kernel::states(self.client, self.server)?;
            if states == expected || Instant::now() >= end {
                return Ok(states);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// In ASCII, and as wide in every terminal.
fn arrow(to: To, fate: Fate, name: &str) -> String {
    let line = format!("{:-^26}", format!(" {name} "));
    match (to, fate == Fate::Held) {
        (To::Server, false) => line + ">",
        (To::Server, true) => line + "x",
        (To::Client, false) => format!("<{line}"),
        (To::Client, true) => format!("x{line}"),
    }
}
