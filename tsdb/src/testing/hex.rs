//! Hexadecimal text of the golden data: bytes, and floats by their bits.

/// The bytes that `text` spells.
///
/// # Panics
/// Where it is not an even number of hexadecimal digits.
#[must_use]
pub fn bytes(text: &str) -> Vec<u8> {
    assert!(
        text.len().is_multiple_of(2),
        "{text:?} is half a byte short"
    );
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}

/// The float whose 64 bits `text` spells.
///
/// # Panics
/// Where it is not hexadecimal.
#[must_use]
pub fn float(text: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(text, 16).expect("hexadecimal digits"))
}

/// What [`bytes`] reads.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
