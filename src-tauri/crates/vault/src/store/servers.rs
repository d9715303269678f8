//! Upstream servers and the rules of their tools.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::{Reader, Writer, debug_without_content, millis, moment};
use crate::error::StoreError;

pub(super) const TABLE: &str = "servers";

/// One upstream server.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerRow {
    /// Its name.
    pub name: String,
    /// Whether clients may use it.
    pub enabled: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// The rest, sealed on disk.
    pub details: Vec<u8>,
}

debug_without_content!(ServerRow, name, enabled);

/// The rule of one tool of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRuleRow {
    /// The server's name.
    pub server: String,
    /// The tool's name, as the server calls it.
    pub tool: String,
    /// The rule.
    pub rule: String,
}

fn read(row: &Row<'_>) -> rusqlite::Result<ServerRow> {
    Ok(ServerRow {
        name: row.get(0)?,
        enabled: row.get(1)?,
        created_at: moment(row, 2)?,
        details: row.get(3)?,
    })
}

impl Reader<'_> {
    /// The server with this name.
    pub fn server(&self, name: &str) -> Result<Option<ServerRow>, StoreError> {
        let row = self.one(
            "SELECT name, enabled, created_at, details FROM servers WHERE name = ?1",
            [name],
            read,
        )?;
        row.map(|row| self.opened_server(row)).transpose()
    }

    /// All servers, by name.
    pub fn servers(&self) -> Result<Vec<ServerRow>, StoreError> {
        self.all(
            "SELECT name, enabled, created_at, details FROM servers ORDER BY name",
            [],
            read,
        )?
        .into_iter()
        .map(|row| self.opened_server(row))
        .collect()
    }

    /// The rule of one tool, if one was set.
    pub fn tool_rule(&self, server: &str, tool: &str) -> Result<Option<String>, StoreError> {
        self.one(
            "SELECT rule FROM tool_rules WHERE server = ?1 AND tool = ?2",
            [server, tool],
            |row| row.get(0),
        )
    }

    /// All rules set for one server's tools, by tool.
    pub fn tool_rules(&self, server: &str) -> Result<Vec<ToolRuleRow>, StoreError> {
        self.all(
            "SELECT server, tool, rule FROM tool_rules WHERE server = ?1 ORDER BY tool",
            [server],
            |row| {
                Ok(ToolRuleRow {
                    server: row.get(0)?,
                    tool: row.get(1)?,
                    rule: row.get(2)?,
                })
            },
        )
    }

    fn opened_server(&self, mut row: ServerRow) -> Result<ServerRow, StoreError> {
        row.details = self.open(TABLE, row.name.as_bytes(), &row.details)?;
        Ok(row)
    }
}

impl Writer<'_> {
    /// Adds this server, or replaces the one with its name and leaves its rules alone.
    pub fn put_server(&self, row: &ServerRow) -> Result<(), StoreError> {
        let details = self.seal(TABLE, row.name.as_bytes(), &row.details)?;
        self.run(
            "INSERT INTO servers (name, enabled, created_at, details) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (name) DO UPDATE SET enabled = ?2, created_at = ?3, details = ?4",
            params![row.name, row.enabled, millis(row.created_at), details],
        )?;
        Ok(())
    }

    /// Forgets this server and the rules of its tools. Answers whether it existed.
    pub fn delete_server(&self, name: &str) -> Result<bool, StoreError> {
        self.run("DELETE FROM tool_rules WHERE server = ?1", [name])?;
        Ok(self.run("DELETE FROM servers WHERE name = ?1", [name])? > 0)
    }

    /// Sets the rule of one tool.
    pub fn put_tool_rule(&self, server: &str, tool: &str, rule: &str) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO tool_rules (server, tool, rule) VALUES (?1, ?2, ?3) \
             ON CONFLICT (server, tool) DO UPDATE SET rule = ?3",
            [server, tool, rule],
        )?;
        Ok(())
    }

    /// Forgets the rule of one tool, so that its default holds. Answers whether there was one.
    pub fn delete_tool_rule(&self, server: &str, tool: &str) -> Result<bool, StoreError> {
        let changed = self.run(
            "DELETE FROM tool_rules WHERE server = ?1 AND tool = ?2",
            [server, tool],
        )?;
        Ok(changed > 0)
    }
}
