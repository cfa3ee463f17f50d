//! A hosts file has the last word: what stands there, who is asked for the rest, and what becomes
//! of a change. File and name server are this program's own, on the loopback interface; neither
//! network nor root is needed.
//!
//! From the notes, 网络编程 (复习), `gethostbyname` and the hosts file
//! (`C:\Windows\System32\drivers\etc\hosts`, `/etc/hosts`): the file is looked at before a DNS
//! server is asked, and overrides it.
//!
//! ```text
//! cargo run --example hosts_file
//! ```
//!
//! It prints, with another file name and port:
//!
//! ```text
//! file:    /tmp/socketry-hosts-13018 says
//!              192.0.2.10    printer.example printer   # on the second floor
//!              192.0.2.20    例如.中国
//!              # 192.0.2.30  camera.example
//! server:  127.0.0.1:34614 says 192.0.2.53 of every name
//! look up: what stands in the file
//!              printer.example        → 192.0.2.10    from hosts file: the server is not asked
//!              printer                → 192.0.2.10    from hosts file: an alias, on the same line
//!              PRINTER.Example        → 192.0.2.10    from hosts file: upper and lower case are the same
//!              例如.中国              → 192.0.2.20    from hosts file: a name of another script
//!              xn--fsqu6v.xn--fiqs8s  → 192.0.2.20    from hosts file: the same, as it is written in DNS
//!          and what does not
//!              camera.example         → 192.0.2.53    from server 127.0.0.1:34614: a comment says nothing
//!              scanner.example        → 192.0.2.53    from server 127.0.0.1:34614: no line has it
//!              scanner.example        → 192.0.2.53    from cache: the server is not asked twice
//! change:  the file says
//!              198.51.100.10 printer.example printer
//! flush:   and the resolver has read it again
//!              printer.example        → 198.51.100.10 from hosts file: the new address
//!              例如.中国              → 192.0.2.53    from server 127.0.0.1:34614: its line is gone, so the server is asked
//! end:     the server was asked for camera.example, scanner.example, xn--fsqu6v.xn--fiqs8s, and for no other
//! ```
//!
//! A resolver looks every 5 s whether the file has changed, and `flush` makes it look at once.
//! `resolve_name` is the example for names, files and servers of your own.

mod cli;

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use cli::{Outcome, say};
use socketry::dns::IpFamilies;
use socketry::{CancelToken, Resolver, UdpEndpoint};

/// Shows how a hosts file overrides the name servers, and what becomes of a change.
#[derive(Parser)]
struct Args {}

/// What the server says of every name: an address for documentation (RFC 5737), as all of them
/// here.
const OF_THE_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);

const LINES: &str = "\
192.0.2.10    printer.example printer   # on the second floor
192.0.2.20    例如.中国
# 192.0.2.30  camera.example
";

/// The printer has moved, and nothing is said of the other name.
const CHANGED: &str = "198.51.100.10 printer.example printer\n";

fn main() -> ExitCode {
    let Args {} = cli::parse();
    cli::run("hosts_file", || {
        let token = CancelToken::new()?;
        let server = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0")?;
        let address = server.local_addr();
        thread::scope(|scope| {
            let serving = scope.spawn(|| serve(&server));
            let shown = steps(&address.to_string());
            token.cancel();
            let asked = serving.join().expect("the server does not panic")?;
            shown?;
            say!("end:     the server was asked for {}, and for no other", asked.join(", "))?;
            Ok(())
        })
    })
}

fn steps(server: &str) -> Outcome {
    let file = Temporary::new(LINES)?;
    say!("file:    {} says", file.path.display())?;
    LINES.lines().try_for_each(|line| say!("             {line}"))?;
    say!("server:  {server} says {OF_THE_SERVER} of every name")?;
    let resolver = Resolver::builder()
        .server(server)?
        .hosts(&file.path)
        // Without the search list of this host.
        .search::<&str>([])?
        // As `gethostbyname` does.
        .families(IpFamilies::Ipv4)
        .build();

    say!("look up: what stands in the file")?;
    show(&resolver, "printer.example", "the server is not asked")?;
    show(&resolver, "printer", "an alias, on the same line")?;
    show(&resolver, "PRINTER.Example", "upper and lower case are the same")?;
    show(&resolver, "例如.中国", "a name of another script")?;
    show(&resolver, "xn--fsqu6v.xn--fiqs8s", "the same, as it is written in DNS")?;
    say!("         and what does not")?;
    show(&resolver, "camera.example", "a comment says nothing")?;
    show(&resolver, "scanner.example", "no line has it")?;
    show(&resolver, "scanner.example", "the server is not asked twice")?;

    file.write(CHANGED)?;
    say!("change:  the file says")?;
    CHANGED.lines().try_for_each(|line| say!("             {line}"))?;
    resolver.flush();
    say!("flush:   and the resolver has read it again")?;
    show(&resolver, "printer.example", "the new address")?;
    show(&resolver, "例如.中国", "its line is gone, so the server is asked")
}

/// Prints a name and what it stands for, or why it stands for nothing.
fn show(resolver: &Resolver, name: &str, meaning: &str) -> Outcome {
    let name = cli::filled(name, 22);
    match resolver.lookup(name.trim_end()) {
        Ok(found) => {
            let address = found.addresses().first().map(ToString::to_string).unwrap_or_default();
            say!("             {name} → {address:<13} from {}: {meaning}", found.source())?;
        }
        Err(error) => say!("             {name} → {error}")?,
    }
    Ok(())
}

/// A file that is gone when this is.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Makes a file that was not there: what somebody else has put in its place is not written to.
    fn new(text: &str) -> Result<Temporary, Box<dyn Error>> {
        let path = std::env::temp_dir().join(format!("socketry-hosts-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        let temporary = Temporary { path };
        file.write_all(text.as_bytes())?;
        Ok(temporary)
    }

    fn write(&self, text: &str) -> Outcome {
        fs::write(&self.path, text).map_err(|error| format!("{}: {error}", self.path.display()).into())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A name server, until it is stopped; the names for which it was asked.
fn serve(server: &UdpEndpoint) -> socketry::Result<Vec<String>> {
    let mut asked = Vec::new();
    loop {
        match server.recv() {
            Ok(query) => {
                if let Some((name, answer)) = answer(query.bytes()) {
                    asked.push(name);
                    server.reply(&query, &answer[..])?;
                }
            }
            Err(error) if error.is_cancelled() => return Ok(asked),
            Err(error) => return Err(error),
        }
    }
}

/// The name that a query asks for and the answer to it, RFC 1035, 4.1. `None` if it is no query.
fn answer(query: &[u8]) -> Option<(String, Vec<u8>)> {
    let (header, rest) = query.split_at_checked(12)?;
    // Labels, each behind its length, up to one of length 0.
    let (mut labels, mut at) = (Vec::new(), 0);
    while let length @ 1.. = usize::from(*rest.get(at)?) {
        labels.push(String::from_utf8_lossy(rest.get(at + 1..=at + length)?));
        at += 1 + length;
    }
    // The end of the name, type and class.
    let question = rest.get(..at + 5)?;
    let is_for_ipv4 = question.ends_with(&[0, 1, 0, 1]);
    // The number of the query, that this is an answer, and how many there are of question, answer
    // and the rest.
    let mut answer =
        [&header[..2], &[0x81, 0x80, 0, 1, 0, is_for_ipv4.into(), 0, 0, 0, 0], question].concat();
    if is_for_ipv4 {
        // The name is that of byte 12, type and class are A and IN, it holds for 60 s, and here are
        // 4 bytes.
        answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(OF_THE_SERVER.octets());
    }
    Some((labels.join("."), answer))
}
