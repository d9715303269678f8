//! What happened.

use tauri::{State, command};

use crate::desktop::shell::Shell;
use crate::ui_api::{self, ActivityView, UiError};
