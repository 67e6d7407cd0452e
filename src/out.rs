// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing pieces one after the other.

/// Writes into a buffer that is just large enough. All is inlined: it lives in registers as long as no reference to it
/// leaves the function.
pub(crate) struct Out<'b> {
    length: usize,
    rest: &'b mut [u8],
}

impl<'b> Out<'b> {
    #[inline(always)]
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { length: buffer.len(), rest: buffer }
    }

    /// Octets so far.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    /// The place of the next octets.
    #[inline(always)]
    pub fn take(&mut self, length: usize) -> &'b mut [u8] {
        let (here, rest) = core::mem::take(&mut self.rest).split_at_mut(length);
        self.rest = rest;
        here
    }

    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        self.take(bytes.len()).copy_from_slice(bytes);
    }

    /// Whether nothing more fits.
    pub fn is_full(&self) -> bool {
        self.rest.is_empty()
    }
}
