//! The pages that only say something: what happened, what it means, what to do.
//!
//! Each is also the answer to a program, as `error` and `error_description`.

use axum::http::StatusCode;

use crate::clients::ClientKind;
use crate::local::VisitRefused;

/// How a page's mark looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It went well.
    Good,
    /// So it is.
    Neutral,
    /// Something is to be done.
    Attention,
}

impl Tone {
    /// The class of the page's mark.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Neutral => "neutral",
            Self::Attention => "attention",
        }
    }
}

/// The error as the RFCs name it, for those who build clients.
pub(crate) struct Detail {
    pub(crate) code: &'static str,
    pub(crate) description: String,
}

/// A link to a host we do not know, for a person to follow or not.
pub(crate) struct Leave {
    pub(crate) title: &'static str,
    pub(crate) host: String,
    pub(crate) link: String,
}

/// One page, as data.
pub(crate) struct Message {
    pub(crate) status: StatusCode,
    pub(crate) tone: Tone,
    pub(crate) heading: String,
    pub(crate) paragraphs: Vec<String>,
    pub(crate) detail: Option<Detail>,
    pub(crate) leave: Option<Leave>,
    /// Seconds after which trying again makes sense.
    pub(crate) retry_after: Option<u64>,
    code: &'static str,
}

impl Message {
    fn new(status: StatusCode, code: &'static str, heading: &str, paragraphs: &[&str]) -> Self {
        Self {
            status,
            tone: if status.is_success() {
                Tone::Neutral
            } else {
                Tone::Attention
            },
            heading: heading.to_owned(),
            paragraphs: paragraphs.iter().map(|text| (*text).to_owned()).collect(),
            detail: None,
            leave: None,
            retry_after: None,
            code,
        }
    }

    /// The error code of the RFCs that comes closest.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// All it says, as one text.
    pub(crate) fn description(&self) -> String {
        match &self.detail {
            Some(detail) => detail.description.clone(),
            None => format!("{}. {}", self.heading, self.paragraphs.join(" ")),
        }
    }

    /// With a link to a host we do not know.
    pub(crate) fn leaving(mut self, title: &'static str, host: String, link: String) -> Self {
        self.leave = Some(Leave { title, host, link });
        self
    }

    fn toned(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

/// What is known of a client beside the name it gives itself.
pub(crate) const fn origin_note(kind: ClientKind) -> &'static str {
    match kind {
        ClientKind::Static => "It is the client whose ID and secret you set up by hand.",
        ClientKind::Registered => "It registered itself: anyone can use this name.",
        ClientKind::MetadataDocument | ClientKind::Script => "",
    }
}

/// An authorization request that cannot be used, and that no browser may be sent back with.
pub(crate) fn bad_request(code: &'static str, heading: &str, description: String) -> Message {
    let mut message = Message::new(
        StatusCode::BAD_REQUEST,
        code,
        heading,
        &[
            "The application that sent you here asked in a way Drawbridge cannot answer. Nothing was \
           opened. Close this page and connect again from the application; if it happens again, \
           this is what its makers need to know:",
        ],
    );
    message.detail = Some(Detail { code, description });
    message
}

/// A request that cannot be used, of a client at a host we do not know.
pub(crate) fn cannot_answer(code: &'static str, description: String) -> Message {
    let mut message = Message::new(
        StatusCode::BAD_REQUEST,
        code,
        "This request cannot be used",
        &[
            "The application that sent you here asked in a way Drawbridge cannot answer. Nothing was \
           opened.",
        ],
    );
    message.detail = Some(Detail { code, description });
    message
}

/// Too many requests from one address, or in all.
pub(crate) fn too_many(seconds: u64) -> Message {
    let wait = match seconds {
        0..=90 => "Wait a minute, then connect again from the application.".to_owned(),
        _ => format!(
            "Wait {} minutes, then connect again from the application.",
            seconds.div_ceil(60)
        ),
    };
    Message::new(
        StatusCode::TOO_MANY_REQUESTS,
        "temporarily_unavailable",
        "Too many requests",
        &["Drawbridge got more requests to connect than it takes, so it left this one out. Nothing \
           was opened.", &wait],
    )
    .retry_after(seconds)
}

/// As many questions wait as may.
pub(crate) fn busy() -> Message {
    Message::new(
        StatusCode::TOO_MANY_REQUESTS,
        "temporarily_unavailable",
        "Too many questions are waiting",
        &[
            "Drawbridge is already waiting for answers about other connections, so it did not ask \
           about this one. Nothing was opened.",
            "Answer those on your computer, then connect again from the application.",
        ],
    )
    .retry_after(60)
}

/// Several were denied just now.
pub(crate) fn quiet(seconds: u64) -> Message {
    Message::new(
        StatusCode::TOO_MANY_REQUESTS,
        "temporarily_unavailable",
        "Drawbridge is quiet for a minute",
        &[
            "Several connections were denied just now, so Drawbridge shows no new question for a \
           minute. Nothing was opened.",
            "If you want this connection, wait a minute and connect again from the application.",
        ],
    )
    .retry_after(seconds.max(1))
}

/// New connections ask only after *Add connection*.
pub(crate) fn unarmed() -> Message {
    Message::new(
        StatusCode::FORBIDDEN,
        "access_denied",
        "New connections are off",
        &[
            "This Drawbridge takes new connections only when its owner asks for one. Nothing was \
           opened, and nobody was asked.",
            "Is it yours? Press “Add connection” in Drawbridge, then connect again from the \
           application within ten minutes.",
        ],
    )
    .toned(Tone::Neutral)
}

/// Drawbridge is closing.
pub(crate) fn closing() -> Message {
    Message::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "Drawbridge is closing",
        &[
            "It takes no new connections now. Start it again, then connect again from the \
           application.",
        ],
    )
    .retry_after(60)
}

/// The link to this computer was used before, is too old, or never was.
pub(crate) fn handle_ended() -> Message {
    Message::new(
        StatusCode::NOT_FOUND,
        "invalid_request",
        "This link was used already, or is too old",
        &[
            "Each link works once, for five minutes. Nothing was opened.",
            "Go back to the page it was on, reload it, and press Continue again; or connect again \
           from the application.",
        ],
    )
    .toned(Tone::Neutral)
}

/// The visit to the local listener was not a plain navigation on this computer.
pub(crate) fn visit_refused(why: VisitRefused) -> Message {
    let (heading, text) = match why {
        VisitRefused::Host => (
            "Not under this name",
            "This address answers only under its own name. Open the link on the page unchanged.",
        ),
        VisitRefused::Forwarded => (
            "Not through a proxy",
            "This link proves that your browser runs on the computer where Drawbridge runs, so it \
             works only without a proxy or tunnel between them. On another device, use a code: \
             open “Connect another device” in Drawbridge.",
        ),
        VisitRefused::NotNavigation => (
            "Open this link yourself",
            "This link works only when a person follows it in a browser, not when a page fetches \
             it.",
        ),
        VisitRefused::OtherUser => (
            "Another user's Drawbridge",
            "This Drawbridge belongs to another user of this computer, and only their browser may \
             use this link.",
        ),
    };
    Message::new(
        StatusCode::FORBIDDEN,
        "access_denied",
        heading,
        &[text, "Nothing was opened."],
    )
}

/// Another browser than the one that asked, or one that keeps no cookies.
pub(crate) fn wrong_browser() -> Message {
    Message::new(
        StatusCode::FORBIDDEN,
        "access_denied",
        "This belongs to another browser",
        &[
            "Only the browser that asked to connect can go on here, and this one does not have its \
           cookie. Nothing was opened.",
            "Did somebody send you this link? Close the page. Otherwise allow cookies for this \
           address and connect again from the application, in one and the same browser.",
        ],
    )
}

/// A form sent from another site.
pub(crate) fn foreign_form() -> Message {
    Message::new(
        StatusCode::FORBIDDEN,
        "access_denied",
        "This form came from somewhere else",
        &[
            "Codes are taken only from Drawbridge's own page. Nothing was opened.",
            "Connect again from the application, and type the code into the page that opens.",
        ],
    )
}

/// Unknown, or over: from outside that is the same.
pub(crate) fn ended() -> Message {
    Message::new(
        StatusCode::NOT_FOUND,
        "invalid_request",
        "This page has ended",
        &[
            "What it waited for is over, or took too long.",
            "You can close it. To connect, start again from the application.",
        ],
    )
    .toned(Tone::Neutral)
}

/// The waiting page was opened before the person proved to be here.
pub(crate) fn not_proven() -> Message {
    Message::new(
        StatusCode::CONFLICT,
        "invalid_request",
        "One step is missing",
        &[
            "Drawbridge has not asked anything yet: first show that you are at its computer.",
            "Go back, reload the page, and press Continue on this computer, or type the code that \
           Drawbridge shows.",
        ],
    )
    .toned(Tone::Neutral)
}

/// The answer was handed over.
pub(crate) fn over() -> Message {
    Message::new(
        StatusCode::OK,
        "invalid_request",
        "You can close this page",
        &["The answer is with the application. Go on there."],
    )
    .toned(Tone::Good)
}

/// The person said no; the client's host is unknown.
pub(crate) fn denied() -> Message {
    Message::new(
        StatusCode::OK,
        "access_denied",
        "Denied",
        &[
            "This connection was denied on the computer where Drawbridge runs. Nothing was opened.",
            "You can close this page.",
        ],
    )
    .toned(Tone::Neutral)
}

/// Nobody answered; the client's host is unknown.
pub(crate) fn timed_out() -> Message {
    Message::new(
        StatusCode::OK,
        "access_denied",
        "Nobody answered in time",
        &[
            "The question waited five minutes on the computer where Drawbridge runs, then it was \
           withdrawn. Nothing was opened.",
            "To try again, connect again from the application.",
        ],
    )
    .toned(Tone::Neutral)
}

/// Drawbridge was closed while the question waited; the client's host is unknown.
pub(crate) fn closed() -> Message {
    Message::new(
        StatusCode::OK,
        "temporarily_unavailable",
        "Drawbridge was closed",
        &[
            "It was closed before anybody answered. Nothing was opened.",
            "Start it again, then connect again from the application.",
        ],
    )
    .toned(Tone::Neutral)
}

/// The connection was ended between the decision and this visit.
pub(crate) fn connection_gone() -> Message {
    Message::new(
        StatusCode::NOT_FOUND,
        "access_denied",
        "This connection was ended",
        &[
            "It was approved and then ended on the computer where Drawbridge runs, before the \
           application could use it.",
            "To connect, start again from the application.",
        ],
    )
    .toned(Tone::Neutral)
}

/// Our own fault.
pub(crate) fn server_error() -> Message {
    Message::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "server_error",
        "Drawbridge could not do this",
        &[
            "It could not use its database or make a secret. Nothing was opened.",
            "Run “drawbridge doctor” on that computer; it says what to mend. Then connect again from \
           the application.",
        ],
    )
}
