//! Small languages: selectors and quantities.

use meta::field_selector::FieldSelector;
use meta::label_selector::LabelSelector;
use meta::quantity::Quantity;

use super::Target;

/// Selectors in queries. What can be read is written in a form that reads the same.
pub const SELECTORS: Target = Target {
    name: "selectors",
    run: |data| {
        let Ok(text) = std::str::from_utf8(data) else {
            return;
        };
        if let Ok(selector) = LabelSelector::parse(text) {
            let written = selector.to_string();
            let again = LabelSelector::parse(&written).expect("it was written just now");
            assert_eq!(again, selector, "{text:?} is written as {written:?}");
        }
        if let Ok(selector) = FieldSelector::parse(text) {
            let written = selector.to_string();
            let again = FieldSelector::parse(&written).expect("it was written just now");
            // Terms are sorted as they are written, and `==` is written as `=`.
            assert_eq!(
                sorted(&again),
                sorted(&selector),
                "{text:?} is written as {written:?}"
            );
        }
    },
    seeds: || {
        let texts = [
            "a=b,c!=d",
            "a in (b, c),d notin (e)",
            "!a,b",
            "a>1,b<2",
            "x/y==z",
            "metadata.name=a,spec.x!=b\\,c",
        ];
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    },
};

fn sorted(selector: &FieldSelector) -> Vec<String> {
    let mut terms: Vec<String> = selector.terms().iter().map(|term| format!("{term:?}")).collect();
    terms.sort();
    terms
}

/// Quantities. The canonical form is of the same size, and canonical.
pub const QUANTITIES: Target = Target {
    name: "quantities",
    run: |data| {
        let Ok(text) = std::str::from_utf8(data) else {
            return;
        };
        let Ok(quantity) = Quantity::parse(text) else {
            return;
        };
        // Beyond exa upstream has no letter and writes none, so that the text says less than the quantity.
        if quantity.value().unsigned_abs() >= i64::MAX as u64 {
            return;
        }
        let written = quantity.to_string();
        let again = Quantity::parse(&written).expect("it was written just now");
        assert_eq!(again.to_string(), written, "{text:?} is written as {written:?}");
        assert_eq!(
            (again.value(), again.sign()),
            (quantity.value(), quantity.sign()),
            "{text:?}"
        );
    },
    seeds: || {
        let texts = [
            "0",
            "1",
            "-1.5",
            "100m",
            "1Gi",
            "1e3",
            "12E",
            "1.5Ki",
            ".5u",
            "9223372036854775807",
            "1n",
        ];
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    },
};
