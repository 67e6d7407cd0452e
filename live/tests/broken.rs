// SPDX-License-Identifier: MIT OR Apache-2.0
//! Broken messages stop no call and no worker. (That no worker died is looked at when each proxy of a test ends.)

use std::net::SocketAddr;

use live::call::Serves;
use live::host::{Host, Result};
use live::peer::Peer;
use live::scenario::Script;
use live::trial::{PROMPT, Trial, call, check, proxy, released_by_rpc};

/// An INVITE that the proxy tracks, from a peer to itself.
fn invite(peer: SocketAddr, proxy: SocketAddr, number: usize) -> String {
    format!(
        "INVITE sip:x@{peer} SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bKbroken{number}\r\n\
         Route: <sip:{proxy};lr;role=orig>\r\nFrom: \"A\" <sip:a@b>;tag=f{number}\r\nTo: <sip:x@b>\r\n\
         Call-ID: broken-{number}@{peer}\r\nCSeq: 7 INVITE\r\nContact: <sip:a@{peer}>\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn without(message: &str, name: &str) -> String {
    message.split_inclusive("\r\n").filter(|line| !line.starts_with(&format!("{name}:"))).collect()
}

fn doubled(message: &str, name: &str) -> String {
    let twice = |line: &str| if line.starts_with(&format!("{name}:")) { line.repeat(2) } else { line.to_owned() };
    message.split_inclusive("\r\n").map(twice).collect()
}

/// Replaces the value of a header.
fn with(message: &str, name: &str, value: &str) -> String {
    let changed = |line: &str| {
        if line.starts_with(&format!("{name}:")) { format!("{name}: {value}\r\n") } else { line.to_owned() }
    };
    message.split_inclusive("\r\n").map(changed).collect()
}

const HEADERS: [&str; 7] = ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards"];

/// Values that follow no grammar, for any header.
const VALUES: [&str; 12] = [
    "",
    "\"",
    "<",
    ">",
    "\"a\\",
    "<sip:",
    ";tag=;tag=",
    "*",
    "\u{0}\u{1}",
    "99999999999999999999 INVITE",
    "-1 ACK",
    "SIP/2.0/UDP ;branch=;ims-release=0123456789abcdef0123456789abcdef",
];

fn broken(peer: SocketAddr, proxy: SocketAddr) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\r\n\r\n".to_vec(),
        vec![0; 200],
        vec![0xff; 1400],
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"INVITE\r\n\r\n".to_vec(),
        b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        "BYE sip:a@b SIP/2.0\r\n".repeat(40).into_bytes(),
    ];
    let mut number = 0;
    let mut fresh = || {
        number += 1;
        invite(peer, proxy, number)
    };
    for cut in (1..fresh().len()).step_by(23) {
        all.push(fresh().as_bytes()[..cut].to_vec());
    }
    for name in HEADERS {
        all.push(without(&fresh(), name).into_bytes());
        all.push(doubled(&fresh(), name).into_bytes());
        for value in VALUES {
            all.push(with(&fresh(), name, value).into_bytes());
            let bye = with(&fresh().replace("INVITE", "BYE"), name, value);
            all.push(bye.into_bytes());
        }
    }
    all.push(with(&fresh(), "Content-Length", "70000").into_bytes());
    all.push(with(&fresh(), "Max-Forwards", &"7".repeat(60_000)).into_bytes());
    // What looks like a mark of our own BYEs, and is none.
    for mark in ["", "0", "g".repeat(32).as_str(), "f".repeat(32).as_str(), "f".repeat(400).as_str()] {
        let via = format!("SIP/2.0/UDP {proxy};branch=z9hG4bKmark{};ims-release={mark}", mark.len());
        all.push(with(&fresh().replace("INVITE", "BYE"), "Via", &via).into_bytes());
    }
    all
}

/// The tags of the first call of a pair of SIPp.
const TAGS: [&str; 2] = ["a-1", "b"];

/// Broken requests inside a live dialog, from a peer to itself, with a CSeq that was used already.
fn broken_within(peer: SocketAddr, proxy: SocketAddr, call_id: &str) -> Vec<Vec<u8>> {
    let [from, to] = TAGS;
    let mut all = Vec::new();
    for (index, name) in HEADERS.iter().enumerate() {
        for (number, value) in VALUES.iter().enumerate() {
            let update = format!(
                "UPDATE sip:x@{peer} SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bKwithin{index}x{number}\r\n\
                 Route: <sip:{proxy};lr>\r\nFrom: \"Alice\" <sip:alice@home1.net>;tag={from}\r\n\
                 To: \"Bob\" <sip:bob@home1.net>;tag={to}\r\nCall-ID: {call_id}\r\nCSeq: 101 UPDATE\r\n\
                 Contact: <sip:evil@{peer}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            );
            all.push(with(&update, name, value).into_bytes());
            all.push(doubled(&update, name).into_bytes());
        }
    }
    all
}

fn refused_messages(host: &dyn Host) -> Result<u64> {
    let stats = host.stats()?;
    let text = stats.get("refused_messages").map(|count| count.to_string().trim_matches('"').to_owned());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| format!("no figure in {stats}"))
}

#[test]
fn garbage_stops_no_call() -> Trial {
    let host = proxy(&[])?;
    let (before, before_call_id) = call(&host, "before", Script::new(&host, Serves::Calling)?)?;
    let mut peers = [Peer::new()?, Peer::at(host.address().ip())?];
    for peer in &mut peers {
        for message in broken(peer.address(), host.address()) {
            peer.send(host.address(), &message)?;
        }
        for message in broken_within(peer.address(), host.address(), &before_call_id) {
            peer.send(host.address(), &message)?;
        }
        // Else they were of no call, and showed nothing.
        let tags = [&before.script.calling.identity, &before.script.called.identity]
            .map(|identity| live::evidence::tag(identity).unwrap_or_default().replace("[call_number]", "1"));
        check(tags == TAGS, || format!("the tags of a call are {tags:?}"))?;
    }
    let ours = host.lines().iter().filter(|line| line.get("ours") == "1").count();
    check(ours == 0, || format!("{ours} broken messages count as ours\n{}", host.log()))?;
    let (after, after_call_id) = call(&host, "after", Script::new(&host, Serves::Called)?)?;
    released_by_rpc(&host, &before, &before_call_id, Serves::Calling)?;
    released_by_rpc(&host, &after, &after_call_id, Serves::Called)?;
    let refused = refused_messages(&host)?;
    check(refused > 0, || "no refused message was counted".to_owned())?;
    Ok(())
}

/// The proxy's own parser takes this INVITE, the library does not: it goes its way, untracked, and is counted.
#[test]
fn what_cannot_be_tracked_goes_its_way() -> Trial {
    let host = proxy(&[])?;
    let (mut calling, mut called) = (Peer::new()?, Peer::new()?);
    let before = refused_messages(&host)?;
    // The method in CSeq is another.
    let refused = with(&invite(calling.address(), host.address(), 1), "CSeq", "7 MESSAGE");
    let refused = refused.replacen(&format!("x@{}", calling.address()), &format!("x@{}", called.address()), 1);
    calling.send(host.address(), refused.as_bytes())?;
    called.await_message(PROMPT, |one| one.is("INVITE"))?;
    check(host.list()?.is_empty(), || "it is in the list".to_owned())?;
    let after = refused_messages(&host)?;
    Ok(check(after > before, || format!("refused messages: {before}, then {after}"))?)
}
