//! Start and Stop: opening and closing the ways in.

use jiff::Timestamp;

use super::{UiError, UiErrorCode};
use crate::engine::{Engine, OpenError, port_problem};

/// Opens the ways in. Answers when clients can come in, or why they cannot.
pub async fn open_bridge(engine: &Engine) -> Result<(), UiError> {
    engine.open().await.map_err(|error| UiError::from(&error))
}

/// Closes them. Answers when nothing can be reached any more.
pub async fn close_bridge(engine: &Engine) -> Result<(), UiError> {
    engine.close().await;
    Ok(())
}

/// Lets new connections ask for a while, where the settings have it that they may only then.
/// Answers until when.
pub fn arm(engine: &Engine) -> Result<Timestamp, UiError> {
    engine.oauth().arm();
    engine
        .oauth()
        .armed_until()
        .ok_or_else(|| UiError::failed("the clock ran backwards; set it right and try again"))
}

/// In the words of the window: what is wrong there is mended in *Settings*.
impl From<&OpenError> for UiError {
    fn from(error: &OpenError) -> Self {
        match error {
            OpenError::Port {
                listener,
                port,
                problem,
            } => Self::new(
                UiErrorCode::Unavailable,
                format!(
                    "port {port}, {}, {}, or choose another port in Settings",
                    listener.purpose(),
                    port_problem(problem)
                ),
            ),
            OpenError::Settings(problem) => Self::from(problem),
            OpenError::Interrupted | OpenError::Stopped => {
                Self::new(UiErrorCode::Unavailable, error)
            }
            OpenError::Socket(_) | OpenError::Load(_) => Self::failed(error),
        }
    }
}
