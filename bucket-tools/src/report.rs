//! Rows and columns, and the texts they become. The only formatting in the crate.
//!
//! ```text
//! table   | HEAD | … |   as Thanos prints it: heads centred, cells to the left; a rule below the heads
//! wide    the same with all columns
//! csv tsv one line a row, quoted where Go's writer quotes
//! json    an array with one object a row: numbers as numbers, times and durations as text
//! ```
//!
//! Numbers have a comma every three digits, times are RFC 3339 in whole seconds, durations as Go writes them (`47h58m0.001s`).
//! Cells compare by what they are, not by their text: sorting needs no parsing.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde_json::{Map, Value, json};
use tsdb::label::Labels;
use tsdb::time::Millis;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Aligned columns.
    #[default]
    Table,
    /// Aligned columns, all of them.
    Wide,
    /// An array of objects.
    Json,
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
}

impl Format {
    /// The format of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "table" => Self::Table,
            "wide" => Self::Wide,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            _ => return None,
        })
    }
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Nothing to say; sorts first.
    Absent,
    /// A count or a size.
    Number(u64),
    /// A distance in time.
    Duration(Millis),
    /// A point in time, shown in whole seconds.
    Time(Millis),
    /// Yes or no.
    Flag(bool),
    /// Words.
    Text(String),
    /// External labels, in the order of their text.
    Labels(LabelCell),
    /// Several words.
    List(Vec<String>),
}

/// Labels as a cell: `name=value,…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelCell(pub Labels);

impl LabelCell {
    fn text(&self) -> String {
        let pairs: Vec<String> = (self.0.iter())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(",")
    }
}

impl PartialOrd for LabelCell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LabelCell {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(&other.text())
    }
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Absent => "-".to_owned(),
            Self::Number(number) => thousands(*number),
            Self::Duration(duration) => go_duration(*duration),
            Self::Time(time) => rfc3339(*time),
            Self::Flag(flag) => flag.to_string(),
            Self::Text(text) => text.clone(),
            Self::Labels(labels) => labels.text(),
            Self::List(list) => list.join(","),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Number(number) => json!(number),
            Self::Flag(flag) => json!(flag),
            Self::List(list) => json!(list),
            Self::Labels(labels) => {
                let pairs = labels.0.iter();
                pairs
                    .map(|(name, value)| (name.to_owned(), json!(value)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            Self::Duration(_) | Self::Time(_) | Self::Text(_) => self.text().into(),
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Head in tables.
    pub title: &'static str,
    /// Key in JSON.
    pub key: &'static str,
    /// Only in wide tables and JSON.
    pub wide: bool,
}

impl Column {
    /// A column of every form.
    #[must_use]
    pub const fn new(title: &'static str, key: &'static str) -> Self {
        Self {
            title,
            key,
            wide: false,
        }
    }

    /// A column of the wide forms.
    #[must_use]
    pub const fn wide(title: &'static str, key: &'static str) -> Self {
        Self {
            title,
            key,
            wide: true,
        }
    }
}

/// Rows under columns; each row has a cell for each column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Heads.
    pub columns: &'static [Column],
    /// Values.
    pub rows: Vec<Vec<Cell>>,
}

impl Report {
    /// Sorts by the columns of these titles, the first one first; equal rows keep their order.
    ///
    /// # Errors
    /// The title that no column has.
    pub fn sort(&mut self, titles: &[String]) -> Result<(), String> {
        let mut keys = Vec::new();
        for title in titles {
            let at = self.columns.iter().position(|column| column.title == title);
            keys.push(at.ok_or_else(|| title.clone())?);
        }
        self.rows.sort_by(|a, b| {
            let orders = keys.iter().map(|&key| a[key].cmp(&b[key]));
            orders
                .into_iter()
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        Ok(())
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// Where `out` refuses.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Table => self.write_table(false, out),
            Format::Wide => self.write_table(true, out),
            Format::Json => self.write_json(out),
            Format::Csv => self.write_separated(',', out),
            Format::Tsv => self.write_separated('\t', out),
        }
    }

    /// Heads and rows as text.
    fn texts(&self, wide: bool) -> Vec<Vec<String>> {
        let shown = |row: &mut dyn Iterator<Item = String>| -> Vec<String> {
            row.zip(self.columns)
                .filter(|(_, column)| wide || !column.wide)
                .map(|(text, _)| text)
                .collect()
        };
        let heads = shown(&mut self.columns.iter().map(|column| column.title.to_owned()));
        let rows = self.rows.iter();
        let rows = rows.map(|row| shown(&mut row.iter().map(Cell::text)));
        std::iter::once(heads).chain(rows).collect()
    }

    fn write_table(&self, wide: bool, out: &mut dyn Write) -> io::Result<()> {
        let texts = self.texts(wide);
        let mut widths = vec![0; texts[0].len()];
        for row in &texts {
            for (width, text) in widths.iter_mut().zip(row) {
                *width = text.chars().count().max(*width);
            }
        }
        for (at, row) in texts.iter().enumerate() {
            for (text, &width) in row.iter().zip(&widths) {
                let free = width - text.chars().count();
                let left = if at == 0 { free / 2 } else { 0 };
                write!(
                    out,
                    "| {:left$}{text}{:right$} ",
                    "",
                    "",
                    right = free - left
                )?;
            }
            writeln!(out, "|")?;
            if at == 0 {
                for &width in &widths {
                    write!(out, "|{:-<1$}", "", width + 2)?;
                }
                writeln!(out, "|")?;
            }
        }
        Ok(())
    }

    fn write_separated(&self, separator: char, out: &mut dyn Write) -> io::Result<()> {
        for row in self.texts(false) {
            let fields: Vec<String> = row.iter().map(|field| quoted(field, separator)).collect();
            writeln!(out, "{}", fields.join(&separator.to_string()))?;
        }
        Ok(())
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(row);
            let object: Map<String, Value> = cells
                .map(|(column, cell)| (column.key.to_owned(), cell.json()))
                .collect();
            Value::Object(object)
        });
        serde_json::to_writer_pretty(&mut *out, &rows.collect::<Vec<_>>())?;
        writeln!(out)
    }
}

/// A list of counted things under a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What is counted.
    pub title: &'static str,
    /// Counts and names, in order.
    pub rows: Vec<(u64, String)>,
}

/// Writes facts, one a line, and sections with an empty line before each, as `promtool tsdb analyze` does.
///
/// # Errors
/// Where `out` refuses.
pub fn write_sections(
    facts: &[(&str, String)],
    sections: &[Section],
    out: &mut dyn Write,
) -> io::Result<()> {
    for (name, fact) in facts {
        writeln!(out, "{name}: {fact}")?;
    }
    for section in sections {
        writeln!(out, "\n{}:", section.title)?;
        for (count, name) in &section.rows {
            writeln!(out, "{count} {name}")?;
        }
    }
    Ok(())
}

/// A field as Go's CSV writer has it.
fn quoted(field: &str, separator: char) -> String {
    let special = |c: char| c == separator || matches!(c, '"' | '\r' | '\n');
    let plain = field != "\\." && !field.contains(special) && !field.starts_with([' ', '\t']);
    if plain {
        return field.to_owned();
    }
    format!("\"{}\"", field.replace('"', "\"\""))
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as Go writes it: `335h58m0.001s`, `1.5s`, `20ms`, `0s`.
#[must_use]
pub fn go_duration(duration: Millis) -> String {
    let sign = if duration.0 < 0 { "-" } else { "" };
    let millis = duration.0.unsigned_abs();
    match millis {
        0 => return "0s".to_owned(),
        1..1000 => return format!("{sign}{millis}ms"),
        _ => {}
    }
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, rest) = (millis / 1000 % 60, millis % 1000);
    let mut text = sign.to_owned();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    let fraction = format!(".{rest:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    text.push_str(&format!("{seconds}{fraction}s"));
    text
}

/// A time in whole seconds, UTC; the number itself where no calendar reaches.
#[must_use]
pub fn rfc3339(time: Millis) -> String {
    match jiff::Timestamp::from_second(time.0 / 1000) {
        Ok(time) => time.to_string(),
        Err(_) => time.0.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("NAME", "name"),
        Column::new("N", "n"),
        Column::wide("EXTRA", "extra"),
    ];

    fn report() -> Report {
        let row = |name: &str, number| {
            vec![
                Cell::Text(name.to_owned()),
                Cell::Number(number),
                Cell::Absent,
            ]
        };
        Report {
            columns: COLUMNS,
            rows: vec![row("b, c", 1_234), row("a", 99)],
        }
    }

    fn text(format: Format) -> String {
        let mut out = Vec::new();
        report().write(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_format_shows_its_columns() {
        let table = "| NAME |   N   |\n|------|-------|\n| b, c | 1,234 |\n| a    | 99    |\n";
        assert_eq!(text(Format::Table), table);
        assert!(text(Format::Wide).starts_with("| NAME |   N   | EXTRA |\n"));
        assert_eq!(text(Format::Csv), "NAME,N\n\"b, c\",\"1,234\"\na,99\n");
        assert_eq!(text(Format::Tsv), "NAME\tN\nb, c\t1,234\na\t99\n");
        let json: Value = serde_json::from_str(&text(Format::Json)).unwrap();
        assert_eq!(json[0], json!({"name": "b, c", "n": 1234, "extra": null}));
    }

    #[test]
    fn rows_sort_by_value_and_not_by_text() {
        let mut report = report();
        report.sort(&["N".to_owned()]).unwrap();
        assert_eq!(report.rows[0][1], Cell::Number(99));
        assert_eq!(report.sort(&["NOPE".to_owned()]), Err("NOPE".to_owned()));
    }

    #[test]
    fn durations_are_those_of_go() {
        for (millis, want) in [
            (0, "0s"),
            (1, "1ms"),
            (-999, "-999ms"),
            (1_500, "1.5s"),
            (59 * 60_000 + 1, "59m0.001s"),
            (3_600_000, "1h0m0s"),
            (-1_065_480_001, "-295h58m0.001s"),
        ] {
            assert_eq!(go_duration(Millis(millis)), want);
        }
    }

    #[test]
    fn times_are_cut_to_seconds() {
        assert_eq!(rfc3339(Millis(1_705_536_004_500)), "2024-01-18T00:00:04Z");
        assert_eq!(rfc3339(Millis(-1)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Millis::MAX), i64::MAX.to_string());
    }
}
