//! What a parent and its worker processes tell each other: short notes over a stream, the same for a program that was
//! started with another version of itself.
//!
//! ```text
//!  ┌───────┬─────┬──────────────────────────┐
//!  │ count │ tag │ count × u64, little end… │
//!  └───────┴─────┴──────────────────────────┘
//! ```
//!
//! A reader skips the tags and the fields that it does not know, and takes a field that is missing for 0.

use std::time::Duration;

/// The fields of a note, at most.
pub(crate) const MOST_FIELDS: usize = 32;

/// The bytes of a note, at most.
pub(crate) const MOST_BYTES: usize = 2 + 8 * MOST_FIELDS;

/// The version of the messages, which a parent sends first.
pub(crate) const VERSION: u64 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// To a worker: its index, the number of workers (0 if the parent does not say), and how long it may run without its parent. The
    /// listener comes with it.
    Begin { version: u64, number: u64, grace: Duration, workers: u64 },
    /// To a worker: exit, and leave the backlog to the others.
    Leave { grace: Duration },
    /// To a worker: end, and serve the queue before.
    Drain { grace: Duration },
    /// To a worker: try to accept. Another worker was killed after it was woken for a connection.
    Look,
    /// From a worker: it accepts connections.
    Ready,
    /// From a worker: its counters so far.
    Counters(Vec<u64>),
    /// From a worker: it serves no more, and these are its counters.
    Ended(Vec<u64>),
}

/// What is no note, so that nothing that follows can be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a note of {0} fields, which are more than there can be")]
pub(crate) struct NoNote(u8);

const BEGIN: u8 = 1;
const LEAVE: u8 = 2;
const DRAIN: u8 = 3;
const READY: u8 = 4;
const COUNTERS: u8 = 5;
const ENDED: u8 = 6;
const LOOK: u8 = 7;

impl Note {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (tag, fields): (u8, &[u64]) = match self {
            Note::Begin { version, number, grace, workers } => {
                (BEGIN, &[*version, *number, nanos(*grace), *workers])
            }
            Note::Leave { grace } => (LEAVE, &[nanos(*grace)]),
            Note::Drain { grace } => (DRAIN, &[nanos(*grace)]),
            Note::Look => (LOOK, &[]),
            Note::Ready => (READY, &[]),
            Note::Counters(counters) => (COUNTERS, counters),
            Note::Ended(counters) => (ENDED, counters),
        };
        let fields = &fields[..fields.len().min(MOST_FIELDS)];
        let mut bytes = vec![fields.len() as u8, tag];
        fields.iter().for_each(|field| bytes.extend(field.to_le_bytes()));
        bytes
    }

    /// Takes the first note out of what has arrived; `None` if it is not complete.
    pub(crate) fn take(arrived: &mut Vec<u8>) -> Result<Option<Note>, NoNote> {
        loop {
            let &[count, tag, ..] = arrived.as_slice() else { return Ok(None) };
            if usize::from(count) > MOST_FIELDS {
                return Err(NoNote(count));
            }
            let length = 2 + 8 * usize::from(count);
            let Some(bytes) = arrived.get(2..length) else { return Ok(None) };
            let fields = bytes
                .chunks_exact(8)
                .map(|field| field.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte)));
            let fields: Vec<u64> = fields.collect();
            arrived.drain(..length);
            if let Some(note) = Note::of(tag, fields) {
                return Ok(Some(note));
            }
        }
    }

    fn of(tag: u8, fields: Vec<u64>) -> Option<Note> {
        let field = |number: usize| fields.get(number).copied().unwrap_or(0);
        let grace = Duration::from_nanos;
        Some(match tag {
            BEGIN => {
                Note::Begin { version: field(0), number: field(1), grace: grace(field(2)), workers: field(3) }
            }
            LEAVE => Note::Leave { grace: grace(field(0)) },
            DRAIN => Note::Drain { grace: grace(field(0)) },
            LOOK => Note::Look,
            READY => Note::Ready,
            COUNTERS => Note::Counters(fields),
            ENDED => Note::Ended(fields),
            _ => return None,
        })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some_of_each() -> Vec<Note> {
        let grace = Duration::from_millis(4_500);
        vec![
            Note::Begin { version: VERSION, number: 3, grace, workers: 4 },
            Note::Ready,
            Note::Look,
            Note::Counters((0..14).collect()),
            Note::Leave { grace },
            Note::Drain { grace: Duration::ZERO },
            Note::Ended(vec![u64::MAX; MOST_FIELDS]),
        ]
    }

    #[test]
    fn messages_decode_across_any_split() {
        let notes = some_of_each();
        let bytes: Vec<u8> = notes.iter().flat_map(Note::encode).collect();
        for cut in 0..=bytes.len() {
            let (mut arrived, mut taken) = (Vec::new(), Vec::new());
            for part in [&bytes[..cut], &bytes[cut..]] {
                arrived.extend(part);
                while let Some(note) = Note::take(&mut arrived).unwrap() {
                    taken.push(note);
                }
            }
            assert_eq!((&taken, arrived.len()), (&notes, 0), "cut at {cut}");
        }
    }

    #[test]
    fn decoding_skips_unknown_types_and_defaults_missing_fields() {
        let mut arrived = [&[1, 99], &7_u64.to_le_bytes()[..], &[0, LEAVE], &[0, READY]].concat();
        assert_eq!(Note::take(&mut arrived), Ok(Some(Note::Leave { grace: Duration::ZERO })));
        assert_eq!(Note::take(&mut arrived), Ok(Some(Note::Ready)));
        assert_eq!(Note::take(&mut arrived), Ok(None));
    }

    #[test]
    fn field_count_above_limit_is_an_error() {
        assert_eq!(Note::take(&mut vec![33, COUNTERS]), Err(NoNote(33)));
    }

    proptest! {
        /// Whatever arrives, it ends, and nothing is kept that is longer than a note.
        #[test]
        fn decoding_any_bytes_terminates_with_bounded_buffer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut arrived = bytes;
            while let Ok(Some(_)) = Note::take(&mut arrived) {}
            prop_assert!(arrived.len() < MOST_BYTES || Note::take(&mut arrived).is_err());
        }
    }
}
