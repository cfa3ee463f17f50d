//! As much of HTTP/1.1 (RFC 9112) as one page takes: the heads by `httparse`, the body by its
//! length, in chunks, or to the end.

use std::io::{self, Read};
use std::time::Instant;

use socketry::TcpConnection;
use url::{Position, Url};

/// More of a head is no head.
const LONGEST_HEAD: usize = 64 * 1024;

/// More of a page is not read.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

pub(crate) struct Response {
    /// The status line and the headers, as they came.
    pub(crate) head: Vec<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) first_byte: Instant,
}

pub(crate) fn request(url: &Url) -> String {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: socketry-visit\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
        &url[Position::BeforePath..Position::AfterQuery],
        &url[Position::BeforeHost..Position::AfterPort],
    )
}

/// What has come and was not taken yet.
struct Arrived<'a> {
    connection: &'a TcpConnection,
    bytes: Vec<u8>,
}

impl Arrived<'_> {
    /// Waits for more; `false` if there is none.
    fn more(&mut self, most: usize) -> io::Result<bool> {
        if self.bytes.len() >= most {
            return Err(io::Error::other(format!("more than {most} bytes")));
        }
        let mut buffer = [0; 8 * 1024];
        let count = self.connection.read(&mut buffer)?;
        self.bytes.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(count);
        std::mem::replace(&mut self.bytes, rest)
    }

    fn take_exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.bytes.len() < count {
            if !self.more(count.max(LONGEST_HEAD) + 1)? {
                return Err(io::Error::other(format!(
                    "the page ended after {} of {count} bytes",
                    self.bytes.len()
                )));
            }
        }
        Ok(self.take(count))
    }
}

enum Body {
    Length(usize),
    Chunks,
    ToTheEnd,
    None,
}

/// Waits for the answer to a request.
pub(crate) fn receive(connection: &TcpConnection) -> io::Result<Response> {
    let mut arrived = Arrived { connection, bytes: Vec::new() };
    let ended = || io::Error::other("the server closed before it had answered");
    arrived.more(LONGEST_HEAD)?.then_some(()).ok_or_else(ended)?;
    let first_byte = Instant::now();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(&arrived.bytes).map_err(io::Error::other)? {
            httparse::Status::Partial => arrived.more(LONGEST_HEAD)?.then_some(()).ok_or_else(ended)?,
            httparse::Status::Complete(length) => {
                let (content_type, body) = (header(&parsed, "content-type"), body(&parsed)?);
                // An answer that says only that there will be one: RFC 9110, 15.2.
                if parsed.code.is_some_and(|code| code < 200) {
                    arrived.take(length);
                    continue;
                }
                let head = arrived.take(length);
                let head = String::from_utf8_lossy(&head).trim_end().lines().map(str::to_owned).collect();
                let body = receive_body(&mut arrived, body)?;
                return Ok(Response { head, content_type, body, first_byte });
            }
        }
    }
}

fn header(response: &httparse::Response<'_, '_>, name: &str) -> Option<String> {
    let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(String::from_utf8_lossy(header.value).into_owned())
}

/// RFC 9112, 6.3.
fn body(response: &httparse::Response<'_, '_>) -> io::Result<Body> {
    if matches!(response.code, Some(204 | 304)) {
        return Ok(Body::None);
    }
    match (header(response, "transfer-encoding"), header(response, "content-length")) {
        (Some(coding), _) if coding.to_ascii_lowercase().ends_with("chunked") => Ok(Body::Chunks),
        (Some(_), _) | (None, None) => Ok(Body::ToTheEnd),
        (None, Some(length)) => match length.trim().parse() {
            Ok(length) if length <= LONGEST_BODY => Ok(Body::Length(length)),
            Ok(length) => Err(io::Error::other(format!("a page of {length} bytes is too much"))),
            Err(_) => Err(io::Error::other(format!("{length:?} is no length"))),
        },
    }
}

fn receive_body(arrived: &mut Arrived<'_>, body: Body) -> io::Result<Vec<u8>> {
    match body {
        Body::None => Ok(Vec::new()),
        Body::Length(length) => arrived.take_exactly(length),
        Body::ToTheEnd => {
            while arrived.more(LONGEST_BODY)? {}
            Ok(std::mem::take(&mut arrived.bytes))
        }
        Body::Chunks => receive_chunks(arrived),
    }
}

/// RFC 9112, 7.1: each behind its length, the last one empty.
fn receive_chunks(arrived: &mut Arrived<'_>) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    loop {
        let (head, length) = match httparse::parse_chunk_size(&arrived.bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) if arrived.more(LONGEST_HEAD)? => continue,
            _ => return Err(io::Error::other("the page ended within its chunks")),
        };
        arrived.take(head);
        if length == 0 {
            return Ok(page);
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > LONGEST_BODY - page.len() {
            return Err(io::Error::other("more of the page than is read"));
        }
        page.extend(arrived.take_exactly(length)?);
        // And a line end.
        arrived.take_exactly(2)?;
    }
}

/// The head of a request, which is all that one for a page has. What it asks for is not looked at.
pub(crate) fn read_request(connection: &TcpConnection) -> io::Result<()> {
    let mut arrived = Arrived { connection, bytes: Vec::new() };
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let parsed = httparse::Request::new(&mut headers).parse(&arrived.bytes).map_err(io::Error::other)?;
        if parsed.is_complete() {
            return Ok(());
        }
        if !arrived.more(LONGEST_HEAD)? {
            return Err(io::Error::other("the request ended within its head"));
        }
    }
}
