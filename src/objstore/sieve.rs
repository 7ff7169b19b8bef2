//! Lists of objects, without the keys that `object_store` cannot express.
//!
//! ```text
//! <Contents><Key>…</Key>…</Contents>   <CommonPrefixes><Prefix>…/</Prefix></CommonPrefixes>   S3, Google
//! <Blob><Name>…</Name>…</Blob>         <BlobPrefix><Name>…/</Name></BlobPrefix>               Azure
//! ```
//!
//! A bucket shared with other tools may hold keys like `a//b`, `../c` or `/d`, and empty objects named `dir/` that stand for
//! directories. `object_store` ends a listing at the first of them, or takes it for another key. None of them can be part
//! of a block, so they are cut out of the answer before it is read. Inside an element every `<` of a key is escaped, so
//! the elements are found as text; what does not look like a list stays as it is.

use std::borrow::Cow;

use object_store::path::Path;

/// An element that stands for one object or directory, and the one inside with its name.
struct Entry {
    open: &'static str,
    close: &'static str,
    name: &'static str,
    /// Whether the name ends with a slash that does not belong to it.
    is_directory: bool,
}

const ENTRIES: [Entry; 4] = [
    Entry {
        open: "<Contents>",
        close: "</Contents>",
        name: "Key",
        is_directory: false,
    },
    Entry {
        open: "<CommonPrefixes>",
        close: "</CommonPrefixes>",
        name: "Prefix",
        is_directory: true,
    },
    Entry {
        open: "<Blob>",
        close: "</Blob>",
        name: "Name",
        is_directory: false,
    },
    Entry {
        open: "<BlobPrefix>",
        close: "</BlobPrefix>",
        name: "Name",
        is_directory: true,
    },
];

/// Whether the query of a request asks for a list.
pub(super) fn is_listing(query: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair == "list-type=2" || pair == "comp=list")
}

/// The answer without inexpressible entries.
pub(super) fn sift(xml: &str) -> String {
    let mut out = String::with_capacity(xml.len());
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        let (before, tagged) = rest.split_at(at);
        out.push_str(before);
        let entry = ENTRIES
            .iter()
            .find_map(|entry| Some((entry, whole(entry, tagged)?)));
        let end = entry.as_ref().map_or(1, |(_, text)| text.len());
        if entry.is_none_or(|(entry, text)| is_expressible(entry, text)) {
            out.push_str(&tagged[..end]);
        }
        rest = &tagged[end..];
    }
    out.push_str(rest);
    out
}

/// The element at the start of the text, if it is one of this kind.
fn whole<'a>(entry: &Entry, text: &'a str) -> Option<&'a str> {
    let end = text.strip_prefix(entry.open)?.find(entry.close)?;
    Some(&text[..entry.open.len() + end + entry.close.len()])
}

fn is_expressible(entry: &Entry, element: &str) -> bool {
    let Some(name) = name(entry, element) else {
        return true;
    };
    let name = unescape(name);
    let name = match entry.is_directory {
        true => name.strip_suffix('/').unwrap_or(&name),
        false => &name,
    };
    // Parsing alone forgives slashes at the ends, which makes another key of it.
    !name.is_empty() && Path::parse(name).is_ok_and(|path| path.as_ref() == name)
}

fn name<'a>(entry: &Entry, element: &'a str) -> Option<&'a str> {
    let (_, tag) = element[entry.open.len()..].split_once(&format!("<{}", entry.name))?;
    let (_, text) = tag.split_once('>')?;
    Some(text.split_once("</")?.0)
}

/// Resolves the five named references of XML and the numbered ones; others stay.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('&') {
        out.push_str(before);
        let known = tail
            .split_once(';')
            .and_then(|(word, after)| Some((character(word)?, after)));
        let (c, after) = known.unwrap_or(('&', tail));
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn character(word: &str) -> Option<char> {
    match word {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = word.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_keys_that_can_be_named_stay() {
        fn check(key: &str, stays: bool) {
            let object = format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
            let directory = format!("<CommonPrefixes><Prefix>{key}/</Prefix></CommonPrefixes>");
            let blob = format!(
                "<Blob><Name>{key}</Name></Blob><BlobPrefix><Name>{key}/</Name></BlobPrefix>"
            );
            for element in [&object, &directory, &blob] {
                let xml =
                    format!("<R><Name>b</Name>{element}<Contents><Key>k</Key></Contents></R>");
                let want = format!(
                    "<R><Name>b</Name>{}<Contents><Key>k</Key></Contents></R>",
                    if stays { element.as_str() } else { "" }
                );
                assert_eq!(sift(&xml), want, "{key}");
            }
        }
        check("01M81G2QM13JXB48206473Z8Z0/meta.json", true);
        check("a b+c%2Fd", true);
        check("a &amp; b &lt;c&gt; &#x41;&#66;", true);
        check("caf\u{e9}", true);
        check("", false);
        check("..", false);
        check("a/../b", false);
        check("./a", false);
        check("a//b", false);
        check("/a", false);
        check("a&#xD;", false);
        check("a&#47;&#47;b", false);
    }

    #[test]
    fn markers_of_directories_are_no_objects() {
        let marker =
            "<R><Contents><Key>01M81G2QM13JXB48206473Z8Z0/</Key><Size>0</Size></Contents></R>";
        assert_eq!(sift(marker), "<R></R>");
    }

    #[test]
    fn requests_for_lists_are_known_by_their_query() {
        for query in [
            "list-type=2",
            "delimiter=%2F&list-type=2&prefix=a",
            "restype=container&comp=list",
        ] {
            assert!(is_listing(query), "{query}");
        }
        for query in [
            "",
            "uploads",
            "restype=container",
            "comp=block&blockid=list-type",
        ] {
            assert!(!is_listing(query), "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_text_survives(text in "(<Contents>|<Key>|</Key>|</Contents>|a|/|&|;|é|<){0,30}") {
            let once = sift(&text);
            prop_assert!(once.len() <= text.len());
            prop_assert_eq!(sift(&once), once);
        }
    }
}
