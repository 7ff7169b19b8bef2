//! Times of evaluation: the grid of steps, and where a selector looks at each.

use crate::request::When;

/// `start`, `start + step`, …: `steps` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// First time, milliseconds.
    pub start: i64,
    /// Distance; above 0 unless there is one time only.
    pub step: i64,
    /// Number of times.
    pub steps: usize,
}

impl Grid {
    /// The times of a query.
    #[must_use]
    pub fn of(when: When) -> Self {
        match when {
            When::Instant(t) => Self::once(t),
            When::Range { start, end, step } => Self::between(start, end, step),
        }
    }

    /// One time.
    #[must_use]
    pub fn once(start: i64) -> Self {
        Self {
            start,
            step: 0,
            steps: 1,
        }
    }

    fn between(start: i64, end: i64, step: i64) -> Self {
        let count = end.saturating_sub(start).checked_div(step);
        let steps = count.filter(|_| end >= start).map_or(0, |count| count + 1);
        Self {
            start,
            step,
            steps: usize::try_from(steps).unwrap_or(0),
        }
    }

    /// The time of a step.
    #[inline]
    #[must_use]
    pub fn time(self, step: usize) -> i64 {
        self.start + self.step * i64::try_from(step).expect("steps were counted in i64")
    }

    /// The last time.
    #[must_use]
    pub fn last(self) -> i64 {
        self.time(self.steps.saturating_sub(1))
    }

    /// All times.
    pub fn times(self) -> impl ExactSizeIterator<Item = i64> {
        (0..self.steps).map(move |step| self.time(step))
    }

    /// The times at which a subquery is evaluated so that every window of `look` over this grid is filled.
    #[must_use]
    pub fn under(self, look: Look, step: i64) -> Self {
        let first = look.end(self, 0).saturating_sub(look.range);
        let last = look.end(self, self.steps.saturating_sub(1));
        // Multiples of the step, behind the left end of the first window.
        let start = (first.div_euclid(step) + 1).saturating_mul(step);
        Self::between(start, last, step)
    }
}

/// Where a selector or subquery looks from a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// `@`: this time, whatever the step.
    pub at: Option<i64>,
    /// `offset`, milliseconds.
    pub offset: i64,
    /// How far back, milliseconds: range or lookback. The left end is not looked at.
    pub range: i64,
}

impl Look {
    /// Right end of the window of a step, which is looked at.
    #[inline]
    #[must_use]
    pub fn end(self, grid: Grid, step: usize) -> i64 {
        self.at
            .unwrap_or_else(|| grid.time(step))
            .saturating_sub(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subquery_runs_at_multiples_of_its_step_inside_the_windows() {
        fn check(start: i64, look: Look, step: i64, want: &[i64]) {
            let grid = Grid::once(start).under(look, step);
            assert_eq!(grid.times().collect::<Vec<_>>(), want, "{start} {look:?}");
        }
        let look = |range, offset| Look {
            at: None,
            offset,
            range,
        };
        check(100, look(30, 0), 10, &[80, 90, 100]);
        check(105, look(30, 0), 10, &[80, 90, 100]);
        check(100, look(30, 5), 10, &[70, 80, 90]);
        check(-5, look(10, 0), 10, &[-10]);
        check(5, look(2, 0), 10, &[]);
    }
}
