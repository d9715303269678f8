//! `serve` on a terminal: the person is asked right there.

use crate::harness::{Client, HouseBuilder, Tokens};

/// Answers with `y` until it counts: for two seconds it is too quick to have been read.
fn say_yes(house: &mut crate::harness::House) {
    for time in 1.. {
        house.reads(|said| {
            said.matches("Approve? [y/N]").count() == time || said.contains("Servers,")
        });
        if house.said().contains("Servers,") {
            return;
        }
        house.types("y");
        // The next question, or the same one again.
        house.reads(|said| {
            said.matches("Approve? [y/N]").count() > time || said.contains("Servers,")
        });
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
    house.reads(|said| said.contains("127.0.0.1:33418") && said.contains("Approve? [y/N]"));
    house.types("y");
    house.reads(|said| said.contains("too quick"));
    assert!(house.owner().connections().await.is_empty());
    say_yes(&mut house);
    house.types("fixture");
    house.reads(|said| said.contains("Access:"));
    house.types("read");
    house.reads(|said| said.contains("For how long"));
    house.types("1h");
    house.reads(|said| said.contains("Approved."));
    let code = authorization.code(&browser.open(waiting.as_str()).await);
    let tokens = Tokens::of(&client.exchange(&code, &authorization).await);
    assert!(client.works(&tokens.access).await);
    let connection = &house.owner().connections().await[0];
    assert_eq!(connection["access"], "read", "{connection:#}");
}
