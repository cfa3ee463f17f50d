//! Cells of methods that read from a connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use socketry::error::TimeLimit;
use socketry::{CancelToken, Error, TcpClient, TcpConnection};

use crate::blocked::Entered;
use crate::kit::PATIENCE;
use crate::kit::hostile::{DrippingPeer, SilentPeer};
use crate::table::{Cell, Expected, LIMIT, OTHER_LIMIT, Verdict, Watch, ensure};

const PACE: Duration = Duration::from_millis(10);

/// The limit that a method takes as an argument.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    None,
    Timeout(Duration),
    Deadline(Instant),
}

/// Which argument a method takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    Timeout,
    Deadline,
}

/// A connection with what a method keeps between calls.
pub trait Subject: Send {
    /// Calls the method once. Returns the data that it has consumed.
    fn call(&mut self, argument: Argument) -> Result<Vec<u8>, Error>;
    /// Reads all data to the end of the stream.
    fn rest(&mut self) -> Result<Vec<u8>, Error>;
}

/// A method that reads.
pub struct Row {
    pub name: &'static str,
    pub takes: Takes,
    /// Whether it waits for more than a byte.
    pub fills: bool,
    /// Whether the idle timeout applies.
    pub idles: bool,
    /// What the peer sends, and what the method makes of it.
    pub content: fn() -> (Vec<u8>, Vec<u8>),
    pub open: fn(TcpConnection) -> Box<dyn Subject>,
}

/// What limits the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    ReadTimeout,
    IdleTimeout,
    Deadline,
    Argument,
    Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Silent,
    Drip,
    /// Another thread is in the same call, with a later limit.
    Rival,
    /// Another thread shortens, or lengthens, the limits during the call.
    Shortened,
    Lengthened,
    CancelledBefore,
    CancelledDuring,
    CancelledDrip,
}

enum Peer {
    Silent(SilentPeer, Vec<u8>),
    Drip(DrippingPeer),
}

/// All cells of the rows.
pub fn cells(rows: &'static [Row]) -> Vec<Cell> {
    use Condition::*;
    let mut cells = Vec::new();
    for row in rows {
        let own = if row.takes == Takes::Nothing { Form::ReadTimeout } else { Form::Argument };
        let mut forms = vec![own, Form::Deadline, Form::Token];
        forms.extend(row.idles.then_some(Form::IdleTimeout));
        for form in forms {
            let conditions: &[Condition] = match form {
                Form::Token => &[CancelledBefore, CancelledDuring, CancelledDrip],
                Form::IdleTimeout => &[Silent, Drip],
                _ => &[Silent, Drip, Rival, Shortened, Lengthened],
            };
            for &condition in conditions {
                // A method that returns with the first byte is not held by more of them.
                if condition == CancelledDrip && !row.fills {
                    continue;
                }
                let name = format!("{condition:?}, {form:?}");
                cells.push(Cell::new(row.name, name, move || run(row, form, condition)));
            }
        }
    }
    cells
}

impl Peer {
    fn finish(&self) {
        match self {
            Peer::Silent(peer, content) => peer.finish(content),
            Peer::Drip(peer) => peer.finish(),
        }
    }
}

fn run(row: &'static Row, form: Form, condition: Condition) -> Verdict {
    use Condition::{CancelledBefore, CancelledDrip, CancelledDuring, Drip, Lengthened, Rival, Shortened};
    let (content, meaning) = (row.content)();
    // With several reads in the call, a change of the limits could reach a later one.
    let drips = matches!(condition, Drip | CancelledDrip)
        || (matches!(condition, Shortened | Lengthened) && row.fills);
    let (peer, address) = if drips {
        let peer = DrippingPeer::start(content, PACE);
        let address = peer.address();
        (Peer::Drip(peer), address)
    } else {
        let peer = SilentPeer::bind();
        let address = peer.address();
        (Peer::Silent(peer, content), address)
    };
    let token = CancelToken::new().unwrap();
    let mut builder = TcpClient::builder();
    if form == Form::Token {
        builder = builder.cancel_connections(&token);
    }
    let connection = builder.connect(address).unwrap();
    let mut subject = (row.open)(connection.clone());
    let rival = (condition == Rival).then(|| start_rival(row, &connection));

    if condition == CancelledBefore {
        token.cancel();
    }
    let entered = Arc::new(Entered::new());
    let (watch, result) = std::thread::scope(|scope| {
        let (entered, connection, token) = (&entered, &connection, &token);
        scope.spawn(move || {
            match condition {
                Shortened => {
                    entered.wait();
                    connection.set_read_timeout(Duration::ZERO);
                    connection.set_idle_timeout(Duration::ZERO);
                    connection.set_deadline(Instant::now());
                }
                Lengthened => {
                    entered.wait();
                    connection.set_read_timeout(OTHER_LIMIT);
                    connection.set_idle_timeout(OTHER_LIMIT);
                    connection.set_deadline(Instant::now() + OTHER_LIMIT);
                }
                CancelledDuring | CancelledDrip => {
                    entered.wait();
                    token.cancel();
                }
                _ => {}
            };
        });
        call(row, form, condition, connection, subject.as_mut(), entered)
    });
    let expected = match form {
        _ if condition == Drip && !row.fills => Expected::Success,
        Form::Token => Expected::Cancelled,
        Form::Deadline => Expected::TimedOut(TimeLimit::Deadline),
        Form::IdleTimeout if condition != Drip => Expected::TimedOut(TimeLimit::IdleTimeout),
        Form::ReadTimeout | Form::IdleTimeout => Expected::TimedOut(TimeLimit::ReadTimeout),
        Form::Argument if row.takes == Takes::Deadline => Expected::TimedOut(TimeLimit::Deadline),
        Form::Argument => Expected::TimedOut(TimeLimit::Timeout),
    };
    watch.judge(expected, &result)?;
    if form == Form::Token {
        // Nothing can be read from a connection that is cancelled.
        return Ok(());
    }

    // Nothing that arrived is lost.
    connection.set_deadline(None);
    connection.set_idle_timeout(None);
    connection.set_read_timeout(PATIENCE);
    peer.finish();
    let mut all = result.unwrap_or_default();
    if let Some(rival) = rival {
        all.extend(rival.join().map_err(|_| "the other thread panicked".to_owned())?.unwrap_or_default());
    }
    all.extend(subject.rest().map_err(|error| format!("the rest: {error}"))?);
    ensure(all == meaning, || format!("{} bytes of {} arrived, or others", all.len(), meaning.len()))
}

/// Sets the limit of the form, and makes the call.
fn call(
    row: &Row,
    form: Form,
    condition: Condition,
    connection: &TcpConnection,
    subject: &mut dyn Subject,
    entered: &Entered,
) -> (Watch, Result<Vec<u8>, Error>) {
    connection.set_read_timeout(OTHER_LIMIT);
    let mut limit = OTHER_LIMIT;
    let due = Instant::now() + LIMIT;
    match form {
        Form::ReadTimeout => connection.set_read_timeout(LIMIT),
        Form::IdleTimeout if condition == Condition::Drip => {
            connection.set_idle_timeout(OTHER_LIMIT);
            connection.set_read_timeout(LIMIT);
        }
        Form::IdleTimeout => connection.set_idle_timeout(LIMIT),
        Form::Deadline => connection.set_deadline(due),
        Form::Argument => limit = LIMIT,
        Form::Token => {}
    }
    let argument = match row.takes {
        Takes::Nothing => Argument::None,
        Takes::Timeout => Argument::Timeout(limit),
        Takes::Deadline if form == Form::Argument => Argument::Deadline(due),
        Takes::Deadline => Argument::Deadline(due + limit),
    };
    let is_deadline =
        form == Form::Deadline || (form == Form::Argument && matches!(argument, Argument::Deadline(_)));
    let watch = if is_deadline { Watch::of_deadline(due) } else { Watch::of_timeout(LIMIT) };
    entered.enter();
    (watch, subject.call(argument))
}

/// Another thread in the same call, on the same socket, with a later limit.
fn start_rival(
    row: &'static Row,
    connection: &TcpConnection,
) -> std::thread::JoinHandle<Result<Vec<u8>, Error>> {
    let mut subject = (row.open)(connection.clone());
    let entered = Arc::new(Entered::new());
    let inside = entered.clone();
    connection.set_read_timeout(OTHER_LIMIT);
    let thread = std::thread::spawn(move || {
        let argument = match row.takes {
            Takes::Nothing => Argument::None,
            Takes::Timeout => Argument::Timeout(OTHER_LIMIT),
            Takes::Deadline => Argument::Deadline(Instant::now() + OTHER_LIMIT),
        };
        inside.enter();
        subject.call(argument)
    });
    entered.wait();
    thread
}
