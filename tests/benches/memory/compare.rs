//! The same uploads to Dayfly and to the handler that it replaces.

use std::time::Duration;

use dayfly_tests::endurance::{Record, Sample};
use dayfly_tests::peer::{Garbage, Naive};
use dayfly_tests::picture::{Curve, Panel, draw};
use dayfly_tests::scenario::{Uploads, uploads};
use dayfly_tests::{FakeEmbedder, Server};

use crate::{kept, mib, mib_of, row_of};

const HUNDREDS: usize = 20;

/// Prints the table, and draws the picture; of the long run it has the longest part, where there is one.
pub fn run() {
    println!(
        "\n{HUNDREDS}00 uploads of 100 KB          CPU ms an upload  p50 ms  max ms  MiB first  last  ratio"
    );
    let embedder = FakeEmbedder::start();
    let mut curves = Vec::new();
    for (name, garbage) in [
        ("LangChain and FAISS", Garbage::Left),
        ("the same, collecting after each", Garbage::Collected),
    ] {
        let naive = Naive::start(&embedder, garbage);
        let figures = uploads(&naive.client(), naive.pid(), HUNDREDS);
        curves.push(told(name, &figures));
    }
    let server = Server::start(&embedder);
    let figures = uploads(&server.client(), server.pid(), HUNDREDS);
    curves.push(told("Dayfly", &figures));
    let uploads = Panel {
        title: format!("{HUNDREDS}00 uploads of 100 KB"),
        curves,
    };
    let panels: Vec<Panel> = [uploads].into_iter().chain(long()).collect();
    let path = kept("memory.svg");
    draw(&path, &panels);
    println!("\nthe picture: {}", path.display());
}

fn told(name: &'static str, figures: &Uploads) -> Curve {
    let (first, last) = (
        figures.resident[0],
        figures.resident[figures.resident.len() - 1],
    );
    println!(
        "{name:<32} {:>16.1} {:>7.0} {:>7.0} {:>10} {:>5} {:>6.2}",
        milliseconds(figures.cpu),
        milliseconds(figures.latency.0),
        milliseconds(figures.latency.1),
        mib(first),
        mib(last),
        last as f64 / first as f64,
    );
    println!("    MiB after each hundred: {}", row_of(&figures.resident));
    let points = figures.resident.iter().zip(1u32..);
    Curve {
        name,
        points: points
            .map(|(resident, hundred)| (f64::from(hundred * 100), mib_of(*resident)))
            .collect(),
    }
}

fn long() -> Option<Panel> {
    let record = Record::open(&kept("long.csv"));
    let parts = record.parts();
    let longest = parts.into_iter().max_by_key(|part| part.len())?;
    let point = |sample: &Sample| (sample.uploads as f64, mib_of(sample.resident));
    Some(Panel {
        title: format!(
            "{} uploads of 3 KB, with traps and cut connections",
            longest[longest.len() - 1].uploads
        ),
        curves: vec![Curve {
            name: "Dayfly",
            points: longest.iter().map(point).collect(),
        }],
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
