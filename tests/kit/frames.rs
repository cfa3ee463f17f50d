//! Words for the tests of frames: a stream that does what is written down, and a framing fed by
//! hand.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::io::{self, Read, Write};

use socketry::Encoding;
use socketry::frame::{FrameError, Framing};
use socketry::text::OnInvalid;

/// Feeds the pieces and ends the stream: what was received, in words.
pub fn events<F: Framing>(mut framing: F, pieces: &[&[u8]]) -> Vec<String> {
    let mut events = Vec::new();
    for piece in pieces {
        feed(&mut framing, piece, &mut events);
    }
    framing.set_eof();
    poll(&mut framing, &mut events);
    assert!(matches!(framing.poll(), Ok(false)), "after the end there is nothing");
    events
}

/// Feeds one piece, of any length, and receives what is there.
pub fn feed<F: Framing>(framing: &mut F, mut piece: &[u8], events: &mut Vec<String>) {
    while !piece.is_empty() {
        let room = framing.spare();
        let count = room.len().min(piece.len());
        room[..count].copy_from_slice(&piece[..count]);
        framing.advance(count);
        piece = &piece[count..];
        poll(framing, events);
    }
}

fn poll<F: Framing>(framing: &mut F, events: &mut Vec<String>) {
    loop {
        match framing.poll() {
            Ok(false) => return,
            Ok(true) => {
                let frame = format!("{:?}", framing.frame());
                let more = framing.has_next();
                assert_eq!(format!("{:?}", framing.frame()), frame, "has_next leaves the frame");
                events.push(frame);
                if more {
                    let next = framing.poll();
                    assert!(matches!(next, Ok(true)), "has_next has promised a frame: {next:?}");
                    events.push(format!("{:?}", framing.frame()));
                }
            }
            Err(error) => events.push(words(&error)),
        }
    }
}

/// What an error says of the stream. How much of the last piece was used is not part of it.
pub fn words(error: &FrameError) -> String {
    match error {
        FrameError::UnexpectedEof { partial, .. } => format!("{error}: {}", partial.escape_ascii()),
        FrameError::Text(text) => format!("not text: {:02X?} at {}", text.bytes(), text.offset()),
        error => error.to_string(),
    }
}

/// The same events with the stream cut at every byte, in bytes, in small pieces and with the memory
/// given back between.
#[track_caller]
pub fn assert_split_independent<F: Framing>(framing: &F, bytes: &[u8]) -> Vec<String> {
    let whole = events(framing.new_like(), &[bytes]);
    for cut in 0..=bytes.len() {
        let (front, back) = bytes.split_at(cut);
        assert_eq!(events(framing.new_like(), &[front, back]), whole, "cut at {cut} of {bytes:02X?}");
    }
    for size in [1, 2, 3, 7] {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        assert_eq!(events(framing.new_like(), &pieces), whole, "in pieces of {size}: {bytes:02X?}");
        let (mut released, mut heard) = (framing.new_like(), Vec::new());
        for piece in pieces {
            feed(&mut released, piece, &mut heard);
            released.shrink();
        }
        released.set_eof();
        poll(&mut released, &mut heard);
        assert_eq!(heard, whole, "given back after pieces of {size}: {bytes:02X?}");
    }
    whole
}

/// The bytes of these frames.
pub fn encoded<F: Framing>(framing: &F, frames: &[impl Borrow<F::Frame>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        framing.encode(frame.borrow(), &mut bytes).expect("a frame that can be sent");
    }
    bytes
}

/// The encodings with which text is tested: one byte for ASCII, pairs, four bytes, two bytes
/// always.
pub fn encodings() -> Vec<Encoding> {
    let web = ["utf-16le", "shift_jis", "big5", "iso-2022-jp"];
    let web = web.map(|label| Encoding::for_label(label).expect("a label of the Web"));
    [Encoding::Utf8, Encoding::Gb2312, Encoding::Gbk, Encoding::Gb18030].into_iter().chain(web).collect()
}

/// The text with `?` for what the encoding does not have.
pub fn replace_unencodable(encoding: Encoding, text: &str) -> String {
    let bytes = encoding.encode_with(text, OnInvalid::Replace).expect("replaced");
    encoding.decode(&bytes).expect("our own").into_owned()
}

/// What a [`Script`] does at one call.
#[derive(Clone, Debug)]
pub enum Step {
    /// A read brings these bytes, a write takes at most so many.
    Bytes(Vec<u8>),
    WriteUpTo(usize),
    Fail(io::ErrorKind),
}

/// A stream that does what is written down. Its end is the end of the steps for reading; when those
/// for writing are used up, a write takes all.
#[derive(Debug, Default)]
pub struct Script {
    pub reads: VecDeque<Step>,
    pub takes: VecDeque<Step>,
    /// What each call of `write` has taken.
    pub writes: Vec<Vec<u8>>,
}

impl Script {
    pub fn reading(reads: impl IntoIterator<Item = Step>) -> Script {
        Script { reads: reads.into_iter().collect(), ..Script::default() }
    }

    /// Each piece comes with one read.
    pub fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Script {
        Script::reading(pieces.into_iter().map(|piece| Step::Bytes(piece.to_vec())))
    }

    pub fn written(&self) -> Vec<u8> {
        self.writes.concat()
    }
}

impl Read for Script {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.reads.pop_front() {
            None => Ok(0),
            Some(Step::Fail(kind)) => Err(kind.into()),
            Some(Step::WriteUpTo(_)) => panic!("a step for writing"),
            Some(Step::Bytes(mut bytes)) => {
                let count = bytes.len().min(room.len());
                room[..count].copy_from_slice(&bytes[..count]);
                let rest = bytes.split_off(count);
                if !rest.is_empty() {
                    self.reads.push_front(Step::Bytes(rest));
                }
                Ok(count)
            }
        }
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match self.takes.pop_front() {
            None => bytes.len(),
            Some(Step::Fail(kind)) => return Err(kind.into()),
            Some(Step::Bytes(_)) => panic!("a step for reading"),
            Some(Step::WriteUpTo(most)) => bytes.len().min(most),
        };
        self.writes.push(bytes[..count].to_vec());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
