use super::*;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn now() -> Instant {
    static NOW: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    #[allow(clippy::disallowed_methods, reason = "any instant does, the same for all tests")]
    *NOW.get_or_init(Instant::now)
}

#[test]
fn open_server_waits_without_a_limit() {
    let mut server = Lifecycle::new(4);
    assert_eq!(server.poll(now(), false), Step::Wait(None));
    for _ in 0..100 {
        assert_eq!(server.tick(), Phase::Open);
    }
}

#[test]
fn shutdown_closes_idle_connections_then_aborts_then_abandons() {
    let mut server = Lifecycle::new(4);
    server.begin(now(), 4 * SECOND, SECOND);
    assert_eq!(server.phase(), Phase::Draining);
    assert_eq!(server.poll(now(), true), Step::Wait(Some(now() + SECOND)));
    assert_eq!(server.poll(now() + SECOND, true), Step::CloseIdle);
    assert_eq!(server.poll(now() + SECOND, true), Step::Wait(Some(now() + SECOND + IDLE_CHECK)));
    assert_eq!(server.poll(now() + SECOND + IDLE_CHECK, true), Step::CloseIdle);
    server.close();
    assert_eq!(server.poll(now() + 4 * SECOND, true), Step::Abort);
    assert_eq!(server.phase(), Phase::Aborted);
    let end = now() + 4 * SECOND + ABORT_NOTICE;
    assert_eq!(server.poll(now() + 4 * SECOND, true), Step::Wait(Some(end)));
    assert_eq!(server.poll(end, true), Step::Done);
}

#[test]
fn server_without_connections_ends_when_it_is_closed() {
    let mut server = Lifecycle::new(4);
    server.begin(now(), 4 * SECOND, SECOND);
    assert_eq!(server.poll(now(), false), Step::Wait(Some(now() + SECOND)), "the backlog is not served");
    server.close();
    assert_eq!(server.poll(now(), false), Step::Done);
}

#[test]
fn earliest_timeout_counts() {
    let mut server = Lifecycle::new(4);
    server.begin(now(), 4 * SECOND, 2 * SECOND);
    server.begin(now(), 9 * SECOND, 3 * SECOND);
    assert_eq!(server.poll(now(), true), Step::Wait(Some(now() + 2 * SECOND)));
    assert_eq!(server.poll(now() + 2 * SECOND, true), Step::CloseIdle);
    server.begin(now(), SECOND, 9 * SECOND);
    assert_eq!(server.poll(now() + SECOND, true), Step::Abort);
    // A timeout beyond the clock is none.
    let mut server = Lifecycle::new(4);
    server.begin(now(), Duration::MAX, Duration::MAX);
    assert_eq!(server.poll(now(), true), Step::Wait(None));
}

#[test]
fn draining_accepts_as_many_as_the_backlog_holds() {
    let mut server = Lifecycle::new(2);
    server.begin(now(), SECOND, SECOND);
    assert_eq!(
        [(); 4].map(|()| server.tick()),
        [Phase::Draining, Phase::Draining, Phase::Draining, Phase::Closed]
    );
    let mut server = Lifecycle::new(0);
    server.begin(now(), SECOND, SECOND);
    assert_eq!(server.tick(), Phase::Draining);
    server.untick();
    assert_eq!([(); 2].map(|()| server.tick()), [Phase::Draining, Phase::Closed]);
}

#[test]
fn closed_server_stays_closed() {
    let mut server = Lifecycle::new(4);
    server.close();
    server.begin(now(), SECOND, SECOND);
    assert_eq!((server.phase(), server.tick()), (Phase::Closed, Phase::Closed));
    assert_eq!(server.poll(now(), false), Step::Done);
}
