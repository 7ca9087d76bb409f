//! Numbers that look random and depend on nothing but what they are made of.

/// The finaliser of MurmurHash3 in Stafford's variant 13: every bit of the input moves every bit of the output.
pub fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// 0..n in an order that depends on the seed alone.
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_cached_key(|row| scramble(seed ^ scramble(*row as u64 + 1)));
    order
}
