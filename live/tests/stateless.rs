// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the script answers without a transaction counts as any other answer: a refused INVITE is no call, a refused BYE
//! ends none.

use std::net::SocketAddr;

use live::host::Host;
use live::peer::{Peer, reply};
use live::trial::{PROMPT, Trial, check, proxy};

const CALL_ID: &str = "stateless";

/// A request of the calling user; `lines` each with its line end.
fn request(method: &str, number: u32, target: &str, from: SocketAddr, proxy: SocketAddr, lines: &str) -> Vec<u8> {
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}{number}\r\nRoute: <sip:{proxy};lr;role=orig>\r\n\
         From: <sip:a@b>;tag=a\r\nCall-ID: {CALL_ID}\r\nCSeq: {number} {method}\r\nContact: <sip:a@{from}>\r\n\
         Max-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

#[test]
fn an_invite_refused_statelessly_is_forgotten() -> Trial {
    let host = proxy(&[])?;
    let mut calling = Peer::new()?;
    let target = format!("sip:x@{};live=busy", calling.address());
    let invite = request("INVITE", 1, &target, calling.address(), host.address(), "To: <sip:c@d>\r\n");
    calling.send(host.address(), &invite)?;
    calling.await_message(PROMPT, |message| message.answers("INVITE", 486))?;
    Ok(check(!host.holds(CALL_ID)?, || "the refused INVITE is still listed".to_owned())?)
}

/// `X-Release` has the script release on the BYE itself: ours wait for its answer, and a refusal frees them.
#[test]
fn a_bye_refused_statelessly_ends_nothing() -> Trial {
    let host = proxy(&[])?;
    let (mut calling, mut called) = (Peer::new()?, Peer::new()?);
    let (proxy, from) = (host.address(), calling.address());
    let target = format!("sip:c@{}", called.address());
    calling.send(proxy, &request("INVITE", 1, &target, from, proxy, "To: <sip:c@d>\r\n"))?;
    let invite = called.await_message(PROMPT, |message| message.is("INVITE"))?;
    let contact = format!("Contact: <{target}>");
    called.send(proxy, &reply(&invite, 200, Some("<sip:c@d>;tag=c"), &[contact]))?;
    calling.await_message(PROMPT, |message| message.answers("INVITE", 200))?;
    let to = "To: <sip:c@d>;tag=c\r\n";
    calling.send(proxy, &request("ACK", 1, &target, from, proxy, to))?;
    called.await_message(PROMPT, |message| message.is("ACK"))?;
    let lines = format!("{to}X-Release: before\r\nX-Refuse: yes\r\n");
    calling.send(proxy, &request("BYE", 2, &target, from, proxy, &lines))?;
    calling.await_message(PROMPT, |message| message.answers("BYE", 403))?;
    for user in [&mut called, &mut calling] {
        let bye = user.await_message(PROMPT, |message| message.is("BYE"))?;
        user.send(proxy, &reply(&bye, 200, None, &[]))?;
    }
    let end = host.outcome(CALL_ID, PROMPT)?;
    Ok(check((end.get("outcome"), end.get("cause")) == ("completed", "503"), || host.log())?)
}
