//! Many threads that build pieces, one of which at a time hands the finished ones on, in order.
//!
//! ```text
//! pieces     0   1   2   3   4   5   6        7 ...
//!            handed on   | done  being | built | not taken: at most so many are ahead
//! ```
//!
//! There is no thread for handing on: whoever finishes a piece takes the consumer along if it is free, hands on all that is ready,
//! and goes on building. So no thread waits while there is work, and with one thread nothing is ever kept. What is built is
//! bounded by [`AHEAD`]; buffers come back through [`Spare`], since memory that is warm costs no page faults.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// Pieces taken and not yet handed on, per thread: one being built while another waits.
pub const AHEAD: usize = 2;

/// Builds pieces side by side on all threads of the current pool, and hands them on in order. A piece is asked for when there is
/// room for what it becomes, by one thread at a time.
///
/// # Errors
/// Where a piece cannot be had, or building or consuming fails: the error of the first such piece.
pub fn pipeline<P, R: Send>(
    pieces: impl IntoIterator<Item = Result<P>, IntoIter: Send>,
    build: impl Fn(&P) -> Result<R> + Sync,
    consume: impl FnMut(R) -> Result<()> + Send,
) -> Result<()> {
    let line = Line {
        state: Mutex::new(State {
            ready: VecDeque::new(),
            taken: 0,
            handed: 0,
            consume: Some(consume),
            failed: None,
        }),
        moved: Condvar::new(),
        ahead: AHEAD * rayon::current_num_threads(),
    };
    let pieces = Mutex::new(pieces.into_iter().fuse());
    rayon::broadcast(|_| line.work(&pieces, &build));
    let state = line.state.into_inner();
    match state.unwrap_or_else(PoisonError::into_inner).failed {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

struct State<R, C> {
    /// Pieces taken and not yet handed on, in order; nothing where one is being built.
    ready: VecDeque<Option<R>>,
    taken: usize,
    handed: usize,
    /// Away while a thread uses it.
    consume: Option<C>,
    /// The first piece that failed.
    failed: Option<(usize, Error)>,
}

struct Line<R, C> {
    state: Mutex<State<R, C>>,
    moved: Condvar,
    ahead: usize,
}

impl<R, C: FnMut(R) -> Result<()>> Line<R, C> {
    fn work<P>(
        &self,
        pieces: &Mutex<impl Iterator<Item = Result<P>>>,
        build: impl Fn(&P) -> Result<R>,
    ) {
        let panicked = StopOnPanic(self);
        while let Some((at, piece)) = self.take(pieces) {
            match build(&piece) {
                Ok(built) => self.hand_on(at, built),
                Err(error) => self.fail(at, error),
            }
        }
        drop(panicked);
    }

    fn lock(&self) -> MutexGuard<'_, State<R, C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece to build and its number, when there is room for it; none at the end, or once one has failed.
    fn take<P>(&self, pieces: &Mutex<impl Iterator<Item = Result<P>>>) -> Option<(usize, P)> {
        // Held until the piece has its number; whoever hands on does not need it.
        let mut pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |state: &mut State<R, C>| {
            state.failed.is_none() && state.taken - state.handed >= self.ahead
        };
        let state = self.moved.wait_while(self.lock(), is_full);
        let at = {
            let state = state.unwrap_or_else(PoisonError::into_inner);
            state.failed.is_none().then_some(state.taken)?
        };
        match pieces.next()? {
            Ok(piece) => {
                let mut state = self.lock();
                state.taken += 1;
                state.ready.push_back(None);
                Some((at, piece))
            }
            Err(error) => {
                self.fail(at, error);
                None
            }
        }
    }

    /// Puts a finished piece in its place, and hands on what is ready unless another thread does.
    fn hand_on(&self, at: usize, built: R) {
        let mut state = self.lock();
        let place = at - state.handed;
        if let Some(place) = state.ready.get_mut(place) {
            *place = Some(built);
        }
        while let Some((mut consume, piece)) = state.next_ready() {
            let at = state.handed;
            drop(state);
            let consumed = consume(piece);
            state = self.lock();
            state.consume = Some(consume);
            state.handed += 1;
            state.ready.pop_front();
            if let Err(error) = consumed {
                state.fail(at, error);
            }
            self.moved.notify_all();
        }
    }

    fn fail(&self, at: usize, error: Error) {
        self.lock().fail(at, error);
        self.moved.notify_all();
    }
}

impl<R, C> State<R, C> {
    fn next_ready(&mut self) -> Option<(C, R)> {
        if self.failed.is_some() || self.consume.is_none() {
            return None;
        }
        let piece = self.ready.front_mut()?.take()?;
        Some((self.consume.take()?, piece))
    }

    fn fail(&mut self, at: usize, error: Error) {
        if self.failed.as_ref().is_none_or(|(first, _)| at < *first) {
            self.failed = Some((at, error));
        }
    }
}

/// Lets no thread wait for one that panicked.
struct StopOnPanic<'a, R, C: FnMut(R) -> Result<()>>(&'a Line<R, C>);

impl<R, C: FnMut(R) -> Result<()>> Drop for StopOnPanic<'_, R, C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .fail(usize::MAX, Error::Invalid("a thread panicked".into()));
        }
    }
}

/// Buffers that were used before.
#[derive(Debug)]
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T: Default> Spare<T> {
    /// One that was given back, as it was left, or a new one.
    #[must_use]
    pub fn take(&self) -> T {
        self.lock().pop().unwrap_or_default()
    }

    /// Keeps one for the next who needs it.
    pub fn give_back(&self, used: T) {
        self.lock().push(used);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::merge::pool;

    fn run(threads: usize, pieces: &[usize], fails: &[usize]) -> (Vec<usize>, Result<()>) {
        let mut got = Vec::new();
        let building = AtomicUsize::new(0);
        let build = |piece: &usize| {
            let ahead = building.fetch_add(1, Ordering::SeqCst);
            assert!(ahead < AHEAD * threads, "{ahead} pieces are ahead");
            if fails.contains(piece) {
                return Err(Error::Invalid(piece.to_string()));
            }
            Ok(piece * 2)
        };
        let consume = |built: usize| {
            building.fetch_sub(1, Ordering::SeqCst);
            got.push(built);
            Ok(())
        };
        let end = pool(threads)
            .unwrap()
            .install(|| pipeline(pieces.iter().copied().map(Ok), build, consume));
        (got, end)
    }

    #[test]
    fn pieces_come_in_order_for_any_number_of_threads() {
        let pieces: Vec<usize> = (0..1000).collect();
        let want: Vec<usize> = (0..1000).map(|piece| piece * 2).collect();
        for threads in 1..5 {
            let (got, end) = run(threads, &pieces, &[]);
            end.unwrap();
            assert_eq!(got, want, "{threads} threads");
        }
        assert!(run(2, &[], &[]).1.is_ok());
    }

    #[test]
    fn the_first_piece_that_fails_is_the_error_and_nothing_after_it_is_handed_on() {
        let pieces: Vec<usize> = (0..1000).collect();
        for threads in 1..5 {
            let (got, end) = run(threads, &pieces, &[400, 401, 700]);
            let message = end.unwrap_err().to_string();
            assert!(message.contains("400"), "{message}");
            assert!(got.len() <= 400, "{threads} threads");
        }
    }

    #[test]
    fn a_piece_that_cannot_be_had_ends_the_work() {
        let pieces = (0..100).map(|piece| match piece {
            40 => Err(Error::Invalid("gone".into())),
            _ => Ok(piece),
        });
        let mut got = 0;
        let consume = |piece: usize| {
            got = piece;
            Ok(())
        };
        let end = pool(3)
            .unwrap()
            .install(|| pipeline(pieces, |piece| Ok(*piece), consume));
        assert_eq!(end.unwrap_err().to_string(), "gone");
        assert!(got < 40);
    }

    #[test]
    fn a_consumer_that_fails_ends_the_work() {
        let pieces: Vec<usize> = (0..1000).collect();
        let build = |piece: &usize| Ok(*piece);
        let consume = |piece: usize| match piece {
            10 => Err(Error::Invalid("full".into())),
            _ => Ok(()),
        };
        let end = pool(3)
            .unwrap()
            .install(|| pipeline(pieces.iter().copied().map(Ok), build, consume));
        assert_eq!(end.unwrap_err().to_string(), "full");
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_no_thread_waiting() {
        let pieces: Vec<usize> = (0..100).collect();
        let build = |piece: &usize| {
            assert!(*piece != 3, "broken");
            Ok(*piece)
        };
        let run = || {
            pool(3)
                .unwrap()
                .install(|| pipeline(pieces.iter().copied().map(Ok), build, |_| Ok(())))
        };
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
