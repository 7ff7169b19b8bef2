//! Bodies of functions, by family.
//!
//! [`range`] chooses among those that read a window: [`over_time`], [`rate`], [`extended`], [`regression`], [`events`],
//! [`x_rate`]. The others see vectors.

pub(super) mod absent;
pub(super) mod date;
pub(super) mod events;
pub(super) mod extended;
pub(super) mod histogram;
pub(super) mod info;
pub(super) mod label;
pub(super) mod math;
pub(super) mod order;
pub(super) mod over_time;
pub(super) mod range;
pub(super) mod rate;
pub(super) mod regression;
pub(super) mod time;
pub(super) mod x_rate;
