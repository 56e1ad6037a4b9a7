//! That the header says what the crate has: every function with as many parameters, each of the same type, and every status
//! with its number.

use std::collections::BTreeMap;

use convoke_capi::Status;

const HEADER: &str = include_str!("../include/convoke.h");

/// The header without comments and preprocessor lines, in single spaces.
fn header() -> String {
    let mut text = String::new();
    let mut rest = HEADER;
    while let Some((code, behind)) = rest.split_once("/*") {
        text.push_str(code);
        rest = behind.split_once("*/").expect("comments end").1;
    }
    text.push_str(rest);
    let mut continued = false;
    let code = text.lines().filter(|line| {
        let directive = continued || line.starts_with('#');
        continued = directive && line.ends_with('\\');
        !directive
    });
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// The types of a function's parameters and its result, in the words of C.
type Functions = BTreeMap<String, Vec<String>>;

/// `const float *src` without its name, and without spaces.
fn c_type(parameter: &str) -> String {
    let end = parameter.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len();
    parameter[..end].split_whitespace().collect::<Vec<_>>().join(" ").replace(" *", "*")
}

fn declared() -> Functions {
    let mut functions = Functions::new();
    for statement in header().split(';') {
        let Some((head, parameters)) = statement.trim().trim_start_matches("} ").split_once('(') else {
            continue;
        };
        let Some(parameters) = parameters.strip_suffix(')') else { continue };
        let name = head.rsplit([' ', '*']).next().unwrap();
        if !name.starts_with("convoke_") || head.contains("static inline") {
            continue;
        }
        let mut types: Vec<_> = parameters.split(',').map(|p| c_type(p.trim())).collect();
        types.push(c_type(head));
        functions.insert(name.into(), types);
    }
    functions
}

/// A type of Rust as the header writes it. By its name, since `c_char` is `u8` on some machines.
fn written(rust: &str) -> String {
    let name = |rust| match rust {
        "c_char" => "char",
        "f32" => "float",
        "i16" => "int16_t",
        "u8" => "uint8_t",
        "usize" => "size_t",
        "isize" => "ptrdiff_t",
        "Status" | "i32" => "convoke_status",
        "Filter" => "convoke_filter",
        "FilterDesc" => "convoke_filter_desc",
        "Stream" => "convoke_stream",
        "Conv2d" => "convoke_conv2d",
        "Conv2dDesc" => "convoke_conv2d_desc",
        other => panic!("no word of C for {other}"),
    };
    match (rust.strip_prefix("*const "), rust.strip_prefix("*mut ")) {
        (Some(target), _) => format!("const {}*", name(target)),
        (_, Some(target)) => format!("{}*", name(target)),
        _ => name(rust).into(),
    }
}

/// Says that the crate has a function of this type, which the compiler checks, and what the header should say.
macro_rules! exported {
    ($($name:ident($($type:ty),*) -> $result:ty;)*) => {
        fn exported() -> Functions {
            let mut functions = Functions::new();
            $(
                let _: unsafe extern "C" fn($($type),*) -> $result = convoke_capi::$name;
                let types = vec![$(written(stringify!($type)),)* written(stringify!($result))];
                functions.insert(stringify!($name).into(), types);
            )*
            functions
        }
    };
}

use convoke_capi::{Conv2d, Conv2dDesc, Filter, FilterDesc, Stream};
use core::ffi::c_char;

exported! {
    convoke_status_name(i32) -> *const c_char;
    convoke_filter_plan(*mut Filter, *const FilterDesc) -> Status;
    convoke_filter_packed_len(*const Filter) -> usize;
    convoke_filter_scratch_len(*const Filter) -> usize;
    convoke_filter_stream_len(*const Filter) -> usize;
    convoke_filter_pack(*const Filter, *const f32, usize, *mut f32, usize) -> Status;
    convoke_filter_run_f32(*const Filter, *const f32, usize, *const f32, usize, *mut f32, usize, *mut f32, usize) -> Status;
    convoke_filter_run_i16(*const Filter, *const f32, usize, *const i16, usize, *mut i16, usize, *mut f32, usize) -> Status;
    convoke_filter_run_u8(*const Filter, *const f32, usize, *const u8, usize, *mut u8, usize, *mut f32, usize) -> Status;
    convoke_stream_begin_f32(*mut Stream, *const Filter, *const f32, usize, *mut f32, usize) -> Status;
    convoke_stream_begin_i16(*mut Stream, *const Filter, *const f32, usize, *mut f32, usize) -> Status;
    convoke_stream_begin_u8(*mut Stream, *const Filter, *const f32, usize, *mut f32, usize) -> Status;
    convoke_stream_wants(*const Stream) -> isize;
    convoke_stream_push_f32(*mut Stream, *const f32, usize) -> Status;
    convoke_stream_push_i16(*mut Stream, *const i16, usize) -> Status;
    convoke_stream_push_u8(*mut Stream, *const u8, usize) -> Status;
    convoke_stream_pull_f32(*mut Stream, *mut f32, usize, *mut u8) -> Status;
    convoke_stream_pull_i16(*mut Stream, *mut i16, usize, *mut u8) -> Status;
    convoke_stream_pull_u8(*mut Stream, *mut u8, usize, *mut u8) -> Status;
    convoke_conv2d_plan(*mut Conv2d, *const Conv2dDesc) -> Status;
    convoke_conv2d_src_len(*const Conv2d) -> usize;
    convoke_conv2d_dst_len(*const Conv2d) -> usize;
    convoke_conv2d_weights_len(*const Conv2d) -> usize;
    convoke_conv2d_packed_len(*const Conv2d) -> usize;
    convoke_conv2d_scratch_len(*const Conv2d) -> usize;
    convoke_conv2d_pack(*const Conv2d, *const f32, usize, *mut f32, usize) -> Status;
    convoke_conv2d_run(*const Conv2d, *const f32, usize, *const f32, usize, *const f32, usize, *mut f32, usize, *mut f32, usize) -> Status;
}

#[test]
fn the_header_declares_what_there_is() {
    let (declared, exported) = (declared(), exported());
    for (name, types) in &exported {
        assert_eq!(declared.get(name), Some(types), "{name}");
    }
    assert_eq!(declared.len(), exported.len(), "{:?}", declared.keys());
}

/// What is exported and not named above would be missing in both.
#[test]
fn nothing_is_exported_besides() {
    let sources = [
        include_str!("../src/filter.rs"),
        include_str!("../src/stream.rs"),
        include_str!("../src/conv2d.rs"),
    ];
    let exported = exported();
    for source in sources {
        for word in source.split(|c: char| !c.is_alphanumeric() && c != '_') {
            let is_type =
                ["convoke_filter", "convoke_filter_desc", "convoke_stream", "convoke_conv2d"].contains(&word);
            let is_other =
                ["convoke_conv2d_desc", "convoke_border", "convoke_mode", "convoke_core"].contains(&word);
            assert!(
                !word.starts_with("convoke_") || is_type || is_other || exported.contains_key(word),
                "{word} is not in the list of this test"
            );
        }
    }
}

#[test]
fn every_status_has_its_number_and_name() {
    let header = header();
    let start = header.find("CONVOKE_OK = 0").unwrap();
    let list = &header[start..start + header[start..].find('}').unwrap()];
    let mut found = list.split(',').map(|item| item.trim().split_once(" = ").unwrap());
    for (status, name) in Status::ALL {
        let (found, number) = found.next().unwrap();
        assert_eq!((found, number.parse()), (name.to_str().unwrap(), Ok(*status as i32)));
    }
    assert_eq!(found.next(), None);
}
