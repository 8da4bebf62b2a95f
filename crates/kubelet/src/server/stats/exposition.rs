//! Prometheus' text form.

use std::fmt::{Display, Write};

/// Metrics in text form.
#[derive(Default)]
pub struct Exposition(String);

/// A metric whose values are being written.
pub struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
}

impl Exposition {
    /// A metric that only grows.
    pub fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// A metric that goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        self.0
            .push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family {
            out: &mut self.0,
            name,
        }
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// A value, if it is known.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: Option<impl Display>) {
        let Some(value) = value else { return };
        self.out.push_str(self.name);
        for (at, (name, text)) in labels.iter().enumerate() {
            self.out.push(if at == 0 { '{' } else { ',' });
            // Writing to a string does not fail.
            let _ = write!(self.out, "{name}=\"");
            escape(self.out, text);
            self.out.push('"');
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_the_text_form() {
        let mut exposition = Exposition::default();
        let mut family = exposition.gauge("a_b", "What it is.");
        family.sample(&[("x", "1\"\\\n"), ("y", "")], Some(1.5));
        family.sample(&[], Some(2));
        family.sample(&[], None::<u64>);
        assert_eq!(
            exposition.into_text(),
            "# HELP a_b What it is.\n# TYPE a_b gauge\na_b{x=\"1\\\"\\\\\\n\",y=\"\"} 1.5\na_b 2\n"
        );
    }
}
