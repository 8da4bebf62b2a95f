//! Figures of several rounds and programs, as a table of medians.

use std::time::Duration;

/// One measurement.
#[derive(Clone, Debug)]
pub struct Figure {
    what: String,
    unit: &'static str,
    value: f64,
    /// Digits behind the point.
    digits: usize,
}

impl Figure {
    /// So many in a second.
    pub fn rate(what: &str, value: f64) -> Self {
        Self::new(what, "/s", value, 0)
    }

    /// A short time.
    pub fn microseconds(what: &str, value: Duration) -> Self {
        Self::new(what, "us", value.as_secs_f64() * 1e6, 1)
    }

    /// A time.
    pub fn milliseconds(what: &str, value: Duration) -> Self {
        Self::new(what, "ms", value.as_secs_f64() * 1e3, 2)
    }

    /// Memory or disk.
    pub fn megabytes(what: &str, bytes: f64) -> Self {
        Self::new(what, "MB", bytes / f64::from(1 << 20), 0)
    }

    fn new(what: &str, unit: &'static str, value: f64, digits: usize) -> Self {
        Self {
            what: what.to_owned(),
            unit,
            value,
            digits,
        }
    }
}

/// Rounds of figures, a column for each program.
#[derive(Debug)]
pub struct Table {
    names: Vec<&'static str>,
    /// For each program the rounds.
    columns: Vec<Vec<Vec<Figure>>>,
}

impl Table {
    /// A table without rounds yet.
    pub fn new(names: Vec<&'static str>) -> Self {
        Self {
            columns: vec![Vec::new(); names.len()],
            names,
        }
    }

    /// Adds what a round found of a program: always the same figures.
    pub fn add(&mut self, column: usize, round: Vec<Figure>) {
        self.columns[column].push(round);
    }

    /// Prints medians, what the second program has of the first, and from where to where the rounds went.
    pub fn print(&self) {
        let mut title = format!("{:<44}", "median");
        self.names.iter().for_each(|name| title += &format!("{name:>14}"));
        println!("{title}   second/first   rounds");
        let Some(first) = self.columns.first().and_then(|rounds| rounds.first()) else {
            return;
        };
        for (row, figure) in first.iter().enumerate() {
            let columns: Vec<Vec<f64>> = self.columns.iter().map(|rounds| sorted(rounds, row)).collect();
            println!("{}", line(figure, &columns));
        }
    }
}

fn sorted(rounds: &[Vec<Figure>], row: usize) -> Vec<f64> {
    let mut values: Vec<f64> = rounds.iter().map(|round| round[row].value).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn line(figure: &Figure, columns: &[Vec<f64>]) -> String {
    let medians: Vec<f64> = columns.iter().map(|values| values[values.len() / 2]).collect();
    let digits = figure.digits;
    let mut line = format!("{:<44}", figure.what);
    for median in &medians {
        line += &format!("{:>14}", format!("{median:.digits$} {}", figure.unit));
    }
    line += &match medians[..] {
        [first, second] if first > 0.0 => format!("{:>14.3}x ", second / first),
        _ => " ".repeat(16),
    };
    for values in columns {
        line += &format!("  {:.digits$}..{:.digits$}", values[0], values[values.len() - 1]);
    }
    line
}
