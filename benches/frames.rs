//! Lines of 64 bytes out of memory, ours against the standard library's and tokio-util's:
//! `cargo bench --bench frames`.
//!
//! Decoding alone: the stream is a slice that is read as a socket would be, by copying. Each figure
//! is for one line, with everything that it takes; the ratio is to our borrowed lines of the same
//! text, more is faster.

mod kit;

use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::time::Duration;

use bytes::BytesMut;
use kit::{Variant, compare, print, timed, variant};
use socketry::Encoding;
use socketry::frame::{Delimited, FrameReader, Framed, Framing, LengthPrefixed, Lines};
use tokio_util::codec::{Decoder, LinesCodec};

/// The length of a line in bytes, with its LF.
const LINE: usize = 64;

/// What a large read brings.
const CHUNK: usize = 64 * 1024;

fn main() {
    let count = if kit::is_smoke_run() { 1000 } else { 100_000 };
    let english = Stream::new(
        "The quick brown fox jumps over the lazy dog, as foxes like to do",
        Encoding::Utf8,
        count,
    );
    let chinese = "请输入要发送的数据：收到以后请回答，谢谢合作。再见，明天见。";
    let utf_8 = Stream::new(chinese, Encoding::Utf8, count);
    let gb2312 = Stream::new(chinese, Encoding::Gb2312, count);

    for (title, stream) in [("English, utf-8", &english), ("Chinese, utf-8", &utf_8)] {
        let rows = vec![
            stream.borrowed("Lines, recv_ref", || Lines::new(Encoding::Utf8)),
            stream.owned("Lines, recv", || Lines::new(Encoding::Utf8)),
            stream.borrowed("Delimited, recv_ref (bytes)", || Delimited::new("\n")),
            stream.chunked_slices("memchr and from_utf8 in the buffer itself"),
            stream.read_until("BufRead::read_until (bytes)"),
            stream.read_line("BufRead::read_line, one String"),
            stream.lines("BufRead::lines"),
            stream.tokio("tokio_util LinesCodec"),
        ];
        print(title, count, &compare(21, rows));
    }
    let rows = vec![
        utf_8.borrowed("Lines, recv_ref, utf-8", || Lines::new(Encoding::Utf8)),
        gb2312.borrowed("Lines, recv_ref, gb2312", || Lines::new(Encoding::Gb2312)),
        gb2312.borrowed("Lines, recv_ref, gb18030", || Lines::new(Encoding::Gb18030)),
        gb2312.decoded("read_until, and decoded line by line, gb2312"),
    ];
    print("Chinese, by encoding", count, &compare(21, rows));

    let prefixed = Stream { bytes: prefixed(count), count };
    let rows = vec![
        english.borrowed("Lines, recv_ref", || Lines::new(Encoding::Utf8)),
        prefixed.borrowed("LengthPrefixed, recv_ref", LengthPrefixed::u16),
    ];
    print("Bytes", count, &compare(21, rows));

    by_length(&english);

    let rows = vec![
        english.echoed("Framed::exchange, utf-8", || Lines::new(Encoding::Utf8)),
        english.echoed_by_std("read_line and BufWriter, utf-8"),
        utf_8.echoed("Framed::exchange, utf-8, Chinese", || Lines::new(Encoding::Utf8)),
        gb2312.echoed("Framed::exchange, gb2312, Chinese", || Lines::new(Encoding::Gb2312)),
        prefixed.echoed("Framed::exchange, LengthPrefixed", LengthPrefixed::u16),
    ];
    print("Echo, without a socket", count, &compare(21, rows));
}

/// Does a line cost more the longer it is, beyond its bytes? And more of many than of few?
fn by_length(lines: &Stream) {
    let bytes = lines.bytes.len();
    let streams = [64, 1_024, 16_384].map(|length| {
        let mut line = vec![b'x'; length];
        line[length - 1] = b'\n';
        (length, Stream { bytes: line.repeat(bytes / length), count: bytes / length })
    });
    let rows = streams
        .iter()
        .map(|(length, stream)| stream.borrowed(&length.to_string(), || Lines::new(Encoding::Utf8)));
    print("a KiB of lines, by their length", bytes / 1_024, &compare(21, rows.collect()));

    let streams = [1, 100, 10_000].map(|part| lines.first(lines.count / part));
    let rows = streams.iter().rev().map(|stream| {
        let times = lines.count / stream.count;
        let mut variant = stream.borrowed(&stream.count.to_string(), || Lines::new(Encoding::Utf8));
        let mut once = variant.run;
        variant.run = Box::new(move || (0..times).map(|_| once()).sum());
        variant
    });
    print("a line, by how many a stream has", lines.count, &compare(21, rows.collect()));
}

fn prefixed(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        LengthPrefixed::u16().encode(&[7; LINE - 2], &mut bytes).expect("short");
    }
    bytes
}

struct Stream {
    bytes: Vec<u8>,
    count: usize,
}

impl Stream {
    /// Lines of 64 bytes that are the beginnings of the text, filled up.
    fn new(text: &str, encoding: Encoding, count: usize) -> Stream {
        let mut line = Vec::new();
        for character in text.chars() {
            let bytes = encoding.encode(character.encode_utf8(&mut [0; 4])).expect("encodable").into_owned();
            if line.len() + bytes.len() < LINE {
                line.extend_from_slice(&bytes);
            }
        }
        line.resize(LINE - 1, b'.');
        line.push(b'\n');
        Stream { bytes: line.repeat(count), count }
    }

    /// So many lines of it.
    fn first(&self, count: usize) -> Stream {
        Stream { bytes: self.bytes[..count * LINE].to_vec(), count }
    }

    fn variant<'a>(&'a self, name: &str, count: impl Fn(&[u8]) -> usize + 'a) -> Variant<'a> {
        variant(name, move || -> Duration { timed(|| assert_eq!(count(&self.bytes), self.count)) })
    }

    fn borrowed<'a, F: Framing>(&'a self, name: &str, framing: impl Fn() -> F + 'a) -> Variant<'a> {
        self.variant(name, move |bytes| {
            let mut reader = FrameReader::new(bytes, framing());
            let mut count = 0;
            while let Some(frame) = reader.recv_ref().expect("frames") {
                black_box(frame);
                count += 1;
            }
            count
        })
    }

    fn owned<'a, F: Framing>(&'a self, name: &str, framing: impl Fn() -> F + 'a) -> Variant<'a> {
        self.variant(name, move |bytes| FrameReader::new(bytes, framing()).map(black_box).count())
    }

    fn echoed<'a, F: Framing>(&'a self, name: &str, framing: impl Fn() -> F + 'a) -> Variant<'a> {
        self.variant(name, move |bytes| {
            let mut frames = Framed::new(Unbuffered(bytes), framing());
            let mut count = 0;
            while let Some((frame, mut reply)) = frames.recv_with_reply().expect("frames") {
                reply.send(frame).expect("written");
                count += 1;
            }
            count
        })
    }

    fn echoed_by_std(&self, name: &str) -> Variant<'_> {
        self.variant(name, |bytes| {
            let mut reader = BufReader::with_capacity(CHUNK, Unbuffered(bytes));
            let mut writer = BufWriter::with_capacity(CHUNK, Unbuffered(&[]));
            let (mut line, mut count) = (String::new(), 0);
            while reader.read_line(&mut line).expect("text") > 0 {
                writer.write_all(line.as_bytes()).expect("written");
                line.clear();
                count += 1;
            }
            count
        })
    }

    fn lines(&self, name: &str) -> Variant<'_> {
        self.variant(name, |bytes| {
            BufReader::with_capacity(CHUNK, Unbuffered(bytes)).lines().map(black_box).count()
        })
    }

    fn read_line(&self, name: &str) -> Variant<'_> {
        self.variant(name, |bytes| {
            let (mut reader, mut line, mut count) =
                (BufReader::with_capacity(CHUNK, Unbuffered(bytes)), String::new(), 0);
            while reader.read_line(&mut line).expect("text") > 0 {
                black_box(&line);
                line.clear();
                count += 1;
            }
            count
        })
    }

    fn read_until(&self, name: &str) -> Variant<'_> {
        self.until(name, |line| {
            black_box(line);
        })
    }

    fn decoded(&self, name: &str) -> Variant<'_> {
        self.until(name, |line| {
            black_box(Encoding::Gb2312.decode(line).expect("text"));
        })
    }

    fn until<'a>(&'a self, name: &str, each: impl Fn(&[u8]) + 'a) -> Variant<'a> {
        self.variant(name, move |bytes| {
            let (mut reader, mut line, mut count) =
                (BufReader::with_capacity(CHUNK, Unbuffered(bytes)), Vec::new(), 0);
            while reader.read_until(b'\n', &mut line).expect("bytes") > 0 {
                each(&line);
                line.clear();
                count += 1;
            }
            count
        })
    }

    /// The least that a program can do by hand.
    fn chunked_slices(&self, name: &str) -> Variant<'_> {
        self.variant(name, |mut bytes| {
            let (mut buffer, mut held, mut count) = (vec![0; CHUNK], 0, 0);
            loop {
                let read = bytes.read(&mut buffer[held..]).expect("bytes");
                if read == 0 {
                    return count;
                }
                let end = held + read;
                let mut start = 0;
                while let Some(length) = memchr::memchr(b'\n', &buffer[start..end]) {
                    black_box(std::str::from_utf8(&buffer[start..start + length]).expect("text"));
                    start += length + 1;
                    count += 1;
                }
                buffer.copy_within(start..end, 0);
                held = end - start;
            }
        })
    }

    fn tokio(&self, name: &str) -> Variant<'_> {
        self.variant(name, |bytes| {
            let (mut codec, mut buffer, mut count) = (LinesCodec::new(), BytesMut::new(), 0);
            for chunk in bytes.chunks(CHUNK) {
                buffer.extend_from_slice(chunk);
                while let Some(line) = codec.decode(&mut buffer).expect("text") {
                    black_box(line);
                    count += 1;
                }
            }
            count
        })
    }
}

/// A slice that is no more than `Read`, as a socket is, and takes whatever is written.
struct Unbuffered<'a>(&'a [u8]);

impl Read for Unbuffered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Unbuffered<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(black_box(bytes).len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
