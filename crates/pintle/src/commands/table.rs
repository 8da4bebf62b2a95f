//! Tables for people.

/// Columns are as wide as their widest cell, three spaces apart.
pub fn render<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = titles.map(|title| title.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = line(&titles.map(str::to_owned), &widths);
    for row in rows {
        text += &line(row, &widths);
    }
    text
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, &width)| format!("{cell:width$}"));
    let line = padded.collect::<Vec<_>>().join("   ");
    format!("{}\n", line.trim_end())
}

/// A span of time in its two largest units: `3d4h`, `59m3s`.
pub fn span(seconds: i64) -> String {
    const UNITS: [(i64, char); 4] = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let mut rest = seconds.max(0);
    let mut parts = Vec::new();
    for (length, name) in UNITS {
        let count = rest / length;
        rest %= length;
        if count > 0 || (length == 1 && parts.is_empty()) {
            parts.push(format!("{count}{name}"));
        } else if !parts.is_empty() {
            break;
        }
    }
    parts.truncate(2);
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_their_titles() {
        let rows = [
            ["a".to_owned(), String::new()],
            ["longer".to_owned(), "b".to_owned()],
        ];
        assert_eq!(render(["NAME", "X"], &rows), "NAME     X\na\nlonger   b\n");
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (-1, "0s"),
            (0, "0s"),
            (61, "1m1s"),
            (3_600, "1h"),
            (86_400 * 3 + 3_600 * 4 + 5, "3d4h"),
            (86_405, "1d"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }
}
