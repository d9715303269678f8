//! Generates the desktop shell's context; the server build has nothing to generate.

#[cfg(not(feature = "gui"))]
fn main() {
    println!("cargo::rerun-if-changed=src-tauri/build.rs");
}

#[cfg(feature = "gui")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The pages are embedded when the app is compiled. In a clean clone they are not built yet,
    // and checking the code alone must not need Node.
    std::fs::create_dir_all("ui/dist")?;
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("src-tauri/capabilities/*.json")
        .app_manifest(
            tauri_build::AppManifest::new()
                .permissions_path_pattern("src-tauri/permissions/*.toml"),
        );
    tauri_build::try_build(attributes).map_err(Into::into)
}
