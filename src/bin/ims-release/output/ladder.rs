// SPDX-License-Identifier: MIT OR Apache-2.0
//! Draws the messages of a call: where and when, who -> whom, request or status, CSeq.

/// One message.
#[derive(Debug)]
pub struct Row {
    /// Where it stands, and when it was seen.
    pub margin: String,
    /// From which column.
    pub from: usize,
    /// To which column.
    pub to: usize,
    /// What it is.
    pub what: String,
}

/// Columns lie at least so far apart.
const GAP: usize = 26;

/// The ladder, line by line.
pub fn draw(columns: &[String], rows: &[Row]) -> Vec<String> {
    let longest = columns.iter().map(|name| name.len() + 2).chain(rows.iter().map(|row| row.what.len() + 8)).max();
    let gap = longest.unwrap_or(0).max(GAP);
    let margin = rows.iter().map(|row| row.margin.len()).max().unwrap_or(0) + 1;
    let names: String = columns.iter().map(|name| format!("{name:<gap$}")).collect();
    let mut lines = vec![format!("{:margin$}{}", "", names.trim_end())];
    lines.extend(rows.iter().map(|row| {
        let arrow = arrow(row, columns.len(), gap);
        format!("{:<margin$}{}", row.margin, arrow.trim_end())
    }));
    lines
}

/// One row between the life lines.
fn arrow(row: &Row, columns: usize, gap: usize) -> String {
    let mut line: Vec<char> = vec![' '; (columns.max(1) - 1) * gap + 1];
    for column in 0..columns {
        line[column * gap] = '|';
    }
    let label = format!(" {} ", row.what);
    if row.from == row.to {
        let start = row.from * gap;
        let label: Vec<char> = format!("|<-.{label}").chars().collect();
        line.resize(line.len().max(start + label.len()), ' ');
        line[start..start + label.len()].copy_from_slice(&label);
        return line.into_iter().collect();
    }
    let (left, right) = (row.from.min(row.to) * gap, row.from.max(row.to) * gap);
    line[left + 1..right].fill('-');
    if row.from < row.to {
        line[right - 1] = '>';
    } else {
        line[left + 1] = '<';
    }
    let start = left + (right - left).saturating_sub(label.len()) / 2;
    for (place, character) in line[start..right].iter_mut().zip(label.chars()) {
        *place = character;
    }
    line.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_go_from_one_to_the_other() {
        let row = |from, to, what: &str| Row { margin: "1".into(), from, to, what: what.into() };
        let columns = ["a".to_string(), "b".into(), "c".into()];
        let lines = draw(&columns, &[row(0, 2, "INVITE 1"), row(1, 0, "100 1 INVITE"), row(1, 1, "BYE 2")]);
        assert_eq!(lines.len(), 4);
        assert!(lines[1].contains("- INVITE 1 -") && lines[1].ends_with("->|"), "{lines:#?}");
        assert!(lines[2].starts_with("1 |<-") && lines[2].contains(" 100 1 INVITE "), "{lines:#?}");
        assert!(lines[3].contains("|<-. BYE 2"), "{lines:#?}");
    }
}
