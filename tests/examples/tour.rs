//! The tour, which is everything, step by step.

use crate::kit::*;

#[test]
fn tour_prints_every_step_with_real_data() {
    let output = Running::start(&mut example("tour")).finish();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let headings = text.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit()));
    let numbered = headings.filter(|line| line.get(2..4) == Some(". ")).count();
    assert_eq!(numbered, 19, "{text}");
    for promised in [
        "C4 E3 BA C3 A3 AC CA C0 BD E7",
        "\"你好，世界\" from 127.0.0.1:",
        "the answer   \"收到\"",
        "'镕' (U+9555) at byte 3 does not exist in gb2312",
        "'😀' (U+1F600) at byte 3 does not exist in gb2312",
        "arrived meanwhile: nothing",
        "incomplete gb2312 character BA at byte 2, the end of the text",
        "decoder: \"你\" so far, 1 byte of a character held back",
        "decoder: \"你好\" in the end",
        "datagram of 100 bytes does not fit the limit of 10",
        "the endpoint goes on: \"next one\"",
        ": timed out after 20",
        "was answered \"12:30\"",
        "\"who is there?\" left by ",
        "\" answered from 127.0.0.1:",
        "asked 2 times, in case one gets lost; ",
        "nosuch0: send to interface nosuch0: address not available on this machine",
        "whoever is reached hears it: \"hi\" on ",
        ": cancelled, ",
        "Printer.Example.: [192.0.2.53] from cache in ",
        "resolve 127.1: name ends in a number but is not an IP address: it stays so",
        "received \"hahah\"",
        "came C4 E3 BA: receive at ",
        "came C3 0A CA C0 BD E7 0A: [\"你好\", \"世界\"]",
        ": byte FF at byte 10 is not gb2312",
        "and the next line is whole: \"再见\"",
        "bytes came, and after ",
        "the second is told \"客满\"",
        "the server's observer is told \"refused 127.0.0.1:",
        "served 0, drained 1, aborted 1, refused 0",
        "That was all.",
    ] {
        assert!(text.contains(promised), "{promised:?} is not in\n{text}");
    }
    let asked = if cfg!(target_os = "linux") { "127.0.0.2" } else { "127.0.0.1" };
    assert!(text.contains(&format!("the answer \"me\" came from {asked}:")), "{text}");
    let multicast = ["the second got \"大家好\"", "this machine has no multicast"];
    assert!(multicast.iter().any(|line| text.contains(line)), "{text}");
}
