//! The XML of S3's answers: as much as is needed of it.

/// An object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name behind the prefix.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was put there, in RFC 3339.
    pub modified: String,
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    /// With what the next page is asked for.
    pub(super) next: Option<String>,
}

/// Reads a page of a list. None if it is none.
pub(super) fn parse(body: &[u8], prefix: &str) -> Option<Page> {
    let text = std::str::from_utf8(body).ok()?;
    element(text, "ListBucketResult").or_else(|| text.contains("<ListBucketResult").then_some(""))?;
    let mut objects = Vec::new();
    let mut rest = text;
    while let Some((content, after)) = next_element(rest, "Contents") {
        let key = unescape(element(content, "Key")?);
        // What stands deeper is somebody else's.
        if let Some(name) = key
            .strip_prefix(prefix)
            .filter(|name| !name.is_empty() && !name.contains('/'))
        {
            objects.push(Object {
                name: name.to_owned(),
                size: element(content, "Size")?.trim().parse().ok()?,
                modified: element(content, "LastModified").unwrap_or_default().to_owned(),
            });
        }
        rest = after;
    }
    let truncated = element(text, "IsTruncated") == Some("true");
    let next = element(text, "NextContinuationToken").map(unescape);
    Some(Page {
        objects,
        next: next.filter(|_| truncated),
    })
}

/// What an error says: `: NoSuchBucket, the bucket does not exist`.
pub(super) fn error_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let code = unescape(element(text, "Code")?);
    let message = element(text, "Message").map(unescape).unwrap_or_default();
    Some(format!(": {code}, {message}"))
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    next_element(text, name).map(|(content, _)| content)
}

/// The content of the first element of that name, and what follows it. None of these has attributes or one like itself inside.
fn next_element<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';').unwrap_or((after, ""));
        match entity {
            "amp" => plain.push('&'),
            "lt" => plain.push('<'),
            "gt" => plain.push('>'),
            "quot" => plain.push('"'),
            "apos" => plain.push('\''),
            number => plain.extend(numbered(number)),
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn numbered(entity: &str) -> Option<char> {
    let digits = entity.strip_prefix('#')?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    char::from_u32(number.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_page_by_page() {
        let page = r#"<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>
            <Contents><Key>p/one</Key><Size>7</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>
            <Contents><Key>p/deep/two</Key><Size>1</Size></Contents>
            <Contents><Key>p/&lt;&#39;&#x41;</Key><Size>2</Size></Contents></ListBucketResult>"#;
        let page = parse(page.as_bytes(), "p/").expect("a list");
        let names: Vec<_> = page
            .objects
            .iter()
            .map(|object| (object.name.as_str(), object.size))
            .collect();
        assert_eq!(names, [("one", 7), ("<'A", 2)]);
        assert_eq!(page.next.as_deref(), Some("a&b"));
        let empty = b"<ListBucketResult xmlns=\"x\"><IsTruncated>false</IsTruncated></ListBucketResult>";
        assert_eq!(
            parse(empty, "p/"),
            Some(Page {
                objects: Vec::new(),
                next: None
            })
        );
        assert_eq!(parse(b"<html>hello</html>", ""), None);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = b"<Error><Code>NoSuchBucket</Code><Message>It isn&apos;t there</Message></Error>";
        assert_eq!(error_of(error).as_deref(), Some(": NoSuchBucket, It isn't there"));
        assert_eq!(error_of(b"oops"), None);
    }
}
