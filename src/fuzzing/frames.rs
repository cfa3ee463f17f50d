//! Frames of any kind out of a stream that is cut anywhere.

use std::fmt::Debug;

use super::choices::{Choices, Cuts};
use super::frame_model::{self as model, Event, Expected, LineRules};
use super::text::is_faithful;
use crate::proto::frame::{Delimited, FixedLength, Framing, LengthPrefixed, LineEnding, Lines, TextChunks};
use crate::proto::text::Decoder;

/// What is received, and how many bytes had arrived when it was.
type Received = Vec<(Event, usize)>;

fn poll_all<F: Framing + Debug>(framing: &mut F, given: usize, most: usize, received: &mut Received)
where
    F::Frame: AsRef<[u8]>,
{
    loop {
        assert!(received.len() <= most, "more frames than bytes");
        let before = AsRef::<[u8]>::as_ref(framing.frame()).to_vec();
        let is_promised = framing.has_next();
        assert_eq!(AsRef::<[u8]>::as_ref(framing.frame()), before, "has_next leaves the frame");
        let polled = framing.poll();
        assert!(!is_promised || polled == Ok(true), "has_next has promised a frame: {polled:?}");
        match polled {
            Ok(true) => {
                let frame = AsRef::<[u8]>::as_ref(framing.frame()).to_vec();
                received.push((Event::Frame(frame), given));
            }
            Ok(false) => return,
            Err(error) => received.push((error.into(), given)),
        }
    }
}

fn receive<F: Framing + Debug>(mut framing: F, pieces: &[&[u8]], releases: bool) -> Received
where
    F::Frame: AsRef<[u8]>,
{
    let (mut received, mut given) = (Vec::new(), 0);
    let most = pieces.iter().map(|piece| piece.len()).sum::<usize>() + 2;
    for mut piece in pieces.iter().copied() {
        while !piece.is_empty() {
            let room = framing.spare();
            let count = room.len().min(piece.len());
            room[..count].copy_from_slice(&piece[..count]);
            framing.advance(count);
            piece = &piece[count..];
            given += count;
            poll_all(&mut framing, given, most, &mut received);
            if releases {
                framing.shrink();
            }
        }
    }
    framing.set_eof();
    poll_all(&mut framing, given, most, &mut received);
    assert_eq!(framing.poll(), Ok(false), "after the end there is nothing");
    received
}

/// Pieces of raw text are what reads bring; together they are the text.
fn joined(received: Received) -> Received {
    let mut joined: Received = Vec::new();
    for (event, given) in received {
        match (joined.last_mut(), event) {
            (Some((Event::Frame(text), _)), Event::Frame(more)) => text.extend(more),
            (_, event) => joined.push((event, given)),
        }
    }
    joined
}

/// However it is cut, the stream is what it is as a whole, and what is too long is said as soon as that is sure.
fn check<F: Framing + Debug>(
    framing: &F,
    choices: Choices<'_>,
    expected: impl Fn(&[u8]) -> Expected,
    joins: bool,
) where
    F::Frame: AsRef<[u8]>,
{
    let mut choices = choices;
    let (cuts, releases) = (choices.cuts(), choices.is());
    let bytes = choices.rest();
    let Expected { events, due } = expected(bytes);
    let ways =
        [(vec![bytes], false), (cuts.pieces(bytes), releases), (Cuts::single_bytes().pieces(bytes), false)];
    for (way, (pieces, releases)) in ways.iter().enumerate() {
        let received = receive(framing.new_like(), pieces, *releases);
        let received = if joins { joined(received) } else { received };
        let heard: Vec<&Event> = received.iter().map(|(event, _)| event).collect();
        assert_eq!(heard, events.iter().collect::<Vec<_>>(), "{framing:?}, way {way}: {bytes:02X?}");
        if way == 2 {
            for ((event, given), due) in received.iter().zip(&due) {
                assert!(due.is_none_or(|due| *given <= due), "{event:?} after {given} bytes, due by {due:?}");
            }
        }
    }
}

/// What can be sent arrives as it was sent, alone and between two others; what cannot be leaves nothing.
fn sent<F: Framing + Debug>(framing: &F, frame: &F::Frame, joins: bool)
where
    F::Frame: AsRef<[u8]>,
{
    let mut bytes = Vec::from("before");
    if framing.encode(frame, &mut bytes).is_err() {
        assert_eq!(bytes, b"before");
        return;
    }
    let one = bytes.split_off("before".len());
    let frame = AsRef::<[u8]>::as_ref(frame);
    for times in [1, 3] {
        let stream = one.repeat(times);
        let mut heard: Vec<Event> =
            receive(framing.new_like(), &[&stream], false).into_iter().map(|(event, _)| event).collect();
        if joins {
            let text = heard.iter().flat_map(|event| match event {
                Event::Frame(text) => text.clone(),
                other => panic!("{other:?}"),
            });
            heard = vec![Event::Frame(text.collect())];
            assert_eq!(heard, [Event::Frame(frame.repeat(times))], "{framing:?}");
        } else {
            assert_eq!(heard, vec![Event::Frame(frame.to_vec()); times], "{framing:?} {one:02X?}");
        }
    }
}

fn limit(choices: &mut Choices<'_>) -> usize {
    match choices.below(4) {
        0 => choices.below(4),
        1 => choices.below(256),
        2 => 64 * 1024,
        _ => 5 + choices.below(16),
    }
}

/// Lines, the rules that they should follow, and their encoding and policy.
fn line_rules(choices: &mut Choices<'_>) -> Option<(Lines, LineRules, Decoder)> {
    let (encoding, policy, limit) = (choices.encoding(), choices.policy(), limit(choices));
    let accepts_unterminated = choices.is();
    let delimited_by =
        |delimiter: &str| Some((Lines::delimited_by(encoding, delimiter).ok()?, delimiter.to_owned()));
    let ends_with_lf = choices.is();
    let (lines, delimiter) = match (ends_with_lf, choices.is()) {
        (false, false) => delimited_by(&String::from_utf8_lossy(choices.take(3)))?,
        (false, true) => delimited_by(choices.pick(&[";", "；", "\r\n", "\0", ";;", "。，", "\n", "  "]))?,
        (true, false) => (Lines::new(encoding), String::from("\n")),
        (true, true) => (Lines::new(encoding).ending(LineEnding::CrLf), String::from("\n")),
    };
    let lines = lines.policy(policy).max_length(limit).accept_unterminated(accepts_unterminated);
    let rules = LineRules { delimiter, ends_with_lf, limit, accepts_unterminated };
    Some((lines, rules, encoding.decoder().with_policy(policy)))
}

fn fixed(mut choices: Choices<'_>) {
    let length = 1 + choices.below(40);
    let framing = FixedLength::new(length);
    sent(&framing, choices.clone().take(length), false);
    check(&framing, choices, |bytes| model::fixed(bytes, length), false);
}

fn prefixed(mut choices: Choices<'_>) {
    let (width, framing) = match choices.below(4) {
        0 => (1, LengthPrefixed::u8()),
        1 => (2, LengthPrefixed::u16()),
        2 => (4, LengthPrefixed::u32()),
        _ => (8, LengthPrefixed::u64()),
    };
    let (is_little_endian, limit) = (choices.is(), limit(&mut choices));
    let framing = if is_little_endian { framing.little_endian() } else { framing }.max_length(limit);
    // The limit is no more than the number can say.
    let limit = if width == 1 { limit.min(255) } else { limit.min(if width == 2 { 65_535 } else { limit }) };
    sent(&framing, choices.clone().rest(), false);
    check(&framing, choices, |bytes| model::prefixed(bytes, width, is_little_endian, limit), false);
}

fn delimited(mut choices: Choices<'_>) {
    let delimiter = match choices.below(4) {
        0 => choices.take(3),
        1 => choices.pick(&[&b"aa"[..], b"aba", b"\r\n", b"ab"]),
        _ => b"\0",
    };
    let delimiter = if delimiter.is_empty() { b"\n" } else { delimiter };
    let limit = limit(&mut choices);
    let framing = Delimited::new(delimiter).max_length(limit);
    sent(&framing, choices.clone().rest(), false);
    check(&framing, choices, |bytes| model::delimited(bytes, delimiter, limit), false);
}

fn raw_text(mut choices: Choices<'_>) {
    let (encoding, policy) = (choices.encoding(), choices.policy());
    let framing = TextChunks::new(encoding).policy(policy);
    let text = String::from_utf8_lossy(choices.clone().rest());
    if !text.is_empty() && is_faithful(encoding, &text) {
        sent(&framing, &text, true);
    }
    let decoder = || encoding.decoder().with_policy(policy);
    check(&framing, choices, |bytes| model::raw_text(bytes, decoder()), true);
}

fn lines(mut choices: Choices<'_>) {
    let Some((lines, rules, decoder)) = line_rules(&mut choices) else { return };
    let text = String::from_utf8_lossy(choices.clone().rest());
    if is_faithful(decoder.encoding(), &text) {
        sent(&lines, &text, false);
    }
    let decoder = || decoder.encoding().decoder().with_policy(decoder.policy());
    check(&lines, choices, |bytes| model::lines(bytes, decoder(), &rules), false);
}

/// Streams of frames, and frames that are sent.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.below(7) {
        0 => fixed(choices),
        1 => prefixed(choices),
        2 => delimited(choices),
        3 => raw_text(choices),
        _ => lines(choices),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn framings_match_model_for_any_split() {
        crate::fuzzing::trial::holds("frames", super::property);
    }
}
