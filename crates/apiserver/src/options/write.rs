//! Options of creates, updates and patches.

use meta::field::Path;
use meta::quote::is_printable;
use meta::{ErrorList, FieldError, Status};
use registry::FieldValidation;

use crate::call::Call;
use crate::options::refuse;
use crate::query::is_true;

const MAX_FIELD_MANAGER_BYTES: usize = 128;

/// Options of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Go through everything, write nothing.
    pub dry_run: bool,
    /// Who owns the fields written.
    pub field_manager: String,
    /// What to do about unknown and duplicate fields.
    pub field_validation: FieldValidation,
    /// For an apply: take fields over from other managers.
    pub force: bool,
}

/// Options of a create or update; `kind` is `CreateOptions` or `UpdateOptions`.
pub fn write_options(call: &Call, kind: &'static str) -> Result<WriteOptions, Status> {
    let mut errors = ErrorList::new();
    let options = read(call, &mut errors);
    refuse(kind, &errors)?;
    Ok(options)
}

/// Options of a patch.
pub fn patch_options(call: &Call, apply: bool) -> Result<WriteOptions, Status> {
    let mut errors = ErrorList::new();
    let force = call.query.first("force");
    if apply && call.query.first("fieldManager").is_none_or(str::is_empty) {
        errors.push(FieldError::required(
            &Path::new("fieldManager"),
            "is required for apply patch",
        ));
    }
    if !apply && force.is_some() {
        errors.push(FieldError::forbidden(
            &Path::new("force"),
            "may not be specified for non-apply patch",
        ));
    }
    let mut options = read(call, &mut errors);
    refuse("PatchOptions", &errors)?;
    options.force = force.is_some_and(is_true);
    Ok(options)
}

fn read(call: &Call, errors: &mut ErrorList) -> WriteOptions {
    let dry_run = dry_run(call.query.all("dryRun").collect(), errors);
    let manager = call.query.first("fieldManager").unwrap_or_default();
    check_field_manager(manager, errors);
    let field_manager = if manager.is_empty() {
        manager_of_user_agent(call.header(http::header::USER_AGENT).unwrap_or_default())
    } else {
        manager.to_owned()
    };
    let field_validation = field_validation(call.query.first("fieldValidation").unwrap_or_default(), errors);
    WriteOptions {
        dry_run,
        field_manager,
        field_validation,
        force: false,
    }
}

/// Whether nothing is to be written: `All` is the only value there is.
pub(super) fn dry_run(values: Vec<&str>, errors: &mut ErrorList) -> bool {
    if values.iter().any(|&value| value != "All") {
        errors.push(FieldError::not_supported(
            &Path::new("dryRun"),
            values.clone(),
            &["All"],
        ));
    }
    !values.is_empty()
}

fn check_field_manager(manager: &str, errors: &mut ErrorList) {
    let path = Path::new("fieldManager");
    if manager.len() > MAX_FIELD_MANAGER_BYTES {
        errors.push(FieldError::too_long(&path, MAX_FIELD_MANAGER_BYTES));
    }
    for (position, c) in manager.char_indices().filter(|(_, c)| !is_printable(*c)) {
        let detail = format!(
            "invalid character U+{:04X} (at position {position})",
            u32::from(c)
        );
        errors.push(FieldError::invalid(&path, manager, &detail));
    }
}

fn field_validation(text: &str, errors: &mut ErrorList) -> FieldValidation {
    match text {
        "" | "Warn" => FieldValidation::Warn,
        "Ignore" => FieldValidation::Ignore,
        "Strict" => FieldValidation::Strict,
        _ => {
            let supported = ["", "Ignore", "Strict", "Warn"];
            errors.push(FieldError::not_supported(
                &Path::new("fieldValidation"),
                text,
                &supported,
            ));
            FieldValidation::default()
        }
    }
}

/// What stands before the first slash of a user agent, without what cannot be printed, within the limit.
fn manager_of_user_agent(user_agent: &str) -> String {
    let name = user_agent.split('/').next().unwrap_or_default();
    let mut manager = String::new();
    for c in name.chars().filter(|&c| is_printable(c)) {
        if manager.len() + c.len_utf8() > MAX_FIELD_MANAGER_BYTES {
            break;
        }
        manager.push(c);
    }
    manager
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::call;

    fn refused(query: &str, apply: bool) -> String {
        let call = call("PATCH", &format!("/x?{query}"), &[]);
        patch_options(&call, apply).expect_err("a refusal").message
    }

    #[test]
    fn what_is_wrong_is_said_in_upstreams_words() {
        let cases = [
            (
                "dryRun=Some",
                false,
                r#"dryRun: Unsupported value: ["Some"]: supported values: "All""#,
            ),
            (
                "dryRun=",
                false,
                r#"dryRun: Unsupported value: [""]: supported values: "All""#,
            ),
            (
                "dryRun=All&dryRun=No",
                false,
                r#"dryRun: Unsupported value: ["All","No"]: supported values: "All""#,
            ),
            (
                "force=false",
                false,
                "force: Forbidden: may not be specified for non-apply patch",
            ),
            (
                "fieldManager=",
                true,
                "fieldManager: Required value: is required for apply patch",
            ),
            (
                "fieldManager=a%07b",
                false,
                r#"fieldManager: Invalid value: "a\ab": invalid character U+0007 (at position 1)"#,
            ),
            (
                "fieldValidation=strict",
                false,
                r#"fieldValidation: Unsupported value: "strict": supported values: "", "Ignore", "Strict", "Warn""#,
            ),
        ];
        for (query, apply, expected) in cases {
            assert_eq!(
                refused(query, apply),
                format!("PatchOptions.meta.k8s.io \"\" is invalid: {expected}")
            );
        }
        let long = refused(&format!("fieldManager={}", "m".repeat(129)), false);
        assert!(long.ends_with("fieldManager: Too long: may not be more than 128 bytes"));
    }

    #[test]
    fn the_manager_is_named_or_taken_from_the_user_agent() {
        for (query, agent, expected) in [
            ("", "kubectl/v1.36 (linux)", "kubectl"),
            ("fieldManager=m", "kubectl/v1", "m"),
            ("", "", ""),
        ] {
            let call = call("POST", &format!("/x?{query}"), &[("user-agent", agent)]);
            assert_eq!(
                write_options(&call, "CreateOptions")
                    .expect("options")
                    .field_manager,
                expected
            );
        }
    }

    #[test]
    fn apply_may_be_forced() {
        let call = call("PATCH", "/x?fieldManager=m&force=true&dryRun=All", &[]);
        let options = patch_options(&call, true).expect("options");
        assert!(options.force && options.dry_run);
    }
}
