//! The one writer of results: tables for people, TSV and JSON for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Where results go.
pub(crate) struct Out {
    writer: Box<dyn Write>,
    terminal: bool,
}

impl Out {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self { writer: Box::new(stdout.lock()), terminal }
    }

    /// Whether somebody looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// One line.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.writer, "{}", text.as_ref())?;
        self.writer.flush()
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.writer.flush()
    }

    /// A value as JSON over several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.writer, value)?;
        writeln!(self.writer)?;
        self.writer.flush()
    }

    /// Rows under a header: a table on a terminal, else tab-separated, where
    /// tabs and line breaks inside cells become blanks.
    pub(crate) fn table(
        &mut self,
        header: &[&str],
        rows: Vec<Vec<String>>,
    ) -> io::Result<()> {
        if self.terminal {
            let mut table = Table::new();
            table
                .load_style(presets::NOTHING)
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_header(header.iter().map(|h| h.to_uppercase()));
            table.add_rows(rows);
            return self.line(table.to_string());
        }
        self.line(header.join("\t"))?;
        for row in rows {
            let cells: Vec<String> = row.iter().map(|c| one_line(c)).collect();
            writeln!(self.writer, "{}", cells.join("\t"))?;
        }
        self.writer.flush()
    }
}

fn one_line(cell: &str) -> String {
    cell.replace(['\t', '\n', '\r'], " ")
}
