//! A keychain in memory, for tests of everything that needs a vault.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use super::{Availability, Keychain, KeychainError};

/// How a [`MemoryKeychain`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryMood {
    /// It exists and is unlocked.
    #[default]
    Open,
    /// It exists and refuses everything.
    Locked,
    /// There is none.
    Absent,
}

/// A keychain that forgets everything with the process. It stands in for the real one in tests;
/// nothing in the app uses it.
#[derive(Default)]
pub struct MemoryKeychain {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mood: MemoryMood,
    items: BTreeMap<String, SecretString>,
}

impl MemoryKeychain {
    /// An empty, unlocked keychain.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A computer without a keychain.
    #[must_use]
    pub fn absent() -> Self {
        let keychain = Self::new();
        keychain.set_mood(MemoryMood::Absent);
        keychain
    }

    /// Changes how it behaves from now on.
    pub fn set_mood(&self, mood: MemoryMood) {
        self.state().mood = mood;
    }

    /// The names of the items it holds.
    #[must_use]
    pub fn item_names(&self) -> Vec<String> {
        self.state().items.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, KeychainError> {
        let state = self.state();
        match state.mood {
            MemoryMood::Open => Ok(state),
            MemoryMood::Locked => Err(KeychainError::Refused),
            MemoryMood::Absent => Err(KeychainError::Gone),
        }
    }
}

impl Keychain for MemoryKeychain {
    fn availability(&self) -> Result<Availability, KeychainError> {
        Ok(match self.state().mood {
            MemoryMood::Open | MemoryMood::Locked => Availability::Available,
            MemoryMood::Absent => Availability::Absent,
        })
    }

    fn get(&self, item: &str) -> Result<Option<SecretString>, KeychainError> {
        let state = self.open_state()?;
        Ok(state
            .items
            .get(item)
            .map(|value| SecretString::from(value.expose_secret())))
    }

    fn set(&self, item: &str, value: &SecretString) -> Result<(), KeychainError> {
        let mut state = self.open_state()?;
        state
            .items
            .insert(item.to_owned(), SecretString::from(value.expose_secret()));
        Ok(())
    }

    fn delete(&self, item: &str) -> Result<(), KeychainError> {
        self.open_state()?.items.remove(item);
        Ok(())
    }
}
