use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::state::TICK;
use super::*;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Takes items from a channel, and blocks in each until it is released.
struct Queue {
    items: std::sync::Mutex<Receiver<Receiver<()>>>,
    done: AtomicUsize,
    errors: AtomicU64,
}

impl Workload for Queue {
    type Item = Receiver<()>;
    type Scratch = ();

    const THREADS_PER_PROCESSOR: usize = 1;

    fn scratch(&self) {}

    fn next(&self, _: Duration, (): &mut ()) -> Next<Receiver<()>> {
        let item = self.items.lock().ok().and_then(|items| items.recv().ok());
        item.map_or(Next::Closed, Next::Item)
    }

    fn run(&self, item: Receiver<()>, (): &mut ()) {
        let _ = item.recv_timeout(TIMEOUT);
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    fn on_thread_error(&self, _: io::Error) {
        self.errors.fetch_add(1, Ordering::SeqCst);
    }
}

fn queue() -> (Sender<Receiver<()>>, Arc<Queue>) {
    let (sender, items) = channel();
    let (done, errors) = (AtomicUsize::new(0), AtomicU64::new(0));
    (sender, Arc::new(Queue { items: std::sync::Mutex::new(items), done, errors }))
}

fn pool(max: usize, processors: usize, stack_size: Option<usize>) -> Arc<Pool> {
    let options = PoolOptions { max, processors, min_waiting: 1, stack_size };
    Arc::new(Pool::new(options, Arc::new(Changes::new())))
}

/// Waits until the pool has `total` threads, `waiting` of which wait for work.
fn await_size(pool: &Pool, total: usize, waiting: usize) {
    let began = Instant::now();
    loop {
        let size = pool.size();
        if (size.total, size.waiting) == (total, waiting) {
            return;
        }
        assert!(began.elapsed() < TIMEOUT, "{size:?} instead of {total} and {waiting}");
        std::thread::yield_now();
    }
}

#[test]
fn pool_grows_while_no_thread_waits_up_to_its_maximum() {
    let (pool, (sender, work)) = (pool(3, 3, None), queue());
    pool.start(&work).unwrap();
    let mut releases = Vec::new();
    for busy in 1..=5 {
        let (release, item) = channel();
        sender.send(item).unwrap();
        releases.push(release);
        let total = 3.min(busy + 1);
        await_size(&pool, total, total - 3.min(busy));
    }
    drop((releases, sender));
    await_size(&pool, 0, 0);
    assert_eq!((work.done.load(Ordering::SeqCst), work.errors.load(Ordering::SeqCst)), (5, 0));
}

#[test]
fn thread_that_cannot_be_started_is_retried_until_one_waits() {
    // No address space has such a stack.
    let (pool, (sender, work)) = (pool(3, 3, Some(1 << 46)), queue());
    assert!(pool.start(&work).is_err());
    await_size(&pool, 0, 0);
    // A thread that is there already takes the only item, so another would be started.
    pool.state().eager = 3;
    let member = pool.add(&mut pool.state());
    let own = Arc::clone(&work);
    let running = std::thread::spawn(move || member.work(&own));
    let (release, item) = channel();
    sender.send(item).unwrap();
    await_size(&pool, 1, 0);
    let began = Instant::now();
    while work.errors.load(Ordering::SeqCst) < 3 {
        assert!(began.elapsed() < TIMEOUT);
        let next = pool.grow(&work);
        if let Some(next) = next {
            std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
    }
    // 10 + 20 ms: the delay grows.
    assert!(began.elapsed() >= Duration::from_millis(25));
    // A thread waits again, and no other is needed.
    release.send(()).unwrap();
    await_size(&pool, 1, 1);
    assert_eq!(pool.grow(&work), None);
    drop(sender);
    running.join().unwrap();
    await_size(&pool, 0, 0);
}

#[test]
fn thread_that_panics_is_not_counted_any_more() {
    struct Panicking;
    impl Workload for Panicking {
        type Item = ();
        type Scratch = ();

        const THREADS_PER_PROCESSOR: usize = 1;

        fn scratch(&self) {}

        fn next(&self, _: Duration, (): &mut ()) -> Next<()> {
            panic!("on purpose");
        }

        fn run(&self, (): (), (): &mut ()) {}

        fn on_thread_error(&self, _: io::Error) {}
    }
    let pool = pool(1, 1, None);
    pool.start(&Arc::new(Panicking)).unwrap();
    await_size(&pool, 0, 0);
}

#[test]
fn pool_grows_over_its_eager_threads_only_while_they_block() {
    let (pool, (sender, work)) = (pool(100, 2, None), queue());
    pool.start(&work).unwrap();
    let mut releases = Vec::new();
    let mut take = |count: usize| {
        for _ in 0..count {
            let (release, item) = channel();
            sender.send(item).unwrap();
            releases.push(release);
        }
        std::mem::take(&mut releases)
    };
    // Two take work, and a third is not started yet.
    let blocked = take(2);
    await_size(&pool, 2, 0);
    let next = pool.grow(&work).unwrap();
    assert!(next > Instant::now() - TICK);
    // After two checks they count as blocked.
    let began = Instant::now();
    while pool.size().total == 2 {
        assert!(began.elapsed() < TIMEOUT);
        pool.grow(&work);
        std::thread::yield_now();
    }
    assert!(began.elapsed() >= TICK);
    await_size(&pool, 4, 2);
    assert_eq!(pool.grow(&work), None, "two wait");
    drop((blocked, sender));
    await_size(&pool, 0, 0);
}

#[test]
fn threads_that_are_not_needed_are_parked_until_others_block() {
    let (pool, (sender, work)) = (pool(100, 2, None), queue());
    pool.start(&work).unwrap();
    let take = |count: usize| {
        let items: Vec<_> = (0..count).map(|_| channel()).collect();
        items
            .into_iter()
            .map(|(release, item)| sender.send(item).map(|()| release).unwrap())
            .collect::<Vec<_>>()
    };
    let grow_to = |total: usize, waiting: usize| {
        let began = Instant::now();
        while (pool.size().total, pool.size().waiting) != (total, waiting) {
            assert!(began.elapsed() < TIMEOUT, "{:?}", pool.size());
            pool.grow(&work);
            std::thread::yield_now();
        }
    };
    let blocked = take(2);
    grow_to(4, 2);
    let more = take(2);
    grow_to(6, 2);
    // Two wait; the four that end have no work, and two of them would be enough.
    drop((blocked, more));
    await_size(&pool, 6, 6);
    let parked = pool.state().parked;
    assert!((1..=4).contains(&parked), "{parked}");
    // All of them are used before another is started.
    let busy = take(6);
    grow_to(6 + 2, 2);
    assert_eq!(pool.state().parked, 0);
    drop((busy, sender));
    await_size(&pool, 0, 0);
}

#[test]
fn closing_ends_parked_threads() {
    let (pool, (sender, work)) = (pool(100, 2, None), queue());
    pool.start(&work).unwrap();
    {
        let mut state = pool.state();
        state.eager = 1;
        let member = pool.add(&mut state);
        drop(state);
        pool.spawn(&work, member).unwrap();
    }
    let (release, item) = channel();
    sender.send(item).unwrap();
    await_size(&pool, 2, 1);
    drop(release);
    await_size(&pool, 2, 2);
    drop(sender);
    await_size(&pool, 0, 0);
}

/// So much work, some of it fetched. Each item blocks until all are released.
#[derive(Default)]
struct Crowd {
    state: std::sync::Mutex<CrowdState>,
    released: std::sync::Condvar,
}

#[derive(Default)]
struct CrowdState {
    backlog: usize,
    fetched: usize,
    running: usize,
    done: usize,
    is_released: bool,
    shared: usize,
}

impl Workload for Crowd {
    type Item = ();
    type Scratch = ();

    const THREADS_PER_PROCESSOR: usize = 1;

    fn scratch(&self) {}

    fn next(&self, _: Duration, (): &mut ()) -> Next<()> {
        let mut state = self.state.lock().unwrap();
        if state.fetched > 0 {
            state.fetched -= 1;
        } else if state.backlog > 0 {
            state.backlog -= 1;
        } else {
            return if state.is_released { Next::Closed } else { Next::TimedOut };
        }
        state.running += 1;
        Next::Item(())
    }

    fn run(&self, (): (), (): &mut ()) {
        let state = self.state.lock().unwrap();
        let mut state = self.released.wait_while(state, |state| !state.is_released).unwrap();
        state.running -= 1;
        state.done += 1;
    }

    fn fetch(&self, max: usize) {
        let mut state = self.state.lock().unwrap();
        let count = max.min(state.backlog);
        state.backlog -= count;
        state.fetched += count;
    }

    fn fetched(&self) -> usize {
        self.state.lock().unwrap().fetched
    }

    fn share_fetched(&self) {
        self.state.lock().unwrap().shared += 1;
    }

    fn on_thread_error(&self, error: io::Error) {
        panic!("{error}");
    }
}

/// Work is fetched only for threads that there can be, and they are started some at a time.
#[test]
fn crowd_is_fetched_for_the_threads_that_are_started() {
    let (pool, work) = (pool(400, 1, None), Arc::new(Crowd::default()));
    work.state.lock().unwrap().backlog = 500;
    pool.start(&work).unwrap();
    let began = Instant::now();
    let mut largest = 0;
    while work.state.lock().unwrap().running < 400 {
        assert!(began.elapsed() < TIMEOUT, "{:?}", pool.size());
        let before = pool.size().total;
        pool.grow(&work);
        largest = largest.max(pool.size().total - before);
        std::thread::yield_now();
    }
    // Two more may start the next one themselves.
    assert!((64..=MAX_STARTS + 2).contains(&largest), "{largest}");
    {
        let state = work.state.lock().unwrap();
        assert_eq!((state.backlog, state.fetched), (100, 0), "nothing is fetched without a thread for it");
    }
    assert_eq!(pool.grow(&work), None);
    work.state.lock().unwrap().is_released = true;
    work.released.notify_all();
    await_size(&pool, 0, 0);
    assert_eq!(work.state.lock().unwrap().done, 500);
}
