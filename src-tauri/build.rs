//! Generates the desktop shell's context; the server build has nothing to generate.
fn main() {
    #[cfg(feature = "gui")]
    tauri_build::build();
}
