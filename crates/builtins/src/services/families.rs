//! Which address families a Service has (KEP-563): filled in from what the client said and what the cluster has.

use std::net::IpAddr;

use meta::ErrorList;
use meta::field::{FieldError, Path};
use serde_json::{Value, json};

use super::addresses::Family;

const SINGLE: &str = "SingleStack";
const PREFER_DUAL: &str = "PreferDualStack";
const REQUIRE_DUAL: &str = "RequireDualStack";

/// Fills in `ipFamilies` and `ipFamilyPolicy` of a Service with an address (or none on purpose), and says for which families
/// addresses are to be taken; none if the Service is not consistent: then validation will tell why.
pub(super) fn settle(
    spec: &mut Value,
    old: Option<&Value>,
    cluster: &[Family],
) -> Result<Option<Vec<Family>>, ErrorList> {
    let Some(mut wish) = Wish::read(spec, old) else {
        return Ok(None);
    };
    let Some(&primary) = cluster.first() else {
        return Ok(None);
    };
    if wish.is_headless && wish.has_no_selector {
        wish.settle_without_selector(primary);
    } else {
        wish.settle(cluster, primary)?;
    }
    spec["ipFamilyPolicy"] = wish.policy.unwrap_or(SINGLE).into();
    spec["ipFamilies"] = wish.families.iter().map(ToString::to_string).collect();
    if wish.is_trimmed {
        spec["clusterIPs"] = json!([spec["clusterIPs"][0]]);
    }
    Ok(Some(if wish.is_headless {
        Vec::new()
    } else {
        wish.families
    }))
}

struct Wish {
    policy: Option<&'static str>,
    families: Vec<Family>,
    addresses: Vec<IpAddr>,
    is_headless: bool,
    has_no_selector: bool,
    /// A second family goes, and with it a second address.
    is_trimmed: bool,
}

impl Wish {
    /// None if the Service contradicts itself.
    fn read(spec: &Value, old: Option<&Value>) -> Option<Self> {
        let policy = match spec["ipFamilyPolicy"].as_str().unwrap_or_default() {
            "" => None,
            known => Some(
                [SINGLE, PREFER_DUAL, REQUIRE_DUAL]
                    .into_iter()
                    .find(|p| *p == known)?,
            ),
        };
        let texts = |field: &str| -> Vec<String> {
            let list = spec[field].as_array().into_iter().flatten();
            list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let families = texts("ipFamilies");
        let mut families = families
            .iter()
            .map(|f| Family::parse(f))
            .collect::<Option<Vec<_>>>()?;
        if families.len() > 2
            || families
                .first()
                .is_some_and(|first| families.get(1) == Some(first))
        {
            return None;
        }
        let cluster_ips = texts("clusterIPs");
        let is_headless = cluster_ips.first().is_some_and(|first| first == "None");
        let mut addresses: Vec<IpAddr> = if is_headless {
            Vec::new()
        } else {
            cluster_ips
                .iter()
                .map(|ip| ip.parse().ok())
                .collect::<Option<_>>()?
        };
        let mut is_trimmed = false;
        if policy == Some(SINGLE) && families.len() == 2 && old.is_some_and(|old| is_same(spec, old)) {
            families.truncate(1);
            addresses.truncate(1);
            is_trimmed = cluster_ips.len() == 2;
        }
        let mismatched = addresses
            .iter()
            .zip(&families)
            .any(|(ip, family)| Family::of(*ip) != *family);
        if mismatched {
            return None;
        }
        Some(Self {
            policy,
            families,
            addresses,
            is_headless,
            has_no_selector: spec["selector"].as_object().is_none_or(serde_json::Map::is_empty),
            is_trimmed,
        })
    }

    /// A Service without addresses and pods of its own may claim any family.
    fn settle_without_selector(&mut self, primary: Family) {
        if self.families.is_empty() {
            self.families.push(primary);
            if self.policy != Some(SINGLE) {
                self.families.push(primary.other());
            }
        }
        self.policy.get_or_insert(REQUIRE_DUAL);
    }

    fn settle(&mut self, cluster: &[Family], primary: Family) -> Result<(), ErrorList> {
        if self.policy.is_none() && (self.families.len() == 2 || self.addresses.len() == 2) {
            self.policy = Some(REQUIRE_DUAL);
        }
        for address in self.addresses.iter().skip(self.families.len()) {
            self.families.push(Family::of(*address));
        }
        let mut errors = ErrorList::new();
        if self.policy == Some(REQUIRE_DUAL) && cluster.len() < 2 {
            let path = Path::new("spec.ipFamilyPolicy");
            let why = "this cluster is not configured for dual-stack services";
            errors.push(FieldError::invalid(&path, REQUIRE_DUAL, why));
        }
        for (index, family) in self.families.iter().enumerate() {
            if !cluster.contains(family) {
                let path = Path::new("spec.ipFamilies").index(index);
                errors.push(FieldError::invalid(
                    &path,
                    family.to_string(),
                    "not configured on this cluster",
                ));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if self.families.is_empty() {
            self.families.push(primary);
        }
        let wants_both = matches!(self.policy, Some(PREFER_DUAL | REQUIRE_DUAL));
        if wants_both && cluster.len() == 2 && self.families.len() == 1 {
            self.families.push(self.families[0].other());
        }
        Ok(())
    }
}

fn is_same(spec: &Value, old: &Value) -> bool {
    ["ipFamilies", "clusterIPs"]
        .iter()
        .all(|field| spec[*field] == old[*field])
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &[Family] = &[Family::IPv4];
    const DUAL: &[Family] = &[Family::IPv4, Family::IPv6];

    /// Policy and families after settling; the error's text; or `validation` if it is left to that.
    fn check(cluster: &[Family], mut spec: Value, wanted: &str) {
        let asked = spec.to_string();
        let found = match settle(&mut spec, None, cluster) {
            Ok(Some(_)) => format!("{} {}", spec["ipFamilyPolicy"], spec["ipFamilies"]).replace('"', ""),
            Ok(None) => String::from("validation"),
            Err(errors) => errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        };
        assert_eq!(found, wanted, "{asked}");
    }

    #[test]
    fn families_are_filled_in() {
        let selector = json!({"a": "b"});
        check(V4, json!({}), "SingleStack [IPv4]");
        check(
            V4,
            json!({"ipFamilyPolicy": "PreferDualStack"}),
            "PreferDualStack [IPv4]",
        );
        check(
            DUAL,
            json!({"ipFamilyPolicy": "PreferDualStack"}),
            "PreferDualStack [IPv4,IPv6]",
        );
        check(
            DUAL,
            json!({"ipFamilies": ["IPv6"], "ipFamilyPolicy": "RequireDualStack"}),
            "RequireDualStack [IPv6,IPv4]",
        );
        check(
            DUAL,
            json!({"ipFamilies": ["IPv6", "IPv4"]}),
            "RequireDualStack [IPv6,IPv4]",
        );
        check(DUAL, json!({"clusterIPs": ["fd00::1"]}), "SingleStack [IPv6]");
        check(
            V4,
            json!({"clusterIPs": ["None"], "selector": selector}),
            "SingleStack [IPv4]",
        );
        check(
            V4,
            json!({"clusterIPs": ["None"]}),
            "RequireDualStack [IPv4,IPv6]",
        );
        check(
            V4,
            json!({"clusterIPs": ["None"], "ipFamilyPolicy": "SingleStack"}),
            "SingleStack [IPv4]",
        );
    }

    #[test]
    fn what_the_cluster_does_not_have_is_refused() {
        check(
            V4,
            json!({"ipFamilies": ["IPv6"]}),
            r#"spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster"#,
        );
        check(
            V4,
            json!({"ipFamilyPolicy": "RequireDualStack"}),
            r#"spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services"#,
        );
    }

    #[test]
    fn contradictions_are_left_to_validation() {
        check(V4, json!({"ipFamilies": ["IPv5"]}), "validation");
        check(V4, json!({"ipFamilies": ["IPv4", "IPv4"]}), "validation");
        check(V4, json!({"clusterIPs": ["300.1.1.1"]}), "validation");
        check(
            V4,
            json!({"clusterIPs": ["10.43.0.9"], "ipFamilies": ["IPv6"]}),
            "validation",
        );
        check(V4, json!({"ipFamilyPolicy": "Both"}), "validation");
    }

    #[test]
    fn a_second_family_can_be_given_up() {
        let old = json!({"ipFamilies": ["IPv4", "IPv6"], "clusterIPs": ["10.43.0.9", "fd00::9"]});
        let mut spec = old.clone();
        spec["ipFamilyPolicy"] = "SingleStack".into();
        assert_eq!(settle(&mut spec, Some(&old), DUAL), Ok(Some(vec![Family::IPv4])));
        assert_eq!(spec["ipFamilies"], json!(["IPv4"]));
        assert_eq!(spec["clusterIPs"], json!(["10.43.0.9"]));
    }
}
