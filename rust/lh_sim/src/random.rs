//! Seeded random numbers (SplitMix64): the only source of chance in a run.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use lh_core::ports::Entropy;

/// A stream of numbers that depends on its seed alone.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Sixty-four random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range, which must not be empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.bits() % (range.end - range.start)
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.bits() % 100 < percent
    }

    /// One of these; the slice must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.within(0..items.len() as u64) as usize]
    }

    /// Another stream that does not depend on how many numbers this one gives later.
    pub fn fork(&mut self) -> Self {
        Self(self.bits())
    }
}

/// A stream that several parts share.
#[derive(Debug)]
pub struct Shared(Mutex<Random>);

impl Shared {
    /// Shares this stream.
    pub fn new(random: Random) -> Self {
        Self(Mutex::new(random))
    }

    /// Lets somebody draw from it.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entropy for Shared {
    fn next_u64(&self) -> u64 {
        self.draw(Random::bits)
    }
}
