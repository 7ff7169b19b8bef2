//! Any bytes as OpenMetrics text: an error or samples, no panic.

use crate::openmetrics::Reader;

/// Reads all of it.
pub fn decode_openmetrics(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while let Ok(Some(row)) = reader.next_row() {
        let _labels = row.labels();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_gives_samples_or_an_error(text in "[a# {}\"\\\\=,.0-9\\n]{0,60}", bytes: Vec<u8>) {
            super::decode_openmetrics(text.as_bytes());
            super::decode_openmetrics(&bytes);
        }
    }
}
