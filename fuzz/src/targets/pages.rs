//! Pages of other servers that come through a proxy of the API.

use super::Target;

/// A page, plain or compressed. Its links are written anew, once; all else stays as it is.
pub const PAGES: Target = Target {
    name: "pages",
    run: apiserver::fuzzing::page,
    seeds: || {
        let pages = [
            "0<a href=/x>",
            "0<A\nHREF = '//10.0.0.1:80/../y?z#'>x</a>",
            "0<!-- <a href=/x> --><img src=\"/a\" usemap=/b>",
            "0<script>\"</scrip\" </script><a href=http://127.0.0.1:6443/x",
            "0<base href=/api/v1/namespaces/a/pods/p/proxy/x/>\u{e4}",
        ];
        let plain = pages.iter().map(|page| page.as_bytes().to_vec());
        plain.chain([COMPRESSED.to_vec()]).collect()
    },
};

/// `<a href=/x>`, behind a byte that says that it is compressed.
const COMPRESSED: &[u8] = &[
    0x31, 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xb3, 0x49, 0x54, 0xc8, 0x28, 0x4a,
    0x4d, 0xb3, 0xd5, 0xaf, 0xb0, 0x03, 0x00, 0x26, 0x2c, 0x46, 0xd4, 0x0b, 0x00, 0x00, 0x00,
];
