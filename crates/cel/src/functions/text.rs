//! Texts. Places in them count characters.

use super::{Answer, Functions, Run, failed, list_of, no_such_overload};
use crate::error::EvaluationError;
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(functions: &mut Functions) {
    use Type::{Bool, Int, String};
    let mut member = |function, id, more: &[Type], result: Type, run: Run| {
        let arguments: Vec<Type> = std::iter::once(String).chain(more.iter().cloned()).collect();
        functions.member(function, id, &arguments, result, run);
    };
    member("contains", "contains_string", &[String], Bool, |a| {
        test(a, |text, part| text.contains(part))
    });
    member("startsWith", "starts_with_string", &[String], Bool, |a| {
        test(a, |text, part| text.starts_with(part))
    });
    member("endsWith", "ends_with_string", &[String], Bool, |a| {
        test(a, |text, part| text.ends_with(part))
    });
    member("charAt", "string_char_at_int", &[Int], String, char_at);
    member("indexOf", "string_index_of_string", &[String], Int, index_of);
    member(
        "indexOf",
        "string_index_of_string_int",
        &[String, Int],
        Int,
        index_of,
    );
    member(
        "lastIndexOf",
        "string_last_index_of_string",
        &[String],
        Int,
        last_index_of,
    );
    member(
        "lastIndexOf",
        "string_last_index_of_string_int",
        &[String, Int],
        Int,
        last_index_of,
    );
    member("lowerAscii", "string_lower_ascii", &[], String, |a| {
        changed(a, str::to_ascii_lowercase)
    });
    member("upperAscii", "string_upper_ascii", &[], String, |a| {
        changed(a, str::to_ascii_uppercase)
    });
    member("trim", "string_trim", &[], String, |a| {
        changed(a, |text| text.trim().to_owned())
    });
    member(
        "replace",
        "string_replace_string_string",
        &[String, String],
        String,
        replace,
    );
    member(
        "replace",
        "string_replace_string_string_int",
        &[String, String, Int],
        String,
        replace,
    );
    member("split", "string_split_string", &[String], list_of(String), split);
    member(
        "split",
        "string_split_string_int",
        &[String, Int],
        list_of(String),
        split,
    );
    member("substring", "string_substring_int", &[Int], String, substring);
    member(
        "substring",
        "string_substring_int_int",
        &[Int, Int],
        String,
        substring,
    );
    functions.global("strings.quote", "strings_quote", &[String], String, |a| {
        changed(a, quoted)
    });
    functions.member("join", "list_join", &[list_of(String)], String, join);
    functions.member(
        "join",
        "list_join_string",
        &[list_of(String), String],
        String,
        join,
    );
}

fn test<'v>(arguments: &[Value<'v>], holds: fn(&str, &str) -> bool) -> Answer<'v> {
    match arguments {
        [Value::String(text), Value::String(part)] => Ok(Value::Bool(holds(text, part))),
        _ => Err(no_such_overload()),
    }
}

fn changed<'v>(arguments: &[Value<'v>], change: fn(&str) -> String) -> Answer<'v> {
    match arguments {
        [Value::String(text)] => Ok(Value::text(change(text))),
        _ => Err(no_such_overload()),
    }
}

fn out_of_range<'v>(index: i64) -> Answer<'v> {
    failed(format!("index out of range: {index}"))
}

fn char_at<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::String(text), Value::Int(index)] = arguments else {
        return Err(no_such_overload());
    };
    let count = text.chars().count() as i64;
    if *index == count {
        return Ok(Value::text(""));
    }
    match usize::try_from(*index)
        .ok()
        .and_then(|index| text.chars().nth(index))
    {
        Some(c) => Ok(Value::text(c.to_string())),
        None => out_of_range(*index),
    }
}

/// The character at which a byte stands.
fn character(text: &str, byte: usize) -> i64 {
    text[..byte].chars().count() as i64
}

/// The byte at which a character stands.
fn byte(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    text.char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .nth(index)
}

fn index_of<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (text, part, from) = match arguments {
        [Value::String(text), Value::String(part)] => (text, part, 0),
        [Value::String(text), Value::String(part), Value::Int(from)] => (text, part, *from),
        _ => return Err(no_such_overload()),
    };
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    if from < 0 {
        return out_of_range(from);
    }
    let Some(begin) = byte(text, from) else {
        return Ok(Value::Int(-1));
    };
    let found = text[begin..]
        .find(&**part)
        .map_or(-1, |at| character(text, begin + at));
    Ok(Value::Int(found))
}

fn last_index_of<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (text, part) = match arguments {
        [Value::String(text), Value::String(part), ..] => (text, part),
        _ => return Err(no_such_overload()),
    };
    let count = text.chars().count() as i64;
    let Some(Value::Int(until)) = arguments.get(2) else {
        let found = if part.is_empty() {
            count
        } else {
            text.rfind(&**part).map_or(-1, |at| character(text, at))
        };
        return Ok(Value::Int(found));
    };
    if part.is_empty() {
        return Ok(Value::Int(*until));
    }
    if *until < 0 {
        return out_of_range(*until);
    }
    if *until >= count {
        return Ok(Value::Int(-1));
    }
    let found = text
        .char_indices()
        .take(*until as usize + 1)
        .filter(|(at, _)| text[*at..].starts_with(&**part))
        .last();
    Ok(Value::Int(found.map_or(-1, |(at, _)| character(text, at))))
}

fn replace<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::String(text), Value::String(old), Value::String(new)] => {
            Ok(Value::text(text.replace(&**old, new)))
        }
        [
            Value::String(text),
            Value::String(old),
            Value::String(new),
            Value::Int(most),
        ] => Ok(Value::text(match usize::try_from(*most) {
            Ok(most) => text.replacen(&**old, new, most),
            Err(_) => text.replace(&**old, new),
        })),
        _ => Err(no_such_overload()),
    }
}

fn split<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (text, separator, most) = match arguments {
        [Value::String(text), Value::String(separator)] => (text, separator, -1),
        [Value::String(text), Value::String(separator), Value::Int(most)] => (text, separator, *most),
        _ => return Err(no_such_overload()),
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let parts: Vec<Value<'v>> = match (most, separator.is_empty()) {
        (0, _) => Vec::new(),
        (_, true) => characters(text, most),
        _ => text.splitn(most, &**separator).map(Value::text).collect(),
    };
    Ok(Value::list(parts))
}

/// Each character alone, the rest in the last part.
fn characters<'v>(text: &str, most: usize) -> Vec<Value<'v>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if parts.len() + 1 == most {
            parts.push(Value::text(rest));
            break;
        }
        parts.push(Value::text(c.to_string()));
        rest = &rest[c.len_utf8()..];
    }
    parts
}

fn substring<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (text, from, to) = match arguments {
        [Value::String(text), Value::Int(from)] => (text, *from, None),
        [Value::String(text), Value::Int(from), Value::Int(to)] => (text, *from, Some(*to)),
        _ => return Err(no_such_overload()),
    };
    if let Some(to) = to.filter(|to| from > *to) {
        return failed(format!("invalid substring range. start: {from}, end: {to}"));
    }
    let Some(begin) = byte(text, from) else {
        return out_of_range(from);
    };
    let end = match to {
        None => text.len(),
        Some(to) => match byte(text, to) {
            Some(end) => end,
            None => return out_of_range(to),
        },
    };
    Ok(Value::text(&text[begin..end]))
}

fn join<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (list, separator) = match arguments {
        [Value::List(list)] => (list, ""),
        [Value::List(list), Value::String(separator)] => (list, &**separator),
        _ => return Err(no_such_overload()),
    };
    let parts = list.iter().map(|part| match part {
        Value::String(part) => Ok(part),
        other => Err(EvaluationError::failed(format!("join: invalid input: {other:?}"))),
    });
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<&str> = parts.iter().map(|part| &**part).collect();
    Ok(Value::text(parts.join(separator)))
}

/// In double quotes, what is special escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
