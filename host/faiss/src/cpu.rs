//! Which variant of the instruction set is in use.

use std::env;
use std::sync::OnceLock;

use crate::bridge::Table;
use crate::error::{Error, Result};

/// A variant of the instruction set for which there can be code, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cpu {
    /// What every processor of the architecture has.
    Generic,
    /// x86-64 with AVX2, FMA, F16C and POPCNT.
    Avx2,
    /// x86-64 with, beside those, AVX-512 F, CD, VL, DQ and BW.
    Avx512,
}

impl Cpu {
    /// The variants that this program was built with, from the least to the most.
    pub const BUILT: &[Self] = &[
        #[cfg(faiss = "generic")]
        Self::Generic,
        #[cfg(faiss = "avx2")]
        Self::Avx2,
        #[cfg(faiss = "avx512")]
        Self::Avx512,
    ];

    /// Its name, as `DAYFLY_FAISS_CPU` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// The variable that lowers [`cpu`], for tests and to find faults.
const VARIABLE: &str = "DAYFLY_FAISS_CPU";

/// The variant in use: the most of [those built](Cpu::BUILT) that this machine can execute, or less
/// where the environment variable `DAYFLY_FAISS_CPU` names one of them (`generic`, `avx2`,
/// `avx512`). Stays the same for as long as the program runs.
///
/// # Errors
/// [`Error::Unsupported`] where this machine can execute none of them.
pub fn cpu() -> Result<Cpu> {
    chosen().map(|(cpu, _)| cpu)
}

/// The code of the variant in use.
///
/// # Errors
/// As [`cpu`].
pub(crate) fn table() -> Result<&'static Table> {
    chosen().map(|(_, table)| table)
}

fn chosen() -> Result<(Cpu, &'static Table)> {
    static CHOSEN: OnceLock<Option<(Cpu, &'static Table)>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let wanted = env::var(VARIABLE).ok();
        let cpu = choose(Cpu::BUILT, most(), wanted.as_deref())?;
        Some((cpu, load(cpu)))
    });
    chosen.ok_or_else(unsupported)
}

/// The most that is `built` and no more than `most`; or the one that is `wanted`, where it is one of
/// these.
pub(crate) fn choose(built: &[Cpu], most: Cpu, wanted: Option<&str>) -> Option<Cpu> {
    let mut usable = built.iter().copied().filter(|cpu| *cpu <= most);
    let named = usable.clone().find(|cpu| Some(cpu.name()) == wanted);
    named.or(usable.next_back())
}

fn unsupported() -> Error {
    let built: Vec<&str> = Cpu::BUILT.iter().map(|cpu| cpu.name()).collect();
    Error::Unsupported(format!(
        "this program was built with FAISS for other processors than this one ({}): build it here, \
         or for every machine with `cargo xtask dist`",
        built.join(", ")
    ))
}

#[cfg(target_arch = "x86_64")]
fn most() -> Cpu {
    use std::arch::is_x86_feature_detected as has;

    let avx2 = has!("avx2") && has!("fma") && has!("f16c") && has!("popcnt");
    let avx512 = has!("avx512f")
        && has!("avx512cd")
        && has!("avx512vl")
        && has!("avx512dq")
        && has!("avx512bw");
    match (avx2, avx512) {
        (true, true) => Cpu::Avx512,
        (true, false) => Cpu::Avx2,
        (false, _) => Cpu::Generic,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn most() -> Cpu {
    Cpu::Generic
}

unsafe extern "C" {
    #[cfg(faiss = "generic")]
    fn dayfly_faiss_generic() -> &'static Table;
    #[cfg(faiss = "avx2")]
    fn dayfly_faiss_avx2() -> &'static Table;
    #[cfg(faiss = "avx512")]
    fn dayfly_faiss_avx512() -> &'static Table;
}

/// Called once, with one of [`Cpu::BUILT`] and with no more than [`most`].
fn load(cpu: Cpu) -> &'static Table {
    match cpu {
        #[cfg(faiss = "generic")]
        // SAFETY: called once, on any machine of the architecture.
        Cpu::Generic => unsafe { dayfly_faiss_generic() },
        #[cfg(faiss = "avx2")]
        // SAFETY: called once, and the machine has the instructions.
        Cpu::Avx2 => unsafe { dayfly_faiss_avx2() },
        #[cfg(faiss = "avx512")]
        // SAFETY: called once, and the machine has the instructions.
        Cpu::Avx512 => unsafe { dayfly_faiss_avx512() },
        #[cfg(not(all(faiss = "generic", faiss = "avx2", faiss = "avx512")))]
        other => unreachable!("{other:?} is not in this program"),
    }
}
