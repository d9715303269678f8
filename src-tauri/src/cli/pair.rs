//! `drawbridge pair`: a code for a browser on another device.

use drawbridge_vault::ports::{Clock as _, SystemClock};

use super::arguments::Output;
use super::terminal::relative;
use super::{CommandError, Context};
use crate::ui_api::{Ask, PairingShown};

pub(super) async fn run(output: Output, context: &Context) -> Result<(), CommandError> {
    let shown: PairingShown = context.client.ask(&Ask::Pair).await?;
    if output.json {
        return context.terminal.json(&shown);
    }
    let ends = relative(shown.expires_at, SystemClock.now());
    context.terminal.text(&format!(
        "\n    {code}\n\n\
         Type this code into the page that the other device's browser shows. Its address must begin with\n\
         {host}/ and nothing else. The code works once and ends {ends}.\n\
         Never read it out or send it to anybody. Afterwards look at: drawbridge approvals\n",
        code = shown.code.expose(),
        host = shown.host,
    ))?;
    Ok(())
}
