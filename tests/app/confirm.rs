//! Commands while a window attends: what lets more in waits for the person at the window.
//!
//! The server build has no window, so the engine runs in this process and the test sits at the
//! window; the commands are the real program. As children of this process they would be refused,
//! like the children of a server, so each is started by a shell that ends first.

use std::sync::Arc;
use std::time::Duration;

use drawbridge::config::{Config, Environment, ServeFlags};
use drawbridge::confirmations::{Attendant, Confirmation};
use drawbridge::engine::Engine;
use drawbridge::ui_api::{self, ConfirmationAnswer, QuestionContent};
use drawbridge_vault::MemoryKeychain;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::harness::{
    Browser, Client, HouseBuilder, Network, Owner, REDIRECT, Signal, Tokens, links, program, signal,
};

/// Long enough for every command here.
const SOON: Duration = Duration::from_mins(1);

/// Starts a command whose parent has ended, once told to.
const ORPHAN: &str = r#"
folder=$1; shift
mkfifo "$folder/go" "$folder/pid" "$folder/status"
(
    read -r _ < "$folder/go"
    "$@" > "$folder/out" 2> "$folder/err" < /dev/null &
    echo $! > "$folder/pid"
    wait $!
    echo $? > "$folder/status"
) &
"#;

/// Drawbridge with a window, at which the test sits.
struct Desktop {
    builder: HouseBuilder,
    owner: Owner,
    engine: Engine,
    window: Option<Attendant>,
}

/// A command in somebody's terminal.
struct Terminal {
    folder: TempDir,
    arguments: String,
    pid: u32,
    status: JoinHandle<String>,
}

/// What became of it.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Desktop {
    async fn start() -> Self {
        let builder = HouseBuilder::new();
        let owner = builder.owner();
        let environment = Environment::from_pairs(owner.environment.clone());
        let mut flags = ServeFlags::default();
        for port in [
            &mut flags.ports.loopback,
            &mut flags.ports.local,
            &mut flags.ports.tunnel,
        ] {
            *port = Some(0);
        }
        let mut config = Config::gather(&environment, flags, None).unwrap();
        config.window = true;
        let keychain = Arc::new(MemoryKeychain::new());
        let engine = Engine::start_on(config, keychain).await.unwrap();
        engine.open().await.unwrap();
        let window = Some(engine.confirmations().attend());
        Self {
            builder,
            owner,
            engine,
            window,
        }
    }

    /// Stops, and looks for secrets in the data folder.
    async fn stop(self) {
        self.engine.stop().await;
        let leaks = self.owner.canary.leaks(&[], &self.builder.data());
        assert!(leaks.is_empty(), "secrets leaked:\n{leaks:#?}");
    }

    /// Runs a command in a terminal.
    async fn types(&self, arguments: &[&str]) -> Terminal {
        let folder = tempfile::tempdir().unwrap();
        let starter = tokio::process::Command::new("/bin/sh")
            .args(["-c", ORPHAN, "sh"])
            .arg(folder.path())
            .arg(program())
            .args(arguments)
            .env_clear()
            .envs(&self.owner.environment)
            .current_dir(self.builder.home())
            .status()
            .await
            .unwrap();
        assert!(starter.success());
        // It has ended, so what it left behind is nobody's child of ours.
        let go = folder.path().join("go");
        let gone = tokio::fs::write(go, "go\n");
        tokio::time::timeout(SOON, gone).await.unwrap().unwrap();
        let pid = tokio::fs::read_to_string(folder.path().join("pid"));
        let pid = tokio::time::timeout(SOON, pid).await.unwrap().unwrap();
        let status = folder.path().join("status");
        let status = async move { tokio::fs::read_to_string(status).await.unwrap() };
        Terminal {
            folder,
            arguments: arguments.join(" "),
            pid: pid.trim().parse().unwrap(),
            status: tokio::spawn(status),
        }
    }

    /// The one confirmation the window shows, once it does.
    async fn asked(&self) -> Arc<Confirmation> {
        let mut watch = self.engine.confirmations().watch();
        let asked = watch.wait_for(|waiting| waiting.len() == 1);
        let asked = tokio::time::timeout(SOON, asked).await.unwrap().unwrap();
        asked[0].clone()
    }

    /// When nothing waits to be confirmed any more.
    async fn nothing_asked(&self) {
        let mut watch = self.engine.confirmations().watch();
        let none = watch.wait_for(Vec::is_empty);
        tokio::time::timeout(SOON, none).await.unwrap().unwrap();
    }

    /// Answers what the window shows, as the window does.
    async fn answers(&self, allow: bool) {
        let asked = self.asked().await;
        let question = ui_api::question(&self.engine).unwrap();
        let QuestionContent::Confirmation { confirmation } = question.content else {
            panic!("the window shows something else");
        };
        assert_eq!(confirmation.id, asked.id());
        let answer = ConfirmationAnswer {
            id: question.id,
            shown: question.shown,
            allow,
        };
        ui_api::confirm(&self.engine, &answer).unwrap();
    }

    /// Runs a command that is confirmed, or not.
    async fn runs(&self, arguments: &[&str], allow: bool) -> Ran {
        let terminal = self.types(arguments).await;
        self.answers(allow).await;
        self.ends(terminal).await
    }

    async fn ends(&self, terminal: Terminal) -> Ran {
        let status = tokio::time::timeout(SOON, terminal.status).await;
        let said = |name: &str| std::fs::read_to_string(terminal.folder.path().join(name)).unwrap();
        let ran = Ran {
            code: status.unwrap().unwrap().trim().parse().unwrap(),
            stdout: said("out"),
            stderr: said("err"),
        };
        self.owner.canary.secrets_in(&ran.stdout);
        let (command, canary) = (&terminal.arguments, &self.owner.canary);
        canary.spoken(command, &ran.stderr);
        println!("{command}: {} {}{}", ran.code, ran.stdout, ran.stderr);
        ran
    }

    /// A server whose program is not there: it can be chosen, and starts nothing.
    async fn add_server(&self) {
        let added = self
            .runs(&["servers", "add", "files", "--", "/no/such/program"], true)
            .await;
        assert_eq!(added.code, 0);
    }

    /// A client asks to connect: what it keeps, its browser, and the waiting page.
    async fn knock(&self) -> (Client, crate::harness::Authorization, Browser, String) {
        let network = Network {
            front: None,
            canary: self.owner.canary.clone(),
        };
        let addresses = self.engine.addresses();
        let client = Client::register_in(&network, &addresses.local_url(), &[REDIRECT]).await;
        let authorization = client.authorization();
        let mut browser = Browser::new(network);
        let page = browser.open(&authorization.url()).await.expect(200);
        let prefix = format!("http://{}/approve/", addresses.local);
        let link = links(&page)
            .into_iter()
            .find(|link| link.as_str().starts_with(&prefix))
            .unwrap();
        let waiting = browser.walk(link.as_str(), |_| false).await.expect(200);
        (client, authorization, browser, waiting.url.to_string())
    }

    /// The id of the one connection that asks to enter.
    fn approval(&self) -> String {
        let waiting = ui_api::approvals(&self.engine);
        assert_eq!(waiting.len(), 1);
        waiting[0].id.clone()
    }
}

/// The value of a line of what is shown.
fn value<'a>(asked: &'a Confirmation, label: &str) -> &'a str {
    let detail = asked.details().iter().find(|detail| detail.label == label);
    &detail.unwrap_or_else(|| panic!("no line {label:?}")).value
}

#[tokio::test]
async fn approving_in_a_terminal_is_confirmed_in_the_window() {
    let desktop = Desktop::start().await;
    desktop.add_server().await;
    let (client, authorization, mut browser, waiting) = desktop.knock().await;
    let id = desktop.approval();
    let engine = &desktop.engine;
    let mut news = ui_api::watch_questions(engine);
    assert_eq!(news.changed().await.unwrap().waiting, 1);
    assert!(ui_api::question_tools(engine, "files").unwrap().is_empty());
    assert!(ui_api::question_tools(engine, "other").is_err());

    let refused = desktop.runs(&["approve", &id], false).await;
    assert_eq!(refused.code, 4, "refused");
    assert!(refused.stderr.contains("nothing was changed"));
    assert_eq!(desktop.approval(), id, "it still waits");
    let question = ui_api::question(engine).unwrap();
    assert_eq!((question.id, question.waiting), (id.clone(), 0));

    let terminal = desktop
        .types(&["approve", &id, "--access", "read", "--expires", "1d"])
        .await;
    let asked = desktop.asked().await;
    assert_eq!(
        value(&asked, "Goes back to a program on this computer"),
        "127.0.0.1:33418"
    );
    assert_eq!(value(&asked, "Calls itself"), "Harness");
    assert_eq!(value(&asked, "Servers"), "files");
    assert_eq!(value(&asked, "Access"), "read");
    assert_eq!(value(&asked, "For"), "1 day");
    assert_eq!(value(&asked, "The command calls itself"), "drawbridge");
    assert_eq!(desktop.approval(), id, "not before the answer");
    let question = ui_api::question(engine).unwrap();
    assert_eq!(
        question.id,
        asked.id(),
        "what is to be confirmed comes first"
    );
    assert_eq!(question.waiting, 1, "behind it the client still asks");
    let told = news.look();
    assert_eq!(told.waiting, 2);
    assert_eq!(told.head, Some((question.id, question.shown)));
    assert!(ui_api::question_tools(engine, "files").is_err());
    desktop.answers(true).await;
    let approved = desktop.ends(terminal).await;
    assert_eq!(approved.code, 0);
    assert!(
        approved.stderr.contains("asks you in its window"),
        "whoever waits knows for what"
    );

    let code = authorization.code(&browser.open(&waiting).await);
    let tokens = Tokens::of(&client.exchange(&code, &authorization).await);
    assert!(client.works(&tokens.access).await);
    desktop.stop().await;
}

#[tokio::test]
async fn a_code_a_server_and_a_token_wait_for_the_window() {
    let desktop = Desktop::start().await;
    let pair = &["pair", "--json"];
    assert_eq!(desktop.runs(pair, false).await.code, 4);
    assert!(ui_api::pairing(&desktop.engine).is_none());
    assert_eq!(desktop.runs(pair, true).await.code, 0);
    assert!(ui_api::pairing(&desktop.engine).is_some());

    let add = &[
        "servers",
        "add",
        "shell",
        "--env",
        "A=hush",
        "--env",
        "PATH=/no/such",
        "--",
        "/no/such",
        "-c",
        "a b",
    ];
    let terminal = desktop.types(add).await;
    let asked = desktop.asked().await;
    assert_eq!(value(&asked, "Program and arguments"), "/no/such -c 'a b'");
    assert_eq!(value(&asked, "Sets the variables"), "A");
    let path = value(&asked, "Variable that decides what runs");
    assert_eq!(path, "PATH=/no/such");
    assert!(ui_api::servers(&desktop.engine).is_empty());
    desktop.answers(false).await;
    assert_eq!(desktop.ends(terminal).await.code, 4);
    assert!(ui_api::servers(&desktop.engine).is_empty());
    desktop.add_server().await;

    let create = &["token", "create", "--name", "backup", "--json"];
    assert_eq!(desktop.runs(create, true).await.code, 0);
    let tokens = || ui_api::connections(&desktop.engine, false).unwrap().len();
    assert_eq!(tokens(), 1);
    assert_eq!(desktop.runs(create, false).await.code, 4);
    assert_eq!(tokens(), 1);
    desktop.stop().await;
}

#[tokio::test]
async fn what_takes_away_waits_for_nobody() {
    let desktop = Desktop::start().await;
    desktop.add_server().await;
    let _asking = desktop.knock().await;
    let id = desktop.approval();
    for command in [
        &["deny", &id][..],
        &["servers", "tools", "files", "anything", "block"],
        &["servers", "disable", "files"],
        &["servers", "remove", "files"],
        &["status"],
    ] {
        let terminal = desktop.types(command).await;
        assert_eq!(desktop.ends(terminal).await.code, 0, "{command:?}");
    }
    assert!(ui_api::question(&desktop.engine).is_none());
    desktop.stop().await;
}

#[tokio::test]
async fn whoever_hangs_up_withdraws_the_question() {
    let desktop = Desktop::start().await;
    let terminal = desktop.types(&["pair"]).await;
    let asked = desktop.asked().await;
    signal(terminal.pid, Signal::Kill);
    desktop.nothing_asked().await;
    let late = ConfirmationAnswer {
        id: asked.id().to_owned(),
        shown: asked.shown().to_string(),
        allow: true,
    };
    assert!(ui_api::confirm(&desktop.engine, &late).is_err());
    assert!(ui_api::pairing(&desktop.engine).is_none());
    desktop.stop().await;
}

#[tokio::test]
async fn without_its_window_nothing_is_let_in() {
    let mut desktop = Desktop::start().await;
    let terminal = desktop.types(&["pair"]).await;
    desktop.asked().await;
    drop(desktop.window.take());
    let ran = desktop.ends(terminal).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("nothing was changed"));
    let terminal = desktop.types(&["pair"]).await;
    assert_eq!(desktop.ends(terminal).await.code, 1);
    assert!(ui_api::pairing(&desktop.engine).is_none());
    desktop.stop().await;
}

#[tokio::test]
async fn a_child_of_drawbridge_is_refused_before_anybody_is_asked() {
    let desktop = Desktop::start().await;
    let ran = desktop.owner.run(&["pair"]).await.expect(4);
    assert!(ran.stderr.contains("own servers"), "{ran:#?}");
    assert!(desktop.engine.confirmations().waiting().is_empty());
    desktop.stop().await;
}
