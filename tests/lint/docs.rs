//! The documentation is as complete as it says: what can fail says when, the guide leads everywhere, and nothing that it
//! names is missing.

use std::collections::BTreeSet;
use std::fs;

use super::tree::{relative, root, sources, text};

/// The chapters of the guide, in the order of the notes.
const CHAPTERS: [&str; 12] = [
    "layers",
    "sockets",
    "addresses",
    "udp",
    "text",
    "broadcast",
    "tcp",
    "handshake",
    "names",
    "web_page",
    "processes_and_threads",
    "from_python",
];

/// The pages beside the chapters, each with the document that it shows.
const EXTRA_PAGES: [(&str, &str); 2] = [("platforms", "PLATFORM.md"), ("comparison", "COMPARE.md")];

/// Every snippet of the notes, by what they write, the chapter that has its counterpart, what stands there for it, and the
/// example that is the program.
const SNIPPETS: [(&str, &str, &str, &str, &str); 22] = [
    ("004, 1", "链路层", "layers", "UdpEndpoint::bind", "socket_kinds"),
    ("004, 2", "端口用来区分进程", "layers", "local_addr().port()", "socket_kinds"),
    ("004, 3", "ip用来区分唯一一台电脑", "layers", "network_interfaces()", "bind_addresses"),
    ("004, 4", "sendto(sendData.encode(\"utf-8\"), sendAddr)", "udp", "endpoint.send_to(", "udp_send"),
    ("004, 5", "content, destinfo", "udp", "println!(\"content is {}\"", "udp_recv"),
    ("004, 6", "SO_BROADCAST", "broadcast", "println!(\"Received from {}: {}\"", "udp_broadcast"),
    ("004, 7", "listen(5)", "tcp", "server.accept()?", "tcp_server"),
    ("004, 8", "\"hahah\".encode(\"gb2312\")", "tcp", "println!(\"recvData:{}\"", "tcp_client"),
    ("004, 9", "浏览器访问百度的过程", "web_page", "client.connect(", "visit_website"),
    ("004, 10", "三次握手、四次挥手", "handshake", "half_close()", "tcp_handshake"),
    (
        "004, 11",
        "Process(target=dealWithClient, args=(newSocket, destAddr))",
        "processes_and_threads",
        "println!(\"revv[{}]:[{}]\"",
        "process_server",
    ),
    ("复习", "socket.socket(family, type)", "sockets", "TcpServer::bind", "socket_kinds"),
    ("复习", "创建tcp的socket", "sockets", "TcpClient::new().connect(", "socket_kinds"),
    ("复习", "创建udp的socket", "sockets", "UdpEndpoint::bind(", "socket_kinds"),
    ("复习", "socket.bind(address)", "addresses", "BindAddress", "bind_addresses"),
    ("复习", "gethostbyname", "names", ".gethostbyname(\"localhost\")?", "resolve_name"),
    ("复习", "drivers\\etc\\hosts", "names", ".hosts(&path)", "hosts_file"),
    ("复习", "指定最大的等待连接的数量", "tcp", "backlog(5)", "listen_accept"),
    ("复习", "在UDP下，主要指定向哪个地址发送数据", "udp", "UdpEndpoint::connect(", "udp_connected"),
    ("复习", "recvfrom(1024)", "udp", "endpoint.recv()?", "udp_recv"),
    ("复习", "(client, address)", "tcp", "peer_addr", "listen_accept"),
    ("复习", "close()", "sockets", "drop(client)", "tcp_handshake"),
];

/// Calls in the notes' scripts that have nothing to do with sockets.
const NON_SOCKET_CALLS: [&str; 1] = ["rstrip"];

/// A chapter as it reads: without what makes a comment of it.
fn chapter(name: &str) -> String {
    let source = text(format!("src/guide/{name}.rs"));
    let lines = source.lines().map(|line| line.strip_prefix("//!").unwrap_or(line));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// A documented item of a source file: its first lines up to its body, and its documentation.
struct Item {
    place: String,
    is_public_function: bool,
    signature: String,
    documentation: Vec<String>,
}

/// Every item of the sources that is preceded by documentation, and every public function, documented or not; the methods of
/// a public trait are public without the word.
fn items() -> Vec<Item> {
    let mut items = Vec::new();
    for path in sources("src") {
        let source = fs::read_to_string(&path).unwrap();
        let name = relative(&path);
        let mut documentation = Vec::new();
        let mut is_in_trait = false;
        let mut is_hidden = false;
        let mut lines = source.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            is_in_trait = (is_in_trait && line != "}") || line.starts_with("pub trait ");
            let line = line.trim();
            if let Some(said) = line.strip_prefix("///") {
                documentation.push(said.trim().to_owned());
            } else if line.starts_with("#[") {
                is_hidden |= line == "#[doc(hidden)]";
            } else {
                let starts = if is_in_trait { &["fn "][..] } else { &["pub fn ", "pub const fn "] };
                let is_public_function = starts.iter().any(|start| line.starts_with(start)) && !is_hidden;
                is_hidden = false;
                if is_public_function || !documentation.is_empty() {
                    let mut signature = line.to_owned();
                    while is_public_function && !signature.contains(['{', ';']) {
                        signature += lines.next().expect("a body").1.trim();
                    }
                    let place = format!("{name}:{}", number + 1);
                    let documentation = std::mem::take(&mut documentation);
                    items.push(Item { place, is_public_function, signature, documentation });
                }
            }
        }
    }
    items
}

impl Item {
    /// The line that begins a section of the documentation.
    fn first_line_of(&self, section: &str) -> Option<&str> {
        let mut lines = self.documentation.iter().skip_while(|line| *line != section).skip(1);
        lines.find(|line| !line.is_empty()).map(String::as_str)
    }

    fn name(&self) -> &str {
        let words = ["fn ", "struct ", "enum ", "trait "];
        let found = words.iter().find_map(|word| self.signature.split_once(word));
        // An option is declared as `name: type = default`.
        let after = found.map_or(self.signature.as_str(), |(_, after)| after);
        after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
    }
}

#[test]
fn fallible_public_functions_document_errors() {
    let mut seen = 0;
    let mut silent = Vec::new();
    for item in items().iter().filter(|item| item.is_public_function) {
        let result = item.signature.rsplit_once("->").map_or("", |(_, result)| result);
        if result.contains("Result<") {
            seen += 1;
            let says = item.first_line_of("# Errors");
            if !says.is_some_and(|line| line.starts_with("This returns an error if")) {
                silent.push(format!("{} {}: {says:?}", item.place, item.name()));
            }
        }
    }
    println!("{seen} public functions can fail");
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    assert!(seen >= 118, "the test has found {seen} functions only");
}

#[test]
fn root_guide_and_readmes_list_every_chapter() {
    let (root, guide) = (text("src/lib.rs"), text("src/guide/mod.rs"));
    let mut after = 0;
    for name in CHAPTERS {
        let place =
            root.find(&format!("(guide::{name})")).unwrap_or_else(|| panic!("{name} is not in the root"));
        assert!(place > after, "{name} is out of order");
        after = place;
    }
    for name in CHAPTERS.into_iter().chain(EXTRA_PAGES.map(|(name, _)| name)) {
        assert!(root.contains(&format!("(guide::{name})")), "the root does not lead to {name}");
        assert!(guide.contains(&format!("[`{name}`]")), "the guide's contents lack {name}");
        for readme in ["README.md", "README.zh-CN.md"] {
            let is_named = text(readme).contains(&format!("`{name}`"));
            assert!(
                is_named || EXTRA_PAGES.iter().any(|(page, _)| *page == name),
                "{readme} does not name {name}"
            );
        }
    }
    let declared = guide.lines().filter_map(|line| line.strip_prefix("pub mod ")).count();
    assert_eq!(declared, CHAPTERS.len() + EXTRA_PAGES.len(), "a chapter is not in this test's list");
}

#[test]
fn chapters_have_notes_test_example_and_neighbor_links() {
    for (number, name) in CHAPTERS.into_iter().enumerate() {
        let page = chapter(name);
        let first = page.lines().next().unwrap();
        assert!(
            first.ends_with('.') && page.lines().nth(1) == Some(""),
            "{name} does not open with a sentence"
        );
        assert!(page.contains("网络编程"), "{name} does not name its notes");
        let problems = ["wrong", "break", "# Common problems"];
        assert!(problems.iter().any(|word| page.contains(word)), "{name} does not say what goes wrong");

        let blocks: Vec<&str> = page.split("\n```").collect();
        let tests = blocks.iter().skip(1).step_by(2).filter(|block| block.starts_with('\n'));
        assert!(tests.clone().any(|block| block.contains("assert")), "{name} asserts nothing");
        assert!(tests.clone().all(|block| !block.contains("sleep")), "{name} sleeps");

        let examples = named_examples(&page);
        assert!(!examples.is_empty(), "{name} leads to no example");
        for example in examples {
            assert!(is_example(&example), "{name}: there is no example {example}");
        }
        if let Some(next) = CHAPTERS.get(number + 1) {
            assert!(
                page.contains("Next: [") && page.contains(&format!("(super::{next})")),
                "{name} to {next}"
            );
        }
        if number > 0 {
            let before = CHAPTERS[number - 1];
            assert!(page.contains(&format!("(super::{before})")), "{name} back to {before}");
        }
    }
}

#[test]
fn examples_document_notes_usage_and_output() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let source = if path.is_dir() { path.join("main.rs") } else { path.clone() };
        if let Ok(source) = fs::read_to_string(source) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let header: Vec<&str> = source.lines().take_while(|line| line.starts_with("//!")).collect();
            let header = header.join("\n");
            for part in ["From the notes", "网络编程", &format!("cargo run --example {name}")] {
                let is_there = header.contains(part) || (part == "网络编程" && header.contains("section"));
                assert!(is_there, "the header of {name} lacks {part:?}");
            }
            let first = header.lines().take_while(|line| *line != "//!").collect::<String>();
            assert!(first.ends_with('.'), "{name} does not open with what it shows");
            // How it is run, and behind that what comes of it.
            let [run, output] = [1, 3].map(|block| header.split("//! ```").nth(block).unwrap_or_default());
            assert!(run.starts_with("text\n") && run.contains("cargo run"), "how {name} is run");
            let printed = output.strip_prefix("text\n").unwrap_or_default().lines();
            let printed = printed.filter(|line| !line.starts_with("//! $") && line.len() > 4);
            assert!(printed.count() > 0, "{name} does not show what it prints");
            seen += 1;
        }
    }
    assert!(seen >= 20, "the test has found {seen} examples only");
}

/// The names behind each `cargo run --example`.
fn named_examples(page: &str) -> BTreeSet<String> {
    let after = page.split("cargo run --example ").skip(1);
    after
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned())
        .collect()
}

fn is_example(name: &str) -> bool {
    let folder = root().join("examples");
    folder.join(format!("{name}.rs")).exists() || folder.join(name).join("main.rs").exists()
}

#[test]
fn every_notes_snippet_has_rust_counterpart() {
    let table = chapter("from_python");
    for (notes, python, name, rust, example) in SNIPPETS {
        assert!(CHAPTERS.contains(&name), "{name}");
        let page = chapter(name);
        assert!(page.contains(python), "{name} does not quote {python:?} of {notes}");
        assert!(page.contains(rust), "{name} has no {rust:?} for {python:?}");
        assert!(is_example(example), "there is no example {example}");
        assert!(
            page.contains(&format!("cargo run --example {example}")),
            "{name} does not lead to {example}"
        );
        let section = notes.split(", ").nth(1);
        if section.is_none_or(|section| section.parse::<u32>().unwrap() > 3) {
            assert!(table.contains(&format!("| {notes} |")), "the table has no row for {notes}");
        }
        assert!(table.contains(&format!("`{example}`")), "the table does not lead to {example}");
    }
}

#[test]
fn python_table_covers_every_call_of_notes_scripts() {
    let table = chapter("from_python");
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/notes")).unwrap() {
        let script = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
            for before in line.split('(').rev().skip(1) {
                let call: Vec<&str> = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').collect();
                if before.ends_with(&format!(".{}", call[0])) && !call[0].is_empty() {
                    seen.insert(call[0].to_owned());
                }
            }
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            seen.extend(
                words.filter(|word| word.starts_with("SO_") || word.starts_with("AF_")).map(str::to_owned),
            );
        }
    }
    assert!(["bind", "listen", "accept", "sendto", "SO_REUSEADDR"].iter().all(|call| seen.contains(*call)));
    for call in seen.iter().filter(|call| !NON_SOCKET_CALLS.contains(&call.as_str())) {
        assert!(table.contains(call.as_str()), "the table has no row for {call}");
    }
}

/// What items say under "Platform-specific behavior" is in the table, which says it once more in one place.
#[test]
fn platform_md_names_every_platform_specific_item() {
    let page = text("PLATFORM.md");
    let spans: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let mut seen = 0;
    for item in items() {
        if item.first_line_of("# Platform-specific behavior").is_some() {
            seen += 1;
            let name = item.name();
            let is_named = spans.iter().any(|span| span.rsplit("::").next() == Some(name));
            assert!(is_named, "PLATFORM.md does not name {name} ({})", item.place);
        }
    }
    assert!(seen >= 25, "the test has found {seen} items only");
}

/// How many tests a page names, each of which is there.
fn claims(page: &str) -> usize {
    let mut seen = 0;
    for claim in page.split("`tests/").skip(1) {
        let claim = claim.split('`').next().unwrap();
        let (file, name) = claim.split_once("::").unwrap_or_else(|| panic!("tests/{claim} names no test"));
        let is_there = text(format!("tests/{file}")).contains(&format!("fn {name}("));
        assert!(is_there, "there is no test {name} in {file}");
        seen += 1;
    }
    seen
}

/// Each row of a promise has the test that holds it.
#[test]
fn security_md_promises_name_existing_tests() {
    let page = text("SECURITY.md");
    assert_each_row_names_a_test(page.split("## Not promised").next().unwrap(), "promise", 36);
}

/// Each fault that was tried is tried again with every run.
#[test]
fn hardening_md_faults_name_existing_tests() {
    let page = text("HARDENING.md");
    assert_each_row_names_a_test(page.split("\n## Faults").nth(1).unwrap(), "fault", 19);
}

fn assert_each_row_names_a_test(page: &str, what: &str, least: usize) {
    let head = format!("| {what} |");
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with(&head);
    let rows: Vec<&str> = page.lines().filter(is_row).collect();
    assert!(rows.len() >= least, "the test has found {} rows only", rows.len());
    for row in rows {
        assert!(claims(row) > 0, "no test holds: {row}");
    }
}

#[test]
fn compare_md_claims_name_existing_tests_and_benches() {
    let page = text("COMPARE.md");
    let seen = claims(&page);
    assert!(seen >= 36, "the test has found {seen} claims only");
    for number in 1..=seen {
        let [used, defined] = [format!("[^{number}]"), format!("\n[^{number}]: `tests/")];
        assert!(page.matches(&used).count() >= 2 && page.contains(&defined), "footnote {number}");
    }
    for bench in page.split("cargo bench --bench ").skip(1) {
        let words: Vec<&str> = bench.split('`').next().unwrap().split(' ').collect();
        let folder = root().join("benches").join(words[0]);
        if let ["tcp", "--", part] = words[..] {
            let main = fs::read_to_string(folder.join("main.rs")).unwrap();
            assert!(main.contains(&format!("(\"{part}\", ")), "the bench has no part {part}");
        } else {
            assert!(
                folder.is_dir() || folder.with_extension("rs").exists() || words == ["NAME"],
                "{words:?}"
            );
        }
    }
}

/// What the pages take in from the top level is what a package has.
#[test]
fn guide_documents_are_included_in_package() {
    for (name, document) in EXTRA_PAGES {
        assert!(
            text(format!("src/guide/{name}.rs")).contains(&format!("include_str!(\"../../{document}\")"))
        );
        assert!(text("Cargo.toml").contains(&format!("\"/{document}\"")), "{document} is not in the package");
    }
}
