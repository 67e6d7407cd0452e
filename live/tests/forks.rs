// SPDX-License-Identifier: MIT OR Apache-2.0
//! One INVITE, two called users that answer 200: two dialogs of one Call-ID, each with its own tag, target and CSeq.
//! Both users are played by hand: SIPp acknowledges one answer only.

use std::time::Duration;

use live::evidence::{Evidence, Leg};
use live::host::{Host, Result};
use live::message::Message;
use live::peer::{Peer, reply};
use live::process::wait_until;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, check, proxy, results};
use live::verdict::{self, Judge, reason};

const TAGS: [&str; 2] = ["b-one", "b-two"];

/// A forked call.
struct Forked {
    call_id: String,
    calling: Peer,
    called: Peer,
}

impl Forked {
    /// Both dialogs acknowledged; in the second the calling user has sent one more request.
    fn new(host: &dyn Host) -> Result<Self> {
        let (mut calling, mut called) = (Peer::new()?, Peer::new()?);
        let (proxy, here, there) = (host.address(), calling.address(), called.address());
        let call_id = format!("fork-{}@{}", here.port(), here.ip());
        let common = |tag: &str, number: u32, method: &str| {
            let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
            format!(
                "Via: SIP/2.0/UDP {here};branch=z9hG4bK{number}{method}{}\r\nFrom: \"Alice\" <sip:alice@home1.net>;tag=a-fork\r\n\
                 To: <sip:bob@home1.net>{tag}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n",
                tag.len()
            )
        };
        let invite = format!(
            "INVITE sip:bob@{there} SIP/2.0\r\n{}Route: <sip:{proxy};lr;role=orig>\r\nContact: <sip:alice@{here}>\r\n\
             Record-Route: <sip:{here};lr;hop=alice>\r\nContent-Length: 0\r\n\r\n",
            common("", 101, "INVITE")
        );
        calling.send(proxy, invite.as_bytes())?;
        let received = called.await_message(PROMPT, |one| one.is("INVITE"))?;
        for tag in TAGS {
            let to = format!("<sip:bob@home1.net>;tag={tag}");
            let contact = format!("Contact: <sip:{tag}@{there}>");
            called.send(proxy, &reply(&received, 200, Some(&to), &[contact]))?;
            let answered = |one: &Message| one.answers("INVITE", 200) && one.header("To").ends_with(tag);
            calling.await_message(PROMPT, answered)?;
            let within = |number, method| {
                let common = common(tag, number, method);
                format!(
                    "{method} sip:{tag}@{there} SIP/2.0\r\n{common}Route: <sip:{proxy};lr>\r\nContent-Length: 0\r\n\r\n"
                )
            };
            calling.send(proxy, within(101, "ACK").as_bytes())?;
            called.await_message(PROMPT, |one| one.is("ACK") && one.header("To").ends_with(tag))?;
            if tag == TAGS[1] {
                calling.send(proxy, within(102, "INFO").as_bytes())?;
                let info = called.await_message(PROMPT, |one| one.is("INFO"))?;
                called.send(proxy, &reply(&info, 200, None, &[]))?;
                calling.await_message(PROMPT, |one| one.answers("INFO", 200))?;
            }
        }
        Ok(Self { call_id, calling, called })
    }

    /// Both users answer the BYE of the dialog with this tag.
    fn answer_byes(&mut self, host: &dyn Host, tag: &str) -> Result<()> {
        let ours = |one: &Message| {
            one.is("BYE") && [one.header("From"), one.header("To")].iter().any(|value| value.ends_with(tag))
        };
        for user in [&mut self.called, &mut self.calling] {
            let known = user.received().iter().find(|one| ours(one)).cloned();
            let bye = known.map_or_else(|| user.await_message(PROMPT, ours), Ok);
            let bye = bye.map_err(|error| format!("{error}\n{}", host.log()))?;
            user.send(host.address(), &reply(&bye, 200, None, &[]))?;
        }
        Ok(())
    }

    /// The BYEs of one dialog say what they must.
    fn judge(&self, host: &dyn Host, tag: &str) -> Result<()> {
        let evidence = Evidence {
            calling_sent: self.calling.sent().to_vec(),
            calling_received: self.calling.received().to_vec(),
            called_sent: self.called.sent().to_vec(),
            called_received: self.called.received().to_vec(),
        };
        let mut judge = Judge::of_a_fork(host, &self.call_id, &evidence, tag);
        judge.order();
        judge.bye(Leg::Called, 1, &reason(CAUSE, TEXT));
        judge.bye(Leg::Calling, 0, &reason(CAUSE, TEXT));
        judge.delivery(Leg::Called, 1);
        judge.delivery(Leg::Calling, 0);
        judge.both_answered();
        verdict::wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{tag}: {wrong}\n{}", host.log())))
    }

    /// So many releases of the call were reported, all completed.
    fn completed(&self, host: &dyn Host, count: usize) -> Result<()> {
        wait_until(PROMPT, || host.lines_of("done", &self.call_id).len() >= count);
        std::thread::sleep(Duration::from_millis(100));
        let done = host.lines_of("done", &self.call_id);
        let good = done.len() == count && done.iter().all(|line| line.get("outcome") == "completed");
        check(good, || format!("reported: {done:?}"))
    }

    fn listed(&self, host: &dyn Host) -> Result<Vec<(String, String)>> {
        let text = |entry: &serde_json::Value, name: &str| {
            entry.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
        };
        let list = host.list()?;
        let of_the_call = list.iter().filter(|entry| text(entry, "call_id") == self.call_id);
        let mut found: Vec<_> = of_the_call.map(|entry| (text(entry, "to_tag"), text(entry, "id"))).collect();
        found.sort();
        Ok(found)
    }
}

#[test]
fn the_call_is_released_with_two_pairs() -> Trial {
    let host = proxy(&[])?;
    let mut forked = Forked::new(&host)?;
    let listed = forked.listed(&host)?;
    let tags: Vec<&str> = listed.iter().map(|(tag, _)| tag.as_str()).collect();
    check(tags == TAGS, || format!("the list shows {listed:?}"))?;
    let told = host.release("call", &forked.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    check(results(&told) == ["releasing", "releasing"], || format!("told {told}"))?;
    for tag in TAGS {
        forked.answer_byes(&host, tag)?;
    }
    forked.completed(&host, 2)?;
    for tag in TAGS {
        forked.judge(&host, tag)?;
    }
    check(forked.listed(&host)?.is_empty(), || "still in the list".to_owned())?;
    Ok(())
}

#[test]
fn one_dialog_is_released_and_the_other_goes_on() -> Trial {
    let host = proxy(&[])?;
    let mut forked = Forked::new(&host)?;
    let one = format!("{},a-fork,{}", forked.call_id, TAGS[0]);
    host.release("dialog", &one, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    forked.answer_byes(&host, TAGS[0])?;
    forked.completed(&host, 1)?;
    forked.judge(&host, TAGS[0])?;
    let listed = forked.listed(&host)?;
    check(listed.len() == 1 && listed[0].0 == TAGS[1], || format!("the list shows {listed:?}"))?;
    let fault = host.release("dialog", &one, CAUSE, TEXT)?.err().ok_or("released twice")?;
    check(fault.code == 308, || format!("{fault:?}"))?;
    host.release("id", &listed[0].1, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    forked.answer_byes(&host, TAGS[1])?;
    forked.completed(&host, 2)?;
    Ok(forked.judge(&host, TAGS[1])?)
}
