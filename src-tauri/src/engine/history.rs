//! What happened, kept for the owner: one bounded record, sealed in the vault.
//!
//! One task (`history/keeper.rs`) listens to the engine's news and writes down what a person may
//! want to look up: who asked, who was let in or turned away, when the bridge opened and closed,
//! which server failed. Calls are written by the gateway, whether anybody listens or not. Entries
//! are written together with others within 100 ms; the newest [`KEPT_ENTRIES`] stay, and what
//! strangers can cause has a budget of its own, so that they cannot push out the rest. No entry
//! holds an argument, a result, a token or a code.

mod keeper;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use drawbridge_gateway::CallRecord;
use drawbridge_vault::{StoreError, Vault};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::ui_api::ActivityKind;

/// Entries that stay; older ones are forgotten.
pub const KEPT_ENTRIES: u32 = 10_000;
/// Grants whose first call is remembered.
const FIRST_CALLS_KEPT: usize = 4096;
/// Moments remembered for one family of clients.
const INTRODUCTIONS_KEPT: usize = 256;

/// One entry, as it is stored. A call is stored as the gateway's [`CallRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened.
    pub event: ActivityKind,
    /// What the client calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Where its browser goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The grant it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The server it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Entry {
    fn new(event: ActivityKind) -> Self {
        Self {
            event,
            client: None,
            host: None,
            grant: None,
            server: None,
            detail: None,
        }
    }
}

/// What a row of the audit holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Stored {
    /// What this module wrote.
    Entry(Entry),
    /// What the gateway wrote.
    Call(CallRecord),
}

/// A family of clients, by where they go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// ChatGPT.
    ChatGpt,
    /// Claude.
    Claude,
    /// Any other.
    Other,
}

impl Family {
    /// The family that goes back to this host.
    #[must_use]
    pub fn of(host: Option<&str>) -> Self {
        match host.map(str::to_ascii_lowercase).as_deref() {
            Some("chatgpt.com" | "chat.openai.com") => Self::ChatGpt,
            Some("claude.ai" | "claude.com") => Self::Claude,
            _ => Self::Other,
        }
    }
}

/// The moments that the checklist is made of.
#[derive(Debug, Default)]
pub struct Milestones {
    introduced: BTreeMap<Family, VecDeque<Timestamp>>,
    first_calls: HashMap<String, Timestamp>,
}

impl Milestones {
    /// The last time before `until` that a client of this family asked or registered; without
    /// `until` the last time at all.
    #[must_use]
    pub fn introduced(&self, family: Family, until: Option<Timestamp>) -> Option<Timestamp> {
        let moments = self.introduced.get(&family)?;
        moments
            .iter()
            .rev()
            .find(|at| until.is_none_or(|until| **at <= until))
            .copied()
    }

    /// When a grant was first used for a call.
    #[must_use]
    pub fn first_call(&self, grant: &str) -> Option<Timestamp> {
        self.first_calls.get(grant).copied()
    }

    /// Takes notice of what happened. Must be told in the order of the moments.
    pub(crate) fn take(&mut self, at: Timestamp, stored: &Stored) {
        match stored {
            Stored::Call(call) => {
                if !self.first_calls.contains_key(&call.grant) {
                    if self.first_calls.len() >= FIRST_CALLS_KEPT {
                        self.forget_oldest_call();
                    }
                    self.first_calls.insert(call.grant.clone(), at);
                }
            }
            Stored::Entry(entry) => {
                let introduces = matches!(
                    entry.event,
                    ActivityKind::ClientRegistered | ActivityKind::ConnectionAsked
                );
                if introduces {
                    let moments = self
                        .introduced
                        .entry(Family::of(entry.host.as_deref()))
                        .or_default();
                    if moments.len() >= INTRODUCTIONS_KEPT {
                        moments.pop_front();
                    }
                    moments.push_back(at);
                }
            }
        }
    }

    fn forget_oldest_call(&mut self) {
        let oldest = self
            .first_calls
            .iter()
            .min_by_key(|(_, at)| **at)
            .map(|(grant, _)| grant.clone());
        if let Some(oldest) = oldest {
            self.first_calls.remove(&oldest);
        }
    }
}

/// The record of what happened, as far as it is kept in memory.
pub(super) struct History {
    milestones: Mutex<Milestones>,
}

impl History {
    /// Reads what is kept, and forgets what is too much.
    pub(super) fn load(vault: &Vault) -> Result<Self, StoreError> {
        let mut rows = vault.read::<_, StoreError>(|reader| reader.audit(None, KEPT_ENTRIES))?;
        rows.reverse();
        let mut milestones = Milestones::default();
        for row in rows {
            if let Ok(stored) = serde_json::from_slice(&row.details) {
                milestones.take(row.at, &stored);
            }
        }
        Ok(Self {
            milestones: Mutex::new(milestones),
        })
    }

    fn milestones(&self) -> MutexGuard<'_, Milestones> {
        self.milestones
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// The newest entries, the newest first, each with its number and moment. One that cannot be
    /// read is left out.
    ///
    /// # Errors
    /// When the store fails.
    pub fn history(&self, limit: u32) -> Result<Vec<(i64, Timestamp, Stored)>, StoreError> {
        let rows = self
            .vault()
            .read::<_, StoreError>(|reader| reader.audit(None, limit))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let stored = serde_json::from_slice(&row.details).ok()?;
                Some((row.id, row.at, stored))
            })
            .collect())
    }

    /// Looks at the moments that the checklist is made of.
    pub fn with_milestones<T>(&self, look: impl FnOnce(&Milestones) -> T) -> T {
        look(&self.inner.history.milestones())
    }
}
