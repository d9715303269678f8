//! The desktop's place for tray icons, and our icon as it is seen there.
//!
//! `org.kde.StatusNotifierWatcher` keeps the list, `org.kde.StatusNotifierItem` is an icon,
//! `com.canonical.dbusmenu` its menu.
#![expect(
    clippy::used_underscore_binding,
    reason = "the macro names every argument of the protocol"
)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use super::{Session, eventually};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// Where icons are: the program on the bus, and the path in it.
type Registered = Arc<Mutex<Vec<(String, String)>>>;

/// A desktop's panel that shows tray icons.
pub(crate) struct TrayHost {
    registered: Registered,
    connection: zbus::Connection,
}

struct Watcher {
    registered: Registered,
    has_host: bool,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    async fn register_status_notifier_item(
        &self,
        service: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) {
        let sender = header.sender().unwrap().to_string();
        // Some say where they are on the bus, ours says the path in itself.
        let item = if service.starts_with('/') {
            (sender, service.to_owned())
        } else {
            (service.to_owned(), "/StatusNotifierItem".to_owned())
        };
        self.registered.lock().unwrap().push(item);
        Self::status_notifier_item_registered(&emitter, service)
            .await
            .unwrap();
    }

    fn register_status_notifier_host(&mut self, _service: &str) {
        self.has_host = true;
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let registered = self.registered.lock().unwrap();
        registered
            .iter()
            .map(|(name, path)| format!("{name}{path}"))
            .collect()
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        self.has_host
    }

    #[zbus(property)]
    #[expect(clippy::unused_self, reason = "the shape of the protocol")]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(signal)]
    async fn status_notifier_item_registered(
        emitter: &SignalEmitter<'_>,
        service: &str,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn status_notifier_host_registered(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

impl TrayHost {
    /// A panel as KDE's.
    pub(crate) async fn start(session: &Session) -> Self {
        Self::start_with(session, true).await
    }

    /// A list of icons that nobody shows yet.
    pub(crate) async fn start_without_panel(session: &Session) -> Self {
        Self::start_with(session, false).await
    }

    async fn start_with(session: &Session, has_host: bool) -> Self {
        let registered = Registered::default();
        let watcher = Watcher {
            registered: registered.clone(),
            has_host,
        };
        let connection = session
            .bus_with(|bus| {
                let served = bus.serve_at(WATCHER_PATH, watcher).unwrap();
                served.name(WATCHER).unwrap()
            })
            .await;
        Self {
            registered,
            connection,
        }
    }

    /// The panel comes.
    pub(crate) async fn bring_panel(&self) {
        let server = self.connection.object_server();
        let watcher = server.interface::<_, Watcher>(WATCHER_PATH).await.unwrap();
        watcher.get_mut().await.has_host = true;
        Watcher::status_notifier_host_registered(watcher.signal_emitter())
            .await
            .unwrap();
    }

    /// The panel goes, and the list with it.
    pub(crate) async fn stop(self) {
        self.connection.release_name(WATCHER).await.unwrap();
        self.connection.close().await.unwrap();
    }

    /// How many icons there are.
    pub(crate) fn count(&self) -> usize {
        self.registered.lock().unwrap().len()
    }

    /// Waits for the icon.
    pub(crate) async fn item(&self) -> TrayItem {
        let (name, path) = eventually("an icon in the tray", || {
            let last = self.registered.lock().unwrap().last().cloned();
            async move { last }
        })
        .await;
        TrayItem {
            name,
            path,
            connection: self.connection.clone(),
        }
    }
}

/// An icon in the tray.
pub(crate) struct TrayItem {
    name: String,
    path: String,
    connection: zbus::Connection,
}

impl TrayItem {
    async fn proxy(&self, path: &str, interface: &'static str) -> zbus::Proxy<'static> {
        zbus::proxy::Builder::<zbus::Proxy<'static>>::new(&self.connection)
            .destination(self.name.clone())
            .unwrap()
            .path(path.to_owned())
            .unwrap()
            .interface(interface)
            .unwrap()
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await
            .unwrap()
    }

    /// A property of the icon.
    pub(crate) async fn text(&self, property: &str) -> String {
        let item = self.proxy(&self.path, ITEM).await;
        item.get_property(property).await.unwrap()
    }

    /// The file of the drawing it shows now.
    pub(crate) async fn picture_file(&self) -> PathBuf {
        self.text("IconName").await.into()
    }

    /// Waits until it shows this drawing of `icons/tray`.
    pub(crate) async fn shows(&self, state: &str) {
        let drawing = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("icons/tray")
            .join(format!("{state}.png"));
        let wanted = pixels(&std::fs::read(drawing).unwrap());
        eventually(&format!("the icon is {state:?}"), || async {
            // The file is another after each change; the one of a moment ago may be gone.
            let bytes = std::fs::read(self.picture_file().await).ok()?;
            (pixels(&bytes) == wanted).then_some(())
        })
        .await;
    }

    /// The menu as it is now.
    pub(crate) async fn menu(&self) -> Menu {
        eventually("the icon has a menu", || self.try_menu()).await
    }

    /// The menu, once it is there: the icon comes first.
    async fn try_menu(&self) -> Option<Menu> {
        let item = self.proxy(&self.path, ITEM).await;
        let path: OwnedObjectPath = item.get_property("Menu").await.ok()?;
        let menu = self.proxy(path.as_str(), MENU).await;
        // As a panel does before it opens the menu.
        let _: bool = menu.call("AboutToShow", &(0_i32,)).await.ok()?;
        let wanted: Vec<String> = Vec::new();
        let (_, root): (u32, Layout) = menu
            .call("GetLayout", &(0_i32, -1_i32, wanted))
            .await
            .ok()?;
        let lines = root.2.into_iter().filter_map(line).collect();
        Some(Menu { lines, proxy: menu })
    }

    /// Waits for a menu with this line, and whether it can be chosen.
    pub(crate) async fn has_line(&self, label: &str, enabled: bool) -> Menu {
        eventually(
            &format!("the line {label:?}, enabled: {enabled}"),
            || async {
                let menu = self.try_menu().await?;
                let there = menu
                    .lines
                    .iter()
                    .any(|line| line.label == label && line.enabled == enabled);
                there.then_some(menu)
            },
        )
        .await
    }
}

/// What a picture shows, whatever way it is packed.
fn pixels(file: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::ALPHA | png::Transformations::EXPAND);
    let mut reader = decoder.read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    reader.next_frame(&mut pixels).ok()?;
    Some(pixels)
}

/// An entry, its properties, its children.
type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

/// A line of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    id: i32,
    pub(crate) label: String,
    pub(crate) enabled: bool,
}

/// Nothing for a separating line, and for what is not shown.
fn line(value: OwnedValue) -> Option<Line> {
    let (id, properties, _): Layout = Value::from(value).try_into().unwrap();
    let flag = |name: &str| {
        properties
            .get(name)
            .is_none_or(|value| bool::try_from(value).unwrap())
    };
    let label = <&str>::try_from(properties.get("label")?).unwrap();
    flag("visible").then(|| Line {
        id,
        // One underscore marks the letter of a key.
        label: label
            .replace("__", "\0")
            .replace('_', "")
            .replace('\0', "_"),
        enabled: flag("enabled"),
    })
}

/// The menu of an icon.
pub(crate) struct Menu {
    lines: Vec<Line>,
    proxy: zbus::Proxy<'static>,
}

impl Menu {
    /// Its lines, from above.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The words of its lines, from above.
    pub(crate) fn labels(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.label.as_str()).collect()
    }

    /// Chooses a line, as a click does.
    pub(crate) async fn choose(&self, label: &str) {
        let line = self
            .lines
            .iter()
            .find(|line| line.label == label)
            .unwrap_or_else(|| panic!("no line {label:?} in {:?}", self.labels()));
        assert!(line.enabled, "{label:?} cannot be chosen");
        let _: () = self
            .proxy
            .call("Event", &(line.id, "clicked", Value::from(0_i32), 0_u32))
            .await
            .unwrap();
    }
}
