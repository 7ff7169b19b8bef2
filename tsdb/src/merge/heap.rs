//! A binary heap whose order among equals is that of Go's `container/heap`.
//!
//! Among things that compare equal, the order in which a binary heap yields them depends on how it sifts. Prometheus
//! decides by that order which of two equal series, chunks or samples wins, so the same sifting is part of the format:
//! `push` appends and sifts up; `pop` swaps first and last, sifts down, removes the last.

/// A heap of small keys; `less` is given to each call, so that it may look into state outside.
#[derive(Debug, Clone)]
pub struct Heap<T> {
    items: Vec<T>,
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T: Copy> Heap<T> {
    /// The first item.
    #[must_use]
    pub fn top(&self) -> Option<T> {
        self.items.first().copied()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Forgets all items.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Adds an item.
    #[inline]
    pub fn push(&mut self, item: T, less: impl Fn(T, T) -> bool) {
        self.items.push(item);
        let mut at = self.items.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !less(self.items[at], self.items[parent]) {
                break;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    /// Takes the first item.
    #[inline]
    pub fn pop(&mut self, less: impl Fn(T, T) -> bool) -> Option<T> {
        let last = self.items.len().checked_sub(1)?;
        self.items.swap(0, last);
        let mut at = 0;
        loop {
            let mut child = 2 * at + 1;
            if child >= last {
                break;
            }
            if child + 1 < last && less(self.items[child + 1], self.items[child]) {
                child += 1;
            }
            if !less(self.items[child], self.items[at]) {
                break;
            }
            self.items.swap(child, at);
            at = child;
        }
        self.items.pop()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn items_come_out_in_order(items: Vec<u8>) {
            let less = |a: u8, b: u8| a < b;
            let mut heap = Heap::default();
            for &item in &items {
                heap.push(item, less);
            }
            let out: Vec<u8> = std::iter::from_fn(|| heap.pop(less)).collect();
            let mut want = items;
            want.sort_unstable();
            prop_assert_eq!(out, want);
        }
    }

    #[test]
    fn of_three_equals_the_last_comes_second() {
        // Derived by hand from the sifting rules: after the first pop the last item has been swapped to the top.
        let less = |_: u8, _: u8| false;
        let mut heap = Heap::default();
        for item in [0, 1, 2] {
            heap.push(item, less);
        }
        let out: Vec<u8> = std::iter::from_fn(|| heap.pop(less)).collect();
        assert_eq!(out, [0, 2, 1]);
    }
}
