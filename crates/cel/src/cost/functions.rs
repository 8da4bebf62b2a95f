//! What calls cost at least and at most.

use super::estimate::{Estimator, declared_size};
use super::size::{CostEstimate, Size};
use super::{PER_CHARACTER, PER_PATTERN_CHARACTER, PERMISSION, charge};
use crate::functions::named_format::LONGEST_NAME_PATTERN;
use crate::syntax::tree::{Constant, Expr, Kind};
use crate::types::Type;

/// A call whose parts have been estimated.
pub(super) struct Call<'p, 'c> {
    pub function: &'p str,
    pub overload: &'p str,
    pub target: Option<&'p Expr>,
    pub arguments: &'p [Expr],
    /// What the arguments cost.
    pub costs: &'c [CostEstimate],
}

/// The cost of a call with its arguments, and the size of what it gives.
pub(super) struct Estimated {
    pub cost: CostEstimate,
    pub size: Option<Size>,
}

const ONE: CostEstimate = CostEstimate::exactly(1);
/// The bytes of an address.
const ADDRESS: Size = Size { min: 4, max: 16 };

impl<'p> Estimator<'p> {
    pub(super) fn call_cost(&mut self, expr: &Expr, call: &Call<'p, '_>) -> Estimated {
        let arguments = call
            .costs
            .iter()
            .fold(CostEstimate::NOTHING, |sum, cost| sum.plus(*cost));
        let known = self
            .of_lists(call)
            .or_else(|| self.of_kubernetes(call))
            .or_else(|| self.of_texts(call));
        match known {
            Some(Estimated { cost, size }) => Estimated {
                cost: cost.plus(arguments),
                size,
            },
            None => self.of_language(expr, call, arguments),
        }
    }

    fn first_size(&self, call: &Call<'p, '_>) -> Option<Size> {
        call.arguments
            .first()
            .map(|argument| self.size_or_unknown(argument))
    }

    /// Functions that make lists, or compare all elements with all.
    fn of_lists(&self, call: &Call<'p, '_>) -> Option<Estimated> {
        let target = || call.target.map(|target| self.size_or_unknown(target));
        let argument = |place: usize| call.arguments.get(place);
        let sets = |times: f64| {
            let (left, right) = (self.first_size(call)?, self.size_or_unknown(argument(1)?));
            Some(Estimated {
                cost: left.times(right).scaled(times).plus(ONE),
                size: None,
            })
        };
        let each = |of: Option<&Type>| match of {
            Some(Type::String | Type::Bytes) => 2.0 + PER_CHARACTER,
            _ => 2.0,
        };
        let squared = |list: &Expr, each: f64| {
            let size = self.size_or_unknown(list);
            allocated(size.times(size), each)
        };
        Some(match call.overload {
            "list_slice" => {
                let from = argument(0).and_then(literal_count).unwrap_or(0);
                let to = argument(1).and_then(literal_count).unwrap_or(target()?.max);
                allocated(Size::exactly(to.wrapping_sub(from)), 1.0)
            }
            "lists_range" => allocated(
                Size::exactly(argument(0).and_then(literal_count).unwrap_or(u64::MAX)),
                1.0,
            ),
            "list_reverse" => allocated(target()?, 1.0),
            "list_flatten" => allocated(target()?, 1.0),
            "list_flatten_int" => {
                let depth = argument(0).and_then(literal_count).unwrap_or(u64::MAX);
                allocated(target()?, depth as f64)
            }
            "list_distinct" => squared(call.target?, 2.0),
            _ if call.function == "sort" => {
                let list = call.target?;
                squared(list, each(self.elements(list).map(|(of, _)| of)))
            }
            _ if call.function == "@sortByAssociatedKeys" => {
                let keys = argument(0)?;
                squared(keys, each(self.elements(keys).map(|(of, _)| of)))
            }
            "list_sets_contains_list" | "list_sets_intersects_list" => return sets(1.0),
            "list_sets_equivalent_list" => return sets(2.0),
            _ => return None,
        })
    }

    /// Kubernetes' own functions.
    fn of_kubernetes(&self, call: &Call<'p, '_>) -> Option<Estimated> {
        let read = |size: Size| size.scaled(PER_CHARACTER);
        let parsed = |overload: &str| match call.overload == overload {
            true => self.first_size(call).map_or(CostEstimate::NOTHING, read),
            false => CostEstimate::NOTHING,
        };
        let cost = match call.function {
            "check" => CostEstimate::exactly(PERMISSION),
            "serviceAccount" | "path" | "group" | "resource" | "subresource" | "namespace" | "name"
            | "allowed" | "reason" | "error" | "errored" => ONE,
            "fieldSelector" | "labelSelector" => selector(self.first_size(call)?),
            "cidr" | "isIP" | "isCIDR" | "quantity" | "isQuantity" | "semver" | "isSemver" => {
                read(self.first_size(call)?)
            }
            "ip" if call.overload == "cidr_ip" => ONE,
            "ip" => read(self.first_size(call)?),
            "ip.isCanonical" => self.first_size(call)?.scaled(2.0 * PER_CHARACTER),
            "masked"
            | "prefixLength"
            | "family"
            | "isUnspecified"
            | "isLoopback"
            | "isLinkLocalMulticast"
            | "isLinkLocalUnicast"
            | "isGlobalUnicast" => ONE,
            "containsIP" => read(ADDRESS.plus(ADDRESS)).plus(parsed("cidr_contains_ip_string")),
            "containsCIDR" => {
                let compared = read(ADDRESS.plus(ADDRESS)).plus(read(ADDRESS)).plus(ONE);
                compared.plus(parsed("cidr_contains_cidr_string"))
            }
            "validate" => read(self.first_size(call)?).scaled(LONGEST_NAME_PATTERN * PER_PATTERN_CHARACTER),
            "format.named" | "sign" | "asInteger" | "isInteger" | "asApproximateFloat" | "isGreaterThan"
            | "isLessThan" | "compareTo" | "add" | "sub" | "major" | "minor" | "patch" | "getScheme"
            | "getHostname" | "getHost" | "getPort" | "getEscapedPath" | "getQuery" => ONE,
            "_==_" => return self.opaque_equality(call),
            _ => return None,
        };
        Some(Estimated { cost, size: None })
    }

    fn opaque_equality(&self, call: &Call<'p, '_>) -> Option<Estimated> {
        let [left, right] = call.arguments else {
            return None;
        };
        let (Type::Opaque(name), same) = (self.type_of(left), self.type_of(right)) else {
            return None;
        };
        if *same != Type::Opaque(name) {
            return None;
        }
        let most = match *name {
            "kubernetes.NamedFormat" => 64,
            "kubernetes.URL" => self.size(right).map_or(1, |size| size.max),
            _ => {
                return Some(Estimated {
                    cost: ONE,
                    size: None,
                });
            }
        };
        let cost = CostEstimate { min: 1, max: most }.scaled(PER_CHARACTER);
        Some(Estimated { cost, size: None })
    }

    /// Functions of texts and lists whose results have a size.
    fn of_texts(&self, call: &Call<'p, '_>) -> Option<Estimated> {
        let target = || call.target.map(|target| self.size_or_unknown(target));
        let (cost, size) = match call.function {
            "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => {
                (self.searched(call.target?), None)
            }
            "url" | "jsonpatch.escapeKey" => {
                let size = self.first_size(call)?;
                (size.scaled(PER_CHARACTER), Some(size))
            }
            "lowerAscii" | "upperAscii" | "substring" | "trim" => {
                let size = target()?;
                (size.scaled(PER_CHARACTER), Some(size))
            }
            "replace" => {
                let [old, new, ..] = call.arguments else {
                    return None;
                };
                let size = target()?;
                let result = replaced(size, self.size_or_unknown(old), self.size_or_unknown(new));
                (size.scaled(2.0 * PER_CHARACTER), Some(result))
            }
            "split" => {
                let size = target()?;
                // A limit below nothing is none.
                let most = call.arguments.get(1).and_then(literal_int);
                let most = most.map_or(size.max, |most| u64::try_from(most).unwrap_or(u64::MAX));
                (size.scaled(2.0 * PER_CHARACTER), Some(Size { min: 0, max: most }))
            }
            "join" => {
                let size = self.joined(call.target?, call.arguments.first());
                (size.scaled(PER_CHARACTER), Some(size))
            }
            "find" | "findAll" => {
                let (text, pattern) = (target()?, self.first_size(call)?);
                (
                    pattern_cost(text, pattern),
                    Some(Size {
                        min: 0,
                        max: text.max,
                    }),
                )
            }
            _ => return None,
        };
        Some(Estimated { cost, size })
    }

    /// The elements of a list: their type and the size of each.
    fn elements(&self, list: &Expr) -> Option<(&'p Type, Size)> {
        let of = match self.type_of(list) {
            Type::List(element) => &**element,
            Type::Map(pair) => &pair.0,
            _ => return None,
        };
        let declared = self
            .declared_of(list)
            .and_then(|declared| declared.part("@items"))
            .and_then(declared_size);
        Some((of, declared.unwrap_or(Size::UNKNOWN)))
    }

    /// Looking at each element once, or at each character of a text.
    fn searched(&self, target: &Expr) -> CostEstimate {
        let size = self.size_or_unknown(target);
        match self.elements(target) {
            None => size.scaled(PER_CHARACTER),
            Some((Type::String | Type::Bytes, each)) => size.times(ONE.plus(each.scaled(PER_CHARACTER))),
            Some(_) => size,
        }
    }

    fn joined(&self, list: &Expr, separator: Option<&Expr>) -> Size {
        let count = self.size_or_unknown(list);
        let texts = self
            .elements(list)
            .map_or(Size::NOTHING, |(_, each)| count.times(each));
        let Some(separator) = separator else { return texts };
        let separators = Size {
            min: count.min.saturating_sub(1),
            max: count.max.saturating_sub(1),
        };
        texts.plus(self.size_or_unknown(separator).times(separators))
    }

    /// The language's own operators and functions.
    fn of_language(&mut self, expr: &Expr, call: &Call<'p, '_>, arguments: CostEstimate) -> Estimated {
        let only = |cost: CostEstimate| Estimated {
            cost: cost.plus(arguments),
            size: None,
        };
        let sized = |cost: CostEstimate, size: Size| Estimated {
            cost: cost.plus(arguments),
            size: Some(size),
        };
        let size = |place: usize| {
            call.arguments
                .get(place)
                .map_or(Size::UNKNOWN, |argument| self.size_or_unknown(argument))
        };
        let target = || {
            call.target
                .map_or(Size::UNKNOWN, |target| self.size_or_unknown(target))
        };
        match (call.overload, call.arguments) {
            ("string_format", _) => only(target().scaled(PER_CHARACTER)),
            ("string_to_bytes", [_]) => sized(
                size(0).scaled(PER_CHARACTER),
                Size {
                    min: size(0).min,
                    max: size(0).max.saturating_mul(4),
                },
            ),
            ("bytes_to_string", [_]) => sized(
                size(0).scaled(PER_CHARACTER),
                Size {
                    min: size(0).min / 4,
                    max: size(0).max,
                },
            ),
            ("strings_quote", [_]) => {
                let quoted = Size {
                    min: size(0).min.saturating_add(2),
                    max: size(0).max.saturating_mul(2).saturating_add(2),
                };
                sized(size(0).scaled(PER_CHARACTER), quoted)
            }
            ("starts_with_string" | "ends_with_string", [_]) => only(size(0).scaled(PER_CHARACTER)),
            ("in_list", [_, _]) => only(size(1)),
            ("matches_string", [_]) => only(pattern_cost(target(), size(0))),
            ("contains_string", [_]) => only(
                target()
                    .scaled(PER_CHARACTER)
                    .times(size(0).scaled(PER_CHARACTER)),
            ),
            ("_&&_" | "_||_", [_, _]) => Estimated {
                // The second one may not be looked at.
                cost: CostEstimate {
                    min: call.costs[0].min,
                    max: arguments.max,
                },
                size: None,
            },
            ("_?_:_", [_, yes, no]) => {
                let either = size(1).or(size(2));
                self.join_entries(expr, yes, no);
                Estimated {
                    cost: call.costs[0].plus(call.costs[1].or(call.costs[2])),
                    size: Some(either),
                }
            }
            ("add_string" | "add_bytes" | "add_list", [left, right]) => {
                let both = size(0).plus(size(1));
                self.join_entries(expr, left, right);
                sized(
                    if call.overload == "add_list" {
                        ONE
                    } else {
                        both.scaled(PER_CHARACTER)
                    },
                    both,
                )
            }
            (
                "less_string"
                | "greater_string"
                | "less_equals_string"
                | "greater_equals_string"
                | "less_bytes"
                | "greater_bytes"
                | "less_equals_bytes"
                | "greater_equals_bytes"
                | "equals"
                | "not_equals",
                [_, _],
            ) => {
                let max = size(0).max.min(size(1).max);
                only(CostEstimate { min: max.min(1), max }.scaled(PER_CHARACTER))
            }
            _ => only(ONE),
        }
    }
}

/// A list that is made, going through `size` elements so often.
fn allocated(size: Size, times: f64) -> Estimated {
    Estimated {
        cost: size
            .scaled(times)
            .plus(ONE)
            .plus(CostEstimate::exactly(charge::LIST)),
        size: Some(size),
    }
}

/// A count that is written down; below nothing is nothing.
fn literal_count(expr: &Expr) -> Option<u64> {
    literal_int(expr).map(|number| u64::try_from(number).unwrap_or(0))
}

fn literal_int(expr: &Expr) -> Option<i64> {
    match expr.kind {
        Kind::Constant(Constant::Int(number)) => Some(number),
        _ => None,
    }
}

fn pattern_cost(text: Size, pattern: Size) -> CostEstimate {
    text.plus(ONE)
        .scaled(PER_CHARACTER)
        .times(pattern.scaled(PER_PATTERN_CHARACTER))
}

fn selector(length: Size) -> CostEstimate {
    let requirements = length.scaled(0.5).scaled((charge::LIST + charge::OBJECT) as f64);
    CostEstimate::exactly(charge::LIST)
        .plus(length.scaled(PER_CHARACTER))
        .plus(requirements)
}

/// How long a text can be, or must be, after something in it was replaced.
fn replaced(text: Size, old: Size, new: Size) -> Size {
    let bound = |text: u64, shortest: u64, grows: bool, new: u64| {
        if shortest == 0 {
            // Nothing is replaced by something: that stands around every character then.
            text.saturating_add(1).saturating_mul(new).saturating_add(text)
        } else if grows {
            ((text as f64 / shortest as f64).ceil() as u64).saturating_mul(new)
        } else {
            text
        }
    };
    Size {
        min: bound(text.min, old.max, old.max > new.min, new.min),
        max: bound(text.max, old.min, new.max > old.min, new.max),
    }
}
