//! The `Accept` header: media ranges in the order of preference.

/// One media range with its parameters, quality aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Range<'a> {
    /// `application`, or `*`.
    pub kind: &'a str,
    /// `json`, or `*`.
    pub subtype: &'a str,
    /// Parameters in order.
    pub parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl Range<'_> {
    /// Whether the range covers a media type such as `application/json`.
    pub fn covers(&self, media_type: &str) -> bool {
        let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
        (self.kind == "*" || self.kind == kind) && (self.subtype == "*" || self.subtype == subtype)
    }

    /// How much the range leaves open: 2 for `*/*`, 1 for `application/*`, 0 else.
    fn openness(&self) -> u8 {
        u8::from(self.kind == "*") + u8::from(self.subtype == "*")
    }
}

/// A parsed header.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accept<'a>(Vec<Range<'a>>);

impl<'a> Accept<'a> {
    /// Reads a header; ranges that cannot be read are left out. An empty header accepts anything.
    pub fn parse(header: &'a str) -> Self {
        let mut ranges: Vec<Range<'a>> = header.split(',').filter_map(parse_range).collect();
        if ranges.is_empty() && header.trim().is_empty() {
            ranges.extend(parse_range("*/*"));
        }
        // A stable sort: equals stay as the client wrote them.
        ranges.sort_by(|a, b| {
            b.quality
                .total_cmp(&a.quality)
                .then(a.openness().cmp(&b.openness()))
        });
        Self(ranges)
    }

    /// The ranges, preferred first.
    pub fn ranges(&self) -> &[Range<'a>] {
        &self.0
    }

    /// Whether upstream's router lets a request pass to a handler with these media types: one of them is named, whatever its
    /// parameters, or anything will do. It knows no `application/*`.
    pub fn is_routed(&self, media_types: &[&str]) -> bool {
        let named = |range: &Range<'_>, media_type: &str| {
            media_type.split_once('/') == Some((range.kind, range.subtype))
        };
        self.0.iter().any(|range| {
            range.openness() == 2 || media_types.iter().any(|media_type| named(range, media_type))
        })
    }
}

fn parse_range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next()?;
    let (kind, subtype) = match media_type.split_once('/') {
        Some((kind, subtype)) => (kind.trim(), subtype.trim()),
        None if media_type == "*" => ("*", "*"),
        None => return None,
    };
    if kind.is_empty() || subtype.is_empty() || (kind == "*" && subtype != "*") {
        return None;
    }
    let mut range = Range {
        kind,
        subtype,
        parameters: Vec::new(),
        quality: 1.0,
    };
    for parameter in parts.filter(|p| !p.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (name, value) = (name.trim(), value.trim());
        if name == "q" {
            range.quality = value.parse().unwrap_or(1.0);
        } else {
            range.parameters.push((name, value));
        }
    }
    Some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: &[&str]) {
        let accept = Accept::parse(header);
        let found: Vec<String> = accept
            .ranges()
            .iter()
            .map(|r| format!("{}/{}", r.kind, r.subtype))
            .collect();
        assert_eq!(found, expected, "{header}");
    }

    #[test]
    fn ranges_come_in_the_order_of_preference() {
        check("", &["*/*"]);
        check("application/json", &["application/json"]);
        check(
            "text/html, application/yaml;q=0.9, application/json;q=0.95",
            &["text/html", "application/json", "application/yaml"],
        );
        check(
            "*/*, application/*, application/json",
            &["application/json", "application/*", "*/*"],
        );
        check(
            "application/vnd.kubernetes.protobuf,application/json",
            &["application/vnd.kubernetes.protobuf", "application/json"],
        );
        check("*", &["*/*"]);
        check("nonsense", &[]);
    }

    #[test]
    fn the_router_wants_a_form_by_its_name() {
        for (header, routed) in [
            ("", true),
            ("*/*", true),
            ("application/*", false),
            ("text/html, application/json;q=0.1", true),
            ("text/html", false),
        ] {
            assert_eq!(
                Accept::parse(header).is_routed(&["application/json"]),
                routed,
                "{header}"
            );
        }
    }

    #[test]
    fn parameters_are_kept() {
        let accept = Accept::parse("application/json;as=Table; v=v1;g=meta.k8s.io;q=0.5");
        assert_eq!(
            accept.ranges()[0].parameters,
            [("as", "Table"), ("v", "v1"), ("g", "meta.k8s.io")]
        );
    }
}
