//! Memory for results. A system that promises more than it has ends programs without a word; asking it first
//! gives a line that says why.

use std::fs;

use crate::error::{Failure, Outcome};

/// Whether there are `bytes` of memory for `what`; as far as the system tells.
pub(crate) fn check(what: &str, bytes: usize) -> Outcome<()> {
    match available() {
        Some(available) if bytes > available => Failure::about(
            what,
            format_args!(
                "too large: needs {:.1} GB of memory, {:.1} GB are available",
                bytes as f64 * 1e-9,
                available as f64 * 1e-9
            ),
        ),
        _ => Ok(()),
    }
}

/// `len` zeros for `what`.
pub(crate) fn zeros<T: Clone + Default>(what: &str, len: usize) -> Outcome<Vec<T>> {
    check(what, len.saturating_mul(size_of::<T>()))?;
    let mut values = Vec::new();
    values
        .try_reserve_exact(len)
        .map_err(|_| Failure::new(format_args!("{what}: too large for the memory of this machine")))?;
    values.resize(len, T::default());
    Ok(values)
}

/// Bytes that this program could still take, where Linux tells: the machine's, or its control group's if that
/// is less.
fn available() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)?;
    let number =
        |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<usize>().ok();
    let group = number("memory.max").zip(number("memory.current")).map(|(max, now)| max.saturating_sub(now));
    Some(group.map_or(machine, |group| group.min(machine)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_lengths_are_refused() {
        assert_eq!(zeros::<f32>("x", 3).unwrap(), [0.0; 3]);
        for len in [usize::try_from(1_u64 << 45).unwrap_or(usize::MAX), usize::MAX / 4, usize::MAX] {
            assert!(zeros::<f32>("output", len).unwrap_err().to_string().starts_with("output: too large"));
        }
    }
}
