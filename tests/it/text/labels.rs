//! Names of encodings mean what they say, and the Web's labels mean what the Web says.

use std::error::Error as _;

use socketry::error::Operation;
use socketry::text::{DecodeError, EncodeError, OnInvalid, UnknownEncoding};
use socketry::{Encoding, Error, ErrorKind};

#[test]
fn for_label_accepts_names_and_aliases() {
    for (encoding, labels) in [
        (Encoding::Utf8, "utf-8 UTF-8 utf8 U8 utf utf_8 cp65001 unicode-1-1-utf-8"),
        (
            Encoding::Gb2312,
            "gb2312 GB2312 gb_2312-80 GB_2312_80 gb2312-80 euc-cn EUC_CN euccn csgb2312 iso-ir-58 chinese \
             csiso58gb231280 gb_2312 gb2312_1980 eucgb2312_cn x-euc-cn",
        ),
        (Encoding::Gbk, "gbk GBK x-gbk cp936 CP936 936 ms936 windows-936 csGBK"),
        (Encoding::Gb18030, "gb18030 GB18030 gb18030-2000 gb18030_2005 gb18030-2022 csGB18030 windows-54936"),
    ] {
        for label in labels.split_whitespace() {
            assert_eq!(Encoding::for_label(label), Ok(encoding), "{label}");
            assert_eq!(format!(" \t{label}\n").parse(), Ok(encoding), "{label}");
            assert_eq!(Encoding::try_from(label), Ok(encoding), "{label}");
        }
        assert_eq!(Encoding::for_label(encoding.name()), Ok(encoding));
        assert_eq!(encoding.to_string(), encoding.name());
    }
    assert_eq!(Encoding::default(), Encoding::Utf8);
}

#[test]
fn for_label_falls_back_to_whatwg_labels() {
    for (label, name) in [
        ("big5", "big5"),
        ("Big5-HKSCS", "big5"),
        ("big5_hkscs", "big5"),
        ("sjis", "shift_jis"),
        ("shift-jis", "shift_jis"),
        ("latin1", "windows-1252"),
        ("iso_8859-1", "windows-1252"),
        ("utf-16", "utf-16le"),
        ("utf_16be", "utf-16be"),
        ("koi8-r", "koi8-r"),
        ("ISO-8859-8-I", "iso-8859-8-i"),
        ("macintosh", "macintosh"),
    ] {
        let encoding = Encoding::for_label(label).unwrap();
        assert!(matches!(encoding, Encoding::Whatwg(_)));
        assert_eq!((encoding.name(), format!("{encoding:>12}")), (name, format!("{name:>12}")));
    }
}

#[test]
fn for_whatwg_label_maps_gb2312_to_whatwg_gbk() {
    for label in ["gb2312", "gbk", "gb_2312-80", "chinese", "x-gbk"] {
        let encoding = Encoding::for_whatwg_label(label).unwrap();
        assert_eq!(encoding.name(), "gbk");
        assert_ne!(encoding, Encoding::Gbk);
        assert_eq!(encoding.decode(b"\xE9F\x80\x81\x30\x84\x36").unwrap(), "镕€\u{A5}");
        assert_eq!(*encoding.encode("镕€").unwrap(), *b"\xE9F\x80");
        assert_eq!(encoding.encode("\u{A5}").unwrap_err().character(), '\u{A5}');
    }
    assert_eq!(Encoding::for_whatwg_label("gb18030"), Ok(Encoding::Gb18030));
    assert_eq!(Encoding::for_whatwg_label("utf8"), Ok(Encoding::Utf8));
}

/// Every name that the Web's standard has for an encoding, in lower case.
#[test]
fn whatwg_encoding_names_are_lowercase() {
    let names = "big5 euc-jp euc-kr gbk ibm866 iso-2022-jp iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 \
                 iso-8859-7 iso-8859-8 iso-8859-8-i iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 \
                 koi8-r koi8-u macintosh shift_jis utf-16be utf-16le windows-874 windows-1250 windows-1251 \
                 windows-1252 windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 \
                 x-mac-cyrillic x-user-defined";
    for name in names.split_whitespace() {
        assert_eq!(Encoding::for_whatwg_label(name).unwrap().name(), name);
    }
}

#[test]
fn unknown_encoding_error_truncates_long_label() {
    for label in ["", "gb2313", "utf-8-sig", "hz", "gb\u{2028}2312"] {
        let error = Encoding::for_label(label).unwrap_err();
        assert_eq!((error.label(), error.is_refused()), (label, false));
        assert_eq!(
            error.to_string(),
            format!(
                "unknown encoding {label:?}: neither utf-8, gb2312, gbk or gb18030 nor a label of the Web"
            )
        );
    }
    let error = Encoding::for_label(&"名".repeat(10_000)).unwrap_err();
    assert_eq!(error.label(), "名".repeat(21));
    assert!(error.to_string().len() < 200 && error.to_string().contains("名\"…: "), "{error}");
    let error = Encoding::for_whatwg_label("cp936").unwrap_err();
    assert_eq!(error.to_string(), "unknown encoding \"cp936\": not a label of the Web");
}

#[test]
fn unsafe_whatwg_encodings_are_refused_with_reason() {
    for label in ["hz-gb-2312", "iso-2022-cn", "ISO-2022-CN-EXT", "iso-2022-kr", "iso_2022_kr", "replacement"]
    {
        let error = Encoding::for_label(label).unwrap_err();
        assert!(error.is_refused());
        assert_eq!(
            error.to_string(),
            format!(
                "refused encoding {label:?}: its bytes can hide text from a filter, so the Web does not decode it"
            )
        );
        assert!(Encoding::for_whatwg_label(label).is_err());
    }
}

#[test]
fn codec_errors_convert_to_error_with_detail() {
    let error: Error = Encoding::Gb2312.decode(b"abc\xC4").unwrap_err().into();
    assert_eq!(
        error.to_string(),
        "decode text: incomplete gb2312 character C4 at byte 3, the end of the text"
    );
    assert_eq!((error.operation(), error.kind()), (Operation::Decode, ErrorKind::InvalidText));
    assert!(error.detail::<DecodeError>().unwrap().is_incomplete());

    let error: Error = Encoding::Gb2312.encode("a😀b").unwrap_err().into();
    assert_eq!(error.to_string(), "encode text: '😀' (U+1F600) at byte 1 does not exist in gb2312");
    assert_eq!((error.operation(), error.kind()), (Operation::Encode, ErrorKind::UnencodableText));
    assert_eq!(error.detail::<EncodeError>().unwrap().offset(), 1);

    let error: Error = Encoding::for_label("x").unwrap_err().into();
    assert!(error.to_string().starts_with("parse encoding name: unknown encoding \"x\": "), "{error}");
    assert_eq!((error.operation(), error.kind()), (Operation::ParseEncoding, ErrorKind::UnknownEncoding));
    assert_eq!(error.detail::<UnknownEncoding>().unwrap().label(), "x");
    assert!(error.source().is_none());
}

#[test]
fn codec_errors_display_as_one_line() {
    for (encoding, bytes, line) in [
        (Encoding::Gbk, &b"abc\xFF"[..], "byte FF at byte 3 is not gbk"),
        (Encoding::Gb2312, b"\xE9F", "bytes E9 46 at byte 0 are not gb2312"),
        (Encoding::Gb18030, b"\x81\x30\x81 ", "bytes 81 30 81 20 at byte 0 are not gb18030"),
        (Encoding::Gb18030, b"\x84\x32\x81\x30", "bytes 84 32 81 30 at byte 0 are not gb18030"),
        (Encoding::Utf8, b"\xE4\xB8A", "bytes E4 B8 at byte 0 are not utf-8"),
        (Encoding::Utf8, b"A\xE4\xB8", "incomplete utf-8 character E4 B8 at byte 1, the end of the text"),
    ] {
        assert_eq!(encoding.decode(bytes).unwrap_err().to_string(), line);
    }
    let error = Encoding::for_label("big5").unwrap().encode("\u{85}").unwrap_err();
    assert_eq!(error.to_string(), r"'\u{85}' (U+0085) at byte 0 does not exist in big5");
}

#[test]
fn text_types_are_send_and_sync() {
    fn assert_send_sync<T: Send + Sync + std::fmt::Debug + 'static>() {}
    assert_send_sync::<Encoding>();
    assert_send_sync::<OnInvalid>();
    assert_send_sync::<socketry::text::WhatwgEncoding>();
    assert_send_sync::<socketry::text::Decoder>();
    assert_send_sync::<socketry::text::Encoder>();
    assert_send_sync::<DecodeError>();
    assert_send_sync::<EncodeError>();
    assert_send_sync::<UnknownEncoding>();
    assert!(size_of::<DecodeError>() <= 48 && size_of::<EncodeError>() <= 48);
}
