//! How a cost grows with what there is: the second table of the READMEs.

use super::Figures;

struct Growth {
    english: &'static str,
    chinese: &'static str,
    /// As the benchmark calls it; three, where each amount is a work of its own.
    works: &'static [&'static str],
    /// The rows, which are the amounts; or one, which is looked for in each work.
    rows: &'static [&'static str],
    amounts: [&'static str; 3],
    /// What the benchmark's figure is divided by, to be that of one in the unit.
    per: [f64; 3],
    unit: &'static str,
}

const IDLE: [&str; 3] = ["1,000", "5,000", "9,000"];
const IDLE_ROWS: &[&str] = &["1000", "5000", "9000"];

const GROWTHS: [Growth; 8] = [
    Growth {
        english: "a connection, beside so many idle ones",
        chinese: "一个连接，旁边有这么多空闲连接",
        works: &["tcp: a connection beside idle ones"],
        rows: IDLE_ROWS,
        amounts: IDLE,
        per: [1_000.0; 3],
        unit: "µs",
    },
    Growth {
        english: "memory of an idle connection, of so many",
        chinese: "每个空闲连接的内存，共有这么多",
        works: &["tcp: bytes of an idle connection, socketry serve_requests(Lines)"],
        rows: IDLE_ROWS,
        amounts: IDLE,
        per: [1.0; 3],
        unit: "B",
    },
    Growth {
        english: "a name in a hosts file of so many lines",
        chinese: "hosts 文件有这么多行，查其中一个名字",
        works: &["resolver: a look-up in a hosts file, by its lines"],
        rows: &["1000", "10000", "150000"],
        amounts: ["1,000", "10,000", "150,000"],
        per: [1.0; 3],
        unit: "ns",
    },
    Growth {
        english: "a name in a cache of so many",
        chinese: "缓存里有这么多名字，查其中一个",
        works: &["resolver: a look-up in the cache, by its names"],
        rows: &["10", "1000", "10000"],
        amounts: ["10", "1,000", "10,000"],
        per: [1.0; 3],
        unit: "ns",
    },
    Growth {
        english: "a datagram of 64 bytes, in batches of so many",
        chinese: "64 字节的数据报，每批这么多",
        works: &["udp: a datagram of 64 bytes, by how many a batch has"],
        rows: &["1", "64", "512"],
        amounts: ["1", "64", "512"],
        per: [1.0; 3],
        unit: "ns",
    },
    Growth {
        english: "a line of 64 bytes, in a stream of so many",
        chinese: "64 字节的一行，流里有这么多行",
        works: &["frames: a line, by how many a stream has"],
        rows: &["10", "1000", "100000"],
        amounts: ["10", "1,000", "100,000"],
        per: [1.0; 3],
        unit: "ns",
    },
    Growth {
        english: "1 KiB in lines of so many bytes",
        chinese: "1 KiB，每行这么多字节",
        works: &["frames: a KiB of lines, by their length"],
        rows: &["64", "1024", "16384"],
        amounts: ["64", "1,024", "16,384"],
        per: [1.0; 3],
        unit: "ns",
    },
    Growth {
        english: "1 KiB decoded from gb2312, of a text of so many bytes",
        chinese: "解码 1 KiB 的 gb2312，全文这么多字节",
        works: &[
            "text: Chinese, 102 bytes, gb2312, decode",
            "text: Chinese, 64 KiB, gb2312, decode",
            "text: Chinese, 1024 KiB, gb2312, decode",
        ],
        rows: &["socketry"],
        amounts: ["102", "64 Ki", "1 Mi"],
        per: [102.0 / 1_024.0, 64.0, 1_024.0],
        unit: "ns",
    },
];

pub(crate) fn table(figures: &Figures, is_chinese: bool) -> String {
    let mut lines = match is_chinese {
        true => "| 一件的代价 | 少 | 多 | 更多 |\n|---|---|---|---|\n".to_owned(),
        false => "| what one costs | few | more | many |\n|---|---|---|---|\n".to_owned(),
    };
    for growth in &GROWTHS {
        lines += "| ";
        lines += if is_chinese { growth.chinese } else { growth.english };
        for (index, amount) in growth.amounts.iter().enumerate() {
            let work = growth.works[index.min(growth.works.len() - 1)];
            let row = growth.rows[index.min(growth.rows.len() - 1)];
            let each = figures.each(work, row) / growth.per[index];
            lines += &format!(" | {amount}: {each:.0} {}", growth.unit);
        }
        lines += " |\n";
    }
    lines
}
