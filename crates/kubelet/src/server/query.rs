//! The query of a request, decoded.

/// Names and values in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a query apart. What cannot be decoded stays as it is.
    pub fn parse(text: Option<&str>) -> Self {
        let pairs = text
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decoded(name, true), decoded(value, true)))
                .collect(),
        )
    }

    /// The first value of a name.
    pub fn first(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|pair| pair.0 == name)?;
        Some(&found.1)
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |pair| pair.0 == name)
            .map(|pair| pair.1.as_str())
    }

    /// Whether a flag of a stream is set: `1`, and nothing else.
    pub fn is_one(&self, name: &str) -> bool {
        self.first(name) == Some("1")
    }
}

/// Undoes percent encoding, and plus signs for spaces in a query.
pub fn decoded(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (byte, length) = match (bytes[at], digit(at + 1), digit(at + 2)) {
            // Two hexadecimal digits are a byte at most.
            (b'%', Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            (b'+', ..) if plus_is_space => (b' ', 1),
            (byte, ..) => (byte, 1),
        };
        out.push(byte);
        at += length;
    }
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_taken_apart() {
        let query = Query::parse(Some("command=ls&command=-l%20%2F&input=1&tty=true&x&%41=a+b%"));
        assert_eq!(query.all("command").collect::<Vec<_>>(), ["ls", "-l /"]);
        assert!(query.is_one("input"));
        assert!(!query.is_one("tty"));
        assert_eq!(query.first("x"), Some(""));
        assert_eq!(query.first("A"), Some("a b%"));
        assert_eq!(query.first("y"), None);
        assert_eq!(Query::parse(None), Query::default());
        assert_eq!(decoded("a+%2B", false), "a++");
    }
}
