//! What a program says, as it says it.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Heard {
    text: String,
    over: bool,
}

/// Reads one output of a program to its end, on a thread of its own.
#[derive(Clone)]
pub(crate) struct Captured(Arc<(Mutex<Heard>, Condvar)>);

impl Captured {
    pub(crate) fn start(mut source: impl Read + Send + 'static) -> Self {
        let captured = Self(Arc::default());
        let kept = captured.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = source.read(&mut buffer) {
                kept.0
                    .0
                    .lock()
                    .unwrap()
                    .text
                    .push_str(&String::from_utf8_lossy(&buffer[..read]));
                kept.0.1.notify_all();
            }
            kept.0.0.lock().unwrap().over = true;
            kept.0.1.notify_all();
        });
        captured
    }

    /// All it has said so far.
    pub(crate) fn so_far(&self) -> String {
        self.0.0.lock().map_or_else(
            |poisoned| poisoned.into_inner().text.clone(),
            |heard| heard.text.clone(),
        )
    }

    /// Waits until `enough` holds for what it has said, or it has ended, or the time is over;
    /// whether it holds.
    pub(crate) fn wait(&self, within: Duration, enough: impl Fn(&str) -> bool) -> bool {
        let (heard, news) = &*self.0;
        let waits = |heard: &mut Heard| !heard.over && !enough(&heard.text);
        let (heard, _) = news
            .wait_timeout_while(heard.lock().unwrap(), within, waits)
            .unwrap();
        enough(&heard.text)
    }

    /// Everything it said, which ends with the program and all that hold its output.
    pub(crate) fn all(&self, within: Duration) -> String {
        let (heard, news) = &*self.0;
        let (heard, late) = news
            .wait_timeout_while(heard.lock().unwrap(), within, |heard| !heard.over)
            .unwrap();
        assert!(
            !late.timed_out(),
            "somebody still holds its output: {}",
            heard.text
        );
        heard.text.clone()
    }
}
