//! What a parent and its workers tell each other.

use super::choices::Choices;
use crate::proto::control::{MOST_BYTES, MOST_FIELDS, Note};

/// The notes of a stream, and whether it ended with what is none.
fn taken(pieces: &[&[u8]]) -> (Vec<Note>, Option<String>) {
    let (mut arrived, mut notes) = (Vec::new(), Vec::new());
    for piece in pieces {
        arrived.extend_from_slice(piece);
        loop {
            match Note::take(&mut arrived) {
                Ok(Some(note)) => notes.push(note),
                Ok(None) => break,
                Err(error) => return (notes, Some(error.to_string())),
            }
        }
        assert!(arrived.len() < MOST_BYTES, "more is kept than a note has");
    }
    (notes, None)
}

/// Notes are the same however the stream is cut, and each is read as it was written.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let cuts = choices.cuts();
    let bytes = choices.rest();
    let whole = taken(&[bytes]);
    assert_eq!(taken(&cuts.pieces(bytes)), whole);
    for note in whole.0 {
        let bytes = note.encode();
        assert!(bytes.len() <= MOST_BYTES && bytes.len() <= 2 + 8 * MOST_FIELDS);
        assert_eq!(taken(&[&bytes]), (vec![note], None));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn control_messages_round_trip_over_split_reads() {
        crate::fuzzing::trial::holds("control", super::property);
    }
}
