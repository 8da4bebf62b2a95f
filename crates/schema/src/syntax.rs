//! JSON as Go reads it: what it accepts beyond the standard, and its messages for what it does not.

mod fault;
mod mend;

use serde_json::Deserializer;
use serde_json::de::SliceRead;
use serde_json::error::Category;

pub use fault::fault;

/// Runs `decode` over `json`, all of which it must consume. Bytes that are no UTF-8 and halves of surrogate pairs are read
/// as replacement characters, as Go does.
///
/// # Errors
/// Go's message of what is wrong with the syntax, or that values are nested too deep.
pub(crate) fn read<T>(
    json: &[u8],
    decode: impl Fn(&mut Deserializer<SliceRead<'_>>) -> serde_json::Result<T>,
) -> Result<T, String> {
    let attempt = |json: &[u8]| {
        let mut deserializer = Deserializer::from_slice(json);
        let decoded = decode(&mut deserializer)?;
        deserializer.end()?;
        Ok(decoded)
    };
    let error: serde_json::Error = match attempt(json) {
        Ok(decoded) => return Ok(decoded),
        Err(error) => error,
    };
    if let Some(message) = fault(json) {
        return Err(message);
    }
    let outcome = mend::mended(json).map_or(Err(error), |mended| attempt(&mended));
    outcome.map_err(|error| match error.classify() {
        // The syntax is fine, so that only the limit of nesting is left.
        Category::Syntax => "exceeded max depth".to_owned(),
        _ => without_position(&error),
    })
}

/// The same JSON with `0` for every `-0`.
pub(crate) fn without_signed_noughts(json: &[u8]) -> Vec<u8> {
    let mut mended = json.to_vec();
    mend::numbers(&mut mended, |number| match number {
        b"-0" => Some(b" 0".to_vec()),
        _ => None,
    });
    mended
}

/// The message without line and column, which Go does not tell.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&position).unwrap_or(&message).to_owned()
}
