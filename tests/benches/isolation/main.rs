//! What one tenant feels of others that attack: a table, a row for each attack, which a victim's paced
//! requests were measured before, during and after. `cargo xtask bench isolation [ATTACK…]`; with
//! `--quick` for seconds each, with `--strict` it fails where a bound is broken, with `--list` it tells
//! what there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod pace;
mod resident;
mod row;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Duration;

use dayfly_tests::isolation::attacks::{ALL, DEADLY_INDEX};
use dayfly_tests::isolation::{Attack, Ground, Scale, Stage, Victim};

use pace::{Phase, paced};
use resident::Resident;
use row::Row;

/// The texts of the victim's store.
const TEXTS: usize = 64;

/// How long each phase is.
#[derive(Clone, Copy)]
struct Lengths {
    before: Duration,
    during: Duration,
    after: Duration,
}

const FULL: Lengths = Lengths {
    before: Duration::from_secs(10),
    during: Duration::from_secs(20),
    after: Duration::from_secs(10),
};
const QUICK: Lengths = Lengths {
    before: Duration::from_secs(2),
    during: Duration::from_secs(4),
    after: Duration::from_secs(2),
};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_said = |word: &str| words.iter().any(|said| said == word);
    if is_said("--list") {
        ALL.iter()
            .for_each(|attack| println!("{:<20} {}", attack.name, attack.what));
        return ExitCode::SUCCESS;
    }
    let names: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    if let Some(unknown) = names.iter().find(|name| !is_attack(name)) {
        eprintln!("no attack is called {unknown}: --list tells what there is");
        return ExitCode::FAILURE;
    }
    let lengths = if is_said("--quick") { QUICK } else { FULL };
    let chosen = |attack: &&&Attack| names.is_empty() || names.iter().any(|n| *n == attack.name);
    println!("{}", row::HEAD.join("\n"));
    let attacks: Vec<_> = ALL.iter().filter(chosen).collect();
    let is_ok = |attack: &&&&Attack| {
        // A server that dies ends a row, and not the table.
        let row = catch_unwind(|| measure(attack, lengths));
        row.inspect_err(|_| println!("{:<20} the server died, or the attack failed", attack.name))
            .is_ok_and(|row| !row.is_over())
    };
    let ok = attacks.iter().filter(is_ok).count();
    let over = attacks.len() - ok;
    println!(
        "\n{ok} attacks within the bound, twice the idle p99 and 50 ms with nothing refused; {over} over it"
    );
    match over > 0 && is_said("--strict") {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn is_attack(name: &str) -> bool {
    ALL.iter().any(|attack| attack.name == name)
}

fn measure(attack: &Attack, lengths: Lengths) -> Row {
    let ground = Ground::new(attack.place);
    let victim = Victim::settle(&ground, attack.work, TEXTS);
    if attack.name == DEADLY_INDEX.name {
        // What its searches would suffer from.
        victim.index();
    }
    paced(&victim, lengths.before / 4);
    let resident = Resident::of(ground.server.pid());
    let before = paced(&victim, lengths.before);
    let resident_before = resident.now();
    let stage = Stage::new(Scale::Bench);
    let ((during, resident_during), tally) = stage.run(attack, &ground, || {
        let during: Phase = paced(&victim, lengths.during);
        (during, resident.now())
    });
    let after = paced(&victim, lengths.after);
    let row = Row {
        name: attack.name,
        phases: [before, during, after],
        resident: [
            resident_before,
            resident.most().max(resident_during),
            resident.now(),
        ],
        tally,
    };
    println!("{row}");
    row
}
