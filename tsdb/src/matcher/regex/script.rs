//! Names that Go accepts after `\p`: `Any`, general categories and scripts, spelt exactly so.
//!
//! The tables themselves are those of `regex-syntax`; only the names are kept here, since that crate also takes aliases,
//! other cases and properties, all of which are errors in Go. Scripts are those of Unicode 15, as in Go 1.26.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::class;

const CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Cn", "Co", "L", "LC", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn",
    "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm",
    "So", "Z", "Zl", "Zp", "Zs",
];

/// Separated by white space.
const SCRIPTS: &str = "
Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo
Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common
Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs
Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul
Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi
Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki
Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean
Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi
Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong
Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian
Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi
Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese
Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan
Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square
";

/// The characters with the property of this name.
pub(super) fn property(name: &str) -> Option<ClassUnicode> {
    let query = match name {
        "Any" => return Some(class::dot(true)),
        // Surrogates: no text has any.
        "Cs" => return Some(ClassUnicode::empty()),
        _ if CATEGORIES.contains(&name) => format!(r"\p{{gc={name}}}"),
        _ if SCRIPTS.split_ascii_whitespace().any(|known| known == name) => {
            format!(r"\p{{sc={name}}}")
        }
        _ => return None,
    };
    let hir = regex_syntax::parse(&query).expect("the lists hold names that regex-syntax knows");
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        // A set of one (`Zl`, `Zp`) comes back as text.
        HirKind::Literal(literal) => {
            let text = str::from_utf8(&literal.0).ok()?;
            let all = text.chars().map(|c| ClassUnicodeRange::new(c, c));
            Some(ClassUnicode::new(all))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_has_characters() {
        for name in CATEGORIES
            .iter()
            .copied()
            .chain(SCRIPTS.split_ascii_whitespace())
        {
            let class = property(name).unwrap();
            assert!(!class.ranges().is_empty(), "{name}");
        }
    }

    #[test]
    fn aliases_and_other_spellings_are_unknown() {
        for name in [
            "Letter",
            "greek",
            "Grek",
            "Alphabetic",
            "",
            "Script=Greek",
            "old_italic",
        ] {
            assert!(property(name).is_none(), "{name}");
        }
    }
}
