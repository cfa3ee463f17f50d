//! `memccapable` of libmemcached, against a server of memcached's text protocol.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};

use socketry::TcpConnection;
use socketry::tcp::HandlerResult;

use super::kit::needs;
use super::{Serving, output_of, server};

#[derive(Clone, Default)]
struct Item {
    flags: String,
    value: Vec<u8>,
    unique: u64,
}

#[derive(Default)]
struct Store {
    items: HashMap<String, Item>,
    next: u64,
}

impl Store {
    fn put(&mut self, key: &str, flags: &str, value: Vec<u8>) {
        self.next += 1;
        let item = Item { flags: flags.to_owned(), value, unique: self.next };
        self.items.insert(key.to_owned(), item);
    }

    fn set(&mut self, words: &[&str], value: Vec<u8>) -> &'static str {
        let [verb, key, flags] = words[..3] else { return "ERROR" };
        let own = self.items.get(key).cloned();
        match (verb, own) {
            ("add", Some(_)) | ("replace" | "append" | "prepend", None) => return "NOT_STORED",
            ("cas", None) => return "NOT_FOUND",
            ("cas", Some(own)) if words.get(5) != Some(&own.unique.to_string().as_str()) => return "EXISTS",
            ("append", Some(own)) => self.put(key, &own.flags, [own.value, value].concat()),
            ("prepend", Some(own)) => self.put(key, &own.flags, [value, own.value].concat()),
            _ => self.put(key, flags, value),
        }
        "STORED"
    }

    fn count(&mut self, verb: &str, key: &str, by: &str) -> String {
        let Some(own) = self.items.get(key).cloned() else { return "NOT_FOUND".to_owned() };
        let number = String::from_utf8_lossy(&own.value).trim().parse::<u64>();
        let (Ok(number), Ok(by)) = (number, by.parse::<u64>()) else {
            return "CLIENT_ERROR cannot increment or decrement non-numeric value".to_owned();
        };
        let sum = if verb == "incr" { number.wrapping_add(by) } else { number.saturating_sub(by) };
        self.put(key, &own.flags, sum.to_string().into_bytes());
        sum.to_string()
    }
}

fn serve(connection: &TcpConnection, store: &Mutex<Store>) -> HandlerResult {
    let mut input = BufReader::new(connection);
    let mut line = String::new();
    while {
        line.clear();
        input.read_line(&mut line)? > 0
    } {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_quiet = words.last() == Some(&"noreply") && !matches!(words[0], "version" | "stats");
        let reply: Vec<u8> = match words[..] {
            ["set" | "add" | "replace" | "append" | "prepend" | "cas", _, _, _, length, ..] => {
                let mut value = vec![0; length.parse::<usize>()? + 2];
                input.read_exact(&mut value)?;
                value.truncate(value.len() - 2);
                store.lock().unwrap().set(&words, value).into()
            }
            ["get" | "gets", _, ..] => {
                let mut reply = Vec::new();
                for key in &words[1..] {
                    let Some(item) = store.lock().unwrap().items.get(*key).cloned() else { continue };
                    write!(reply, "VALUE {key} {} {}", item.flags, item.value.len())?;
                    if words[0] == "gets" {
                        write!(reply, " {}", item.unique)?;
                    }
                    reply.extend([b"\r\n", &item.value[..], b"\r\n"].concat());
                }
                reply.extend(b"END");
                reply
            }
            ["delete", key] | ["delete", key, "0" | "noreply"] => {
                match store.lock().unwrap().items.remove(key) {
                    Some(_) => "DELETED".into(),
                    None => "NOT_FOUND".into(),
                }
            }
            [verb @ ("incr" | "decr"), key, by, ..] => store.lock().unwrap().count(verb, key, by).into(),
            ["flush_all", ..] => {
                store.lock().unwrap().items.clear();
                "OK".into()
            }
            ["verbosity", level, ..] if level.parse::<u32>().is_ok() => "OK".into(),
            ["version", ..] => "VERSION 1.6.0".into(),
            ["stats"] => "STAT pid 1\r\nEND".into(),
            ["quit"] => return Ok(()),
            _ => "ERROR".into(),
        };
        if !is_quiet {
            connection.send([&reply[..], b"\r\n"].concat())?;
        }
    }
    Ok(())
}

#[test]
fn memccapable_passes_every_test_of_the_text_protocol() {
    if !needs("memccapable") {
        return;
    }
    let store = Arc::new(Mutex::new(Store::default()));
    let serving = Serving::start(server(), move |connection| serve(connection, &store));
    let text = output_of(Command::new("memccapable").args(["-h", "127.0.0.1", "-a", "-p", &serving.port()]));
    assert!(text.contains("All tests passed"), "{text}");
    assert_eq!(serving.end().aborted, 0);
}
