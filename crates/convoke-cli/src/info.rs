//! `convoke info`: the machine as the library sees it.

use std::fs;

use convoke::Level;
use serde::Serialize;

use crate::args::InfoArgs;
use crate::error::{Context, Outcome};
use crate::{peak, print};

#[derive(Serialize)]
struct Info {
    version: &'static str,
    arch: &'static str,
    os: &'static str,
    threads: usize,
    /// The level that is taken unless another is asked for.
    level: &'static str,
    levels: Vec<LevelInfo>,
    /// Of the first core; empty where the system does not tell.
    caches: Vec<Cache>,
}

#[derive(Serialize)]
struct LevelInfo {
    name: &'static str,
    lanes: usize,
    registers: usize,
    /// Whether a multiply-add rounds once.
    fused: bool,
    /// Measured, one core.
    peak_gflops: f64,
    /// Measured, one core, memory to memory, bytes read and written.
    copy_gb_s: f64,
}

#[derive(Serialize)]
struct Cache {
    level: u32,
    kind: String,
    bytes: usize,
    line_bytes: usize,
}

pub(crate) fn run(args: &InfoArgs) -> Outcome<()> {
    let levels = Level::available().map(|level| LevelInfo {
        name: level.name(),
        lanes: level.lanes(),
        registers: level.registers(),
        fused: level.fused(),
        peak_gflops: round(peak::gflops(level)),
        copy_gb_s: round(peak::copy_gb_s(level)),
    });
    let info = Info {
        version: env!("CARGO_PKG_VERSION"),
        arch: std::env::consts::ARCH,
        os: std::env::consts::OS,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        level: Level::detect().name(),
        levels: levels.collect(),
        caches: caches(),
    };
    if args.json {
        let text = serde_json::to_string(&info).about("info")?;
        return print(&(text + "\n"));
    }
    let mut text =
        format!("convoke {}, {} {}, {} threads\n\n", info.version, info.arch, info.os, info.threads);
    text.push_str("  level     lanes  registers  fused  peak GFLOP/s  copy GB/s\n");
    for level in &info.levels {
        let mark = if level.name == info.level { '*' } else { ' ' };
        text.push_str(&format!(
            "{mark} {:<9} {:>5}  {:>9}  {:>5}  {:>12.1}  {:>9.1}\n",
            level.name,
            level.lanes,
            level.registers,
            if level.fused { "yes" } else { "no" },
            level.peak_gflops,
            level.copy_gb_s
        ));
    }
    text.push('\n');
    if info.caches.is_empty() {
        text.push_str("  caches: this system does not tell\n");
    }
    for cache in &info.caches {
        text.push_str(&format!(
            "  L{} {:<11} {:>6} KiB, lines of {} bytes\n",
            cache.level,
            cache.kind.to_lowercase(),
            cache.bytes / 1024,
            cache.line_bytes
        ));
    }
    print(&text)
}

/// Three decimals are more than such measurements are worth.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// What Linux tells of the caches of the first core.
fn caches() -> Vec<Cache> {
    let read = |index: usize, name: &str| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{name}");
        fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    let cache = |index: usize| {
        let size = read(index, "size")?;
        let bytes = match size.split_at_checked(size.len().checked_sub(1)?)? {
            (number, "K") => number.parse::<usize>().ok()?.checked_mul(1 << 10)?,
            (number, "M") => number.parse::<usize>().ok()?.checked_mul(1 << 20)?,
            _ => size.parse().ok()?,
        };
        Some(Cache {
            level: read(index, "level")?.parse().ok()?,
            kind: read(index, "type")?,
            bytes,
            line_bytes: read(index, "coherency_line_size")?.parse().ok()?,
        })
    };
    (0..8).map_while(cache).collect()
}
