//! GB 2312 and GBK against the GNU C library's `iconv`, every pair and every character of the BMP.

use std::io::Write as _;
use std::process::Command;

use crate::kit::*;
use socketry::Encoding;

/// What `iconv -c` makes of it, a line for a line; `None` where there is no GNU iconv, which is
/// recorded as a skip.
fn iconv(from: &str, to: &str, input: Vec<u8>) -> Option<Vec<u8>> {
    let version = Command::new("iconv").arg("--version").output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if !(version.contains("GLIBC") || version.contains("GNU libc")) {
        skip(Need::Program("iconv"), "GNU iconv is not installed");
        return None;
    }
    let mut running = Running::start(Command::new("iconv").args(["-c", "-f", from, "-t", to]));
    let mut stdin = running.stdin();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = running.finish();
    writer.join().unwrap().unwrap();
    Some(output.stdout)
}

fn lines(output: &[u8]) -> Vec<&[u8]> {
    output.split(|&byte| byte == b'\n').collect()
}

#[test]
fn gb2312_and_gbk_decode_like_iconv() {
    for (encoding, name) in [(Encoding::Gb2312, "GB2312"), (Encoding::Gbk, "GBK")] {
        let pairs: Vec<u16> = (0x8140..=0xFEFE).filter(|pair| pair & 0xFF >= 0x40).collect();
        let input = pairs.iter().flat_map(|pair| [&pair.to_be_bytes()[..], b"\n"].concat()).collect();
        let Some(output) = iconv(name, "UTF-8", input) else { return };
        let output = lines(&output);
        assert_eq!(output.len(), pairs.len() + 1);
        let mut read = 0;
        for (pair, theirs) in pairs.iter().zip(output) {
            let ours = encoding.decode(&pair.to_be_bytes()).map(String::from);
            let theirs = std::str::from_utf8(theirs).unwrap();
            match (encoding, pair) {
                (Encoding::Gb2312, 0xA1A4) => assert_eq!((ours.as_deref(), theirs), (Ok("·"), "・")),
                (Encoding::Gb2312, 0xA1AA) => assert_eq!((ours.as_deref(), theirs), (Ok("—"), "―")),
                _ if theirs.chars().count() == 1 && !theirs.is_ascii() && !theirs.contains('€') => {
                    assert_eq!(ours.as_deref(), Ok(theirs), "{pair:04X}");
                }
                // Dropped in whole, or all but an ASCII byte or the euro sign that it reads 0x80
                // as.
                _ => assert!(ours.is_err(), "{pair:04X}: {ours:?} and not {theirs:?}"),
            }
            read += usize::from(ours.is_ok());
        }
        assert_eq!(read, if encoding == Encoding::Gbk { 21_791 } else { 7_445 });
    }
}

#[test]
fn gb2312_and_gbk_encode_like_iconv() {
    for (encoding, name) in [(Encoding::Gb2312, "GB2312"), (Encoding::Gbk, "GBK")] {
        let characters: Vec<char> = (0x80..=0xFFFF).filter_map(char::from_u32).collect();
        let input = characters.iter().flat_map(|character| format!("{character}\n").into_bytes()).collect();
        let Some(output) = iconv("UTF-8", name, input) else { return };
        let output = lines(&output);
        assert_eq!(output.len(), characters.len() + 1);
        for (character, theirs) in characters.iter().zip(output) {
            let ours = encoding.encode(&character.to_string()).map(Vec::from).unwrap_or_default();
            match (encoding, character) {
                (Encoding::Gb2312, '·') => assert_eq!((&ours[..], theirs), (&b"\xA1\xA4"[..], &b""[..])),
                (Encoding::Gb2312, '—') => assert_eq!((&ours[..], theirs), (&b"\xA1\xAA"[..], &b""[..])),
                // As code page 936 has it; Python does not read it, and neither do we.
                (Encoding::Gbk, '€') => assert_eq!((&ours[..], theirs), (&b""[..], &b"\x80"[..])),
                _ => assert_eq!(ours, theirs, "{character:?}"),
            }
        }
    }
}
