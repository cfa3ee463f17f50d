//! An echo of lines of 64 bytes to a client that does not wait for each, on a processor each.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::TcpStream;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use socketry::Encoding;
use socketry::frame::{Framed, Lines};
use tokio_util::codec::{Framed as TokioFramed, LinesCodec};

use super::clock::Clock;
use super::kit::{Variant, compare, is_smoke_run, print, variant};
use super::raw::{self, Aligned, Raw, pair};

const LINE: usize = 64;
const BATCH: usize = 1_000;
const BUFFER: usize = 64 * 1024;

/// What `tokio_util` takes by default.
const SMALL: usize = 8 * 1024;

/// So many batches are on their way at a time.
const AHEAD: usize = 4;

/// What writes every line by itself gets one batch for so many of the others'.
const FEWER: usize = 50;

fn batches() -> usize {
    if is_smoke_run() { FEWER } else { 10 * FEWER }
}

/// A line of 64 bytes that is the beginning of the text, filled up.
fn line(text: &str, encoding: Encoding) -> Vec<u8> {
    let mut line = Vec::new();
    for character in text.chars() {
        let bytes = encoding.encode(character.encode_utf8(&mut [0; 4])).expect("encodable").into_owned();
        if line.len() + bytes.len() < LINE {
            line.extend_from_slice(&bytes);
        }
    }
    line.resize(LINE - 1, b'.');
    line.push(b'\n');
    line
}

/// Times the server, which echoes to the end.
fn echoed(clock: Clock, batch: &[u8], batches: usize, serve: impl FnOnce(TcpStream)) -> Duration {
    let [client, server] = pair();
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            let _pinned = raw::pin(1);
            let (raw, mut answer) = (Raw::of(&client), Aligned::new(BATCH * LINE));
            let receive = |room: &mut [u8]| {
                let mut done = 0;
                while done < room.len() {
                    done += raw.recv(&mut room[done..]);
                }
            };
            for number in 0..batches {
                raw.send_all(batch);
                if number >= AHEAD {
                    receive(answer.room());
                }
            }
            client.shutdown(std::net::Shutdown::Write).unwrap();
            (0..batches.min(AHEAD)).for_each(|_| receive(answer.room()));
            assert_eq!(answer.room(), batch);
        });
        let _pinned = raw::pin(0);
        let time = clock.time(|| serve(server));
        asking.join().unwrap();
        time
    })
}

fn serve_raw(stream: TcpStream) {
    let (raw, mut buffer, mut held) = (Raw::of(&stream), Aligned::new(BUFFER), 0);
    let buffer = buffer.room();
    loop {
        let length = raw.recv(&mut buffer[held..]);
        if length == 0 {
            return;
        }
        let end = held + length;
        let whole = memchr::memrchr(b'\n', &buffer[held..end]).map_or(0, |last| held + last + 1);
        raw.send_all(&buffer[..whole]);
        buffer.copy_within(whole..end, 0);
        held = end - whole;
    }
}

/// The least that a program can do that looks at every line: it is found, checked, and copied to
/// the answers.
fn serve_by_hand(stream: TcpStream) {
    let (raw, mut buffer, mut held) = (Raw::of(&stream), Aligned::new(BUFFER), 0);
    let (buffer, mut answers) = (buffer.room(), Vec::with_capacity(BUFFER));
    loop {
        let length = raw.recv(&mut buffer[held..]);
        if length == 0 {
            return;
        }
        let (mut start, end) = (0, held + length);
        while let Some(length) = memchr::memchr(b'\n', &buffer[start..end]) {
            let line = std::str::from_utf8(&buffer[start..start + length]).unwrap();
            answers.extend_from_slice(line.as_bytes());
            answers.push(b'\n');
            start += length + 1;
        }
        raw.send_all(&answers);
        answers.clear();
        buffer.copy_within(start..end, 0);
        held = end - start;
    }
}

fn serve_borrowed(stream: TcpStream, encoding: Encoding) {
    let connection = raw::client().build().adopt(stream).unwrap();
    let mut lines = Framed::new(connection, Lines::new(encoding));
    while let Some((line, mut reply)) = lines.recv_with_reply().unwrap() {
        reply.send(line).unwrap();
    }
}

fn serve_owned(stream: TcpStream) {
    let connection = raw::client().build().adopt(stream).unwrap();
    let mut lines = connection.lines(Encoding::Utf8);
    while let Some(line) = lines.recv().unwrap() {
        lines.send(line).unwrap();
    }
}

fn serve_std(stream: TcpStream) {
    let mut reader = BufReader::with_capacity(BUFFER, &stream);
    let mut writer = BufWriter::with_capacity(BUFFER, &stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).unwrap() > 0 {
        writer.write_all(&line).unwrap();
        line.clear();
        if memchr::memchr(b'\n', reader.buffer()).is_none() {
            writer.flush().unwrap();
        }
    }
}

fn serve_tokio(stream: TcpStream, buffer: usize, send_each: bool) {
    raw::tokio_of_one_thread().block_on(async {
        let stream = raw::tokio_stream(stream);
        let mut lines = TokioFramed::with_capacity(stream, LinesCodec::new(), buffer);
        lines.set_backpressure_boundary(buffer);
        while let Some(line) = lines.next().await {
            let line = line.unwrap();
            if send_each {
                lines.send(line).await.unwrap();
                continue;
            }
            lines.feed(line).await.unwrap();
            if memchr::memchr(b'\n', lines.read_buffer()).is_none() {
                SinkExt::<String>::flush(&mut lines).await.unwrap();
            }
        }
    });
}

fn row<'a>(name: &str, clock: Clock, batch: &'a [u8], serve: impl Fn(TcpStream) + 'a) -> Variant<'a> {
    variant(name, move || echoed(clock, batch, batches(), &serve))
}

pub(crate) fn run() {
    let english = line("The quick brown fox jumps over the lazy dog, as foxes like to do", Encoding::Utf8);
    let text = "请输入要发送的数据：收到以后请回答，谢谢合作。再见，明天见。";
    let [utf_8, gb2312] =
        [Encoding::Utf8, Encoding::Gb2312].map(|encoding| line(text, encoding).repeat(BATCH));
    let english = english.repeat(BATCH);
    for (clock, addition) in Clock::BOTH {
        let addition = if addition.is_empty() { "" } else { ", processor time of the server" };
        let rows = vec![
            row("memrchr and send", clock, &english, serve_raw),
            row("memchr, from_utf8 and send, by hand", clock, &english, serve_by_hand),
            row("memchr, from_utf8 and send, Chinese", clock, &utf_8, serve_by_hand),
            row("socketry exchange, utf-8", clock, &english, |stream| serve_borrowed(stream, Encoding::Utf8)),
            row("socketry recv and send, utf-8", clock, &english, serve_owned),
            row("socketry exchange, utf-8, Chinese", clock, &utf_8, |stream| {
                serve_borrowed(stream, Encoding::Utf8);
            }),
            row("socketry exchange, gb2312, Chinese", clock, &gb2312, |stream| {
                serve_borrowed(stream, Encoding::Gb2312);
            }),
            row("read_until and BufWriter (bytes)", clock, &english, serve_std),
            row("tokio LinesCodec, feed, buffers of 8 KiB", clock, &english, |stream| {
                serve_tokio(stream, SMALL, false)
            }),
            row("tokio LinesCodec, feed", clock, &english, |stream| serve_tokio(stream, BUFFER, false)),
            row("tokio LinesCodec, feed, Chinese", clock, &utf_8, |stream| {
                serve_tokio(stream, BUFFER, false)
            }),
            variant("tokio LinesCodec, send each", || {
                let few = batches() / FEWER;
                echoed(clock, &english, few, |stream| serve_tokio(stream, SMALL, true)) * FEWER as u32
            }),
        ];
        print(&format!("echo of lines of 64 bytes{addition}"), batches() * BATCH, &compare(21, rows));
    }
}
