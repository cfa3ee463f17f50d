//! What a whole stream is in each framing, by looking at all of it at once: what the framings must find piece by piece.

use crate::proto::frame::FrameError;
use crate::proto::text::{Decoder, OnInvalid};

/// What is received, in an order that does not depend on how the stream was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Frame(Vec<u8>),
    TooLong(Option<u64>),
    Ended(Vec<u8>, Option<u64>),
    /// Bytes that are no text: where, which, and whether it was the end that made them so.
    Text(u64, Vec<u8>, bool),
}

impl From<FrameError> for Event {
    fn from(error: FrameError) -> Event {
        match error {
            FrameError::TooLong { length, .. } => Event::TooLong(length),
            FrameError::UnexpectedEof { partial, length } => Event::Ended(partial, length),
            FrameError::Text(error) => {
                Event::Text(error.offset(), error.bytes().to_vec(), error.is_incomplete())
            }
            other => panic!("nothing that is received is {other:?}"),
        }
    }
}

/// What should be received, and of each error about a length by which byte of the stream it must be said.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) events: Vec<Event>,
    pub(super) due: Vec<Option<usize>>,
}

impl Expected {
    fn push(&mut self, event: Event, due: Option<usize>) {
        self.events.push(event);
        self.due.push(due);
    }
}

pub(super) fn fixed(bytes: &[u8], length: usize) -> Expected {
    let mut expected = Expected::default();
    for chunk in bytes.chunks(length) {
        let is_whole = chunk.len() == length;
        let partial = || Event::Ended(chunk.to_vec(), Some(length as u64));
        expected.push(if is_whole { Event::Frame(chunk.to_vec()) } else { partial() }, None);
    }
    expected
}

pub(super) fn prefixed(bytes: &[u8], width: usize, is_little_endian: bool, limit: usize) -> Expected {
    let mut expected = Expected::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((prefix, behind)) = rest.split_at_checked(width) else {
            expected.push(Event::Ended(rest.to_vec(), None), None);
            break;
        };
        let mut number = [0; 8];
        number[8 - width..].copy_from_slice(prefix);
        if is_little_endian {
            number[8 - width..].reverse();
        }
        let length = u64::from_be_bytes(number);
        let frame = usize::try_from(length).ok().and_then(|length| behind.get(..length));
        if length > limit as u64 {
            let due = bytes.len() - behind.len();
            expected.push(Event::TooLong(Some(length)), Some(due));
        } else {
            let partial = || Event::Ended(behind.to_vec(), Some(length));
            expected.push(frame.map_or_else(partial, |frame| Event::Frame(frame.to_vec())), None);
        }
        rest = frame.map_or(&[], |frame| &behind[frame.len()..]);
    }
    expected
}

pub(super) fn delimited(bytes: &[u8], delimiter: &[u8], limit: usize) -> Expected {
    let mut expected = Expected::default();
    let mut start = 0;
    loop {
        let rest = &bytes[start..];
        let end = rest.windows(delimiter.len()).position(|window| window == delimiter);
        // From there on no delimiter can save it.
        let hopeless = start + limit + delimiter.len();
        match end {
            Some(end) if end <= limit => expected.push(Event::Frame(rest[..end].to_vec()), None),
            Some(_) => expected.push(Event::TooLong(None), Some(hopeless)),
            None if rest.len() >= limit + delimiter.len() => {
                expected.push(Event::TooLong(None), Some(hopeless))
            }
            None if !rest.is_empty() => expected.push(Event::Ended(rest.to_vec(), None), None),
            None => {}
        }
        let Some(end) = end else { return expected };
        start += end + delimiter.len();
    }
}

/// How lines are found in text.
#[derive(Clone, Debug)]
pub(super) struct LineRules {
    pub(super) delimiter: String,
    pub(super) ends_with_lf: bool,
    pub(super) limit: usize,
    pub(super) accepts_unterminated: bool,
}

/// The runs of text in a stream, and the fault behind each but the last.
fn runs(mut decoder: Decoder, bytes: &[u8]) -> Vec<(String, Option<Event>)> {
    let (mut runs, mut rest) = (Vec::new(), bytes);
    loop {
        let mut text = String::new();
        let Err(error) = decoder.decode(rest, &mut text) else {
            let end = decoder.finish(&mut text).err().map(|error| Event::from(FrameError::Text(error)));
            let is_faulty = end.is_some();
            runs.push((text, end));
            if is_faulty {
                runs.push((String::new(), None));
            }
            return runs;
        };
        rest = &rest[error.consumed()..];
        runs.push((text, Some(FrameError::Text(error).into())));
    }
}

pub(super) fn lines(bytes: &[u8], decoder: Decoder, rules: &LineRules) -> Expected {
    let mut expected = Expected::default();
    let mut is_skipping = false;
    // In UTF-8 without faults the text is the stream.
    let is_plain = decoder.policy() == OnInvalid::Strict && std::str::from_utf8(bytes).is_ok();
    let is_plain = is_plain && decoder.encoding().name() == "utf-8";
    let ending = if rules.ends_with_lf { 2 } else { rules.delimiter.len() };
    let hopeless = rules.limit + ending;
    for (text, fault) in runs(decoder, bytes) {
        let mut start = 0;
        // A character counts when its last byte has come.
        let due = |start: usize| is_plain.then_some(start + hopeless + 3);
        let content = |line: &str| line.len() - usize::from(rules.ends_with_lf && line.ends_with('\r'));
        while let Some(end) = text[start..].find(&rules.delimiter) {
            let line = &text[start..start + end];
            if std::mem::take(&mut is_skipping) {
                // It was refused before.
            } else if content(line) > rules.limit {
                expected.push(Event::TooLong(None), due(start));
            } else {
                expected.push(Event::Frame(line.as_bytes()[..content(line)].to_vec()), None);
            }
            start += end + rules.delimiter.len();
        }
        let rest = &text[start..];
        if !is_skipping && rest.len() >= hopeless {
            is_skipping = true;
            expected.push(Event::TooLong(None), due(start));
        }
        if let Some(fault) = fault {
            if !std::mem::replace(&mut is_skipping, true) {
                expected.push(fault, None);
            }
        } else if !is_skipping && !rest.is_empty() {
            let frame = &rest.as_bytes()[..content(rest)];
            let event = if frame.len() > rules.limit {
                Event::TooLong(None)
            } else if rules.accepts_unterminated {
                Event::Frame(frame.to_vec())
            } else {
                Event::Ended(rest.as_bytes().to_vec(), None)
            };
            expected.push(event, None);
        }
    }
    expected
}

/// Text as it arrives; what stands between two faults is one frame.
pub(super) fn raw_text(bytes: &[u8], decoder: Decoder) -> Expected {
    let mut expected = Expected::default();
    for (text, fault) in runs(decoder, bytes) {
        if !text.is_empty() {
            expected.push(Event::Frame(text.into_bytes()), None);
        }
        if let Some(fault) = fault {
            expected.push(fault, None);
        }
    }
    expected
}
