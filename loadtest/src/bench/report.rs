//! What was measured: as a table for people, as JSON for machines.

use super::stats::Spread;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use serde_json::{Value, json};

/// What a figure should reach.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
    /// It is told, not judged.
    None,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// Ours, with its unit.
    pub ours: String,
    /// What it is compared with; empty where there is nothing.
    pub reference: String,
    /// What is judged: the ratios of all rounds, or a quantity.
    pub judged: Judged,
    /// What it should reach.
    pub target: Target,
    /// What a reader has to know to read it rightly.
    pub note: String,
    /// The rounds one by one.
    pub rounds: Value,
}

/// What is held against the target.
#[derive(Debug, Clone, Copy)]
pub enum Judged {
    /// Ours ÷ reference.
    Ratio(Spread),
    /// Ours alone, in the unit named.
    Quantity(f64, &'static str),
}

impl Judged {
    fn value(self) -> f64 {
        match self {
            Self::Ratio(spread) => spread.median,
            Self::Quantity(quantity, _) => quantity,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Ratio(_) => "",
            Self::Quantity(_, unit) => unit,
        }
    }
}

impl Figure {
    /// Whether the target is reached; `None` where there is none.
    pub fn met(&self) -> Option<bool> {
        match self.target {
            Target::AtLeast(bound) => Some(self.judged.value() >= bound),
            Target::AtMost(bound) => Some(self.judged.value() <= bound),
            Target::None => None,
        }
    }

    fn target_text(&self) -> String {
        let unit = self.judged.unit();
        let text = match self.target {
            Target::AtLeast(bound) => format!(">= {bound} {unit}"),
            Target::AtMost(bound) => format!("<= {bound} {unit}"),
            Target::None => "–".to_owned(),
        };
        text.trim_end().to_owned()
    }

    /// `cancel, p50: 2.43 (floor: 4.9 ms), target <= 2`.
    fn verdict(&self) -> String {
        let value = format!("{:.2} {}", self.judged.value(), self.judged.unit());
        let reference = if self.reference.is_empty() { String::new() } else { format!(" ({})", self.reference) };
        format!("{}: {}{reference}, target {}", self.name, value.trim_end(), self.target_text())
    }

    fn ratio_text(&self) -> String {
        match self.judged {
            Judged::Ratio(Spread { median, min, max }) => format!("{median:.2} ({min:.2}–{max:.2})"),
            Judged::Quantity(..) => "–".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let ratio = match self.judged {
            Judged::Ratio(spread) => Some(spread),
            Judged::Quantity(..) => None,
        };
        json!({
            "figure": self.name, "ours": self.ours, "reference": self.reference, "ratio": ratio,
            "value": self.judged.value(), "target": self.target_text(), "met": self.met(), "note": self.note,
            "rounds": self.rounds,
        })
    }
}

/// All figures, and what could not be measured.
#[derive(Debug, Default)]
pub struct Report {
    figures: Vec<Figure>,
    failures: Vec<Failure>,
    remarks: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Failure {
    section: String,
    reason: String,
}

impl Report {
    /// One more figure.
    pub fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// What bears on all figures.
    pub fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// A section that could not be measured, or that measured something wrong.
    pub fn failed(&mut self, section: &str, error: &anyhow::Error) {
        self.failures.push(Failure { section: section.to_owned(), reason: format!("{error:#}") });
    }

    /// Whether every section was measured, and what it measured was right.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }

    /// The table.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["figure", "ours", "reference", "ratio: median (min–max)", "target", "met?"]);
        for figure in &self.figures {
            let met = figure.met().map_or("–", |met| if met { "yes" } else { "NO" });
            table.add_row([
                figure.name.clone(),
                figure.ours.clone(),
                if figure.reference.is_empty() { "–".to_owned() } else { figure.reference.clone() },
                figure.ratio_text(),
                figure.target_text(),
                met.to_owned(),
            ]);
        }
        for column in table.column_iter_mut().skip(1).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// What a reader has to know beside the table: the notes, and then what is missed or missing.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = self.remarks.clone();
        for figure in self.figures.iter().filter(|figure| !figure.note.is_empty()) {
            remarks.push(format!("{}: {}", figure.name, figure.note));
        }
        for figure in self.figures.iter().filter(|figure| figure.met() == Some(false)) {
            remarks.push(format!("MISSED: {}", figure.verdict()));
        }
        for failure in &self.failures {
            remarks.push(format!("NOT MEASURED: {}: {}", failure.section, failure.reason));
        }
        remarks
    }

    /// All of it, with the facts of the machine.
    pub fn json(&self, facts: &Value) -> Value {
        json!({
            "facts": facts,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
            "remarks": self.remarks,
            "notMeasured": self.failures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(judged: Judged, target: Target) -> Figure {
        let name = "cancel, p50".to_owned();
        let (ours, reference) = ("6.0 ms".to_owned(), "3.0 ms".to_owned());
        Figure { name, ours, reference, judged, target, note: String::new(), rounds: Value::Null }
    }

    #[test]
    fn the_median_is_judged() {
        let ratio = Judged::Ratio(Spread { median: 2.0, min: 1.5, max: 9.0 });
        let check = |judged, target, met| assert_eq!(figure(judged, target).met(), met);
        check(ratio, Target::AtMost(2.0), Some(true));
        check(ratio, Target::AtMost(1.9), Some(false));
        check(ratio, Target::AtLeast(2.1), Some(false));
        check(ratio, Target::None, None);
        check(Judged::Quantity(39.9, "MiB"), Target::AtMost(40.0), Some(true));
    }

    #[test]
    fn what_is_missed_or_missing_is_said() {
        let mut report = Report::default();
        report.add(figure(Judged::Ratio(Spread { median: 3.0, min: 2.5, max: 3.5 }), Target::AtMost(2.0)));
        report.remark("busy".to_owned());
        report.failed("csv", &anyhow::anyhow!("no rows"));
        let text = report.table().to_string();
        assert!(text.contains("3.00 (2.50–3.50)") && text.contains("NO"), "{text}");
        let remarks = report.remarks();
        assert_eq!(remarks, ["busy", "MISSED: cancel, p50: 3.00 (3.0 ms), target <= 2", "NOT MEASURED: csv: no rows"]);
        assert!(!report.is_complete());
        let json = report.json(&json!({"cores": 2}));
        assert_eq!(json["figures"][0]["ratio"]["median"], 3.0);
        assert_eq!(json["figures"][0]["met"], false);
    }
}
