//! The libraries of functions: what each gives, and what that costs.

use cel::{Activation, Environment, Value};

/// The outcome, and the cost if it was evaluated.
fn outcome(text: &str) -> (String, Option<u64>) {
    let program = match Environment::kubernetes().compile(text) {
        Ok(program) => program,
        Err(errors) => {
            return (
                errors.to_string().lines().next().unwrap_or_default().to_owned(),
                None,
            );
        }
    };
    let (value, cost) = program.evaluate_within(&Activation::new(), 1_000_000);
    let shown = match value {
        Ok(value) => shown(&value),
        Err(error) => format!("error: {error}"),
    };
    (shown, Some(cost))
}

fn shown(value: &Value<'_>) -> String {
    value
        .to_json()
        .map_or_else(|_| format!("{value:?}"), |json| json.to_string())
}

fn check(cases: &[(&str, &str, Option<u64>)]) {
    for (text, wanted, cost) in cases {
        assert_eq!(outcome(text), ((*wanted).to_owned(), *cost), "{text}");
    }
}

#[test]
fn texts() {
    check(&[
        ("'abc'.size()", "3", Some(1)),
        ("'abc'.contains('b')", "true", Some(1)),
        ("'abc'.startsWith('a')", "true", Some(1)),
        ("'abc'.endsWith('c')", "true", Some(1)),
        ("'abc'.matches('a.c')", "true", Some(1)),
        (
            "'abc'.matches('[')",
            "ERROR: <input>:1:15: invalid matches argument",
            None,
        ),
        (
            "'abc'.matches('a(b')",
            "ERROR: <input>:1:15: invalid matches argument",
            None,
        ),
        (
            "'abc'.matches('*')",
            "ERROR: <input>:1:15: invalid matches argument",
            None,
        ),
        ("'abc'.charAt(1)", "\"b\"", Some(1)),
        ("'abc'.charAt(3)", "\"\"", Some(1)),
        ("'abc'.charAt(4)", "error: index out of range: 4", Some(1)),
        ("'abcabc'.indexOf('b')", "1", Some(0)),
        ("'abcabc'.indexOf('b', 2)", "4", Some(0)),
        ("'abcabc'.indexOf('b', 9)", "-1", Some(0)),
        ("'abcabc'.lastIndexOf('b')", "4", Some(0)),
        ("'abcabc'.lastIndexOf('b', 3)", "1", Some(0)),
        ("'abcabc'.lastIndexOf('b', 9)", "-1", Some(0)),
        ("'ABC'.lowerAscii()", "\"abc\"", Some(1)),
        ("'abc'.upperAscii()", "\"ABC\"", Some(1)),
        ("' a '.trim()", "\"a\"", Some(1)),
        ("'aXbX'.replace('X', 'y')", "\"ayby\"", Some(1)),
        ("'aXbX'.replace('X', 'y', 1)", "\"aybX\"", Some(1)),
        ("'abc'.replace('', '-')", "\"-a-b-c-\"", Some(1)),
        ("'a,b,c'.split(',')", "[\"a\",\"b\",\"c\"]", Some(1)),
        ("'a,b,c'.split(',', 2)", "[\"a\",\"b,c\"]", Some(1)),
        ("'abc'.split('')", "[\"a\",\"b\",\"c\"]", Some(1)),
        ("'a,b'.split(',', 0)", "[]", Some(1)),
        ("'abc'.substring(1)", "\"bc\"", Some(1)),
        ("'abc'.substring(1, 2)", "\"b\"", Some(1)),
        (
            "'abc'.substring(2, 1)",
            "error: invalid substring range. start: 2, end: 1",
            Some(1),
        ),
        ("'abc'.substring(5)", "error: index out of range: 5", Some(1)),
        ("['a', 'b'].join(',')", "\"a,b\"", Some(1)),
        ("['a', 'b'].join()", "\"ab\"", Some(1)),
        ("strings.quote('a\"b')", "\"\\\"a\\\\\\\"b\\\"\"", Some(1)),
        ("'abc 123 45'.find('[0-9]+')", "\"123\"", Some(4)),
        ("'abc 123 45'.findAll('[0-9]+')", "[\"123\",\"45\"]", Some(4)),
        ("'abc 123 45'.findAll('[0-9]+', 1)", "[\"123\"]", Some(4)),
        ("'\\u00e9'.size()", "1", Some(1)),
        ("'日本'.size()", "2", Some(1)),
        (
            "\"日本\" + 1",
            "ERROR: <input>:1:6: found no matching overload for '_+_' applied to '(string, int)'",
            None,
        ),
    ]);
}

#[test]
fn forms() {
    check(&[
        (
            "'%s is %d and %.2f'.format(['a', 1, 2.5])",
            "\"a is 1 and 2.50\"",
            Some(2),
        ),
        ("'%s'.format([[1, 2]])", "\"[1, 2]\"", Some(1)),
        ("'%s'.format([{'a': 1}])", "\"{\\\"a\\\":1}\"", Some(1)),
        (
            "'%x %X %o %b'.format([255, 255, 8, 5])",
            "\"ff FF 10 101\"",
            Some(2),
        ),
        ("'%e'.format([1234.5])", "\"1.234500×10⁰³\"", Some(1)),
        (
            "'%d'.format(['a'])",
            "ERROR: <input>:1:14: error during formatting: decimal clause can only be used on integers, was given string",
            None,
        ),
        (
            "'%q'.format(['a'])",
            "ERROR: <input>:1:12: could not parse formatting clause: unrecognized formatting clause \"q\"",
            None,
        ),
        (
            "'%s'.format([])",
            "ERROR: <input>:1:12: index 0 out of range",
            None,
        ),
        (
            "'%s %s'.format(['a'])",
            "ERROR: <input>:1:15: index 1 out of range",
            None,
        ),
    ]);
}

#[test]
fn lists_and_sets() {
    check(&[
        (
            "'abc'.reverse()",
            "ERROR: <input>:1:14: found no matching overload for 'reverse' applied to 'string.()'",
            None,
        ),
        ("[1,2,3].isSorted()", "true", Some(3)),
        ("[1,2,3].sum()", "6", Some(3)),
        ("[1,2,3].max()", "3", Some(3)),
        ("[].max()", "error: max called on empty list", Some(0)),
        ("[3,1,2].min()", "1", Some(3)),
        ("[1,2,1].indexOf(1)", "0", Some(3)),
        ("[1,2,1].lastIndexOf(1)", "2", Some(3)),
        ("[1.5, 2.5].sum()", "4.0", Some(2)),
        ("[1,2,3].slice(0,2)", "[1,2]", Some(13)),
        (
            "[1,2,3].slice(2,1)",
            "error: cannot slice(2, 1), start index must be less than or equal to end index",
            Some(12),
        ),
        (
            "[1,2,3].slice(0,9)",
            "error: cannot slice(0, 9), list is length 3",
            Some(12),
        ),
        ("[[1],[2]].flatten()", "[1,2]", Some(13)),
        ("[3,1,2].sort()", "[1,2,3]", Some(29)),
        ("[3,1,2].sortBy(x, -x)", "[3,2,1]", Some(74)),
        ("lists.range(3)", "[0,1,2]", Some(14)),
        ("[1,2,3].reverse()", "[3,2,1]", Some(14)),
        ("[1,1,2].distinct()", "[1,2]", Some(29)),
        ("[1,2].first()", "1", Some(1)),
        ("[1,2].last()", "2", Some(1)),
        ("sets.contains([1,2],[1])", "true", Some(3)),
        ("sets.equivalent([1,2],[2,1])", "true", Some(9)),
        ("sets.intersects([1],[2])", "false", Some(2)),
        (
            "sets.foo([1])",
            "ERROR: <input>:1:1: undeclared reference to 'sets' (in container '')",
            None,
        ),
    ]);
}

#[test]
fn conversions() {
    check(&[
        ("int('12')", "12", Some(0)),
        ("int(1.9)", "1", Some(0)),
        ("uint('7')", "7", Some(0)),
        ("double('1.5')", "1.5", Some(0)),
        ("string(1)", "\"1\"", Some(0)),
        ("string(1.0)", "\"1\"", Some(0)),
        ("string(1.5)", "\"1.5\"", Some(0)),
        ("string(1e100)", "\"1e+100\"", Some(0)),
        ("string(0.00001)", "\"1e-05\"", Some(0)),
        ("string(123456789.0)", "\"1.23456789e+08\"", Some(0)),
        ("string(true)", "\"true\"", Some(0)),
        ("string(b'abc')", "\"abc\"", Some(0)),
        ("bool('true')", "true", Some(0)),
        ("bytes('abc')", "\"YWJj\"", Some(0)),
        ("string(duration('1h30m'))", "\"5400s\"", Some(0)),
        ("string(duration('1.5s'))", "\"1.5s\"", Some(0)),
        (
            "string(timestamp('2020-02-03T04:05:06.789Z'))",
            "\"2020-02-03T04:05:06.789Z\"",
            Some(0),
        ),
        ("int(timestamp('2020-01-01T00:00:00Z'))", "1577836800", Some(0)),
        ("string(ip('1.2.3.4'))", "\"1.2.3.4\"", Some(2)),
    ]);
}

#[test]
fn times() {
    check(&[
        ("duration('1h30m')", "\"5400s\"", Some(0)),
        (
            "duration('x')",
            "ERROR: <input>:1:10: invalid duration argument",
            None,
        ),
        ("duration('1h') + duration('1m')", "\"3660s\"", Some(1)),
        ("duration('1h').getHours()", "1", Some(1)),
        ("duration('90m').getMinutes()", "90", Some(1)),
        ("duration('1500ms').getMilliseconds()", "1500", Some(1)),
        (
            "timestamp('2020-01-01T00:00:00Z')",
            "\"2020-01-01T00:00:00Z\"",
            Some(0),
        ),
        (
            "timestamp('x')",
            "ERROR: <input>:1:11: invalid timestamp argument",
            None,
        ),
        (
            "timestamp('2020-01-01T00:00:00Z') + duration('1h')",
            "\"2020-01-01T01:00:00Z\"",
            Some(1),
        ),
        (
            "timestamp('2020-01-01T00:00:00Z') - timestamp('2019-12-31T00:00:00Z')",
            "\"86400s\"",
            Some(1),
        ),
        (
            "timestamp('2020-02-03T04:05:06.789Z').getFullYear()",
            "2020",
            Some(1),
        ),
        ("timestamp('2020-02-03T04:05:06.789Z').getMonth()", "1", Some(1)),
        ("timestamp('2020-02-03T04:05:06.789Z').getDate()", "3", Some(1)),
        (
            "timestamp('2020-02-03T04:05:06.789Z').getDayOfMonth()",
            "2",
            Some(1),
        ),
        (
            "timestamp('2020-02-03T04:05:06.789Z').getDayOfWeek()",
            "1",
            Some(1),
        ),
        (
            "timestamp('2020-02-03T04:05:06.789Z').getDayOfYear()",
            "33",
            Some(1),
        ),
        ("timestamp('2020-02-03T04:05:06.789Z').getHours()", "4", Some(1)),
        (
            "timestamp('2020-07-03T04:05:06.789Z').getHours('Europe/Berlin')",
            "6",
            Some(1),
        ),
        (
            "timestamp('2020-02-03T04:05:06.789Z').getHours('Europe/Atlantis')",
            "error: unknown time zone Europe/Atlantis",
            Some(1),
        ),
        (
            "timestamp('2020-02-03T04:05:06.789Z').getHours('+02:00')",
            "6",
            Some(1),
        ),
        (
            "timestamp('2020-02-03T04:05:06.789Z').getMilliseconds()",
            "789",
            Some(1),
        ),
        (
            "type(timestamp('2020-01-01T00:00:00Z')) == google.protobuf.Timestamp",
            "true",
            Some(1),
        ),
    ]);
}

#[test]
fn quantities() {
    check(&[
        ("quantity('1Gi')", "1Gi", Some(1)),
        (
            "quantity('x')",
            "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            Some(1),
        ),
        ("isQuantity('1Gi')", "true", Some(1)),
        ("quantity('1Gi').isGreaterThan(quantity('1Mi'))", "true", Some(3)),
        (
            "quantity('1Gi').add(quantity('1Gi')) == quantity('2Gi')",
            "true",
            Some(5),
        ),
        (
            "quantity('1500m').asInteger()",
            "error: cannot convert value to integer",
            Some(2),
        ),
        ("quantity('2').asInteger()", "2", Some(2)),
        ("quantity('1500m').asApproximateFloat()", "1.5", Some(2)),
        ("quantity('1').compareTo(quantity('2'))", "-1", Some(3)),
        (
            "quantity('-1').sign()",
            "ERROR: <input>:1:20: found no matching overload for 'sign' applied to 'kubernetes.Quantity.()'",
            None,
        ),
    ]);
}

#[test]
fn addresses() {
    check(&[
        ("ip('1.2.3.4')", "1.2.3.4", Some(1)),
        (
            "ip('1.2.3')",
            "error: IP Address \"1.2.3\" parse error during conversion from string: ParseAddr(\"1.2.3\"): IPv4 address too short",
            Some(1),
        ),
        (
            "ip('1.2.3.256')",
            "error: IP Address \"1.2.3.256\" parse error during conversion from string: ParseAddr(\"1.2.3.256\"): IPv4 field has value >255",
            Some(1),
        ),
        (
            "ip('1.2.3.04')",
            "error: IP Address \"1.2.3.04\" parse error during conversion from string: ParseAddr(\"1.2.3.04\"): IPv4 field has octet with leading zero",
            Some(1),
        ),
        (
            "ip('1.2.3.4.5')",
            "error: IP Address \"1.2.3.4.5\" parse error during conversion from string: ParseAddr(\"1.2.3.4.5\"): IPv4 address too long",
            Some(1),
        ),
        (
            "ip('x')",
            "error: IP Address \"x\" parse error during conversion from string: ParseAddr(\"x\"): unable to parse IP",
            Some(1),
        ),
        (
            "ip('::ffff:1.2.3.4')",
            "error: IPv4-mapped IPv6 address \"::ffff:1.2.3.4\" is not allowed",
            Some(2),
        ),
        (
            "ip('fe80::1%eth0')",
            "error: IP address \"fe80::1%eth0\" with zone value is not allowed",
            Some(2),
        ),
        (
            "ip('::x')",
            "error: IP Address \"::x\" parse error during conversion from string: ParseAddr(\"::x\"): each colon-separated field must have at least one digit (at \"x\")",
            Some(1),
        ),
        (
            "ip('1::2::3')",
            "error: IP Address \"1::2::3\" parse error during conversion from string: ParseAddr(\"1::2::3\"): multiple :: in address (at \":3\")",
            Some(1),
        ),
        (
            "ip('')",
            "error: IP Address \"\" parse error during conversion from string: ParseAddr(\"\"): unable to parse IP",
            Some(0),
        ),
        ("ip('1.2.3.4').family()", "4", Some(2)),
        ("ip('127.0.0.1').isLoopback()", "true", Some(2)),
        ("ip('1.2.3.4').isGlobalUnicast()", "true", Some(2)),
        ("ip.isCanonical('2001:DB8::1')", "false", Some(3)),
        ("isIP('1.2.3.4')", "true", Some(1)),
        ("cidr('10.0.0.0/8')", "10.0.0.0/8", Some(1)),
        (
            "cidr('10.0.0.0')",
            "error: network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix(\"10.0.0.0\"): no '/'",
            Some(1),
        ),
        (
            "cidr('10.0.0.0/33')",
            "error: network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix(\"10.0.0.0/33\"): prefix length out of range",
            Some(2),
        ),
        (
            "cidr('10.0.0.0/x')",
            "error: network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix(\"10.0.0.0/x\"): bad bits after slash: \"x\"",
            Some(1),
        ),
        (
            "cidr('x/8')",
            "error: network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix(\"x/8\"): ParseAddr(\"x\"): unable to parse IP",
            Some(1),
        ),
        ("cidr('10.0.0.0/8').containsIP('10.1.2.3')", "true", Some(3)),
        ("cidr('10.0.0.0/8').containsIP(ip('11.1.2.3'))", "false", Some(3)),
        ("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", "true", Some(6)),
        ("cidr('10.1.2.3/8').masked()", "10.0.0.0/8", Some(2)),
        ("cidr('10.1.2.3/8').prefixLength()", "8", Some(2)),
        ("cidr('10.1.2.3/8').ip()", "10.1.2.3", Some(2)),
        ("isCIDR('10.0.0.0/8')", "true", Some(1)),
    ]);
}

#[test]
fn urls_and_versions() {
    check(&[
        (
            "url('https://user@example.com:80/path?a=b&a=c#f').getHost()",
            "\"example.com:80\"",
            Some(6),
        ),
        ("url('https://example.com:80/path').getPort()", "\"80\"", Some(4)),
        ("url('https://[::1]:80/path').getHostname()", "\"::1\"", Some(4)),
        (
            "url('https://example.com/a b').getEscapedPath()",
            "\"/a%20b\"",
            Some(4),
        ),
        (
            "url('https://example.com/?a=b&a=c').getQuery()",
            "{\"a\":[\"b\",\"c\"]}",
            Some(4),
        ),
        (
            "url('x')",
            "error: URL parse error during conversion from string: parse \"x\": invalid URI for request",
            Some(1),
        ),
        (
            "url('')",
            "error: URL parse error during conversion from string: parse \"\": empty url",
            Some(0),
        ),
        (
            "url('::')",
            "error: URL parse error during conversion from string: parse \"::\": missing protocol scheme",
            Some(1),
        ),
        (
            "url('http://a:b/')",
            "error: URL parse error during conversion from string: parse \"http://a:b/\": invalid port \":b\" after host",
            Some(2),
        ),
        ("url('/path?x=y')", "/path?x=y", Some(1)),
        ("isURL('https://a')", "true", Some(1)),
        (
            "semver('1.2')",
            "error: No Major.Minor.Patch elements found",
            Some(1),
        ),
        ("semver('v1.2', true) == semver('1.2.0')", "true", Some(3)),
        ("semver('1.2.3').isLessThan(semver('1.2.4'))", "true", Some(3)),
        ("semver('1.2.3-alpha').compareTo(semver('1.2.3'))", "-1", Some(4)),
        (
            "semver('01.2.3')",
            "error: Major number must not contain leading zeroes \"01\"",
            Some(1),
        ),
        (
            "semver('a.2.3')",
            "error: Invalid character(s) found in major number \"a\"",
            Some(1),
        ),
        ("semver('1.2.3-')", "error: Prerelease is empty", Some(1)),
        ("isSemver('1.2.3')", "true", Some(1)),
        ("semver('1.2.3').major()", "1", Some(2)),
    ]);
}

#[test]
fn named_formats() {
    check(&[
        (
            "format.named('dns1123Label').value().validate('A')",
            "[\"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')\"]",
            Some(10),
        ),
        ("format.named('nothing').hasValue()", "false", Some(2)),
        (
            "format.dns1123Label().validate('a').hasValue()",
            "false",
            Some(10),
        ),
        (
            "format.uuid().validate('x').value()",
            "[\"does not match the UUID format\"]",
            Some(20),
        ),
        (
            "format.date().validate('2020-01-01').hasValue()",
            "false",
            Some(38),
        ),
    ]);
}
