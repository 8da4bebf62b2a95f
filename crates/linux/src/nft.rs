//! nftables: tables as text, loaded by the `nft` program in one transaction.

use std::fmt::{self, Write as _};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long `nft` may take.
const WITHIN: Duration = Duration::from_secs(60);

/// The `nft` program, in the namespace of the thread that uses it.
#[derive(Clone, Debug)]
pub struct Nft {
    program: PathBuf,
}

/// Why rules were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The program does not run.
    #[error("cannot run {program}")]
    Run {
        /// Its path or name.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not end.
    #[error("{program} has not ended after {}s", WITHIN.as_secs())]
    Late {
        /// Its path or name.
        program: PathBuf,
    },
    /// It refused; nothing of the transaction was done.
    #[error("nft refused the rules: {message}")]
    Refused {
        /// What it said.
        message: String,
    },
}

/// Which packets a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Both.
    Inet,
}

/// A table that is made anew, with all that is in it, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    family: Family,
    name: String,
    sets: Vec<Set>,
    chains: Vec<Chain>,
}

/// A named set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    name: String,
    /// What its elements are: `ipv4_addr . ipv4_addr`.
    kind: String,
    interval: bool,
    elements: Vec<String>,
}

/// A chain of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    name: String,
    base: Option<Base>,
    rules: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Base {
    kind: ChainKind,
    hook: Hook,
    priority: i32,
}

/// What a base chain does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// Lets packets pass or not.
    Filter,
    /// Rewrites the addresses of new connections.
    Nat,
}

/// Where on its way a packet meets a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// It came in.
    Prerouting,
    /// It is for a process here.
    Input,
    /// It goes on to elsewhere.
    Forward,
    /// A process here sent it.
    Output,
    /// It leaves.
    Postrouting,
}

/// Before connections are looked up.
pub const PRIORITY_RAW: i32 = -300;
/// Where destinations are rewritten.
pub const PRIORITY_DSTNAT: i32 = -100;
/// Where filters are.
pub const PRIORITY_FILTER: i32 = 0;
/// Where sources are rewritten.
pub const PRIORITY_SRCNAT: i32 = 100;

impl Default for Nft {
    fn default() -> Self {
        Self {
            program: "nft".into(),
        }
    }
}

impl Nft {
    /// The program at a path, instead of the one found by its name.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Checks a transaction, then does it. Of several tables, all are loaded or none is.
    pub async fn load(&self, script: &str) -> Result<(), NftError> {
        self.run(&["-c", "-f", "-"], script).await?;
        self.run(&["-f", "-"], script).await?;
        Ok(())
    }

    /// A table as `nft list table` shows it; nothing if it is not there.
    pub async fn list(&self, family: Family, table: &str) -> Result<Option<String>, NftError> {
        match self.run(&["list", "table", family.name(), table], "").await {
            Ok(text) => Ok(Some(text)),
            Err(NftError::Refused { message }) if message.contains("No such file or directory") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<String, NftError> {
        match tokio::time::timeout(WITHIN, self.call(arguments, input)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(source)) => Err(NftError::Run {
                program: self.program.clone(),
                source,
            }),
            Err(_) => Err(NftError::Late {
                program: self.program.clone(),
            }),
        }
    }

    async fn call(&self, arguments: &[&str], input: &str) -> io::Result<Result<String, NftError>> {
        let mut child = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // If it ends without reading, its own words say why.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await?;
        if output.status.success() {
            return Ok(Ok(String::from_utf8_lossy(&output.stdout).into_owned()));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Ok(Err(NftError::Refused {
            message: said.trim().to_owned(),
        }))
    }
}

/// The transaction that removes a table, whether it is there or not.
pub fn remove(family: Family, table: &str) -> String {
    let family = family.name();
    // Older programs know no `destroy`; what was just added can be deleted.
    format!("add table {family} {table}\ndelete table {family} {table}\n")
}

impl Family {
    /// As rules name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
        }
    }
}

impl Table {
    /// An empty table.
    pub fn new(family: Family, name: impl Into<String>) -> Self {
        Self {
            family,
            name: name.into(),
            sets: Vec::new(),
            chains: Vec::new(),
        }
    }

    /// With a set.
    #[must_use]
    pub fn set(mut self, set: Set) -> Self {
        self.sets.push(set);
        self
    }

    /// With a chain. Chains come before those that jump to them.
    #[must_use]
    pub fn chain(mut self, chain: Chain) -> Self {
        self.chains.push(chain);
        self
    }
}

impl Set {
    /// A set of single elements.
    pub fn new(name: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            interval: false,
            elements: Vec::new(),
        }
    }

    /// A set of ranges.
    pub fn of_ranges(name: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            interval: true,
            ..Self::new(name, kind)
        }
    }

    /// With elements.
    #[must_use]
    pub fn elements(mut self, elements: impl IntoIterator<Item = impl ToString>) -> Self {
        self.elements
            .extend(elements.into_iter().map(|element| element.to_string()));
        self
    }
}

impl Chain {
    /// A chain that others jump to.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            base: None,
            rules: Vec::new(),
        }
    }

    /// A chain that packets meet at a hook.
    pub fn base(name: impl Into<String>, kind: ChainKind, hook: Hook, priority: i32) -> Self {
        Self {
            base: Some(Base { kind, hook, priority }),
            ..Self::new(name)
        }
    }

    /// With a rule, one line of nft's language.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rules.push(rule.into());
        self
    }

    /// With rules.
    #[must_use]
    pub fn rules(mut self, rules: impl IntoIterator<Item = String>) -> Self {
        self.rules.extend(rules);
        self
    }
}

/// The transaction that replaces the table by this one.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&remove(self.family, &self.name))?;
        writeln!(f, "table {} {} {{", self.family.name(), self.name)?;
        for set in &self.sets {
            write!(f, "{set}")?;
        }
        for chain in &self.chains {
            write!(f, "{chain}")?;
        }
        writeln!(f, "}}")
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tset {} {{\n\t\ttype {}", self.name, self.kind)?;
        if self.interval {
            writeln!(f, "\t\tflags interval")?;
        }
        if !self.elements.is_empty() {
            writeln!(f, "\t\telements = {{ {} }}", self.elements.join(", "))?;
        }
        writeln!(f, "\t}}")
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.name)?;
        if let Some(base) = self.base {
            let kind = match base.kind {
                ChainKind::Filter => "filter",
                ChainKind::Nat => "nat",
            };
            let hook = format!("{:?}", base.hook).to_lowercase();
            writeln!(
                f,
                "\t\ttype {kind} hook {hook} priority {}; policy accept;",
                base.priority
            )?;
        }
        let mut rules = String::new();
        for rule in &self.rules {
            writeln!(rules, "\t\t{rule}")?;
        }
        writeln!(f, "{rules}\t}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::isolated;

    fn table(rule: &str) -> Table {
        Table::new(Family::Ip, "test")
            .set(Set::of_ranges("nets", "ipv4_addr").elements(["10.0.0.0/8", "192.168.0.0/16"]))
            .set(Set::new("pairs", "ipv4_addr . inet_service"))
            .chain(Chain::new("end").rule("accept"))
            .chain(Chain::base("in", ChainKind::Filter, Hook::Input, PRIORITY_FILTER).rule(rule))
    }

    #[test]
    fn tables_are_replaced_as_a_whole() {
        isolated("nft::tests::tables_are_replaced_as_a_whole", async || {
            let nft = Nft::default();
            assert_eq!(nft.list(Family::Ip, "test").await.unwrap(), None);
            nft.load(&table("ip saddr @nets drop").to_string()).await.unwrap();
            nft.load(&table("ip saddr @nets goto end").to_string())
                .await
                .unwrap();
            let listed = nft.list(Family::Ip, "test").await.unwrap().unwrap();
            assert!(listed.contains("ip saddr @nets goto end"), "{listed}");
            assert!(!listed.contains("drop"), "{listed}");
            assert!(
                listed.contains("elements = { 10.0.0.0/8, 192.168.0.0/16 }"),
                "{listed}"
            );

            // A transaction that fails changes nothing, and says what is wrong.
            let error = nft.load(&table("ip saddr @none drop").to_string()).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("ip saddr @none drop"), "{error}");
            assert_eq!(nft.list(Family::Ip, "test").await.unwrap(), Some(listed));

            nft.load(&remove(Family::Ip, "test")).await.unwrap();
            nft.load(&remove(Family::Ip, "test")).await.unwrap();
            assert_eq!(nft.list(Family::Ip, "test").await.unwrap(), None);
        });
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = Nft::at("/none/nft").load("").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot run /none/nft");
    }
}
