//! Formats that texts have names for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meta::name;

use super::opaque::{Opaque, types::FORMAT};
use super::url::Url;
use super::{Answer, Functions, Run, list_of, no_such_overload};
use crate::types::Type;
use crate::value::Value;

/// A format.
#[derive(Debug)]
pub struct NamedFormat {
    /// What expressions call it.
    pub name: &'static str,
    /// What is wrong with a text.
    problems: fn(&str) -> Vec<String>,
    /// How long a regular expression for it is, by which checks are charged.
    pub pattern_size: u64,
}

/// The longest of the patterns of names, by which checks of any format are estimated.
pub const LONGEST_NAME_PATTERN: f64 = 128.0;

static FORMATS: [NamedFormat; 13] = [
    format("dns1123Label", name::dns1123_label, 30),
    format("dns1123Subdomain", name::dns1123_subdomain, 60),
    format("dns1035Label", name::dns1035_label, 30),
    format("qualifiedName", name::qualified_name, 60),
    format("dns1123LabelPrefix", name::dns1123_label_prefix, 30),
    format("dns1123SubdomainPrefix", name::dns1123_subdomain_prefix, 60),
    format("dns1035LabelPrefix", dns1035_label_prefix, 30),
    format("labelValue", name::label_value, 40),
    format("uri", |text| Url::parse(text).err().into_iter().collect(), 1103),
    format(
        "uuid",
        |text| unless(is_uuid(text), "does not match the UUID format"),
        70,
    ),
    format(
        "byte",
        |text| unless(STANDARD.decode(text).is_ok(), "invalid base64"),
        84,
    ),
    format("date", |text| unless(is_date(text), "invalid date"), 71),
    format(
        "datetime",
        |text| unless(is_date_time(text), "invalid datetime"),
        71,
    ),
];

const fn format(name: &'static str, problems: fn(&str) -> Vec<String>, pattern_size: u64) -> NamedFormat {
    NamedFormat {
        name,
        problems,
        pattern_size,
    }
}

pub(super) fn declare(functions: &mut Functions) {
    let makers: [(&'static str, Run); 13] = [
        ("format.dns1123Label", |_| Ok(made(0))),
        ("format.dns1123Subdomain", |_| Ok(made(1))),
        ("format.dns1035Label", |_| Ok(made(2))),
        ("format.qualifiedName", |_| Ok(made(3))),
        ("format.dns1123LabelPrefix", |_| Ok(made(4))),
        ("format.dns1123SubdomainPrefix", |_| Ok(made(5))),
        ("format.dns1035LabelPrefix", |_| Ok(made(6))),
        ("format.labelValue", |_| Ok(made(7))),
        ("format.uri", |_| Ok(made(8))),
        ("format.uuid", |_| Ok(made(9))),
        ("format.byte", |_| Ok(made(10))),
        ("format.date", |_| Ok(made(11))),
        ("format.datetime", |_| Ok(made(12))),
    ];
    for (function, run) in makers {
        functions.global(function, function, &[], FORMAT, run);
    }
    functions.global(
        "format.named",
        "format-named",
        &[Type::String],
        Type::optional(FORMAT),
        |a| match a {
            [Value::String(name)] => {
                let found = FORMATS.iter().find(|format| *format.name == **name);
                Ok(found.map_or(Value::Optional(None), |format| {
                    Value::some(Value::Opaque(Opaque::Format(format)))
                }))
            }
            _ => Err(no_such_overload()),
        },
    );
    let problems = Type::optional(list_of(Type::String));
    functions.member(
        "validate",
        "format-validate",
        &[FORMAT, Type::String],
        problems,
        validate,
    );
}

fn made<'v>(index: usize) -> Value<'v> {
    Value::Opaque(Opaque::Format(&FORMATS[index]))
}

fn validate<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::Opaque(Opaque::Format(format)), Value::String(text)] = arguments else {
        return Err(no_such_overload());
    };
    let problems = (format.problems)(text);
    if problems.is_empty() {
        return Ok(Value::Optional(None));
    }
    Ok(Value::some(Value::list(
        problems.into_iter().map(Value::text).collect(),
    )))
}

fn unless(fits: bool, problem: &str) -> Vec<String> {
    if fits {
        Vec::new()
    } else {
        vec![problem.to_owned()]
    }
}

/// A prefix may end where a label may not: with a dash.
fn dns1035_label_prefix(prefix: &str) -> Vec<String> {
    match prefix.strip_suffix('-') {
        Some(rest) => name::dns1035_label(&format!("{rest}a")),
        None => name::dns1035_label(prefix),
    }
}

fn is_uuid(text: &str) -> bool {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.len() <= 36
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn is_date_time(text: &str) -> bool {
    crate::value::Moment::parse(text).is_some()
}
