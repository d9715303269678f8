//! `serve` on a terminal: the person is asked right there.

use crate::harness::{Client, House, HouseBuilder, Tokens};

const ASKED: &str = "Approve? [y/N]";
const NEXT: &str = "Servers, separated";

/// Answers with `y` until it counts: for two seconds it is too quick to have been read.
fn say_yes(house: &mut House) {
    while !house.said().contains(NEXT) {
        let asked = house.said().matches(ASKED).count();
        house.types("y");
        house.reads(|said| said.matches(ASKED).count() > asked || said.contains(NEXT));
    }
}

#[tokio::test]
async fn a_person_is_asked_and_a_quick_yes_does_not_count() {
    let mut house = HouseBuilder::new().on_terminal().start().await;
    house.add_server("fixture").await;
    let client = Client::register(&house).await;
    let authorization = client.authorization();
    let mut browser = house.browser();
    let waiting = house.knock(&mut browser, &authorization).await;
    house.reads(|said| said.contains("127.0.0.1:33418") && said.contains(ASKED));
    house.types("y");
    house.reads(|said| said.contains("too quick"));
    assert!(house.owner().connections().await.is_empty());
    say_yes(&mut house);
    house.types("fixture");
    house.reads(|said| said.contains("Access:"));
    house.types("read");
    house.reads(|said| said.contains("For how long"));
    house.types("1d");
    house.reads(|said| said.contains("Approved."));
    let code = authorization.code(&browser.open(waiting.as_str()).await);
    let tokens = Tokens::of(&client.exchange(&code, &authorization).await);
    assert!(client.works(&tokens.access).await);
    let connection = &house.owner().connections().await[0];
    assert_eq!(connection["access"], "read", "{connection:#}");
}
