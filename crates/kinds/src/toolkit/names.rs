//! Rules for names, numbers of ports and addresses.

use meta::name as names;

use super::field::Field;

impl Field<'_, '_> {
    /// A name without dots, as containers and namespaces have it.
    pub fn dns_label(&self) {
        self.complain(names::dns1123_label(self.text()));
    }

    /// A name as most objects have it.
    pub fn dns_subdomain(&self) {
        self.complain(names::dns1123_subdomain(self.text()));
    }

    /// The key of a label, or whatever else has the form `[prefix/]name`.
    pub fn qualified_name(&self) {
        self.complain(names::qualified_name(self.text()));
    }

    /// The value of a label.
    pub fn label_value(&self) {
        self.complain(names::label_value(self.text()));
    }

    /// A port's name; whether it is good.
    pub fn port_name(&self) -> bool {
        let complaints = names::port_name(self.text());
        let good = complaints.is_empty();
        self.complain(complaints);
        good
    }

    /// A port's number.
    pub fn port_number(&self) {
        self.between(1, 65535);
    }

    /// A port given as its number or as a container port's name.
    pub fn port_number_or_name(&self) {
        match self.value().and_then(|value| value.as_str()) {
            Some(_) => {
                self.port_name();
            }
            None => self.port_number(),
        }
    }

    /// A domain, a slash and a path; required. What is wrong is said of the part that is.
    pub fn domain_prefixed_path(&self) {
        let text = self.text();
        if text.is_empty() {
            return self.required("");
        }
        for complaint in names::domain_prefixed_path(text) {
            let part = match text.split_once('/') {
                Some((host, path)) if complaint.starts_with("Invalid path") && !host.is_empty() => path,
                Some((host, path)) if !host.is_empty() && !path.is_empty() => host,
                _ => text,
            };
            self.invalid_as(part, &complaint);
        }
    }

    /// An address.
    pub fn ip_address(&self) {
        self.complain(names::ip(self.text()));
    }

    /// A block of addresses.
    pub fn cidr(&self) {
        self.complain(names::cidr(self.text()));
    }
}
