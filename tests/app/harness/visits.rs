//! The ways clients and browsers walk through a house.

use url::Url;

use super::browser::{Browser, links};
use super::http::own_address;
use super::{Answer, Authorization, Client, House, REDIRECT, Registration, Tokens};

impl Client {
    /// Registers dynamically as a public client for [`REDIRECT`].
    pub(crate) async fn register(house: &House) -> Self {
        Self::register_at(house, &house.base(), &[REDIRECT]).await
    }

    /// Registers dynamically at one of the origins.
    pub(crate) async fn register_at(house: &House, base: &str, redirects: &[&str]) -> Self {
        Self::register_in(&house.network, base, redirects).await
    }

    /// A client that was told its id and secret by the owner.
    pub(crate) fn told(
        house: &House,
        id: &str,
        registration: Registration,
        redirect: &str,
    ) -> Self {
        Self {
            network: house.network.clone(),
            address: own_address(),
            base: house.base(),
            id: id.to_owned(),
            registration,
            redirect: redirect.to_owned(),
        }
    }
}

impl House {
    /// Opens the authorize page: the page, and the link *Continue on this computer*.
    pub(crate) async fn page(&self, browser: &mut Browser, url: &str) -> (Answer, Url) {
        let page = browser.open(url).await.expect(200);
        let local = self.local();
        let prefix = format!("http://{local}/approve/");
        let link = links(&page)
            .into_iter()
            .find(|link| link.as_str().starts_with(&prefix))
            .unwrap_or_else(|| panic!("no link to the local listener: {page:#?}"));
        (page, link)
    }

    /// The whole way from the authorize page over the local listener to the waiting page, as a
    /// person clicks it: the waiting page's URL.
    pub(crate) async fn knock(&self, browser: &mut Browser, authorization: &Authorization) -> Url {
        let (_, link) = self.page(browser, &authorization.url()).await;
        self.proceed(browser, link.as_str()).await
    }

    /// From the link on: the waiting page's URL.
    pub(crate) async fn proceed(&self, browser: &mut Browser, link: &str) -> Url {
        let waiting = browser.walk(link, |_| false).await.expect(200);
        assert!(
            waiting.url.path().starts_with("/oauth/wait/"),
            "{waiting:#?}"
        );
        waiting.url
    }

    /// The whole flow of one client in one browser, approved by the owner as `terms` say
    /// (arguments of `drawbridge approve`).
    pub(crate) async fn connect_as(&self, client: &Client, terms: &[&str]) -> Tokens {
        let authorization = client.authorization();
        let code = self.approved(client, &authorization, terms).await;
        Tokens::of(&client.exchange(&code, &authorization).await)
    }

    /// The whole flow with the owner's usual terms: all servers, read and write.
    pub(crate) async fn connect(&self, client: &Client) -> Tokens {
        self.connect_as(client, &["--access", "read-write", "--servers", "all"])
            .await
    }

    /// Up to the code.
    pub(crate) async fn approved(
        &self,
        client: &Client,
        authorization: &Authorization,
        terms: &[&str],
    ) -> String {
        let mut browser = self.browser();
        let waiting = self.knock(&mut browser, authorization).await;
        let approval = self.owner().only_approval().await;
        self.owner()
            .done(&[&["approve", approval.as_str()], terms].concat())
            .await;
        let back = browser.open(waiting.as_str()).await;
        let target = back
            .location()
            .unwrap_or_else(|| panic!("not sent back: {back:#?}"));
        assert!(target.as_str().starts_with(&client.redirect), "{target}");
        authorization.code(&back)
    }
}
