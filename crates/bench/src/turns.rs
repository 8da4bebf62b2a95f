//! A program against one server, or against two in turns.

use std::path::Path;

use crate::pods;
use crate::server::{Target, TargetOptions};
use crate::table::{Figure, Table};
use crate::wire::Address;

/// What a program finds out, or why it does not.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Runs a program that prints what it measures. Of two servers that take turns the medians are printed at the end: ratios of
/// programs under the same conditions mean most.
pub async fn run(
    binary: &Path,
    options: &TargetOptions,
    program: impl AsyncFn(&Target, &Address) -> Result<Vec<Figure>>,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let Some(other) = &options.against else {
        let target = Target::new(binary, options)?;
        return turn(&target, &program).await.map(drop);
    };
    let mut table = Table::new(vec!["other", "pintle"]);
    for round in 1..=options.rounds.max(1) {
        println!("round {round}, the other server");
        let target = Target::other(other, options);
        table.add(0, turn(&target, &program).await?);
        let address = Address::of(&target.kubeconfig).map_err(|e| e.to_string())?;
        pods::clear(&address).await.map_err(|e| e.to_string())?;
        println!("round {round}, pintle");
        table.add(1, turn(&Target::alone(binary)?, &program).await?);
    }
    table.print();
    Ok(())
}

async fn turn(
    target: &Target,
    program: &impl AsyncFn(&Target, &Address) -> Result<Vec<Figure>>,
) -> std::result::Result<Vec<Figure>, Box<dyn std::error::Error>> {
    let address = Address::of(&target.kubeconfig).map_err(|e| e.to_string())?;
    let figures = program(target, &address).await;
    figures.map_err(|error| error.to_string().into())
}
