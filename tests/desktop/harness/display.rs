//! An X server of its own, and what can be seen and done there. No window manager runs: windows
//! stand where they want, and the test closes them as one would.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, CreateWindowAux,
    EventMask, ImageFormat, MapState, StackMode, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::eventually;

/// The X server; it ends with this value.
pub(crate) struct Display {
    server: Child,
    number: u32,
    x11: RustConnection,
    root: u32,
}

/// A window on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    id: u32,
    pub(crate) title: String,
    /// Not only there, but on the screen.
    pub(crate) visible: bool,
    /// The process that it belongs to.
    pub(crate) pid: Option<u32>,
}

impl Display {
    pub(super) fn start() -> Self {
        let mut server = Command::new("Xvfb")
            // It looks for a free number itself and says which.
            .args(["-displayfd", "1", "-screen", "0", "1280x1024x24"])
            .args(["-nolisten", "tcp", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "Xvfb does not start ({error}). These tests need xvfb; `cargo xtask test` installs it"
                )
            });
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let number = line.trim().parse().expect("Xvfb says its number");
        let (x11, screen) = x11rb::connect(Some(&format!(":{number}"))).unwrap();
        let root = x11.setup().roots[screen].root;
        Self {
            server,
            number,
            x11,
            root,
        }
    }

    /// As `DISPLAY` wants it.
    pub(crate) fn name(&self) -> String {
        format!(":{}", self.number)
    }

    fn atom(&self, name: &str) -> Atom {
        let asked = self.x11.intern_atom(false, name.as_bytes()).unwrap();
        asked.reply().unwrap().atom
    }

    /// A window's property; nothing when the window has just gone.
    fn property(&self, window: u32, name: &str) -> Option<Vec<u8>> {
        let asked = self
            .x11
            .get_property(false, window, self.atom(name), AtomEnum::ANY, 0, 1 << 16)
            .ok()?;
        let reply = asked.reply().ok()?;
        (reply.type_ != 0).then_some(reply.value)
    }

    /// Every window with a title, from the lowest to the one on top.
    pub(crate) fn windows(&self) -> Vec<Window> {
        let tree = self.x11.query_tree(self.root).unwrap().reply().unwrap();
        let look = |id: u32| {
            let title = self
                .property(id, "_NET_WM_NAME")
                .or_else(|| self.property(id, "WM_NAME"))?;
            let attributes = self.x11.get_window_attributes(id).ok()?.reply().ok()?;
            // Toolkits keep small windows of their own outside the screen.
            let place = self.x11.get_geometry(id).ok()?.reply().ok()?;
            (place.width > 50).then(|| Window {
                id,
                title: String::from_utf8_lossy(&title).into_owned(),
                visible: attributes.map_state == MapState::VIEWABLE,
                pid: self
                    .property(id, "_NET_WM_PID")
                    .and_then(|bytes| Some(u32::from_ne_bytes(bytes.try_into().ok()?))),
            })
        };
        tree.children.into_iter().filter_map(look).collect()
    }

    /// The window of this title, if it can be seen.
    pub(crate) fn window(&self, title: &str) -> Option<Window> {
        self.windows()
            .into_iter()
            .find(|window| window.title == title && window.visible)
    }

    /// A window as it lies on the screen: its width and its pixels, blue, green, red and one more.
    /// Nothing when it is just going.
    fn pixels(&self, window: &Window) -> Option<(u16, Vec<u8>)> {
        let place = self.x11.get_geometry(window.id).ok()?.reply().ok()?;
        let (width, height) = (place.width, place.height);
        let all = u32::MAX;
        let asked = self
            .x11
            .get_image(ImageFormat::Z_PIXMAP, window.id, 0, 0, width, height, all);
        Some((width, asked.ok()?.reply().ok()?.data))
    }

    /// Whether there is more to see in a window than one colour.
    pub(crate) fn is_painted(&self, window: &Window) -> bool {
        self.pixels(window).is_some_and(|(_, data)| {
            let mut pixels = data.chunks_exact(4);
            let first = pixels.next();
            pixels.any(|pixel| Some(pixel) != first)
        })
    }

    /// Waits for a window of this title.
    pub(crate) async fn shows(&self, title: &str) -> Window {
        eventually(&format!("a window {title:?}"), || {
            let window = self.window(title);
            async move { window }
        })
        .await
    }

    /// Waits until no window of this title is to be seen.
    pub(crate) async fn hides(&self, title: &str) {
        eventually(&format!("no window {title:?}"), || {
            let gone = self.window(title).is_none();
            async move { gone.then_some(()) }
        })
        .await;
    }

    /// Closes a window, as the button on its frame does.
    pub(crate) fn close(&self, window: &Window) {
        let data = [self.atom("WM_DELETE_WINDOW"), 0, 0, 0, 0];
        let message = ClientMessageEvent::new(32, window.id, self.atom("WM_PROTOCOLS"), data);
        self.x11
            .send_event(false, window.id, EventMask::NO_EVENT, message)
            .unwrap();
        self.x11.flush().unwrap();
    }

    /// Puts another window over this one, and keeps at it while that comes to the front of itself.
    pub(crate) async fn cover(&self, covered: &Window) -> u32 {
        let cover = self.wide_window();
        eventually("the window is covered", || {
            let above = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
            self.x11.configure_window(cover, &above).unwrap();
            self.x11.sync().unwrap();
            let under = !self.is_over(covered, cover);
            async move { under.then_some(()) }
        })
        .await;
        cover
    }

    fn wide_window(&self) -> u32 {
        let window = self.x11.generate_id().unwrap();
        let screen = &self.x11.setup().roots[0];
        self.x11
            .create_window(
                0,
                window,
                self.root,
                0,
                0,
                screen.width_in_pixels,
                screen.height_in_pixels,
                0,
                WindowClass::INPUT_OUTPUT,
                0,
                &CreateWindowAux::new().background_pixel(screen.white_pixel),
            )
            .unwrap();
        self.x11.map_window(window).unwrap();
        self.x11.sync().unwrap();
        window
    }

    /// Which of two windows lies over the other: is it `upper`?
    pub(crate) fn is_over(&self, upper: &Window, lower: u32) -> bool {
        let tree = self.x11.query_tree(self.root).unwrap().reply().unwrap();
        let place = |id| tree.children.iter().position(|child| *child == id);
        place(upper.id) > place(lower)
    }

    /// Stands for a panel that takes icons the older way.
    pub(crate) fn bring_panel(&self) {
        let panel = self.unseen_window();
        let tray = self.atom("_NET_SYSTEM_TRAY_S0");
        self.x11.set_selection_owner(panel, tray, 0_u32).unwrap();
        self.x11.sync().unwrap();
    }

    fn unseen_window(&self) -> u32 {
        let window = self.x11.generate_id().unwrap();
        self.x11
            .create_window(
                0,
                window,
                self.root,
                0,
                0,
                1,
                1,
                0,
                WindowClass::INPUT_ONLY,
                0,
                &CreateWindowAux::new(),
            )
            .unwrap();
        window
    }

    /// Whether an icon asked the panel to be taken in.
    pub(crate) fn panel_was_asked(&self) -> bool {
        let asks = self.atom("_NET_SYSTEM_TRAY_OPCODE");
        std::iter::from_fn(|| self.x11.poll_for_event().unwrap())
            .any(|event| matches!(event, Event::ClientMessage(asked) if asked.type_ == asks))
    }

    /// A picture of a window as it lies on the screen, into the folder of artifacts. WebDriver's
    /// own waits for the next drawing, which a page at rest may never make.
    pub(crate) async fn picture(&self, title: &str, name: &str) {
        let window = self.shows(title).await;
        let (width, data) = eventually(&format!("{title:?} is painted"), || {
            let pixels = self.pixels(&window).filter(|_| self.is_painted(&window));
            async move { pixels }
        })
        .await;
        let colours: Vec<u8> = data
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[2], pixel[1], pixel[0]])
            .collect();
        let height = u32::try_from(data.len() / 4).unwrap() / u32::from(width);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artifacts/desktop");
        std::fs::create_dir_all(&folder).unwrap();
        let file = std::fs::File::create(folder.join(format!("{name}.png"))).unwrap();
        let mut encoder = png::Encoder::new(file, width.into(), height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&colours).unwrap();
    }

    /// The text on the clipboard, if there is one.
    pub(crate) fn clipboard(&self) -> Option<String> {
        let clipboard = self.atom("CLIPBOARD");
        let owner = self.x11.get_selection_owner(clipboard).unwrap();
        if owner.reply().unwrap().owner == 0 {
            return None;
        }
        let window = self.unseen_window();
        let answer = self.atom("DRAWBRIDGE_TEST");
        self.x11
            .convert_selection(window, clipboard, self.atom("UTF8_STRING"), answer, 0_u32)
            .unwrap();
        self.x11.flush().unwrap();
        loop {
            if let Event::SelectionNotify(event) = self.x11.wait_for_event().unwrap()
                && event.requestor == window
            {
                let text = self.property(window, "DRAWBRIDGE_TEST");
                self.x11.destroy_window(window).unwrap();
                return text.map(|text| String::from_utf8(text).unwrap());
            }
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
