//! Memory that the facade owns for its callers: vectors whose allocation may fail without ending the program,
//! and a store of scratch buffers, so that runs after the first allocate nothing.

use std::sync::{Mutex, PoisonError};

use convoke_core::Error;

/// `len` zeros.
///
/// # Errors
/// [`Error::Overflow`] of `operand` if there is not enough memory.
pub(crate) fn zeros<T: Clone + Default>(operand: &'static str, len: usize) -> Result<Vec<T>, Error> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| Error::Overflow { operand })?;
    buffer.resize(len, T::default());
    Ok(buffer)
}

/// Buffers of one kind, handed to whoever runs and kept for the next run. There are at most as many as ever ran at the
/// same time.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    free: Mutex<Vec<T>>,
}

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self { free: Mutex::new(Vec::new()) }
    }

    /// Lends a buffer to `f`: one that was used before, or what `make` makes.
    pub(crate) fn lend<R>(
        &self,
        make: impl FnOnce() -> Result<T, Error>,
        f: impl FnOnce(&mut T) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = match kept {
            Some(buffer) => buffer,
            None => make()?,
        };
        let result = f(&mut buffer);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        result
    }
}

/// Scratch buffers of one length.
#[derive(Debug)]
pub(crate) struct Scratch {
    len: usize,
    pool: Pool<Vec<f32>>,
}

impl Scratch {
    pub(crate) fn new(len: usize) -> Self {
        Self { len, pool: Pool::new() }
    }

    /// Lends a buffer to `f`. It is garbage before and after.
    pub(crate) fn lend<R>(&self, f: impl FnOnce(&mut [f32]) -> Result<R, Error>) -> Result<R, Error> {
        if self.len == 0 {
            return f(&mut []);
        }
        self.pool.lend(|| zeros("scratch", self.len), |buffer| f(buffer))
    }
}
