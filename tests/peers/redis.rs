//! `redis-benchmark`, with 500 connections and 64 commands in flight on each, against a server of RESP.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::sync::{Arc, Mutex};

use socketry::TcpConnection;
use socketry::tcp::HandlerResult;

use super::kit::needs;
use super::{Serving, output_of, server};

type Store = Mutex<HashMap<Vec<u8>, Vec<u8>>>;

/// A command is an array of strings, each after its length: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`.
fn command(
    input: &mut impl BufRead,
) -> Result<Option<Vec<Vec<u8>>>, Box<dyn std::error::Error + Send + Sync>> {
    let mut line = String::new();
    let mut length_after = |mark: &str, input: &mut dyn BufRead| {
        line.clear();
        input.read_line(&mut line)?;
        match line.trim_end().strip_prefix(mark) {
            Some(length) => Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Some(length.parse::<usize>()?)),
            None if line.is_empty() => Ok(None),
            None => Err(format!("{line:?} does not begin with {mark:?}").into()),
        }
    };
    let Some(count) = length_after("*", input)? else { return Ok(None) };
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let length = length_after("$", input)?.ok_or("the stream ended within a command")?;
        let mut word = vec![0; length + 2];
        input.read_exact(&mut word)?;
        word.truncate(length);
        words.push(word);
    }
    Ok(Some(words))
}

fn serve(connection: &TcpConnection, store: &Store) -> HandlerResult {
    let mut input = BufReader::with_capacity(64 * 1024, connection);
    let mut replies = Vec::new();
    while let Some(words) = command(&mut input)? {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let mut store = store.lock().unwrap();
        match words[..] {
            [b"PING"] => replies.extend(b"+PONG\r\n"),
            [b"SET", key, value] => {
                store.insert(key.to_vec(), value.to_vec());
                replies.extend(b"+OK\r\n");
            }
            [b"GET", key] => match store.get(key) {
                Some(value) => {
                    replies.extend(format!("${}\r\n", value.len()).bytes());
                    replies.extend([value, &b"\r\n"[..]].concat());
                }
                None => replies.extend(b"$-1\r\n"),
            },
            [b"INCR", key] => {
                let value = store.entry(key.to_vec()).or_insert(b"0".to_vec());
                let number = String::from_utf8_lossy(value).parse::<u64>().unwrap_or(0) + 1;
                *value = number.to_string().into_bytes();
                replies.extend(format!(":{number}\r\n").bytes());
            }
            _ => replies.extend(b"-ERR unknown command\r\n"),
        }
        drop(store);
        if input.buffer().is_empty() {
            connection.send(&replies)?;
            replies.clear();
        }
    }
    Ok(())
}

#[test]
fn redis_benchmark_completes_with_500_pipelining_clients() {
    if !needs("redis-benchmark") {
        return;
    }
    let store = Arc::new(Store::default());
    let own = Arc::clone(&store);
    let serving = Serving::start(server(), move |connection| serve(connection, &own));
    let text = output_of(Command::new("redis-benchmark").args(["-p", &serving.port()]).args([
        "-c",
        "500",
        "-P",
        "64",
        "-n",
        "100000",
        "-q",
        "-t",
        "ping_mbulk,set,get,incr",
    ]));
    println!("{}", text.replace('\r', "\n"));
    for name in ["PING_MBULK", "SET", "GET", "INCR"] {
        assert!(text.contains(&format!("{name}: ")) && text.contains("requests per second"), "{text}");
    }
    let incremented = store.lock().unwrap().iter().find_map(|(key, value)| {
        key.starts_with(b"counter").then(|| String::from_utf8_lossy(value).parse::<u64>().unwrap())
    });
    // Each client sends its last 64 as a whole.
    assert!(
        incremented.is_some_and(|count| (100_000..100_000 + 500 * 64).contains(&count)),
        "{incremented:?}"
    );
    let report = serving.end();
    assert_eq!((report.failed, report.panicked, report.aborted), (0, 0, 0), "{report}");
}
