//! What of all that is measured stands in the READMEs.

use super::Figures;

pub(crate) struct Pick {
    pub(crate) english: &'static str,
    pub(crate) chinese: &'static str,
    /// As the benchmark calls it.
    pub(crate) work: &'static str,
    /// Who is 1, and what the benchmark calls it.
    pub(crate) base: (&'static str, &'static str),
    pub(crate) own: &'static str,
    pub(crate) others: &'static [(&'static str, &'static str)],
}

impl Pick {
    pub(crate) fn own_speed(&self, figures: &Figures) -> f64 {
        figures.speed(self.work, self.own, self.base.1)
    }
}

/// Two digits that mean something.
pub(crate) fn rounded(speed: f64) -> String {
    match speed {
        ..9.95 => format!("{speed:.2}"),
        ..99.5 => format!("{speed:.1}"),
        _ => format!("{speed:.0}"),
    }
}

const TO_C: &[(&str, &str)] = &[("std", "std"), ("Go", "Go"), ("Python", "Python")];

const LOOK_UP: &str = "resolver: a look-up, to the system's of localhost";
const GETADDRINFO: (&str, &str) = ("getaddrinfo", "getaddrinfo, localhost");

pub(crate) const PICKS: [Pick; 11] = [
    Pick {
        english: "UDP: 64 bytes asked and answered",
        chinese: "UDP：一问一答，64 字节",
        work: "peers: udp: 64 bytes asked and answered by two processes",
        base: ("C", "C, the system calls"),
        own: "socketry",
        others: TO_C,
    },
    Pick {
        english: "UDP: a flood of 64 bytes each, in batches",
        chinese: "UDP：成批收发，每个 64 字节",
        work: "udp: receive a flood of 64 bytes from another process",
        base: ("system calls", "raw"),
        own: "batch connected, received by batch",
        others: &[("quinn-udp", "quinn-udp"), ("sendmmsg", "raw mmsg")],
    },
    Pick {
        english: "UDP: a flood of 1,200 bytes each, in batches",
        chinese: "UDP：成批收发，每个 1,200 字节",
        work: "udp: receive a flood of 1200 bytes from another process",
        base: ("system calls", "raw"),
        own: "batch connected, received by batch",
        others: &[("quinn-udp", "quinn-udp"), ("sendmmsg", "raw mmsg")],
    },
    Pick {
        english: "TCP: 64 bytes asked and answered",
        chinese: "TCP：一问一答，64 字节",
        work: "peers: tcp: 64 bytes asked and answered by two processes",
        base: ("C", "C, the system calls"),
        own: "socketry",
        others: TO_C,
    },
    Pick {
        english: "TCP: the same with a timeout",
        chinese: "TCP：同上，带超时",
        work: "tcp: ping-pong of 64 bytes on one processor",
        base: ("system calls", "send, recv"),
        own: "socketry, read timeout",
        others: &[("std", "std, read timeout set once"), ("tokio", "tokio, current thread, timeout()")],
    },
    Pick {
        english: "connections a second, of 8 clients, 8 threads",
        chinese: "每秒连接数，8 个客户端，8 个线程",
        work: "tcp: connections of 8 clients at a time",
        base: ("tokio", "tokio, 2 workers, a task for each"),
        own: "socketry serve, 8 threads",
        others: &[("default", "socketry serve"), ("std, a thread for each", "std, a thread for each")],
    },
    Pick {
        english: "a file sent over TCP",
        chinese: "经 TCP 发送文件",
        work: "tcp: a file of 64 MiB, each MiB",
        base: ("sendfile", "sendfile"),
        own: "socketry send_file",
        others: &[("Python", "Python socket.sendfile"), ("std", "std::io::copy")],
    },
    Pick {
        english: "lines of 64 bytes cut from a stream",
        chinese: "从流中取出 64 字节的行",
        work: "frames: English, utf-8",
        base: ("tokio-util", "tokio_util LinesCodec"),
        own: "Lines, recv_ref",
        others: &[("std", "BufRead::lines")],
    },
    Pick {
        english: "Chinese text decoded from gb2312",
        chinese: "gb2312 中文解码",
        work: "text: Chinese, 64 KiB, gb2312, decode",
        base: ("encoding_rs", "encoding_rs"),
        own: "socketry",
        others: &[("Python", "Python")],
    },
    Pick {
        english: "a name looked up that is known",
        chinese: "查询已知的名字",
        work: LOOK_UP,
        base: GETADDRINFO,
        own: "from the cache",
        others: &[],
    },
    Pick {
        english: "a name in a hosts file of 150,000 lines",
        chinese: "十五万行 hosts 文件里的名字",
        work: LOOK_UP,
        base: GETADDRINFO,
        own: "from a hosts file of 150,000 lines",
        others: &[],
    },
];
