//! What texts cost that were made to be expensive, beside ordinary prose: one line for each
//! strategy and format with the costliest texts, as multiples of prose.
//!
//! `cargo bench -p dayfly-core --bench hostile_text [-- BYTES]`

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use dayfly_core::chunk::{Chunker, ChunkingStrategy, Format};

/// Repeated until the text is long enough.
const UNITS: &[&str] = &[
    ".",
    "a",
    "ab",
    "aB",
    "a.",
    "A.b",
    "?!",
    "'",
    "0",
    "-",
    "=",
    "_",
    "*",
    "~",
    "`",
    "#",
    ">",
    "|",
    "[",
    "]",
    "(",
    "<",
    "&",
    "\\",
    "^",
    "$",
    "!",
    "\0",
    "\u{7f}",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\u{a0}",
    "\u{2028}",
    "\u{3000}",
    " a",
    "a ",
    "a\n",
    "a\r\n",
    "\n\na",
    ". ",
    ".\n",
    "a. ",
    "0 ",
    "0.",
    " \n",
    "\t\n",
    "\u{301}",
    "e\u{301}",
    "\u{200d}",
    "\u{200b}",
    "\u{feff}",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "😀",
    "é",
    "語",
    "日本語の",
    "한",
    "ᄀ",
    "ก",
    "สวัสดีชาวโลก",
    "ກ",
    "ကမ္ဘာ",
    "ភាសា",
    "א",
    "ا",
    "हिन्दी",
    "\u{202e}",
    "ﷺ",
    "ſ",
    "# ",
    "# a\n",
    "#\n",
    "> ",
    ">\n",
    "> a\n",
    "- ",
    "- a\n",
    "- - ",
    "1. ",
    "1. a\n",
    "| ",
    "|a",
    "|a|\n",
    "|-|\n",
    "|a|\n|-|\n|b|\n\n",
    "**",
    "**a",
    "*a ",
    "*a*",
    "_a ",
    "*a_ ",
    "~~a ",
    "``",
    "`a",
    "`a`",
    "```\n",
    "```\na\n",
    "    a\n",
    "~~~\n",
    "---\n",
    "a\n=\n",
    "a\n-\n",
    "[a](",
    "[a](b)",
    "[a]: b\n",
    "[a]: b\n[a]",
    "[^a]",
    "[^a]: b\n",
    "![",
    "![a](",
    "<a",
    "<a ",
    "<a>",
    "<b",
    "</a>",
    "<!--",
    "<?",
    "<![CDATA[",
    "&amp;",
    "&#",
    "$a",
    "$a$",
    "$$",
    "^a",
    "a\\\n",
    "a  \n",
    "+++\n",
    "{{",
    "{#a}",
    "\n: a\n",
    "http://a.b ",
    "- [ ] a\n",
    "[[",
    "[[a]]",
    "> - ",
    "> # a\n",
    "> [!NOTE]\n> a\n",
];

fn main() {
    let bytes = std::env::args().find_map(|argument| argument.parse().ok());
    let bytes: usize = bytes.unwrap_or(1_000_000);
    let prose = prose(bytes);
    let hostile = texts(bytes);
    for (strategy_name, strategy) in strategies() {
        for (format_name, format) in [("text", Format::Text), ("markdown", Format::Markdown)] {
            let base = time(&prose, strategy, format, 3);
            let mut ratios: Vec<(f64, &str)> = hostile
                .iter()
                .map(|(name, text)| {
                    let took = time(text, strategy, format, 1);
                    (took.as_secs_f64() / base.as_secs_f64(), name.as_str())
                })
                .collect();
            ratios.sort_by(|a, b| b.0.total_cmp(&a.0));
            print!(
                "{strategy_name:>24} {format_name:<8} prose {:6.1} ms;",
                base.as_secs_f64() * 1e3
            );
            for (ratio, name) in ratios.iter().filter(|r| r.1.starts_with("ORD")) {
                print!("  {name} {ratio:.1}x");
            }
            print!(" | ");
            for (ratio, name) in ratios.iter().take(6) {
                print!("  {name} {ratio:.1}x");
            }
            println!();
        }
    }
}

fn strategies() -> Vec<(String, ChunkingStrategy)> {
    let mut all = vec![("auto".to_owned(), ChunkingStrategy::Auto)];
    for (max, overlap) in [(20, 10), (1_000, 500), (100_000, 0), (100_000, 50_000)] {
        let strategy = ChunkingStrategy::Characters {
            max_chunk_size_chars: max,
            chunk_overlap_chars: overlap,
        };
        all.push((format!("{max}/{overlap} characters"), strategy));
    }
    for (max, overlap) in [(100, 0), (800, 400), (4_096, 0), (4_096, 2_048)] {
        let strategy = ChunkingStrategy::Static {
            max_chunk_size_tokens: max,
            chunk_overlap_tokens: overlap,
        };
        all.push((format!("{max}/{overlap} tokens"), strategy));
    }
    all
}

fn time(text: &str, strategy: ChunkingStrategy, format: Format, times: u32) -> Duration {
    let took = (0..times).map(|_| {
        let begun = cpu_time();
        black_box(chunks(black_box(text), strategy, format));
        cpu_time().saturating_sub(begun)
    });
    took.min().unwrap_or_default()
}

/// Other programs do not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.max(0) as u32)
}

fn chunks(text: &str, strategy: ChunkingStrategy, format: Format) -> usize {
    let Ok(mut chunker) = Chunker::new(strategy, format) else {
        return 0;
    };
    let (mut rest, mut count) = (text, 0);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.ceil_char_boundary(256 << 10));
        count += chunker.push(piece).len();
        rest = later;
    }
    count + chunker.finish().len()
}

fn prose(bytes: usize) -> String {
    let section = "## On rivers\n\nA river is older than the names that people gave it. \
        It runs where it can, and where it cannot, it waits.\nThe second line of a \
        paragraph, with *stress* and `code`.\n\n- one\n- two\n\n```c\nint x = 1;\n```\n\n";
    section.repeat(bytes / section.len())
}

fn texts(bytes: usize) -> Vec<(String, String)> {
    let mut texts: Vec<_> = UNITS
        .iter()
        .map(|unit| (format!("{unit:?}"), unit.repeat(bytes / unit.len())))
        .collect();
    let mut add = |name: &str, text: String| texts.push((name.to_owned(), text));
    add(
        "ORD one line",
        lines(bytes, |n| {
            format!(
                "A river is older than the names that people gave it, and it runs where it can in the year {n}. "
            )
        }),
    );
    add(
        "ORD zh",
        lines(bytes, |n| {
            format!("一条河比人们给它的名字更古老，它流向它能去的地方。在第{n}年，河水很高。\n")
        }),
    );
    add(
        "ORD zh one line",
        lines(bytes, |n| {
            format!("一条河比人们给它的名字更古老，它流向它能去的地方。在第{n}年，河水很高。")
        }),
    );
    add(
        "ORD th",
        lines(bytes, |n| {
            format!("แม่น้ำมีอายุมากกว่าชื่อที่ผู้คนตั้งให้ มันไหลไปในที่ที่มันไปได้ {n} ")
        }),
    );
    add(
        "ORD json",
        lines(bytes, |n| {
            format!(
                "{{\"id\":{n},\"name\":\"river {n}\",\"tags\":[\"a\",\"b\"],\"text\":\"it runs where it can\"}},"
            )
        }),
    );
    add(
        "ORD log",
        lines(bytes, |n| {
            format!("2026-01-01 12:00:{n} INFO the river runs where it can\n")
        }),
    );
    add(
        "ORD words",
        lines(bytes, |n| format!("river names people where {n} ")),
    );
    add(
        "nested list",
        lines(bytes, |n| format!("{}- a\n", "  ".repeat(n % 200))),
    );
    add(
        "nested quotes",
        lines(bytes, |n| format!("{}a\n", ">".repeat(n % 200))),
    );
    add(
        "fences",
        lines(bytes, |n| format!("{}\n", "`".repeat(3 + n % 60))),
    );
    add(
        "codes",
        lines(bytes, |n| format!("{}a ", "`".repeat(1 + n % 300))),
    );
    add("definitions", lines(bytes, |n| format!("[{n}]: a\n")));
    add("references", lines(bytes, |n| format!("[{n}] ")));
    add("footnotes", lines(bytes, |n| format!("[^{n}]: a\n\n")));
    add(
        "spaces",
        lines(bytes, |n| format!("a{}", " ".repeat(n % 255))),
    );
    add(
        "breaks",
        lines(bytes, |n| format!("a{}", "\n".repeat(n % 255))),
    );
    add(
        "long words",
        lines(bytes, |n| format!("{} ", "xy".repeat(n % 5_000))),
    );
    add(
        "dots and words",
        lines(bytes, |n| format!("{}a ", ".".repeat(n % 5_000))),
    );
    let mut seed = 1_u64;
    let mut noise = move |kinds: &[&'static str]| {
        lines(bytes, |_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            kinds[(seed % kinds.len() as u64) as usize].to_owned()
        })
    };
    add("noise", noise(UNITS));
    add(
        "marks",
        noise(&["*", "_", "[", "]", "(", ")", "`", "~", "<", ">", "a", " "]),
    );
    add(
        "letters",
        noise(&["a", "b", "c", "d", "e", "f", "g", "x", "y", "z"]),
    );
    texts
}

fn lines(bytes: usize, mut line: impl FnMut(usize) -> String) -> String {
    let (mut text, mut number) = (String::with_capacity(bytes + 1_000), 0);
    while text.len() < bytes {
        number += 1;
        text += &line(number);
    }
    text
}
