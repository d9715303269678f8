//! *Connect another device*: a code shown here, typed there.

use drawbridge_oauth::PairingState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PairingStanding, Revealed, UiError};
use crate::engine::Engine;

/// A code, shown once.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PairingShown {
    /// What is typed into the page.
    pub code: Revealed,
    /// When it stops working.
    #[cfg_attr(test, ts(as = "String"))]
    pub expires_at: Timestamp,
    /// The only address where it may be typed.
    pub host: String,
}

/// What became of the code that was opened last.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PairingView {
    /// How it stands.
    pub state: PairingStanding,
    /// When it stops, or stopped, working.
    #[cfg_attr(test, ts(as = "String"))]
    pub expires_at: Timestamp,
    /// Wrong codes received so far.
    pub wrong_tries: u8,
}

/// Opens a new code; the one before stops working.
pub fn pair(engine: &Engine) -> Result<PairingShown, UiError> {
    let pairing = engine.oauth().open_pairing().map_err(UiError::failed)?;
    let addresses = engine.addresses();
    Ok(PairingShown {
        code: Revealed::new(pairing.code),
        expires_at: pairing.expires_at,
        host: addresses
            .public_url()
            .unwrap_or_else(|| addresses.local_url()),
    })
}

/// Ends the code that was opened last.
pub fn end_pairing(engine: &Engine) {
    engine.oauth().end_pairing();
}

/// The state of the code that was opened last, without the code.
#[must_use]
pub fn pairing(engine: &Engine) -> Option<PairingView> {
    engine.oauth().pairing().map(|status| PairingView {
        state: state(status.state),
        expires_at: status.expires_at,
        wrong_tries: status.wrong_tries,
    })
}

const fn state(state: PairingState) -> PairingStanding {
    match state {
        PairingState::Open => PairingStanding::Open,
        PairingState::Used => PairingStanding::Used,
        PairingState::Guessed => PairingStanding::Guessed,
        PairingState::Expired => PairingStanding::Expired,
    }
}
