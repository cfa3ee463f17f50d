//! A server of requests that does what each line says, and its clients.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::frame::Lines;
use socketry::tcp::{ServerHandle, ShutdownReport, TcpServerBuilder};
use socketry::{Encoding, TcpConnection};

pub(super) type Serving = std::thread::JoinHandle<ShutdownReport>;

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Serves lines of a word and a number: `sleep 10` replies after 10 ms, `large 1000` with 1,000 bytes, `read 300` sets
/// that read timeout. The reply of others is the line.
pub(super) fn serve(builder: TcpServerBuilder) -> (ServerHandle, Serving) {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let kept = Mutex::new(Vec::new());
    let serving = std::thread::spawn(move || {
        let lines = Lines::new(Encoding::Utf8).max_length(1 << 25);
        let served = server.serve_requests(lines, move |request| {
            let line = request.frame().to_owned();
            let mut words = line.split(' ');
            let word = words.next().unwrap_or_default();
            let number: u64 = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
            let connection = request.connection();
            match word {
                "sleep" => std::thread::sleep(ms(number)),
                "bye" => {
                    std::thread::sleep(ms(number));
                    request.close();
                }
                // One reply, so that the handler does not wait for the peer.
                "large" => return Ok(request.reply("x".repeat(number as usize))?),
                "largebye" => {
                    request.close();
                    return Ok(request.reply("x".repeat(number as usize))?);
                }
                "largefail" => {
                    request.reply("x".repeat(number as usize))?;
                    return Err("as wished".into());
                }
                "largepanic" => {
                    request.reply("x".repeat(number as usize))?;
                    panic!("as asked");
                }
                "many" => (0..number).try_for_each(|_| request.reply("y".repeat(1000)))?,
                "body" => {
                    let mut body = [0; 5];
                    let mut stream = connection;
                    std::io::Read::read_exact(&mut stream, &mut body)?;
                    assert_eq!(&body, b"12345");
                }
                "quiet" => {
                    std::thread::sleep(ms(number));
                    return Ok(());
                }
                "keep" => kept.lock().unwrap().push(connection.clone()),
                "endless" => connection.set_read_timeout(None),
                "read" => connection.set_read_timeout(ms(number)),
                "idle" => connection.set_idle_timeout(ms(number)),
                "write" => connection.set_write_timeout(ms(number)),
                "stall" => connection.set_stall_timeout(ms(number)),
                "deadline" => connection.set_deadline(Instant::now() + ms(number)),
                _ => {}
            }
            Ok(request.reply(format!("{line}!"))?)
        });
        served.unwrap()
    });
    (handle, serving)
}

pub(super) fn ask(client: &TcpConnection, question: &str) {
    let mut lines = client.lines(Encoding::Utf8);
    lines.send(question).unwrap();
    assert_eq!(lines.recv().unwrap(), Some(format!("{question}!")));
}

pub(super) fn busy_client(handle: &ServerHandle) -> TcpConnection {
    let client = client_of(handle.local_addr());
    (0..100).for_each(|number| ask(&client, &format!("ask {number}")));
    client
}

pub(super) fn read_large(stream: &mut TcpStream, length: usize) {
    let mut received = vec![0; length + 1];
    stream.read_exact(&mut received).unwrap();
    assert!(received[..length].iter().all(|byte| *byte == b'x') && received[length] == b'\n');
}

/// The processor time of this process.
#[cfg(unix)]
pub(super) fn cpu() -> Duration {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(usage.tv_sec as u64, usage.tv_nsec as u32)
}
