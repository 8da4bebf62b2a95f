//! Literals: from the text of a token to its value.

use super::tree::Constant;

/// An integer: decimal or `0x`, with its sign.
pub fn int(text: &str) -> Option<Constant> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let magnitude = unsigned(digits)?;
    let value = if negative {
        -i128::from(magnitude)
    } else {
        i128::from(magnitude)
    };
    i64::try_from(value).ok().map(Constant::Int)
}

/// An unsigned integer: decimal or `0x`, with its `u`.
pub fn uint(text: &str) -> Option<Constant> {
    unsigned(text.trim_end_matches(['u', 'U'])).map(Constant::Uint)
}

fn unsigned(digits: &str) -> Option<u64> {
    match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// A floating-point number.
pub fn double(text: &str) -> Option<Constant> {
    let number: f64 = text.replace(' ', "").parse().ok()?;
    number.is_finite().then_some(Constant::Double(number))
}

/// A string or bytes, from all of the token's text.
///
/// # Errors
/// What is wrong with an escape that the lexer let pass.
pub fn text(token: &str, bytes: bool) -> Result<Constant, String> {
    let quote = token.find(['\'', '"']).unwrap_or(0);
    let raw = token[..quote].contains(['r', 'R']);
    let body = &token[quote..];
    let marks = if body.len() >= 6 && (body.starts_with("'''") || body.starts_with("\"\"\"")) {
        3
    } else {
        1
    };
    let body = body.get(marks..body.len().saturating_sub(marks)).unwrap_or("");
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    let read = if raw {
        body.into_bytes()
    } else {
        unescaped(&body, bytes)?
    };
    if bytes {
        return Ok(Constant::Bytes(read));
    }
    String::from_utf8(read)
        .map(Constant::String)
        .map_err(|_| "invalid UTF-8 in string".to_owned())
}

fn unescaped(body: &str, bytes: bool) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let Some(c) = rest.next() else {
            return Err("unable to unescape string, found '\\' as last character".to_owned());
        };
        let (digits, radix, prefix) = match c {
            'x' | 'X' => (2, 16, None),
            'u' => (4, 16, None),
            'U' => (8, 16, None),
            '0'..='3' => (2, 8, Some(c)),
            _ => {
                out.push(simple(c)?);
                continue;
            }
        };
        let number: String = prefix.into_iter().chain(rest.by_ref().take(digits)).collect();
        let code = u32::from_str_radix(&number, radix).map_err(|_| "unable to unescape string".to_owned())?;
        push_code(&mut out, code, bytes, c)?;
    }
    Ok(out)
}

/// In bytes, `\x` and octal escapes are one byte; everywhere else they are characters.
fn push_code(out: &mut Vec<u8>, code: u32, bytes: bool, escape: char) -> Result<(), String> {
    let character = matches!(escape, 'u' | 'U');
    if bytes && character {
        return Err("unable to unescape string".to_owned());
    }
    if bytes {
        out.push(code as u8);
        return Ok(());
    }
    let c = char::from_u32(code).ok_or("invalid unicode code point")?;
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(())
}

fn simple(c: char) -> Result<u8, String> {
    Ok(match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '\'' | '"' | '`' | '?' => c as u8,
        _ => return Err("unable to unescape string".to_owned()),
    })
}
