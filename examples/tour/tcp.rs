//! Connections: streams of bytes, lines in them, and servers that are bounded and end.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use socketry::{Encoding, TcpClient, TcpConnection, TcpServer};

use crate::cli::Outcome;
use crate::endpoints::hexadecimal;
use crate::{LONGEST_WAIT, show};

/// A client whose waits have an end.
fn connect(server: &TcpServer) -> socketry::Result<TcpConnection> {
    let client = TcpClient::builder().encoding(Encoding::Gb2312).read_timeout(LONGEST_WAIT);
    client.connect(server.local_addr())
}

pub(crate) fn a_client_and_a_server() -> Outcome {
    let server = TcpServer::builder().read_timeout(LONGEST_WAIT).bind("127.0.0.1:0")?;
    let client = connect(&server)?;
    let connection = server.accept_timeout(LONGEST_WAIT)?;
    show!("{} listens; {} has connected", server.local_addr(), connection.peer_addr())?;
    show!("in Python: s.listen(); connection, address = s.accept()")?;

    client.send("hah")?;
    client.send("ah")?;
    client.half_close()?;
    show!("sent \"hah\" and \"ah\" and nothing more; a stream has no boundaries:")?;
    show!("received {:?}", connection.recv_to_end(1024)?.escape_ascii().to_string())?;

    let nobody = server.local_addr();
    drop(server);
    match TcpConnection::connect(nobody) {
        Err(error) => show!("the server is gone: {error}")?,
        Ok(_) => show!("the port belongs to somebody else by now")?,
    }
    Ok(())
}

pub(crate) fn lines_in_gb2312() -> Outcome {
    let server = TcpServer::builder().read_timeout(LONGEST_WAIT).bind("127.0.0.1:0")?;
    let client = connect(&server)?;
    let connection = server.accept_timeout(LONGEST_WAIT)?;
    let mut lines = connection.lines(Encoding::Gb2312);

    let bytes = Encoding::Gb2312.encode("你好\n世界\n")?;
    let (first, second) = bytes.split_at(3);
    client.send(first)?;
    connection.set_read_timeout(Duration::from_millis(50));
    if let Err(error) = lines.recv() {
        show!("came {}: {error}", hexadecimal(first))?;
    }
    connection.set_read_timeout(LONGEST_WAIT);
    client.send(second)?;
    show!(
        "came {}: {:?}",
        hexadecimal(second),
        [lines.recv()?, lines.recv()?].map(Option::unwrap_or_default)
    )?;
    client.send(b"\xFF\n")?;
    client.lines(Encoding::Gb2312).send("再见")?;
    if let Err(error) = lines.recv() {
        show!("came FF 0A: {error}")?;
    }
    show!("and the next line is whole: {:?}", lines.recv()?.unwrap_or_default())?;
    Ok(())
}

/// The peer sends a byte every 50 ms, long before a timeout of 200 ms is over, and for as long as
/// it is listened to.
pub(crate) fn a_peer_that_drips() -> Outcome {
    let server = TcpServer::bind("127.0.0.1:0")?;
    let client = connect(&server)?;
    let peer = server.accept_timeout(LONGEST_WAIT)?;
    let began = Instant::now();
    let (count, error) = thread::scope(|scope| {
        scope.spawn(|| {
            while began.elapsed() < LONGEST_WAIT && peer.send("x").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        client.set_read_timeout(Duration::from_millis(200));
        client.set_deadline(began + Duration::from_millis(300));
        let mut count = 0;
        let error = loop {
            match client.recv(1) {
                Ok(_) => count += 1,
                Err(error) => break error,
            }
        };
        client.abort();
        (count, error)
    });
    show!("it sends a byte every 50ms; each call may wait 200ms, and all of them together 300ms:")?;
    show!("{count} bytes came, and after {:.0?} the deadline:", began.elapsed())?;
    show!("{error}")?;
    Ok(())
}

pub(crate) fn a_server_that_is_full() -> Outcome {
    let (observer, observed) = mpsc::channel();
    let server = TcpServer::builder()
        .max_connections(1)
        .encoding(Encoding::Gb2312)
        .refuse_with("客满")
        .on_event(move |event| drop(observer.send(format!("{event}"))))
        .bind("127.0.0.1:0")?;
    let handle = server.handle();
    let (first, second) = (connect(&server)?, connect(&server)?);
    let serving = thread::spawn(move || {
        server.serve(|connection| {
            connection.recv_to_end(1024)?;
            Ok(())
        })
    });
    show!("one connection may be open at a time; the second is told {:?}", second.recv_text(1024)?)?;
    show!("the server's observer is told {:?}", observed.recv_timeout(LONGEST_WAIT)?)?;
    // The server waits for the other end of each connection, for two seconds at most: who keeps one
    // open here waits for nobody.
    drop(second);
    drop(first);
    show!("the first stayed until it left: {}", handle.shutdown(LONGEST_WAIT))?;
    serving.join().expect("the server does not panic")?;
    Ok(())
}

pub(crate) fn a_server_that_ends() -> Outcome {
    let server = TcpServer::builder().read_timeout(LONGEST_WAIT).bind("127.0.0.1:0")?;
    let handle = server.handle();
    let (quick, silent) = (connect(&server)?, connect(&server)?);
    let serving = thread::spawn(move || {
        server.serve(|connection| {
            let mut lines = connection.lines(Encoding::Gb2312);
            while let Some(line) = lines.recv()? {
                lines.send(line)?;
            }
            Ok(())
        })
    });
    let mut lines = quick.lines(Encoding::Gb2312);
    lines.send("还在吗？")?;
    show!(
        "two clients are connected to an echo; one says and hears {:?}",
        lines.recv()?.unwrap_or_default()
    )?;
    let began = Instant::now();
    handle.begin_shutdown(Duration::from_millis(300));
    drop(lines);
    drop(quick);
    let report = handle.wait();
    show!(
        "begin_shutdown(300ms): that one leaves in time, the other one is cut after {:.0?}",
        began.elapsed()
    )?;
    show!("{report}")?;
    serving.join().expect("the server does not panic")?;
    let is_at_end = matches!(silent.recv(1), Ok(bytes) if bytes.is_empty());
    show!("the one that was cut {}", if is_at_end { "reads the end" } else { "reads an error" })?;
    Ok(())
}
