//! Certificates and keys as OpenSSL writes them, and what upstream's server warns of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::complaint;

const P256: &str = "MIIBbTCCAROgAwIBAgIUKtj1dbZGR6EVkkk4jku5PJgrlREwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjcwMzExMTFaFw0zNjExMjQwMzExMTFaMAwxCjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASHxXn5TV8GOqcKxdrBPZg+0L+/jvHhoKOBVdW/TylUyl03fZGTTMDLBQCO1KVw7QcUcpVVc6N9ygiZrJ2N+JOeo1MwUTAdBgNVHQ4EFgQUsINuI+Z2cbAk4kNE0+3WV5E7qk8wHwYDVR0jBBgwFoAUsINuI+Z2cbAk4kNE0+3WV5E7qk8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiB7Ue64w7BvlJ2Gr77SMhwuSWl8x91rR+TqeD9Lg72zmQIhAOGM14R0lyiDguClj8OIky1IT1ly63DsgPFwzK7TEALB";
const P256_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMswe9Os4K1cEWInMlaPAuLUt/TWXM7fwFbunTQkTexGhRANCAASHxXn5TV8GOqcKxdrBPZg+0L+/jvHhoKOBVdW/TylUyl03fZGTTMDLBQCO1KVw7QcUcpVVc6N9ygiZrJ2N+JOe";
const P256_SEC1: &str = "MHcCAQEEIDLMHvTrOCtXBFiJzJWjwLi1Lf01lzO38BW7p00JE3sRoAoGCCqGSM49AwEHoUQDQgAEh8V5+U1fBjqnCsXawT2YPtC/v47x4aCjgVXVv08pVMpdN32Rk0zAywUAjtSlcO0HFHKVVXOjfcoImaydjfiTng==";
const P256_OTHER: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmieVmeh7weBmXHa+a0PQ4UGB7l5VlQQw2tMtzkjBV4uhRANCAASp+tZgA7Mj+7PBvQUoHEFozYdJl/2UQ6uxdDYHGTIeUDbwDmwvVmvKH1+/ha9YxXnwo8IzknXA/PdllpJU3TEC";
const P384: &str = "MIIBqTCCATCgAwIBAgIUD50G7gSrTRngzq+94Ni2ROvBIDcwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjcwMzExMTFaFw0zNjExMjQwMzExMTFaMAwxCjAIBgNVBAMMAXgwdjAQBgcqhkjOPQIBBgUrgQQAIgNiAASt8NAj9jmxjS1cqqGbq7APCZzR88qSWmbJVA5TD4sNTvDBMOQW8/iqThWLqMcdq/R7tU0sQzBcKEQWWUIS31/tUEvKTu4WOBNvR60w+43SO6NXmqTx6380N+np5wIWxBajUzBRMB0GA1UdDgQWBBQMf/FnRhmqZH872LNrCNHDUFwCPDAfBgNVHSMEGDAWgBQMf/FnRhmqZH872LNrCNHDUFwCPDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA2cAMGQCMECJIqKzLj8DrhlomLDJsq3DpjF0srlgEOl3kTOHw+zVWtTW1aKgNHnFdXSJ9RoeWgIwesj/Uu1W0Phn+5SjC0jQDbzts3gGtt29j+O0SNQDc2w3xlhujJ8oEdo4g/u1AwGR";
const P384_KEY: &str = "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCH1IqZoSlsxQ7ZSF01Ku50T7L5gX93674cs9kMJ1m3Ac0U+NJCb0P2WFgtjXXUqKWhZANiAASt8NAj9jmxjS1cqqGbq7APCZzR88qSWmbJVA5TD4sNTvDBMOQW8/iqThWLqMcdq/R7tU0sQzBcKEQWWUIS31/tUEvKTu4WOBNvR60w+43SO6NXmqTx6380N+np5wIWxBY=";
const P224: &str = "MIIBWzCCAQigAwIBAgIUVHGY0lCcF6Vweb/5w4jNsJJQFcwwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjcwMzExMTJaFw0zNjExMjQwMzExMTJaMAwxCjAIBgNVBAMMAXgwTjAQBgcqhkjOPQIBBgUrgQQAIQM6AATNQnspokFGRvthfZ5fC4QK2lLYDqt79x7i3kbADiAqqxW0PhGZvxlXS620Ax4APhJ5R4bPqWvwZ6NTMFEwHQYDVR0OBBYEFPvkShpOm3f5D24VIREJGoneWO1IMB8GA1UdIwQYMBaAFPvkShpOm3f5D24VIREJGoneWO1IMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDQQAwPgIdAL2vCfhPTCDvoX/LpJ7L5amCXJh7YTWIqW3nDcoCHQCREzc2phsPHqCn77ASyFjdOAF2da//oLsEaFiK";
const P224_KEY: &str = "MHgCAQAwEAYHKoZIzj0CAQYFK4EEACEEYTBfAgEBBBwXoNvME85SfMxIoV0+lJr79CK28L3+0wIw72uToTwDOgAEzUJ7KaJBRkb7YX2eXwuECtpS2A6re/ce4t5GwA4gKqsVtD4Rmb8ZV0uttAMeAD4SeUeGz6lr8Gc=";
const SECP256K1: &str = "MIIBajCCARCgAwIBAgIUWWJ4+5dUgTKsB+cl+t5k2YH+YDMwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjcwMzExMTJaFw0zNjExMjQwMzExMTJaMAwxCjAIBgNVBAMMAXgwVjAQBgcqhkjOPQIBBgUrgQQACgNCAATC6uy0arELV/Yg3eBaPgiUDpc4WSyKkxrD+cP1DKx7aoMnmCfz4kNSpCxjxw+FDSSzwWMnR0AW23s8rMbVSRwOo1MwUTAdBgNVHQ4EFgQUEVkYNfM1NCLZZobTNB9A2YfDDkIwHwYDVR0jBBgwFoAUEVkYNfM1NCLZZobTNB9A2YfDDkIwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAno/vTQ/+99hKXNp6BkBJNRIvTtgEla21owkIdSr5+G0CIAhQc7bSRzLsIQcZx/XI2Vo6Smp/1Wt4dVrWlOTOe/CV";
const ED25519: &str = "MIIBLDCB36ADAgECAhQb7tcgCvB74d+UwpDwTcUBhVTGpzAFBgMrZXAwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjcwMzExMTJaFw0zNjExMjQwMzExMTJaMAwxCjAIBgNVBAMMAXgwKjAFBgMrZXADIQDVyAAJkuGyd1LO2dl9f9Ib9yRP53xaNYOjp+MdBZBy4aNTMFEwHQYDVR0OBBYEFFubWUjLDUB8xZIYyRoZec24R7FPMB8GA1UdIwQYMBaAFFubWUjLDUB8xZIYyRoZec24R7FPMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAruAh0upWeryO6/hPQ7VyI+HjdmkNZRFBHFo2O4I5acEZ5BpbGsT+0mETXBbaFXxEeiMWJLTWRD+pp5E797gmDQ==";
const ED25519_KEY: &str = "MC4CAQAwBQYDK2VwBCIEIG4cOXXZh9NPC1N47veAKjh0psZo/5BZ1vf5ZrEscok2";
const X25519_KEY: &str = "MC4CAQAwBQYDK2VuBCIEIIBQDZs9VI4/qNA1JN4fKrEK83Kn1jRSqARZjAA5pJlm";
const RSA: &str = "MIIB9DCCAV2gAwIBAgIUE0NulCEu+BcQ20LwiCVF/GxKHeUwDQYJKoZIhvcNAQELBQAwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjcwMzExMTJaFw0zNjExMjQwMzExMTJaMAwxCjAIBgNVBAMMAXgwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBANLV6Xn4RJDgkGilj6ocQEnVbgzpHyKV1cCopEiGrKR4Zs09qb5QI9c4TFxGq/YUDGJcfiJreHOZfmm5q+eMTU2+8aUmk1GO6N8DPSR8aRy7vFFoN0caP1VT3X0/WciUSm5GjHXpCnIwTofos1TsgvyyP3wOpBw1fKURbmWAFN19AgMBAAGjUzBRMB0GA1UdDgQWBBQyaNU9Hgjpm74oqzokGV6Qlfg84zAfBgNVHSMEGDAWgBQyaNU9Hgjpm74oqzokGV6Qlfg84zAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4GBAD/qjkf5ZC69QRcnAS0ApkP22wPFX6CXcvd074jiaUcZmYpbcg0ox/LEjFpx1Zfjv7RyD7w4eIrjBdlGxQHJZMJAs598i7yqvz4/c8zC8XPZEW8sr4WXZywkbwD9OHteAb7eymWpFOaUnlwH83OlC01sYSfaWpylP3B90gJFVoHd";
const RSA_KEY: &str = "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBANLV6Xn4RJDgkGilj6ocQEnVbgzpHyKV1cCopEiGrKR4Zs09qb5QI9c4TFxGq/YUDGJcfiJreHOZfmm5q+eMTU2+8aUmk1GO6N8DPSR8aRy7vFFoN0caP1VT3X0/WciUSm5GjHXpCnIwTofos1TsgvyyP3wOpBw1fKURbmWAFN19AgMBAAECgYAMStaC+vucastgno6Cv4TsCRqSfCEJlizRP8PcSqXULQTpYHf+FZQRX0Hse15ZSY/zSCs+fH+YVdGt/lpMdLyo+apzCVPYJTx9hTA3s7uHkg/uxRFc9YttqWUlf93Krzb0xhEmtx24BrCKrYn0LPDMh504NmdxcFhOP50Y/K31jQJBAOq1o1PbBsVfTuZfG4qT4hXiyGJtVqG0oLwZx63OZe/leVPgm/gsTacF7jjw/Dq/DfiHzF+rR3nUx7jMt5RijG8CQQDl9eFG5xeYYpYY3XB1zcWhIEvrlWk1LsUnOG1X+Tm0svGHi9c+OLb3hkfxglC6izh2d9k/YElkGzIas7qIAcLTAkBbgMDSGlvDaurJqV6FYi4MNkPFC7dwh4j6jFpqikL3idEJQFHOKQeFDCzZiinrhTyfHeIxkgblmmzawQT5FoqFAkEAuM4NKSn2cGRqM7lh84pW1NJbsQv17OOVVZunZBfKJEnaiQ/8/ugdQncLwi70KbZQvgQ69w+ua2Dft03RDhQ8OQJACyLpsDaOgU0zVo0368jiW72pUORoR5bBEYy5ptG/7SvvkH3GuXdXEaWhOrYlfJOA9WvEFTqi3wfjT9Zqe/LMBw==";
const RSA_PKCS1: &str = "MIICXAIBAAKBgQDS1el5+ESQ4JBopY+qHEBJ1W4M6R8ildXAqKRIhqykeGbNPam+UCPXOExcRqv2FAxiXH4ia3hzmX5puavnjE1NvvGlJpNRjujfAz0kfGkcu7xRaDdHGj9VU919P1nIlEpuRox16QpyME6H6LNU7IL8sj98DqQcNXylEW5lgBTdfQIDAQABAoGADErWgvr7nGrLYJ6Ogr+E7AkaknwhCZYs0T/D3Eql1C0E6WB3/hWUEV9B7HteWUmP80grPnx/mFXRrf5aTHS8qPmqcwlT2CU8fYUwN7O7h5IP7sURXPWLballJX/dyq829MYRJrcduAawiq2J9CzwzIedODZncXBYTj+dGPyt9Y0CQQDqtaNT2wbFX07mXxuKk+IV4shibVahtKC8GcetzmXv5XlT4Jv4LE2nBe448Pw6vw34h8xfq0d51Me4zLeUYoxvAkEA5fXhRucXmGKWGN1wdc3FoSBL65VpNS7FJzhtV/k5tLLxh4vXPji294ZH8YJQuos4dnfZP2BJZBsyGrO6iAHC0wJAW4DA0hpbw2rqyalehWIuDDZDxQu3cIeI+oxaaopC94nRCUBRzikHhQws2Yop64U8nx3iMZIG5Zps2sEE+RaKhQJBALjODSkp9nBkajO5YfOKVtTSW7EL9ezjlVWbp2QXyiRJ2okP/P7oHUJ3C8Iu9Cm2UL4EOvcPrmtg37dN0Q4UPDkCQAsi6bA2joFNM1aNN+vI4lu9qVDkaEeWwRGMuabRv+0r75B9xrl3VxGloTq2JXyTgPVrxBU6ot8H40/WanvyzAc=";
const ED448: &str = "MIIBdzCB+KADAgECAhRpJDo1wblPnwn7/ftNwrfr8caoVjAFBgMrZXEwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjcwMzExMTJaFw0zNjExMjQwMzExMTJaMAwxCjAIBgNVBAMMAXgwQzAFBgMrZXEDOgAbNiVhjQHol/vWV6jF6hxxBTY3Fi58mD6oYBJRx2sqJwnWrIebGaNdbXOAVSnqcI7L+4EpsS5TGQCjUzBRMB0GA1UdDgQWBBTTtDdpGfszCIrrURDxPv9rKI2CwjAfBgNVHSMEGDAWgBTTtDdpGfszCIrrURDxPv9rKI2CwjAPBgNVHRMBAf8EBTADAQH/MAUGAytlcQNzAAAoM/1p7dyo6VjVi9SrUKrAVGmyKXlnrOUBWif8sIk7kmyN1Iw3Xiqb8GpwTEmjsFE+kKWeo2TaAE/lfG+oc5SriErY1yeqxWnhGObKXFBdhKMXZKAksVelkBMlfHrrIg453PD7B8G6VQscj/BBMWkdAA==";

const DIFFERENT: &str = "tls: private key does not match public key";
const OTHER_TYPE: &str = "tls: private key type does not match public key type";
const NO_KEY: &str = "tls: failed to parse private key";

fn bytes(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

#[test]
fn keys_belong_to_their_certificates() {
    for (certificate, key, expected) in [
        (P256, P256_KEY, None),
        (P256, P256_SEC1, None),
        (P384, P384_KEY, None),
        (P224, P224_KEY, None),
        (ED25519, ED25519_KEY, None),
        (RSA, RSA_KEY, None),
        (RSA, RSA_PKCS1, None),
        (P256, P256_OTHER, Some(DIFFERENT)),
        (P256, P384_KEY, Some(DIFFERENT)),
        (P256, RSA_KEY, Some(OTHER_TYPE)),
        (RSA, P256_KEY, Some(OTHER_TYPE)),
        (ED25519, P256_KEY, Some(OTHER_TYPE)),
        (
            P256,
            X25519_KEY,
            Some("tls: found unknown private key type in PKCS#8 wrapping"),
        ),
        (SECP256K1, P256_KEY, Some("x509: unsupported elliptic curve")),
        (ED448, P256_KEY, Some("tls: unknown public key algorithm")),
        (P256, P256, Some(NO_KEY)),
        (P256, "", Some(NO_KEY)),
        (P256_KEY, P256_KEY, Some("x509: malformed tbs certificate")),
        ("", "", Some("x509: malformed certificate")),
    ] {
        assert_eq!(
            complaint(&bytes(certificate), &bytes(key)),
            expected,
            "{certificate} {key}"
        );
    }
}

#[test]
fn certificates_are_read_as_strictly_as_go_reads_them() {
    let changed = |offset: usize, byte: u8| {
        let mut certificate = bytes(P256);
        certificate[offset] = byte;
        certificate
    };
    let longer = [&bytes(P256)[..], &[0]].concat();
    for (certificate, expected) in [
        (longer, "x509: trailing data"),
        (changed(0, 0x05), "x509: malformed certificate"),
        (changed(1, 0x05), "x509: malformed tbs certificate"),
        (changed(5, 0x05), "x509: malformed serial number"),
        (changed(7, 0x05), "x509: malformed algorithm identifier"),
        (changed(9, 0x05), "x509: malformed version"),
        (changed(12, 0x05), "x509: invalid version"),
        (
            changed(14, 0x05),
            "x509: malformed signature algorithm identifier",
        ),
        (changed(15, 0x80), "x509: negative serial number"),
        (
            changed(36, 0x05),
            "x509: inner and outer signature algorithm identifiers don't match",
        ),
        (changed(47, 0x05), "x509: malformed issuer"),
        (changed(48, 0x00), "x509: malformed validity"),
        (changed(48, 0x05), "x509: invalid RDNSequence"),
        (changed(50, 0x05), "x509: invalid RDNSequence: invalid attribute"),
        (
            changed(52, 0x00),
            "x509: invalid RDNSequence: invalid attribute type",
        ),
        (
            changed(52, 0x05),
            "x509: invalid RDNSequence: invalid attribute value",
        ),
        (changed(62, 0x00), "x509: unsupported time format"),
        (changed(62, 0x05), "x509: malformed UTCTime"),
        (changed(94, 0x00), "x509: malformed spki"),
        (
            changed(108, 0x05),
            "x509: malformed public key algorithm identifier",
        ),
        (changed(110, 0x05), "x509: malformed OID"),
        (changed(120, 0x05), "x509: invalid ECDSA parameters"),
        (changed(120, 0xff), "x509: malformed parameters"),
        (changed(121, 0x05), "x509: unsupported elliptic curve"),
        (changed(130, 0x05), "x509: malformed subjectPublicKey"),
        (changed(131, 0x05), "invalid P256 point encoding"),
        (changed(133, 0x05), "ecdsa: invalid uncompressed public key"),
        (changed(134, 0x05), "P256 point not on curve"),
        (changed(199, 0x05), "x509: malformed extensions"),
        (changed(201, 0x05), "x509: malformed extension"),
        (changed(203, 0x00), "x509: malformed extension OID field"),
        (changed(203, 0x05), "x509: malformed extension value field"),
        (changed(274, 0x05), "x509: malformed extension critical field"),
        (changed(295, 0x05), "x509: malformed signature"),
    ] {
        assert_eq!(
            complaint(&certificate, &bytes(P256_KEY)),
            Some(expected),
            "{certificate:?}"
        );
    }
}

/// Every byte of a certificate and of a key is changed: something is said of it or not, and nothing else happens.
#[test]
fn damage_does_no_harm() {
    for (certificate, key) in [(P256, P256_KEY), (RSA, RSA_PKCS1), (ED25519, ED25519_KEY)] {
        let (certificate, key) = (bytes(certificate), bytes(key));
        for offset in 0..certificate.len() {
            let mut damaged = certificate.clone();
            damaged[offset] ^= 0x81;
            complaint(&damaged, &key);
            complaint(&certificate[..offset], &key);
        }
        for offset in 0..key.len() {
            let mut damaged = key.clone();
            damaged[offset] ^= 0x81;
            complaint(&certificate, &damaged);
            assert!(complaint(&certificate, &key[..offset]).is_some());
        }
    }
}
