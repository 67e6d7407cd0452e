// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the live tests have in common: setting up, releasing, and a failure that shows what was seen.

use std::time::Duration;

use serde_json::Value;

use crate::call::{Call, Serves};
use crate::host::{Host, Line, Result};
use crate::kamailio::{AROUND, Kamailio};
use crate::proxy::{Kind, Proxy};
use crate::scenario::Script;
use crate::verdict::{self, Verdict};

/// Why a test failed. Shown as it is, lines and all.
pub struct Failure(String);

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What a live test returns.
pub type Trial = std::result::Result<(), Failure>;

/// The cause of the releases that the tests ask for.
pub const CAUSE: &str = "402";
/// Its text.
pub const TEXT: &str = "Credit is gone";
/// How long an ordinary release may take: no time-out is waited for.
pub const PROMPT: Duration = Duration::from_secs(20);

/// A Kamailio that runs.
pub fn kamailio(defines: &[&str]) -> Result<Kamailio> {
    let mut host = Kamailio::for_tests(defines)?;
    host.start()?;
    Ok(host)
}

/// A Kamailio that runs a configuration of the test's own, which may name its address and the like.
pub fn kamailio_of(text: impl FnOnce(&Kamailio) -> String) -> Result<Kamailio> {
    let mut host = Kamailio::with_text("")?;
    host.rewrite(&format!("{AROUND}{}", text(&host)))?;
    host.start()?;
    Ok(host)
}

/// A host of the kind that the environment names, running.
pub fn proxy(defines: &[&str]) -> Result<Proxy> {
    let mut host = Proxy::for_tests(defines)?;
    host.start()?;
    Ok(host)
}

/// True where the host is OpenSIPS, which can not do this; says why. The README of its module has a row for each.
pub fn opensips_can_not(why: &str) -> Result<bool> {
    let is_opensips = Kind::wanted()? == Kind::Opensips;
    if is_opensips {
        println!("left out on OpenSIPS: {why}");
    }
    Ok(is_opensips)
}

/// Of what is wrong with many releases, takes out those that had a BYE sent again, and answered again, by tm of OpenSIPS:
/// it sets the timer of a request after it has sent it, and a worker that has to wait between the two sends it once more.
pub fn leave_out_sent_again(wrong: &mut Vec<String>, calls: usize) -> Result<()> {
    if wrong.is_empty()
        || !opensips_can_not("keep from sending a request again that is answered before tm has set its timer")?
    {
        return Ok(());
    }
    let twice = ["called: one BYE: 2, ", "calling: one BYE: 2, ", "both answered 200: "];
    let count = wrong.len();
    wrong.retain(|text| !text.lines().skip(1).all(|line| twice.iter().any(|start| line.starts_with(start))));
    let again = count - wrong.len();
    println!("{again} of {calls} releases had a BYE sent again");
    check(again <= 2 + calls / 500, || format!("{again} of {calls} is too often"))
}

/// A call between two SIPp that has come as far as its script goes before the BYE.
pub fn call(host: &dyn Host, name: &str, script: Script) -> Result<(Call, String)> {
    let call = Call::start(host, name, script)?;
    let call_id = call.established()?;
    Ok((call, call_id))
}

/// The results that a release by RPC told, one for each dialog.
pub fn results(reply: &Value) -> Vec<String> {
    let entries = reply.as_array().cloned().unwrap_or_else(|| vec![reply.clone()]);
    entries.iter().map(|entry| entry.get("result").and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
}

/// Starts the release of the only dialog of a call.
pub fn release(host: &dyn Host, call_id: &str) -> Result<()> {
    let reply = host.release("call", call_id, CAUSE, TEXT)?.map_err(|fault| {
        let log = log_of(host, call_id);
        format!("the release of {call_id} is refused: {} {}\n{log}", fault.code, fault.text)
    })?;
    let results = results(&reply);
    if results == ["releasing"] { Ok(()) } else { Err(format!("the release of {call_id} told {reply}")) }
}

/// Starts the release and waits for its end.
pub fn release_to_the_end(host: &dyn Host, call_id: &str) -> Result<Line> {
    release(host, call_id)?;
    host.outcome(call_id, PROMPT)
}

/// Nothing when all statements are good; else those that are not, and what both ends and the proxy saw.
pub fn all_good(host: &dyn Host, call: &Call, call_id: &str, verdicts: &[Verdict]) -> Result<()> {
    let Some(wrong) = verdict::wrong(verdicts) else { return Ok(()) };
    Err(format!("{wrong}\n\n{}\n{}", call.transcript(), log_of(host, call_id)))
}

/// What must hold, in words.
pub fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// The lines of the log that name a call.
pub fn log_of(host: &dyn Host, call_id: &str) -> String {
    host.log().lines().filter(|line| line.contains(call_id)).map(|line| format!("{line}\n")).collect()
}

/// An ordinary release by RPC: started, ended, and all that it must show.
pub fn released_by_rpc(host: &dyn Host, call: &Call, call_id: &str, serves: Serves) -> Result<()> {
    release_to_the_end(host, call_id)?;
    was_released(host, call, call_id, serves, (CAUSE, TEXT))
}

/// All that a release which has ended must show, with the cause and the text of its Reason.
pub fn was_released(
    host: &dyn Host,
    call: &Call,
    call_id: &str,
    serves: Serves,
    (cause, text): (&str, &str),
) -> Result<()> {
    call.both_byes(PROMPT);
    let verdicts = verdict::of_a_release(host, call, call_id, serves, cause, text);
    all_good(host, call, call_id, &verdicts)
}
