//! How a time is shared among addresses that are tried one after the other. Pure arithmetic.

/// Less than this is no fair chance: a lost packet is sent again after a second.
const LEAST: u64 = 2_000_000_000;

/// How much of the remaining nanoseconds the next of `left` addresses may take: an equal share, at least 2 s, at most what
/// remains. Go's `net` shares in the same way.
pub(crate) fn share(remaining: u64, left: usize) -> u64 {
    let left = u64::try_from(left).unwrap_or(u64::MAX).max(1);
    (remaining / left).max(LEAST).min(remaining)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_is_equal_with_two_second_minimum() {
        const SECOND: u64 = 1_000_000_000;
        assert_eq!(share(9 * SECOND, 3), 3 * SECOND);
        assert_eq!(share(3 * SECOND, 3), 2 * SECOND);
        assert_eq!(share(SECOND, 3), SECOND);
        assert_eq!(share(9 * SECOND, 1), 9 * SECOND);
        assert_eq!((share(0, 3), share(5, 0)), (0, 5));
    }
}
