//! `cargo xtask icons`: renders `icons/*.svg` and `icons/tray/*.svg` to every size and container
//! the platforms want.

/// Renders the icons.
///
/// # Errors
/// When a drawing cannot be read or a picture not be written.
#[cfg(not(feature = "icons"))]
pub(crate) fn run() -> anyhow::Result<()> {
    // Itself anew, with the renderer.
    crate::process::run(
        crate::process::cargo()
            .args([
                "run",
                "--quiet",
                "--package",
                "xtask",
                "--features",
                "icons",
            ])
            .args(["--target-dir", "target/xtask", "--", "icons"]),
    )
}

#[cfg(feature = "icons")]
pub(crate) use render::run;

#[cfg(feature = "icons")]
mod render {
    use std::path::Path;

    use anyhow::{Context, Result};
    use resvg::tiny_skia::{Pixmap, Transform};
    use resvg::usvg::{Options, Tree};

    use crate::process::root;

    /// From this size on the detailed drawing is used, below it the simplified one.
    const DETAILED_FROM: u32 = 48;

    /// The single pictures: what tauri embeds, and what Linux installs.
    const PICTURES: [(&str, u32); 5] = [
        ("16x16.png", 16),
        ("32x32.png", 32),
        ("128x128.png", 128),
        ("128x128@2x.png", 256),
        ("icon.png", 512),
    ];

    /// Windows: what Explorer asks for at 100 to 400 %.
    const ICO_SIZES: [u32; 7] = [16, 24, 32, 48, 64, 128, 256];

    /// macOS: the types that take a PNG, with their sizes in pixels.
    const ICNS_TYPES: [(&[u8; 4], u32); 10] = [
        (b"icp4", 16),
        (b"icp5", 32),
        (b"ic07", 128),
        (b"ic08", 256),
        (b"ic09", 512),
        (b"ic10", 1024),
        (b"ic11", 32),
        (b"ic12", 64),
        (b"ic13", 256),
        (b"ic14", 512),
    ];

    /// The states of the tray: one drawing each in `icons/tray`.
    const TRAY: [&str; 4] = ["closed", "opening", "open", "attention"];

    /// Linux and Windows, which scale it to their panel; at 16 pixels each four become one.
    const TRAY_SIZE: u32 = 32;

    /// macOS: 18 points at two pixels each. The drawing keeps its grid and gets an empty edge.
    const TEMPLATE_SIZE: u32 = 36;
    const TEMPLATE_EDGE: u32 = 2;

    /// macOS colours the icon itself and looks at its shape only: no tile, no colours.
    const TEMPLATE_STYLE: &str =
        ".tile, .water { fill: none } .stone, .deck, .dot { fill: #000; stroke: none }";

    pub(crate) fn run() -> Result<()> {
        let folder = root().join("icons");
        let drawings = Drawings::read(&folder)?;
        for (name, size) in PICTURES {
            write(&folder, name, &drawings.png(size)?)?;
        }
        write(&folder, "icon.ico", &drawings.ico()?)?;
        write(&folder, "icon.icns", &drawings.icns()?)?;
        TRAY.into_iter()
            .try_for_each(|state| tray(&folder.join("tray"), state))
    }

    fn tray(folder: &Path, state: &str) -> Result<()> {
        let drawing = read(folder, &format!("{state}.svg"), None)?;
        let picture = draw(&drawing, TRAY_SIZE, 0)?.encode_png()?;
        write(folder, &format!("{state}.png"), &picture)?;
        let template = read(folder, &format!("{state}.svg"), Some(TEMPLATE_STYLE))?;
        let picture = draw(&template, TEMPLATE_SIZE, TEMPLATE_EDGE)?.encode_png()?;
        write(folder, &format!("{state}-template.png"), &picture)
    }

    fn read(folder: &Path, name: &str, style: Option<&str>) -> Result<Tree> {
        let text = std::fs::read_to_string(folder.join(name))
            .with_context(|| format!("{name} cannot be read"))?;
        let options = Options {
            style_sheet: style.map(str::to_owned),
            ..Options::default()
        };
        Ok(Tree::from_str(&text, &options)?)
    }

    /// A drawing on a square of `size` pixels, with an empty edge of `edge` pixels all around.
    fn draw(tree: &Tree, size: u32, edge: u32) -> Result<Pixmap> {
        let mut picture = Pixmap::new(size, size).context("an icon has a size")?;
        let within = size.saturating_sub(2 * edge);
        #[expect(clippy::cast_precision_loss, reason = "icon sizes are small")]
        let (scale, edge) = (within as f32 / tree.size().width(), edge as f32);
        resvg::render(
            tree,
            Transform::from_scale(scale, scale).post_translate(edge, edge),
            &mut picture.as_mut(),
        );
        Ok(picture)
    }

    fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
        println!("{name}: {} bytes", bytes.len());
        std::fs::write(folder.join(name), bytes)
            .with_context(|| format!("{name} cannot be written"))
    }

    struct Drawings {
        detailed: Tree,
        simple: Tree,
    }

    impl Drawings {
        fn read(folder: &Path) -> Result<Self> {
            Ok(Self {
                detailed: read(folder, "drawbridge.svg", None)?,
                simple: read(folder, "drawbridge-small.svg", None)?,
            })
        }

        fn picture(&self, size: u32) -> Result<Pixmap> {
            let tree = if size < DETAILED_FROM {
                &self.simple
            } else {
                &self.detailed
            };
            draw(tree, size, 0)
        }

        fn png(&self, size: u32) -> Result<Vec<u8>> {
            Ok(self.picture(size)?.encode_png()?)
        }

        /// A directory of pictures: PNG at 256, 32-bit bitmaps below, as old readers want it.
        fn ico(&self) -> Result<Vec<u8>> {
            let entries = ICO_SIZES
                .into_iter()
                .map(|size| {
                    Ok((
                        size,
                        if size == 256 {
                            self.png(size)?
                        } else {
                            self.bitmap(size)?
                        },
                    ))
                })
                .collect::<Result<Vec<_>>>()?;
            let count = u16::try_from(entries.len())?;
            let mut ico: Vec<u8> = [0_u16, 1, count]
                .into_iter()
                .flat_map(u16::to_le_bytes)
                .collect();
            let mut offset = u32::try_from(6 + 16 * entries.len())?;
            for (size, bytes) in &entries {
                let length = u32::try_from(bytes.len())?;
                // 256 is written as 0.
                let edge = u8::try_from(*size).unwrap_or(0);
                ico.extend([edge, edge, 0, 0, 1, 0, 32, 0]);
                ico.extend(length.to_le_bytes());
                ico.extend(offset.to_le_bytes());
                offset += length;
            }
            ico.extend(entries.into_iter().flat_map(|(_, bytes)| bytes));
            Ok(ico)
        }

        /// A `BITMAPINFOHEADER`, blue-green-red-alpha rows from the bottom up, and an empty mask.
        fn bitmap(&self, size: u32) -> Result<Vec<u8>> {
            let picture = self.picture(size)?;
            let mut bitmap = Vec::new();
            bitmap.extend(40_u32.to_le_bytes());
            bitmap.extend(size.to_le_bytes());
            bitmap.extend((size * 2).to_le_bytes());
            bitmap.extend(1_u16.to_le_bytes());
            bitmap.extend(32_u16.to_le_bytes());
            bitmap.extend([0; 24]);
            let row = usize::try_from(size)?;
            for line in picture.pixels().chunks_exact(row).rev() {
                for pixel in line {
                    let colour = pixel.demultiply();
                    bitmap.extend([colour.blue(), colour.green(), colour.red(), colour.alpha()]);
                }
            }
            let mask_row = row.div_ceil(32) * 4;
            bitmap.resize(bitmap.len() + mask_row * row, 0);
            Ok(bitmap)
        }

        fn icns(&self) -> Result<Vec<u8>> {
            let mut body = Vec::new();
            for (kind, size) in ICNS_TYPES {
                let png = self.png(size)?;
                body.extend(kind);
                body.extend(u32::try_from(png.len() + 8)?.to_be_bytes());
                body.extend(png);
            }
            let mut icns = b"icns".to_vec();
            icns.extend(u32::try_from(body.len() + 8)?.to_be_bytes());
            icns.extend(body);
            Ok(icns)
        }
    }
}
