//! Memory and work stay in proportion, whatever a peer sends: counted by the allocator.

use std::io::{self, Write};

use crate::kit::allocations::{KIB, allocated};
use crate::kit::frames::{Script, feed};
use socketry::Encoding;
use socketry::frame::{Delimited, FixedLength, Framed, Framing, LengthPrefixed, Lines};

fn peak_bytes(work: impl FnOnce()) -> isize {
    allocated(work).most
}

fn allocation_count(work: impl FnOnce()) -> usize {
    allocated(work).calls
}

/// Feeds chunk after chunk of 64 KiB and counts what is received and what is refused.
fn flood(mut framing: impl Framing, chunk: &[u8], chunks: usize) -> (usize, usize) {
    let (mut events, mut frames, mut errors) = (Vec::new(), 0, 0);
    for _ in 0..chunks {
        feed(&mut framing, chunk, &mut events);
        for event in events.drain(..) {
            if event.contains("longer than") { errors += 1 } else { frames += 1 }
        }
    }
    (frames, errors)
}

#[test]
fn endless_frame_is_refused_once_and_not_buffered() {
    let chunk = vec![b'x'; 64 * 1024];
    for encoding in [Encoding::Utf8, Encoding::Gb18030] {
        let most = peak_bytes(|| {
            assert_eq!(flood(Lines::new(encoding).max_length(1_000_000), &chunk, 160), (0, 1));
        });
        // The limit, doubled as it grew, and the chunk.
        assert!(most < 3 * 1024 * KIB, "{encoding}: {} KiB", most / KIB);
        let most = peak_bytes(|| assert_eq!(flood(Lines::new(encoding), &chunk, 160), (0, 1)));
        assert!(most < 600 * KIB, "{encoding}: {} KiB", most / KIB);
    }
    let most = peak_bytes(|| assert_eq!(flood(Delimited::new("\r\n"), &chunk, 160), (0, 1)));
    assert!(most < 250 * KIB, "{} KiB", most / KIB);
}

#[test]
fn declared_length_is_not_preallocated() {
    for header in [&(usize::MAX as u64).to_be_bytes(), &(usize::MAX as u64 / 2).to_be_bytes()] {
        let most = peak_bytes(|| {
            let mut frames = LengthPrefixed::u64().max_length(usize::MAX);
            let mut events = Vec::new();
            feed(&mut frames, header, &mut events);
            feed(&mut frames, &[1; 1000], &mut events);
            frames.set_eof();
            assert!(frames.poll().is_err());
        });
        assert!(most < 32 * KIB, "{most}");
    }
    let most = peak_bytes(|| {
        let mut frames = LengthPrefixed::u64();
        let mut events = Vec::new();
        feed(&mut frames, &[0xFF; 8], &mut events);
        for _ in 0..100 {
            feed(&mut frames, &[0; 64 * 1024], &mut events);
        }
        assert_eq!(events.len(), 1);
        assert!(events[0].starts_with("frame of 18446744073709551615 bytes"), "{events:?}");
    });
    assert!(most < 200 * KIB, "{} KiB", most / KIB);
}

#[test]
fn recv_with_reply_does_not_allocate_and_shrink_frees() {
    let bytes = b"0123456789 0123456789 0123456789\n".repeat(20_000);
    let mut lines = Framed::new(Script::of([&bytes[..]]), Lines::new(Encoding::Utf8));
    let calls = allocation_count(|| assert_eq!(lines.framing().frame(), ""));
    assert_eq!(calls, 0);
    for _ in 0..10_000 {
        let (line, mut reply) = lines.recv_with_reply().unwrap().unwrap();
        reply.send(line).unwrap();
    }
    let mut most_calls = 0;
    for _ in 0..9_000 {
        let calls = allocation_count(|| {
            let (line, mut reply) = lines.recv_with_reply().unwrap().unwrap();
            reply.feed(line).unwrap();
        });
        most_calls = most_calls.max(calls);
    }
    // The scripted stream keeps what was written: one allocation, and the growth of its list.
    assert!(most_calls <= 3, "{most_calls}");

    let mut lines = Lines::new(Encoding::Gb2312);
    feed(&mut lines, &b"abc\n".repeat(50_000), &mut Vec::new());
    let released = -allocated(|| lines.shrink()).held;
    assert!(released > 100 * KIB, "{released}");
    assert!(lines.is_empty());
}

/// What is written makes room for what is sent, also where something is held all the time.
#[test]
fn send_to_slow_stream_keeps_memory_bounded() {
    struct Slow(bool);
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = !self.0;
            if self.0 { Ok(bytes.len().min(1000)) } else { Err(io::ErrorKind::WouldBlock.into()) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut frames = Framed::new(Slow(false), FixedLength::new(1000));
    for _ in 0..10 {
        frames.feed([0; 1000]).unwrap();
    }
    let most = peak_bytes(|| {
        for _ in 0..10_000 {
            assert!(frames.send([0; 1000]).is_err_and(|error| error.is_timeout()));
        }
    });
    assert_eq!(frames.pending(), 10_000);
    assert!(most < 64 * KIB, "{} KiB", most / KIB);
}

/// Quadratic work would take hours here.
#[test]
fn long_line_fed_bytewise_takes_linear_time() {
    for delimiter in ["\n", "\r\n\r\n"] {
        let mut lines = Lines::delimited_by(Encoding::Utf8, delimiter).unwrap().max_length(1 << 20);
        let mut frames = Delimited::new(delimiter).max_length(1 << 20);
        for _ in 0..1 << 20 {
            for framing in [&mut lines as &mut dyn Bytewise, &mut frames] {
                framing.take(b'\r');
            }
        }
        for byte in delimiter.bytes() {
            lines.take(byte);
            frames.take(byte);
        }
        assert_eq!((lines.frame().len(), frames.frame().len()), (1 << 20, 1 << 20));
    }
}

trait Bytewise {
    fn take(&mut self, byte: u8);
}

impl<F: Framing> Bytewise for F {
    fn take(&mut self, byte: u8) {
        self.spare()[0] = byte;
        self.advance(1);
        self.poll().unwrap();
    }
}

/// Tiny lines, and each of them malformed.
#[test]
fn chunks_of_tiny_frames_take_linear_time() {
    let (lines, _) = flood(Lines::new(Encoding::Utf8), &b"\n".repeat(64 * 1024), 4);
    assert_eq!(lines, 4 * 64 * 1024);
    for encoding in crate::kit::frames::encodings() {
        let line = [&b"\xFF\xFF"[..], &encoding.encode("\n").unwrap()].concat();
        let (errors, _) = flood(Lines::new(encoding), &line.repeat(16 * 1024), 4);
        assert!(errors >= 4 * 16 * 1024 || encoding.name() == "utf-16le", "{encoding}: {errors}");
    }
    let (frames, _) = flood(LengthPrefixed::u8(), &vec![0; 64 * 1024], 4);
    assert_eq!(frames, 4 * 64 * 1024);
}
