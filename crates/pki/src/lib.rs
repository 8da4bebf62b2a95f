//! Keys, certificate authorities, issuing, renewal and kubeconfig files.
