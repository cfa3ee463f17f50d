//! The room: a thread of the server for each member, which reads; whoever has something to say
//! writes to all others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socketry::frame::{Framed, Lines};
use socketry::tcp::{HandlerResult, ServerHandle};
use socketry::{BindAddress, Encoding, Result, TcpConnection, TcpServer};

use crate::PEER_TIMEOUT;
use crate::cli::{self, Outcome, say};

const MOST_MEMBERS: usize = 100;
const LONGEST_NAME: usize = 30;

/// How long a line may be, in bytes of UTF-8.
const LONGEST_LINE: usize = 1_000;

/// How long a member may take to make room for a line.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long somebody who has connected may take to say a name.
const NAME_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the members have to leave when the room ends.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) fn serve(on: BindAddress, encoding: Encoding, time: Option<Duration>) -> Outcome {
    let server = TcpServer::builder()
        .max_connections(MOST_MEMBERS)
        .encoding(encoding)
        .refuse_with("* the room is full\n")
        .write_timeout(WRITE_TIMEOUT)
        .dead_peer_timeout(PEER_TIMEOUT)
        // What waits for a member that is slow is bounded.
        .send_buffer_size(64 * 1024)
        .on_event(cli::note_event)
        .bind(on)?;

    let room = Arc::new(Room { encoding, members: Mutex::new(Some(BTreeMap::new())) });
    let (by_signal, handle) = (Arc::clone(&room), server.handle());
    ctrlc::set_handler(move || by_signal.end(&handle))?;
    if let Some(time) = time {
        let (by_time, handle) = (Arc::clone(&room), server.handle());
        thread::spawn(move || {
            thread::sleep(time);
            by_time.end(&handle);
        });
    }
    cli::note(format_args!("listening on {} ({encoding}); Ctrl-C ends it", server.local_addr()));
    say!("{}", server.serve(move |connection| room.converse(connection))?)?;
    Ok(())
}

/// By name.
type Members = BTreeMap<String, Arc<Member>>;

struct Room {
    encoding: Encoding,
    /// None once the room has ended.
    members: Mutex<Option<Members>>,
}

/// One who is in the room. Who has something to say holds the lock, so that lines do not mix; the
/// member's own thread reads by another handle of the connection, without it.
struct Member {
    connection: TcpConnection,
    writer: Mutex<Framed<TcpConnection, Lines>>,
}

impl Member {
    fn send(&self, line: &str) -> Result<()> {
        lock(&self.writer).send(line)
    }
}

impl Room {
    /// A member's stay, from the name to the end.
    fn converse(&self, connection: TcpConnection) -> HandlerResult {
        let peer = connection.peer_addr();
        let writer = Mutex::new(connection.clone().into_framed(Lines::new(self.encoding)));
        let member = Arc::new(Member { connection: connection.clone(), writer });
        let lines = Lines::new(self.encoding).max_length(LONGEST_LINE).accept_unterminated(true);
        let mut lines = connection.into_framed(lines);

        member.connection.set_deadline(Instant::now() + NAME_TIMEOUT);
        let Some(name) = lines.recv()? else { return Ok(()) };
        member.connection.set_deadline(None);
        let others = match self.admit(&name, &member)? {
            Ok(others) => others,
            Err(why) => {
                cli::note(format_args!("{peer} is not let in: {why}"));
                return Ok(member.send(&format!("* {why}"))?);
            }
        };
        cli::note(format_args!("{peer} is {name}"));
        self.tell(others, &format!("* {name} is here"));

        let result = self.listen(&name, &member, &mut lines);
        match self.remove(&name, &member) {
            true => self.tell(self.all_but(&name), &format!("* {name} has left")),
            // Put out, or the room has ended: that is no news.
            false => return Ok(()),
        }
        result
    }

    /// Lets a member in, tells it with whom it is, and gives those; or tells why not.
    fn admit(&self, name: &str, member: &Arc<Member>) -> Result<std::result::Result<Members, String>> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Ok(Err(format!("a name has 1 to {LONGEST_NAME} bytes, and no control characters")));
        }
        // Held until it is welcome, so that nothing is said to it before.
        let mut writer = lock(&member.writer);
        let others = match &mut *lock(&self.members) {
            None => return Ok(Err("the room is closed".to_owned())),
            Some(members) if members.contains_key(name) => {
                return Ok(Err(format!("the name {name} is taken")));
            }
            Some(members) => {
                let others = members.clone();
                members.insert(name.to_owned(), Arc::clone(member));
                others
            }
        };
        let names: Vec<_> = others.keys().map(String::as_str).collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let welcomed = writer.send(format!("* welcome, {name}; with you: {names}"));
        drop(writer);
        if welcomed.is_err() {
            self.remove(name, member);
        }
        welcomed.map(|()| Ok(others))
    }

    /// Hands on what a member says, until it ends its side or is put out.
    fn listen(&self, name: &str, member: &Member, lines: &mut Framed<TcpConnection, Lines>) -> HandlerResult {
        loop {
            match lines.recv() {
                Ok(Some(line)) => {
                    say!("{name}: {}", cli::printable(&line))?;
                    self.tell(self.all_but(name), &format!("{name}: {line}"));
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    let Some(fault) = cli::fault_of_a_line(&error) else { return Err(error.into()) };
                    member.send(&format!("* not passed on: {fault}"))?;
                }
            }
        }
    }

    /// Those in the room now; a copy, so that nobody is kept from it while one of them is waited
    /// for.
    fn all_but(&self, name: &str) -> Members {
        let mut members = lock(&self.members).clone().unwrap_or_default();
        members.remove(name);
        members
    }

    /// Tells members something, and puts out who does not take it: that is news for everybody.
    fn tell(&self, members: Members, line: &str) {
        let mut news = vec![(members, line.to_owned())];
        while let Some((members, line)) = news.pop() {
            for (name, member) in &members {
                let Err(error) = member.send(&line) else { continue };
                if cli::fault_of_a_line(&error).is_some() || !self.remove(name, member) {
                    continue;
                }
                member.connection.clone().abort();
                cli::note(format_args!("{name} is put out: {error}"));
                let reason =
                    if error.is_timeout() { "does not read, and is put out" } else { "has vanished" };
                news.push((self.all_but(name), format!("* {name} {reason}")));
            }
        }
    }

    /// Whether the member was in the room until now.
    fn remove(&self, name: &str, member: &Arc<Member>) -> bool {
        let mut members = lock(&self.members);
        let Some(members) = &mut *members else { return false };
        let is_in = members.get(name).is_some_and(|inside| Arc::ptr_eq(inside, member));
        is_in && members.remove(name).is_some()
    }

    /// Lets nobody in any more, and gives those inside a moment to leave.
    fn end(&self, server: &ServerHandle) {
        server.begin_shutdown(GRACE);
        let members = lock(&self.members).take().unwrap_or_default();
        for member in members.values() {
            // To one who is gone it need not be said.
            let _ = member.send("* the room closes").and_then(|()| member.connection.half_close());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
