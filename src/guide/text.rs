//! Why a character breaks on the wire, and how it does not.
//!
//! From the notes, 网络编程, 004, sections 4, 5 and 8: `sendData.encode("utf-8")`, `content.decode("gb2312")`,
//! `"hahah".encode("gb2312")`.
//!
//! # Sockets carry bytes
//!
//! Text is characters, and a socket carries bytes. An encoding (编码) says which bytes a character is. ASCII characters are one
//! byte each in all encodings of the notes, which is why `hahah` always works. A Chinese character is two bytes in GB 2312, and
//! other three in UTF-8:
//!
//! <svg viewBox="0 0 364 178" role="img" aria-label="The bytes of 你好 in gb2312 and in utf-8, cut after the third" style="width:100%;max-width:455px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
//! <text x="0" y="54" text-anchor="start" font-size="12" font-weight="bold" fill="currentColor" stroke="none">gb2312</text>
//! <rect x="70" y="34" width="38" height="30"></rect>
//! <text x="89.0" y="54" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">C4</text>
//! <rect x="108" y="34" width="38" height="30"></rect>
//! <text x="127.0" y="54" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">E3</text>
//! <rect x="146" y="34" width="38" height="30"></rect>
//! <text x="165.0" y="54" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">BA</text>
//! <rect x="184" y="34" width="38" height="30"></rect>
//! <text x="203.0" y="54" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">C3</text>
//! <path d="M72 30 v-5 h72 v5"></path>
//! <text x="108.0" y="20" text-anchor="middle" font-size="14" fill="currentColor" stroke="none">你</text>
//! <path d="M148 30 v-5 h72 v5"></path>
//! <text x="184.0" y="20" text-anchor="middle" font-size="14" fill="currentColor" stroke="none">好</text>
//! <text x="0" y="130" text-anchor="start" font-size="12" font-weight="bold" fill="currentColor" stroke="none">utf-8</text>
//! <rect x="70" y="110" width="38" height="30"></rect>
//! <text x="89.0" y="130" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">E4</text>
//! <rect x="108" y="110" width="38" height="30"></rect>
//! <text x="127.0" y="130" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">BD</text>
//! <rect x="146" y="110" width="38" height="30"></rect>
//! <text x="165.0" y="130" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">A0</text>
//! <rect x="184" y="110" width="38" height="30"></rect>
//! <text x="203.0" y="130" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">E5</text>
//! <rect x="222" y="110" width="38" height="30"></rect>
//! <text x="241.0" y="130" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">A5</text>
//! <rect x="260" y="110" width="38" height="30"></rect>
//! <text x="279.0" y="130" text-anchor="middle" font-size="13" font-family="monospace" fill="currentColor" stroke="none">BD</text>
//! <path d="M72 106 v-5 h110 v5"></path>
//! <text x="127.0" y="96" text-anchor="middle" font-size="14" fill="currentColor" stroke="none">你</text>
//! <path d="M186 106 v-5 h110 v5"></path>
//! <text x="241.0" y="96" text-anchor="middle" font-size="14" fill="currentColor" stroke="none">好</text>
//! <line x1="184" y1="29" x2="184" y2="152" stroke-dasharray="4 3"></line>
//! <text x="182" y="170" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">cut after three bytes: 好 is broken in gb2312, and is not in utf-8</text>
//! </svg>
//!
//! ```
//! use socketry::Encoding;
//!
//! assert_eq!(*Encoding::Gb2312.encode("你好")?, *b"\xC4\xE3\xBA\xC3");
//! assert_eq!(*Encoding::Utf8.encode("你好")?, *b"\xE4\xBD\xA0\xE5\xA5\xBD");
//! assert_eq!(Encoding::Gb2312.encode("hahah")?, Encoding::Utf8.encode("hahah")?);
//!
//! let encoding: Encoding = "gb2312".parse()?; // by Python's name for it
//! assert_eq!(encoding.decode(b"\xC4\xE3\xBA\xC3")?, "你好");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! Sockets have an encoding of their own, so that it is said once and not at each call:
//! [`UdpBuilder::encoding`](crate::udp::UdpBuilder::encoding), [`TcpServerBuilder::encoding`](crate::tcp::TcpServerBuilder::encoding),
//! [`TcpClientBuilder::encoding`](crate::tcp::TcpClientBuilder::encoding). `send("你好")` then encodes, and
//! [`text`](crate::Datagram::text) decodes. Bytes go as they are: `send(b"\x01\x02")`.
//!
//! # Four ways to break it
//!
//! **The two sides do not agree.** The notes send in `utf-8` (section 4) and read in `gb2312` (section 5). With ASCII nobody
//! notices. With Chinese it is an error, or, worse, other Chinese (乱码):
//!
//! ```
//! use socketry::Encoding;
//!
//! let sent = Encoding::Utf8.encode("你好")?;
//! assert_eq!(Encoding::Gbk.decode(&sent)?, "浣犲ソ"); // no error, and nonsense
//! let error = Encoding::Gb2312.decode(&sent).unwrap_err();
//! assert_eq!(error.to_string(), "bytes A0 E5 at byte 2 are not gb2312");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! **The encoding lacks the character.** GB 2312 has 7,445, and 镕 is not among them. It is refused, with its place, and nothing is
//! sent. (`encoding_rs`, and so much of Rust, would send `&#38229;` for it.) [`Gbk`](crate::Encoding::Gbk) has it;
//! [`Gb18030`](crate::Encoding::Gb18030) has all of Unicode:
//!
//! ```
//! use socketry::Encoding;
//!
//! let error = Encoding::Gb2312.encode("朱镕基").unwrap_err();
//! assert_eq!(error.to_string(), "'镕' (U+9555) at byte 3 does not exist in gb2312");
//! // The second byte is an ASCII letter.
//! assert_eq!(*Encoding::Gbk.encode("镕")?, *b"\xE9F");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! **The character is cut** between two pieces of a stream, or at the end of a buffer. `recv(1024).decode("gb2312")` then fails,
//! now and then. [`recv_text`](crate::TcpConnection::recv_text), [`lines`](crate::TcpConnection::lines) and a
//! [`Decoder`](crate::text::Decoder) keep the half for the next piece:
//!
//! ```
//! use socketry::Encoding;
//!
//! let mut decoder = Encoding::Gb2312.decoder();
//! let mut text = String::new();
//! // Cut after three bytes, as drawn above.
//! decoder.decode(b"\xC4\xE3\xBA", &mut text)?;
//! assert_eq!((text.as_str(), decoder.pending()), ("你", 1));
//! decoder.decode(b"\xC3", &mut text)?;
//! decoder.finish(&mut text)?; // says so, if half a character is left
//! assert_eq!(text, "你好");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! **A byte of the character looks like something else.** In GBK the second byte of a character may be `|`, `\` or a letter, so
//! a message that is cut at `|` cuts characters. A line's end never is such a byte. Delimiters that could be one are refused:
//!
//! ```
//! use socketry::Encoding;
//! use socketry::frame::Lines;
//!
//! assert!(Lines::delimited_by(Encoding::Gbk, "|").is_err());
//! assert!(Lines::delimited_by(Encoding::Gbk, ";").is_ok());
//! ```
//!
//! # Python's `errors=`
//!
//! Decoding and encoding are strict unless something else is asked for, as in Python. [`OnInvalid::Replace`](crate::text::OnInvalid) and
//! `OnInvalid::Ignore` are Python's `"replace"` and `"ignore"`:
//!
//! ```
//! use socketry::text::OnInvalid;
//! use socketry::Encoding;
//!
//! assert_eq!(Encoding::Gb2312.decode_with(b"ok \xFF", OnInvalid::Replace)?, "ok \u{FFFD}");
//! let without = Encoding::Gb2312.encode_with("朱镕基", OnInvalid::Ignore)?;
//! assert_eq!(without, Encoding::Gb2312.encode("朱基")?);
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! Which encoding to choose, and where Python's `gb2312` differs in two characters (`·` and `—`), is told at
//! [`Encoding`](crate::Encoding). To try it with either side in Python or Rust: `cargo run --example udp_recv`, and
//! `cargo run --example udp_send -- 127.0.0.1:7788 --encoding gb2312`. A chat in any encoding: `cargo run --example line_chat`.
//!
//! ---
//!
//! Before: [UDP](super::udp). Next: [broadcast](super::broadcast).
