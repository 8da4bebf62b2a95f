//! `pintle version`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::CommandError;

/// Print the version.
#[derive(Debug, Args)]
pub struct VersionCommand {
    /// In a form for programs.
    #[arg(long, short, value_name = "FORM")]
    output: Option<Form>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Json,
    Yaml,
}

impl VersionCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        println!("{}", text(self.output));
        Ok(())
    }
}

fn text(form: Option<Form>) -> String {
    let info = crate::version::info();
    let all = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "kubernetes": {
            "major": info.major,
            "minor": info.minor,
            "gitVersion": info.git_version,
            "platform": info.platform,
        },
    });
    match form {
        None => format!(
            "pintle {} (Kubernetes {})",
            env!("CARGO_PKG_VERSION"),
            info.git_version
        ),
        Some(Form::Json) => format!("{all:#}"),
        Some(Form::Yaml) => serde_saphyr::to_string(&all)
            .unwrap_or_default()
            .trim_end()
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_says_the_same() {
        assert!(text(None).contains("Kubernetes v1.36."));
        let json: serde_json::Value = serde_json::from_str(&text(Some(Form::Json))).expect("JSON");
        let yaml: serde_json::Value = serde_saphyr::from_str(&text(Some(Form::Yaml))).expect("YAML");
        assert_eq!(json, yaml);
        assert_eq!(json["kubernetes"]["minor"], "36");
    }
}
