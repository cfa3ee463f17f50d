//! Code of the user that runs in the threads of a server: what it returns, and how its panics are
//! caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a handler returns: an error of any type ends its connection or request only, is counted and
/// reported.
pub type HandlerResult = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// How many panics in a row are caught in the drops of panic payloads, each of which panics with
/// another one. The next payload is leaked.
const MAX_PAYLOADS: usize = 8;

/// Runs code of the user, which also drops what it made. Returns the message if it panicked.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let message = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("").to_owned();
        discard(payload);
        message
    })
}

/// Drops the payload of a panic, whose drop may panic, too.
fn discard(payload: Box<dyn Any + Send>) {
    let mut payload = payload;
    for _ in 0..MAX_PAYLOADS {
        match catch_unwind(AssertUnwindSafe(move || drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nested(usize);

    impl Drop for Nested {
        fn drop(&mut self) {
            if self.0 > 0 {
                std::panic::panic_any(Nested(self.0 - 1));
            }
        }
    }

    #[test]
    fn panics_of_any_depth_are_caught() {
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(catch(|| panic!("number {}", 7)), Err::<(), _>("number 7".to_owned()));
        for depth in [0, 1, 3, 100] {
            assert_eq!(catch(|| std::panic::panic_any(Nested(depth))), Err::<(), _>(String::new()));
        }
        assert!(catch(|| drop(Nested(1))).is_err());
    }
}
