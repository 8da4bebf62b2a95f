//! Links of a proxied server lead below the proxy's own path, in redirects and in pages.

use std::ops::Range;

/// The attributes of HTML that hold a link, by element.
const LINKS: &[(&str, &[&str])] = &[
    ("a", &["href"]),
    ("applet", &["codebase"]),
    ("area", &["href"]),
    ("audio", &["src"]),
    ("base", &["href"]),
    ("blockquote", &["cite"]),
    ("body", &["background"]),
    ("button", &["formaction"]),
    ("command", &["icon"]),
    ("del", &["cite"]),
    ("embed", &["src"]),
    ("form", &["action"]),
    ("frame", &["longdesc", "src"]),
    ("head", &["profile"]),
    ("html", &["manifest"]),
    ("iframe", &["longdesc", "src"]),
    ("img", &["longdesc", "src", "usemap"]),
    ("input", &["src", "usemap", "formaction"]),
    ("ins", &["cite"]),
    ("link", &["href"]),
    ("object", &["classid", "codebase", "data", "usemap"]),
    ("q", &["cite"]),
    ("script", &["src"]),
    ("source", &["src"]),
    ("video", &["poster", "src"]),
];
/// Elements whose content is text, whatever it looks like.
const TEXT: &[&str] = &[
    "iframe", "noembed", "noframes", "noscript", "script", "style", "textarea", "title", "xmp",
];

/// Where the server that is proxied stands for its client.
#[derive(Clone, Debug)]
pub struct Base {
    /// The path of the proxy, without a slash at its end.
    path: String,
    /// The proxied server as the proxy calls it.
    authority: String,
    /// The proxy as the client calls it, which is what the proxied server hears.
    asked: String,
}

impl Base {
    /// Of a request for `path`, which the client sent to `asked` and the proxy sends to `authority`.
    pub fn of(path: &str, asked: &str, authority: &str) -> Self {
        // `/api/v1/namespaces/a/pods/p/proxy` or `/api/v1/nodes/n/proxy`: any of these names may itself be `proxy`.
        let segments = if path.starts_with("/api/v1/namespaces/") {
            7
        } else {
            5
        };
        let end = path
            .match_indices('/')
            .nth(segments)
            .map_or(path.len(), |(at, _)| at);
        Self {
            path: path[..end].trim_end_matches('/').to_owned(),
            authority: authority.to_owned(),
            asked: asked.to_owned(),
        }
    }

    /// A link as the client must have it; none if it is right as it is: relative, to elsewhere, or below the proxy already.
    pub fn link(&self, link: &str) -> Option<String> {
        let (host, path) = host_and_path(link);
        let is_asked = host.is_some_and(|host| host == self.asked);
        let is_own = host.is_none_or(|host| host == self.authority) || is_asked;
        if !is_own || !path.starts_with('/') {
            return None;
        }
        // The client can call the proxy as it does already.
        let kept = if is_asked {
            &link[..link.len() - path.len()]
        } else {
            ""
        };
        if path.starts_with(&self.path) {
            return (host.is_some() && !is_asked).then(|| path.to_owned());
        }
        let (path, rest) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
        Some(format!("{kept}{}{}{rest}", self.path, cleaned(path)))
    }

    /// A page with its links as the client must have them. All else of it stays as it is.
    pub fn page(&self, page: &str) -> String {
        let mut written = String::with_capacity(page.len());
        let mut done = 0;
        for place in places(page) {
            if let Some(link) = self.link(&page[place.clone()]) {
                written.push_str(&page[done..place.start]);
                written.push_str(&link);
                done = place.end;
            }
        }
        written.push_str(&page[done..]);
        written
    }
}

/// The host that a link names, if it does, and what stands behind it.
fn host_and_path(link: &str) -> (Option<&str>, &str) {
    let after_scheme = ["http://", "https://", "//"]
        .iter()
        .find_map(|scheme| link.strip_prefix(scheme));
    match after_scheme {
        None => (None, link),
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            (Some(host), path)
        }
    }
}

/// A path without empty segments and those that are dots, so that none leads out of the proxy.
fn cleaned(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let end = if path.ends_with('/') { "/" } else { "" };
    match segments.is_empty() {
        true => end.to_owned(),
        false => format!("/{}{end}", segments.join("/")),
    }
}

/// Where the links of a page stand.
fn places(page: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut reader = Reader { page, at: 0 };
    while let Some(tag) = reader.start_tag() {
        let links = LINKS.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag));
        while let Some((name, value)) = reader.attribute() {
            let is_link = |link: &&str| link.eq_ignore_ascii_case(name);
            if links.is_some_and(|(_, links)| links.iter().any(is_link)) {
                found.push(value);
            }
        }
        if TEXT.iter().any(|name| name.eq_ignore_ascii_case(tag)) {
            reader.skip_text(tag);
        }
    }
    found
}

/// Panics if a page is not read to its end, or anything but its links is touched, or these more than once.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn check_page(base: &Base, page: &str) {
    let written = base.page(page);
    assert_eq!(base.page(&written), written, "written twice: {page:?}");
    let without_links = |page: &str| {
        let mut rest = page.to_owned();
        let places = places(page).into_iter().rev();
        places.for_each(|place| rest.replace_range(place, ""));
        rest
    };
    assert_eq!(without_links(page), without_links(&written), "{page:?}");
}

/// Reads a page from tag to tag.
struct Reader<'a> {
    page: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.page[self.at..]
    }

    /// Goes on behind `end`, or to the page's end.
    fn skip_to(&mut self, end: &str) {
        self.at = match self.rest().find(end) {
            Some(at) => self.at + at + end.len(),
            None => self.page.len(),
        };
    }

    /// What there is up to one of `ends`.
    fn take_until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn skip_spaces(&mut self) {
        self.at = self.page.len() - self.rest().trim_start().len();
    }

    /// The name of the next element that begins.
    fn start_tag(&mut self) -> Option<&'a str> {
        while let Some(at) = self.rest().find('<') {
            self.at += at + 1;
            let rest = self.rest();
            if rest.starts_with("!--") {
                self.skip_to("-->");
            } else if rest.starts_with(['!', '?', '/']) {
                self.skip_to(">");
            } else if rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
                return Some(self.take_until(&[' ', '\t', '\r', '\n', '\x0c', '/', '>']));
            }
        }
        None
    }

    /// The next attribute of the tag that was begun: its name, and where its value is. None behind the tag.
    fn attribute(&mut self) -> Option<(&'a str, Range<usize>)> {
        self.at = self.page.len()
            - self
                .rest()
                .trim_start_matches(|c: char| c == '/' || c.is_whitespace())
                .len();
        if self.rest().is_empty() || self.rest().starts_with('>') {
            self.skip_to(">");
            return None;
        }
        // An equals sign here is a name's first letter.
        let start = self.at;
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
        self.take_until(&[' ', '\t', '\r', '\n', '\x0c', '/', '>', '=']);
        let name = &self.page[start..self.at];
        self.skip_spaces();
        if !self.rest().starts_with('=') {
            return Some((name, self.at..self.at));
        }
        self.at += 1;
        self.skip_spaces();
        Some((name, self.value()))
    }

    fn value(&mut self) -> Range<usize> {
        let quote = self
            .rest()
            .chars()
            .next()
            .filter(|first| ['"', '\''].contains(first));
        self.at += usize::from(quote.is_some());
        let start = self.at;
        match quote {
            Some(quote) => self.take_until(&[quote]),
            None => self.take_until(&[' ', '\t', '\r', '\n', '\x0c', '>']),
        };
        let end = self.at;
        self.at += usize::from(quote.is_some() && !self.rest().is_empty());
        start..end
    }

    /// Goes to where an element ends whose content is text.
    fn skip_text(&mut self, name: &str) {
        loop {
            self.skip_to("</");
            let end = self.rest().get(..name.len());
            if self.rest().is_empty() || end.is_some_and(|end| end.eq_ignore_ascii_case(name)) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// What pages are made of, and what is none.
    const PIECES: [&str; 24] = [
        "<",
        ">",
        "/",
        "=",
        "\"",
        "'",
        " ",
        "<a ",
        "<A\n",
        "href=",
        "HREF = ",
        "src",
        "<script>",
        "</script",
        "<!--",
        "-->",
        "<!",
        "</",
        "/x",
        "/../y?z#",
        "http://10.0.0.1:80/",
        "//",
        "a",
        "\u{e4}",
    ];

    proptest! {
        /// Whatever a page is: it is read to its end, a link is written anew once, and nothing else is touched.
        #[test]
        fn any_page_is_written_once(pieces in vec(select(&PIECES[..]), 0..60)) {
            check_page(&base(), &pieces.concat());
        }
    }

    fn base() -> Base {
        Base::of(
            "/api/v1/namespaces/proxy/pods/p/proxy/a/proxy/b",
            "127.0.0.1:6443",
            "10.0.0.1:80",
        )
    }

    #[test]
    fn the_proxy_stands_where_its_path_ends() {
        for (path, expected) in [
            (
                "/api/v1/namespaces/a/services/s/proxy",
                "/api/v1/namespaces/a/services/s/proxy",
            ),
            (
                "/api/v1/namespaces/a/services/s/proxy/",
                "/api/v1/namespaces/a/services/s/proxy",
            ),
            (
                "/api/v1/namespaces/proxy/pods/proxy/proxy/x",
                "/api/v1/namespaces/proxy/pods/proxy/proxy",
            ),
            ("/api/v1/nodes/n/proxy/logs/proxy/", "/api/v1/nodes/n/proxy"),
        ] {
            assert_eq!(Base::of(path, "", "").path, expected);
        }
    }

    #[test]
    fn links_lead_below_the_proxy_unless_they_lead_elsewhere() {
        for (link, expected) in [
            ("/", Some("BASE/")),
            ("/a?b=/c#d", Some("BASE/a?b=/c#d")),
            ("/a//./b/../../../c/", Some("BASE/c/")),
            ("/..", Some("BASE")),
            ("http://10.0.0.1:80/a", Some("BASE/a")),
            ("//10.0.0.1:80/a", Some("BASE/a")),
            ("http://10.0.0.1:80BASE/a", Some("BASE/a")),
            ("https://127.0.0.1:6443/a", Some("https://127.0.0.1:6443BASE/a")),
            ("https://127.0.0.1:6443BASE/a", None),
            ("http://10.0.0.1:80", None),
            ("https://example.com/a", None),
            ("//example.com/a", None),
            ("a/b", None),
            ("#a", None),
            ("?a", None),
            ("", None),
            ("mailto:a@example.com", None),
            ("BASE/a", None),
        ] {
            let with_base = |text: &str| text.replace("BASE", "/api/v1/namespaces/proxy/pods/p/proxy");
            let found = base().link(&with_base(link));
            assert_eq!(found, expected.map(with_base), "{link}");
        }
    }

    #[test]
    fn links_of_pages_are_found_and_nothing_else() {
        for (page, expected) in [
            (r#"<a href="/x">test</a>"#, "/x"),
            ("<A class=b HREF = '/x' />", "/x"),
            ("<img src=/x usemap=/y alt=/z>", "/x /y"),
            ("<form action=/x><p href=/no><input formaction=\"/y\">", "/x /y"),
            (
                "<!-- <a href=/no> --><!DOCTYPE a href=/no></a href=/no><a href=/x>",
                "/x",
            ),
            ("<script src=/x>'<a href=/no>' </SCRIPT><a href=/y>", "/x /y"),
            ("1 < 2 <a disabled href=/x", "/x"),
            ("<a href='/x", "/x"),
            ("<title></title><a =href=/no href=\u{e4}>", "\u{e4}"),
            ("<a", ""),
            ("<script>", ""),
            ("", ""),
        ] {
            let found: Vec<&str> = places(page).into_iter().map(|place| &page[place]).collect();
            assert_eq!(found.join(" "), expected, "{page}");
        }
        let page = r#"<p>/x <a title="/x" href="/x">x</a> <a href="x">"#;
        let expected =
            r#"<p>/x <a title="/x" href="/api/v1/namespaces/proxy/pods/p/proxy/x">x</a> <a href="x">"#;
        assert_eq!(base().page(page), expected);
    }
}
