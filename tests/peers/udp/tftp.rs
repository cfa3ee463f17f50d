//! `tftp`, `atftp` and `curl` read files from a server of TFTP (RFC 1350). Each transfer has a port of
//! its own.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use socketry::udp::{HandlerResult, UdpRequest};
use socketry::{Retry, UdpEndpoint};

use super::super::kit::needs;
use super::super::output_of;
use super::{Serving, endpoint};

const BLOCK: usize = 512;

/// The files of the server, by name: their sizes are those at which the last block is empty, short or full.
fn file(name: &str) -> Option<Vec<u8>> {
    let size: usize = name.strip_suffix(".bin")?.parse().ok()?;
    Some((0..size).map(|index| (index % 251) as u8).collect())
}

fn serve(request: &mut UdpRequest<'_>) -> HandlerResult {
    let [0, 1, rest @ ..] = request.bytes() else {
        return Ok(request.reply(*b"\0\x05\0\x04only reading is supported\0")?);
    };
    let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    let Some(content) = file(std::str::from_utf8(name)?) else {
        return Ok(request.reply(*b"\0\x05\0\x01file not found\0")?);
    };
    let local = request.datagram().meta().destination().ok_or("no destination")?;
    let transfer = UdpEndpoint::builder().bind_and_connect((local, 0), request.source())?;
    let retry = Retry::new().attempts(5).initial_delay(Duration::from_millis(500));
    // A last block that is shorter ends the transfer, and may be empty.
    for block in 0..=content.len() / BLOCK {
        let number = ((block + 1) as u16).to_be_bytes();
        let bytes = &content[block * BLOCK..content.len().min((block + 1) * BLOCK)];
        let data = [&[0, 3], &number[..], bytes].concat();
        let acknowledgment = [0, 4, number[0], number[1]];
        transfer.request_with(data, request.source(), &retry, |reply| reply.bytes() == acknowledgment)?;
    }
    Ok(())
}

const SIZES: [usize; 4] = [0, 511, 512, 100_000];

#[test]
fn curl_reads_files() {
    if !needs("curl") {
        return;
    }
    let server = Serving::start(endpoint().bind(":0").unwrap(), serve);
    for size in SIZES {
        let name = format!("{size}.bin");
        let url = format!("tftp://127.0.0.1:{}/{name}", server.port());
        let output = Command::new("curl").args(["-s", "-S", "--tftp-no-options", &url]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout == file(&name).unwrap(), "{size}: {} bytes", output.stdout.len());
    }
    let missing = format!("tftp://127.0.0.1:{}/missing", server.port());
    let output = Command::new("curl").args(["-s", "-S", &missing]).output().unwrap();
    assert_eq!(output.status.code(), Some(68), "file not found on the TFTP server");
    server.end();
}

#[test]
fn atftp_reads_files() {
    if !needs("atftp") {
        return;
    }
    let server = Serving::start(endpoint().bind(":0").unwrap(), serve);
    for size in SIZES {
        let name = format!("{size}.bin");
        let local = std::env::temp_dir().join(format!("socketry-atftp-{}-{name}", std::process::id()));
        let mut command = Command::new("atftp");
        command.args(["--get", "--remote-file", &name, "--local-file"]).arg(&local);
        output_of(command.args(["127.0.0.1", &server.port()]));
        assert!(std::fs::read(&local).unwrap() == file(&name).unwrap(), "{size}");
        std::fs::remove_file(&local).unwrap();
    }
    server.end();
}

#[test]
fn tftp_reads_files() {
    if !needs("tftp") {
        return;
    }
    let server = Serving::start(endpoint().bind(":0").unwrap(), serve);
    let folder = std::env::temp_dir().join(format!("socketry-tftp-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut client = Command::new("tftp")
        .args(["127.0.0.1", &server.port()])
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    writeln!(input, "binary").unwrap();
    for size in SIZES {
        writeln!(input, "get {size}.bin").unwrap();
    }
    writeln!(input, "get missing.bin\nquit").unwrap();
    drop(input);
    let output = client.wait_with_output().unwrap();
    for size in SIZES {
        let name = format!("{size}.bin");
        let content = std::fs::read(folder.join(&name)).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert!(content == file(&name).unwrap(), "{size}: {output:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    server.end();
}
