// SPDX-License-Identifier: MIT OR Apache-2.0
//! Beside the module topology_hiding of OpenSIPS, on calls that it hides and on others.

use std::time::Duration;

use live::call::Serves;
use live::host::{Host, Result};
use live::message::{Message, uri_of};
use live::peer::{Peer, reply};
use live::process::wait_until;
use live::proxy::Kind;
use live::scenario::Script;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, call, check, proxy, released_by_rpc};

const ROLES: [Serves; 3] = [Serves::Calling, Serves::Called, Serves::Neither];
const WAYS: [&[&str]; 2] = [&["WITH_TOPOLOGY_HIDING"], &["WITH_TOPOLOGY_HIDING", "WITH_DIALOG"]];
const SHORT: Duration = Duration::from_millis(500);

fn is_kamailio() -> Result<bool> {
    let other = Kind::wanted()? == Kind::Kamailio;
    if other {
        println!("only on OpenSIPS");
    }
    Ok(other)
}

/// A call whose users do what the messages that they get tell them, as user agents do.
struct Hidden {
    call_id: String,
    calling: Peer,
    called: Peer,
    /// What the called user has got, and the calling one.
    invite: Message,
    ok: Message,
}

impl Hidden {
    /// Of the INVITE the proxy is to hide what `hide` says.
    fn new(host: &dyn Host, serves: Serves, hide: &str) -> Result<Self> {
        let (mut calling, mut called) = (Peer::new()?, Peer::new()?);
        let (here, there, proxy) = (calling.address(), called.address(), host.address());
        let call_id = format!("hidden-{}@{}", here.port(), here.ip());
        let invite = format!(
            "INVITE sip:bob@{there} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-hidden-1\r\n\
             Route: <sip:{proxy};lr;role={};hide={hide}>\r\nFrom: <sip:alice@home1.net>;tag=a\r\n\
             To: <sip:bob@home1.net>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@{here}>\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            serves.word()
        );
        calling.send(proxy, invite.as_bytes())?;
        let invite = called.await_message(PROMPT, |one| one.is("INVITE"))?;
        let contact = format!("Contact: <sip:bob@{there}>");
        called.send(proxy, &reply(&invite, 200, Some("<sip:bob@home1.net>;tag=b"), &[contact]))?;
        let ok = calling.await_message(PROMPT, |one| one.answers("INVITE", 200))?;
        let mut made = Self { call_id, calling, called, invite, ok };
        made.send(host, "ACK", 1)?;
        made.called.await_message(PROMPT, |one| one.is("ACK"))?;
        Ok(made)
    }

    /// The calling user sends a request within the dialog.
    fn send(&mut self, host: &dyn Host, method: &str, number: u32) -> Result<()> {
        let target = self.ok.header("Contact");
        let route: String =
            self.ok.headers("Record-Route").iter().rev().map(|entry| format!("Route: {entry}\r\n")).collect();
        let request = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK-hidden-{method}\r\n{route}\
             From: <sip:alice@home1.net>;tag=a\r\nTo: <sip:bob@home1.net>;tag=b\r\nCall-ID: {}\r\n\
             CSeq: {number} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            uri_of(&target),
            self.calling.address(),
            self.call_id
        );
        self.calling.send(host.address(), request.as_bytes())
    }
}

/// Calls that are not hidden are as ever.
#[test]
fn calls_that_are_not_hidden() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    for defines in WAYS {
        let host = proxy(defines)?;
        check(host.log().contains("topology_hiding is loaded"), || host.log())?;
        for serves in ROLES {
            let (call, call_id) = call(&host, serves.word(), Script::new(&host, serves)?)?;
            released_by_rpc(&host, &call, &call_id, serves)?;
        }
    }
    Ok(())
}

/// What is hidden has no entry of the proxy's own in its 2xx, so that no BYE can be built: its release is refused, with
/// the reason and nothing sent, and it is forgotten when its user ends it.
#[test]
fn a_hidden_call_is_refused_and_goes_on() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    for defines in WAYS {
        let host = proxy(defines)?;
        for serves in ROLES {
            let mut hidden = Hidden::new(&host, serves, "all")?;
            check(hidden.invite.headers("Record-Route").is_empty(), || "it is not hidden".to_owned())?;
            let contact = hidden.ok.header("Contact");
            check(contact.contains(&host.address().to_string()), || format!("it is not hidden: {contact}"))?;
            let fault = host.release("call", &hidden.call_id, CAUSE, TEXT)?.err().ok_or("it is released")?;
            check(fault.code == 110 && fault.text.contains("no entry is the proxy's own"), || format!("{fault:?}"))?;
            for user in [&mut hidden.called, &mut hidden.calling] {
                check(user.await_message(SHORT, |one| one.is("BYE")).is_err(), || "a BYE all the same".to_owned())?;
            }
            hidden.send(&host, "BYE", 2)?;
            let bye = hidden.called.await_message(PROMPT, |one| one.is("BYE"))?;
            hidden.called.send(host.address(), &reply(&bye, 200, None, &[]))?;
            hidden.calling.await_message(PROMPT, |one| one.answers("BYE", 200))?;
            check(wait_until(PROMPT, || host.list().is_ok_and(|list| list.is_empty())), || host.log())?;
        }
    }
    Ok(())
}

/// With record_route() behind topology_hiding() it is released, with what the users themselves have told, not with what
/// was shown to the other one.
#[test]
fn a_hidden_call_that_is_record_routed_all_the_same() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(WAYS[0])?;
    for serves in ROLES {
        let mut hidden = Hidden::new(&host, serves, "contact")?;
        check(hidden.invite.headers("Record-Route").len() == 1, || "it is not record-routed".to_owned())?;
        check(!hidden.invite.header("Contact").contains("alice"), || "it is not hidden".to_owned())?;
        host.release("call", &hidden.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
        for user in [&mut hidden.called, &mut hidden.calling] {
            let here = user.address();
            let bye = user.await_message(PROMPT, |one| one.is("BYE"))?;
            let target = bye.request_uri().unwrap_or_default();
            check(target.ends_with(&format!("@{here}")), || format!("the BYE is for {target}"))?;
            user.send(host.address(), &reply(&bye, 200, None, &[]))?;
        }
        let done = host.outcome(&hidden.call_id, PROMPT)?;
        check(done.get("outcome") == "completed", || format!("{done:?}"))?;
        let runs = host.lines_of("bye", &hidden.call_id).len();
        check(runs == usize::from(serves != Serves::Neither), || format!("{runs} runs of the script"))?;
    }
    Ok(())
}
