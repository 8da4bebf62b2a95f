//! An authority, a certificate of the members and one of their clients, made for one cluster.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// Where the files lie.
#[derive(Clone, Debug)]
pub struct Files {
    /// The authority's certificate.
    pub authority: PathBuf,
    /// The members' certificate.
    pub server: PathBuf,
    /// The members' key.
    pub server_key: PathBuf,
    /// A client's certificate.
    pub client: PathBuf,
    /// A client's key.
    pub client_key: PathBuf,
}

impl Files {
    /// Makes all files. The members' certificate is for `localhost` and these addresses.
    pub fn make(folder: &Path, addresses: &[IpAddr]) -> Self {
        fs::create_dir_all(folder).expect("a folder can be made");
        let files = Self {
            authority: folder.join("ca.crt"),
            server: folder.join("server.crt"),
            server_key: folder.join("server.key"),
            client: folder.join("client.crt"),
            client_key: folder.join("client.key"),
        };
        let (issuer, authority) = authority();
        write(&files.authority, &authority);
        let mut server = leaf("etcd");
        server.subject_alt_names = addresses
            .iter()
            .map(|&address| SanType::IpAddress(address))
            .collect();
        let localhost = "localhost".try_into().expect("a name is a name");
        server.subject_alt_names.push(SanType::DnsName(localhost));
        issue(&issuer, &server, &files.server, &files.server_key);
        issue(&issuer, &leaf("root"), &files.client, &files.client_key);
        files
    }
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut params = named("etcd-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().expect("there is randomness");
    let certificate = params.self_signed(&key).expect("the parameters are good");
    let pem = certificate.pem();
    (Issuer::new(params, key), pem)
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// etcd uses its own certificate also as a client of itself.
fn leaf(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

fn issue(issuer: &Issuer<'_, KeyPair>, params: &CertificateParams, certificate: &Path, key: &Path) {
    let pair = KeyPair::generate().expect("there is randomness");
    let issued = params.signed_by(&pair, issuer).expect("the parameters are good");
    write(certificate, &issued.pem());
    write(key, &pair.serialize_pem());
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder can be written to");
}
