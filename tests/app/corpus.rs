//! Replays the fuzzers' committed corpus through the fuzzers' own checks.

use std::path::Path;

#[expect(unreachable_pub, reason = "there it is a library")]
#[path = "../../fuzz/src/lib.rs"]
mod checks;

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        // Shown only when a check fails on it.
        println!("{}", path.display());
        check(&std::fs::read(path).unwrap());
        replayed += 1;
    }
    assert!(
        replayed >= 5,
        "{} holds {replayed} inputs",
        folder.display()
    );
}

#[test]
fn forms() {
    replay("form", checks::form);
}

#[test]
fn redirect_uris() {
    replay("redirect_uri", checks::redirect_uri);
}

#[test]
fn client_documents() {
    replay("client_document", checks::client_document);
}

#[test]
fn envelopes() {
    replay("envelope", checks::envelope);
}
