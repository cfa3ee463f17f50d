//! A page over HTTPS: TLS by `rustls` on top of a connection of this crate, whose deadline holds
//! for all of it. The server is in this process, with a certificate for `localhost` that has signed
//! itself: its key is public, next to this file, and must not be used for anything else.
//!
//! From the notes, 网络编程 (复习): https协议的默认端口 443.
//!
//! ```text
//! cargo run --example https_get [-- --distrust]
//! ```
//!
//! It prints, with other ports:
//!
//! ```text
//! connected to 127.0.0.1:40443 as localhost
//! TLSv1_3 with TLS13_AES_256_GCM_SHA384, and a certificate that is trusted
//! < HTTP/1.1 200 OK
//! < Content-Type: text/plain; charset=utf-8
//! < Connection: close
//! 收到，而且没有人看见
//! ```
//!
//! With `--distrust` the client does not know who signed the certificate, and nothing is sent to
//! such a server:
//!
//! ```text
//! https_get: invalid peer certificate: UnknownIssuer
//! ```
//!
//! The cryptography is that of `rustls-graviola`, which is Rust and assembler and needs no C
//! compiler; it asks for a processor of the last ten years. A program that visits servers of others
//! takes its roots from the crate `webpki-roots` or the system's by `rustls-platform-verifier`, and
//! the name from the URL; the rest stays as it is.

#[path = "../cli/mod.rs"]
mod cli;

use std::error::Error;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use cli::{Outcome, printable, say};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use socketry::{TcpClient, TcpServer};

/// Gets a page over HTTPS from a server in this process.
#[derive(Parser)]
struct Args {
    /// Do not trust the server's certificate
    #[arg(long)]
    distrust: bool,
}

const HOST: &str = "localhost";

/// How long all of it may take: the connect, the handshake of TLS, the request and the answer.
const TIME: Duration = Duration::from_secs(5);

/// More of an answer is not read.
const LARGEST: u64 = 64 * 1024;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("https_get", || {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("certificate.pem"))?;
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("key.pem"))?;
        let mut roots = RootCertStore::empty();
        if !args.distrust {
            roots.add(certificate.clone())?;
        }
        let server = TcpServer::builder().read_timeout(TIME).write_timeout(TIME).bind((HOST, 0))?;
        let port = server.local_addr().port();
        thread::scope(|scope| {
            let served =
                scope.spawn(move || serve_one(&server, certificate, key).map_err(|error| error.to_string()));
            let got = get(port, roots);
            // What the client refused is a failure of both.
            match (got, served.join().map_err(|_| "the server panicked")?) {
                (Ok(()), Err(error)) => Err(error.into()),
                (got, _) => got,
            }
        })
    })
}

fn serve_one(
    server: &TcpServer,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<(), Box<dyn Error>> {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let connection = server.accept()?;
    let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config))?, connection);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let page = "收到，而且没有人看见\n";
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{page}"
    )?;
    // TLS has an end of its own, so that nobody can cut an answer short unnoticed.
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.close()?;
    Ok(())
}

fn get(port: u16, roots: RootCertStore) -> Outcome {
    let deadline = Instant::now() + TIME;
    let connection = TcpClient::builder().connect_timeout(TIME).connect((HOST, port))?;
    connection.set_deadline(deadline);
    say!("connected to {} as {HOST}", connection.peer_addr())?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from(HOST)?)?;
    // A connection of this crate is a stream like any other.
    tls.complete_io(&mut &connection)?;
    let (version, suite) = (tls.protocol_version(), tls.negotiated_cipher_suite());
    if let (Some(version), Some(suite)) = (version, suite) {
        say!("{version:?} with {:?}, and a certificate that is trusted", suite.suite())?;
    }
    let mut stream = StreamOwned::new(tls, connection);
    write!(stream, "GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = Vec::new();
    Read::by_ref(&mut stream).take(LARGEST).read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer)?;
    let (head, page) = answer.split_once("\r\n\r\n").ok_or("the answer has no head")?;
    head.lines().try_for_each(|line| say!("< {}", printable(line)))?;
    page.lines().try_for_each(|line| say!("{}", printable(line)))?;
    stream.sock.close()?;
    Ok(())
}
