//! Which variant of the instruction set is in use.

use std::env;
use std::sync::OnceLock;

use crate::bridge::Table;

/// A variant of the instruction set for which there is code, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cpu {
    /// What every processor of the architecture has.
    Generic,
    /// x86-64 with AVX2, FMA, F16C and POPCNT.
    Avx2,
    /// x86-64 with, beside those, AVX-512 F, CD, VL, DQ and BW.
    Avx512,
}

/// The variable that lowers [`cpu`], for tests and to find faults.
const VARIABLE: &str = "DAYFLY_FAISS_CPU";

/// The variant in use: the most that this machine can execute, or less where the environment
/// variable `DAYFLY_FAISS_CPU` names it (`generic`, `avx2`, `avx512`). Stays the same for as long
/// as the program runs.
pub fn cpu() -> Cpu {
    chosen().0
}

/// The code of the variant in use.
pub(crate) fn table() -> &'static Table {
    chosen().1
}

fn chosen() -> (Cpu, &'static Table) {
    static CHOSEN: OnceLock<(Cpu, &'static Table)> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let wanted = env::var(VARIABLE).ok().and_then(|name| named(&name));
        let cpu = wanted.map_or(most(), |wanted| wanted.min(most()));
        (cpu, load(cpu))
    })
}

fn named(name: &str) -> Option<Cpu> {
    match name {
        "generic" => Some(Cpu::Generic),
        "avx2" => Some(Cpu::Avx2),
        "avx512" => Some(Cpu::Avx512),
        _ => None,
    }
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
    fn dayfly_faiss_generic() -> &'static Table;
    #[cfg(target_arch = "x86_64")]
    fn dayfly_faiss_avx2() -> &'static Table;
    #[cfg(target_arch = "x86_64")]
    fn dayfly_faiss_avx512() -> &'static Table;
}

/// Called once, and with no more than [`most`].
fn load(cpu: Cpu) -> &'static Table {
    match cpu {
        // SAFETY: called once, on any machine of the architecture.
        Cpu::Generic => unsafe { dayfly_faiss_generic() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: called once, and the machine has the instructions.
        Cpu::Avx2 => unsafe { dayfly_faiss_avx2() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: called once, and the machine has the instructions.
        Cpu::Avx512 => unsafe { dayfly_faiss_avx512() },
        #[cfg(not(target_arch = "x86_64"))]
        // SAFETY: called once, on any machine of the architecture.
        Cpu::Avx2 | Cpu::Avx512 => unsafe { dayfly_faiss_generic() },
    }
}
