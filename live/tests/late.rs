// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user who answers the BYE when the release is over: what was reported stands, and nothing stays behind.

use std::time::Duration;

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::message::Message;
use live::pair::Pair;
use live::process::wait_until;
use live::proxy::Proxy;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, check, log_of, release};
use live::verdict::{passes, reason, wrong};

const LINGER: u32 = 2;
/// What an answer that comes late must not change.
const FIGURES: [&str; 10] =
    ["started", "legs_done", "completed", "gone", "partial", "failed", "expired", "unconfirmed", "retried", "bypassed"];

/// The record as it is shown.
fn shown(host: &dyn Host, call_id: &str) -> Result<String> {
    let shown = host.show("call", call_id)?.map_err(|fault| format!("{fault:?}"))?;
    Ok(shown.to_string().replace(": ", ":"))
}

fn is_gone(host: &dyn Host, call_id: &str) -> bool {
    host.show("call", call_id).is_ok_and(|shown| shown.is_err_and(|fault| fault.code == 300))
}

/// A call under release of which one user has not answered.
struct Late {
    host: Proxy,
    pair: Pair,
    serves: Serves,
    late: Leg,
    bypass: bool,
    bye: Message,
}

impl Late {
    fn host(parameters: &[(&str, u32)]) -> Result<Proxy> {
        let mut host = Proxy::with_parameters(&[parameters, &[("linger", LINGER)]].concat())?;
        host.start()?;
        Ok(host)
    }

    /// The called user does not answer, and tm gives it up.
    fn until_the_time_out(serves: Serves) -> Result<Self> {
        let host = Self::host(&[])?;
        let mut pair = Pair::new(&host, serves, "")?;
        release(&host, &pair.call_id)?;
        let (bye, to_calling) = (pair.bye(Leg::Called, PROMPT)?, pair.bye(Leg::Calling, PROMPT)?);
        pair.answer(Leg::Calling, &to_calling, 200, &[])?;
        Ok(Self { host, pair, serves, late: Leg::Called, bypass: false, bye })
    }

    /// Service control drops the BYE, and 8 seconds later, tm's fr_timer and 3 more, the far user has the one that goes
    /// past it: the deadline is over while tm still waits for the answer.
    fn until_the_deadline(serves: Serves) -> Result<Self> {
        let host = Self::host(&[("hold", 0), ("attempt", 9), ("deadline", 10)])?;
        let mut pair = Pair::new(&host, serves, "drop")?;
        let (late, other) =
            if serves == Serves::Calling { (Leg::Called, Leg::Calling) } else { (Leg::Calling, Leg::Called) };
        release(&host, &pair.call_id)?;
        let answered = pair.bye(other, PROMPT)?;
        pair.answer(other, &answered, 200, &[])?;
        let bye = pair.bye(late, PROMPT)?;
        Ok(Self { host, pair, serves, late, bypass: true, bye })
    }

    /// What was told stands: while the call is still known, and when it is not.
    fn stands(mut self, outcome: &str, code: &str) -> Trial {
        let (host, call_id) = (&self.host, self.pair.call_id.clone());
        let done = host.outcome(&call_id, PROMPT)?;
        check(done.get("outcome") == outcome, || format!("{done:?}\n{}", log_of(host, &call_id)))?;
        let (before, figures) = (shown(host, &call_id)?, host.stats()?);
        check(before.contains("\"released\""), || before.clone())?;
        self.pair.answer(self.late, &self.bye, 200, &[])?;
        self.pair.listen(self.late, Duration::from_millis(500));
        let after = shown(host, &call_id)?;
        check(after == before, || format!("{before}\n{after}"))?;

        let gone = wait_until(Duration::from_secs(u64::from(LINGER) + 5), || is_gone(host, &call_id));
        check(gone, || format!("still there: {:?}", shown(host, &call_id)))?;
        self.pair.answer(self.late, &self.bye, 200, &[])?;
        self.pair.listen(self.late, Duration::from_millis(500));
        let stats = host.stats()?;
        for name in FIGURES {
            check(stats[name] == figures[name], || format!("{name}: {figures}\n{stats}"))?;
        }
        let mut judge = self.pair.judge(host);
        let (called, calling) = passes(self.serves);
        for (leg, passes) in [(Leg::Called, called), (Leg::Calling, calling)] {
            if leg == self.late && self.bypass {
                judge.byes_of_a_bypass(leg, &reason(CAUSE, TEXT));
            } else if leg == self.late {
                judge.repeated_bye(leg, passes, &reason(CAUSE, TEXT));
            } else {
                judge.bye(leg, passes, &reason(CAUSE, TEXT));
            }
        }
        let (called, calling) = if self.late == Leg::Called { (code, "200") } else { ("200", code) };
        judge.reported(outcome, CAUSE, called, calling);
        wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(host, &call_id))))?;

        // And the proxy goes on.
        let mut next = Pair::new(host, self.serves, "")?;
        release(host, &next.call_id)?;
        next.answer_byes(PROMPT)?;
        let done = host.outcome(&next.call_id, PROMPT)?;
        Ok(check(done.get("outcome") == "completed", || format!("{done:?}"))?)
    }
}

#[test]
fn after_the_time_out() -> Trial {
    Late::until_the_time_out(Serves::Neither)?.stands("gone", "408")
}

#[test]
fn after_the_time_out_behind_service_control() -> Trial {
    Late::until_the_time_out(Serves::Calling)?.stands("gone", "408")
}

#[test]
fn after_the_deadline() -> Trial {
    Late::until_the_deadline(Serves::Calling)?.stands("expired", "408")?;
    Late::until_the_deadline(Serves::Called)?.stands("expired", "408")
}
