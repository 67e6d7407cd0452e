// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user whom nothing in its messages makes reachable has its BYE the way it came itself: over the connection that it
//! has opened, or to the address behind which it sits.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use live::call::Serves;
use live::evidence::{Evidence, Leg};
use live::host::{Host, Result};
use live::loopback::own_loopback_address;
use live::message::uri_of;
use live::peer::reply;
use live::process::wait_until;
use live::proxy::{Kind, Proxy};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, check, log_of, opensips_can_not, release};
use live::user::{Transport, User, free_port};
use live::verdict::{Judge, reason, wrong};

const TO_TAG: &str = "b-flow";

/// What a user says of itself.
#[derive(Clone, Copy, PartialEq)]
enum Tells {
    /// Where it is.
    Truth,
    /// An address that only its own network knows.
    Private,
    /// A port where it takes no connection.
    DeadPort,
    /// A name that no name server has (RFC 7118 5).
    Invalid,
    /// Another place of its own, where it listens for datagrams.
    Elsewhere,
}

/// A proxy for this transport; where it listens for it.
fn proxy(transport: Transport, ipv6: bool, more: &[&str]) -> Result<(Proxy, SocketAddr)> {
    let mut defines = match transport {
        Transport::Udp => vec![],
        Transport::Tcp => vec!["WITH_TCP"],
        Transport::Tls => vec!["WITH_TCP", "WITH_TLS"],
        Transport::WebSocket => vec!["WITH_TCP", "WITH_WEBSOCKET"],
    };
    if ipv6 {
        defines.push("WITH_IPV6");
    }
    defines.extend(more);
    let mut host = Proxy::for_tests(&defines)?;
    if transport == Transport::Tls {
        let made = Command::new("openssl")
            .current_dir(host.directory())
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem", "-subj", "/CN=localhost", "-days", "2"])
            .output();
        check(made.as_ref().is_ok_and(|made| made.status.success()), || format!("openssl: {made:?}"))?;
    }
    host.start()?;
    let address = if transport == Transport::Tls { host.address_towards_called() } else { host.address() };
    Ok((host, address))
}

/// A call between two such users.
struct Flow {
    call_id: String,
    contacts: [String; 2],
    calling: User,
    called: User,
    /// Where they are elsewhere.
    elsewhere: [User; 2],
}

impl Flow {
    fn new(host: &dyn Host, proxy: SocketAddr, transport: Transport, tells: Tells, serves: Serves) -> Result<Self> {
        let user = || User::new(transport, if proxy.is_ipv6() { proxy.ip() } else { own_loopback_address() }, proxy);
        let (calling, called) = (user()?, user()?);
        let listener = || User::new(Transport::Udp, own_loopback_address(), host.address());
        let elsewhere = [listener()?, listener()?];
        let contact = |name: &str, user: &User, elsewhere: &User| {
            let host = match tells {
                Tells::Truth => user.address().to_string(),
                Tells::Private if proxy.is_ipv6() => "[fd77::77]:5060".to_owned(),
                Tells::Private => "192.168.77.77:5060".to_owned(),
                Tells::DeadPort => free_port(proxy.ip())?.to_string(),
                Tells::Invalid => format!("{name}77.invalid"),
                Tells::Elsewhere => return Ok(format!("<sip:{name}@{};transport=udp>", elsewhere.address())),
            };
            let parameter = match transport {
                Transport::Udp => String::new(),
                other => format!(";transport={}", other.of_uri()),
            };
            Ok::<_, String>(format!("<sip:{name}@{host}{parameter}>"))
        };
        let contacts = [contact("alice", &calling, &elsewhere[0])?, contact("bob", &called, &elsewhere[1])?];
        let call_id = format!("flow-{}", calling.address());
        let mut flow = Self { call_id, contacts, calling, called, elsewhere };
        let via = transport.of_via();
        let parameter = transport.of_uri();
        // Where the called user is stands here as in a registrar's `received`.
        let invite = format!(
            "INVITE sip:bob@{called};transport={parameter} SIP/2.0\r\nVia: SIP/2.0/{via} {here};rport;branch=z9hG4bK-1\r\n\
             Route: <sip:{proxy};transport={parameter};lr;role={role}>\r\nFrom: <sip:alice@home1.net>;tag=a-flow\r\n\
             To: <sip:bob@home1.net>\r\nCall-ID: {call_id}\r\nCSeq: 101 INVITE\r\nContact: {contact}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            called = flow.called.address(),
            here = flow.calling.address(),
            role = serves.word(),
            call_id = flow.call_id,
            contact = flow.contacts[0],
        );
        flow.calling.send(invite.as_bytes())?;
        let told = |error| format!("{error}\n{}", host.log());
        let received = flow.called.await_message(PROMPT, |one| one.is("INVITE")).map_err(told)?;
        let to = format!("<sip:bob@home1.net>;tag={TO_TAG}");
        flow.called.send(&reply(&received, 200, Some(&to), &[format!("Contact: {}", flow.contacts[1])]))?;
        let answer = flow.calling.await_message(PROMPT, |one| one.answers("INVITE", 200)).map_err(told)?;
        let ack = format!(
            "ACK sip:bob@{called};transport={parameter} SIP/2.0\r\nVia: SIP/2.0/{via} {here};rport;branch=z9hG4bK-2\r\n\
             Route: {route}\r\nFrom: <sip:alice@home1.net>;tag=a-flow\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: 101 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            called = flow.called.address(),
            here = flow.calling.address(),
            route = answer.header("Record-Route"),
            call_id = flow.call_id,
        );
        flow.calling.send(ack.as_bytes())?;
        flow.called.await_message(PROMPT, |one| one.is("ACK")).map_err(told)?;
        Ok(flow)
    }

    fn user(&mut self, leg: Leg) -> &mut User {
        if leg == Leg::Calling { &mut self.calling } else { &mut self.called }
    }

    fn answer_bye(&mut self, leg: Leg, limit: Duration) -> Result<()> {
        let user = self.user(leg);
        let bye = user.await_message(limit, |one| one.is("BYE"))?;
        user.send(&reply(&bye, 200, None, &[]))
    }

    fn evidence(&self) -> Evidence {
        Evidence {
            calling_sent: self.calling.sent().to_vec(),
            calling_received: self.calling.received().to_vec(),
            called_sent: self.called.sent().to_vec(),
            called_received: self.called.received().to_vec(),
        }
    }
}

/// Both users of a call are such; the release must reach both, whomever the proxy serves.
fn released(transport: Transport, ipv6: bool, tells: Tells) -> Trial {
    let (host, proxy) = proxy(transport, ipv6, &[])?;
    let mut all = Vec::new();
    for serves in [Serves::Neither, Serves::Calling, Serves::Called] {
        let mut flow = Flow::new(&host, proxy, transport, tells, serves)?;
        release(&host, &flow.call_id)?;
        for leg in [Leg::Called, Leg::Calling] {
            if let Err(error) = flow.answer_bye(leg, Duration::from_secs(3)) {
                all.push(format!("{serves:?} {leg}: {error}"));
            }
        }
        let end = host.outcome(&flow.call_id, PROMPT)?;
        let mut judge = Judge::of_a_fork(&host, &flow.call_id, &flow.evidence(), TO_TAG);
        judge.both_byes(serves, &reason(CAUSE, TEXT));
        judge.ended("completed", CAUSE, "200", "200");
        if let Some(wrong) = wrong(&judge.verdicts) {
            all.push(format!("{serves:?}: {wrong}\n{end:?}\n{}", log_of(&host, &flow.call_id)));
        }
    }
    Ok(check(all.is_empty(), || all.join("\n"))?)
}

/// Both users are called at their flow or elsewhere.
fn reached(host: &Proxy, flow: &mut Flow, elsewhere: bool) -> Result<()> {
    release(host, &flow.call_id)?;
    let Flow { calling, called, elsewhere: [calling_elsewhere, called_elsewhere], .. } = flow;
    let users = if elsewhere { [called_elsewhere, calling_elsewhere] } else { [called, calling] };
    for user in users {
        let bye =
            user.await_message(PROMPT, |one| one.is("BYE")).map_err(|error| format!("{error}\n{}", host.log()))?;
        user.send(&reply(&bye, 200, None, &[]))?;
    }
    let end = host.outcome(&flow.call_id, PROMPT)?;
    check(end.get("outcome") == "completed", || format!("{end:?}\n{}", log_of(host, &flow.call_id)))
}

#[test]
fn where_the_operator_wants_it() -> Trial {
    for (value, transport, elsewhere) in [
        ("VALUE=0", Transport::Tcp, true),
        ("VALUE=1", Transport::Tcp, false),
        ("VALUE=1", Transport::Udp, true),
        ("VALUE=2", Transport::Udp, false),
    ] {
        let (host, proxy) = proxy(transport, false, &["PARAMETER=\"flow\"", value])?;
        for serves in [Serves::Neither, Serves::Calling, Serves::Called] {
            let mut flow = Flow::new(&host, proxy, transport, Tells::Elsewhere, serves)?;
            reached(&host, &mut flow, elsewhere)
                .map_err(|error| format!("{value} {transport:?} {serves:?}: {error}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_connection_that_is_gone() -> Trial {
    let (host, proxy) = proxy(Transport::Tcp, false, &[])?;
    for serves in [Serves::Neither, Serves::Calling, Serves::Called] {
        let mut flow = Flow::new(&host, proxy, Transport::Tcp, Tells::Elsewhere, serves)?;
        flow.calling.hang_up();
        flow.called.hang_up();
        let connections = || match Kind::wanted() {
            Ok(Kind::Opensips) => {
                let list = host.call("list_tcp_conns", &[]).ok()?.ok()?;
                u64::try_from(list.get("Connections")?.as_array()?.len()).ok()
            }
            _ => host.call("core.tcp_info", &[]).ok()?.ok()?.get("opened_connections")?.as_u64(),
        };
        check(wait_until(PROMPT, || connections() == Some(0)), || format!("connections: {:?}", connections()))?;
        reached(&host, &mut flow, true)?;
    }
    Ok(())
}

#[test]
fn after_a_restart() -> Trial {
    // The connections are gone with it; an address behind NAT is known all the same.
    for (transport, tells) in [(Transport::Tcp, Tells::Elsewhere), (Transport::Udp, Tells::Private)] {
        let (mut host, proxy) = proxy(transport, false, &[])?;
        let calls: Result<Vec<Flow>> = [Serves::Neither, Serves::Calling, Serves::Called]
            .into_iter()
            .map(|serves| Flow::new(&host, proxy, transport, tells, serves))
            .collect();
        host.stop();
        host.start()?;
        for flow in &mut calls? {
            reached(&host, flow, tells == Tells::Elsewhere)?;
        }
    }
    Ok(())
}

/// The script has put the addresses that the messages came from into the Contacts, and a user ends the call itself.
#[test]
fn behind_nat_a_users_own_bye_ends_the_call() -> Trial {
    let (host, proxy) = proxy(Transport::Udp, false, &["WITH_NAT"])?;
    let mut flow = Flow::new(&host, proxy, Transport::Udp, Tells::Private, Serves::Calling)?;
    let answer = flow.calling.received().iter().find(|one| one.answers("INVITE", 200)).cloned().ok_or("no 200")?;
    let target = uri_of(&answer.header("Contact")).to_owned();
    check(target.contains(&flow.called.address().to_string()), || format!("the script has left {target}"))?;
    let bye = format!(
        "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};rport;branch=z9hG4bK-3\r\nRoute: {route}\r\nFrom: {from}\r\n\
         To: {to}\r\nCall-ID: {call_id}\r\nCSeq: 102 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        here = flow.calling.address(),
        route = answer.header("Record-Route"),
        from = answer.header("From"),
        to = answer.header("To"),
        call_id = flow.call_id,
    );
    flow.calling.send(bye.as_bytes())?;
    flow.answer_bye(Leg::Called, PROMPT)?;
    flow.calling.await_message(PROMPT, |one| one.answers("BYE", 200))?;
    let counted = |name| host.statistic(name).unwrap_or_default();
    check(wait_until(PROMPT, || counted("ended_by_user") == 1), || log_of(&host, &flow.call_id))?;
    Ok(check(counted("misdirected") == 0, || log_of(&host, &flow.call_id))?)
}

#[test]
fn over_ipv6() -> Trial {
    released(Transport::Udp, true, Tells::Truth)
}

#[test]
fn behind_nat() -> Trial {
    released(Transport::Udp, false, Tells::Private)
}

#[test]
fn behind_nat_over_ipv6() -> Trial {
    released(Transport::Udp, true, Tells::Private)
}

#[test]
fn over_the_connection_that_a_user_has_opened() -> Trial {
    released(Transport::Tcp, false, Tells::DeadPort)
}

#[test]
fn over_its_connection_from_behind_nat() -> Trial {
    released(Transport::Tcp, false, Tells::Private)
}

#[test]
fn over_its_connection_over_ipv6() -> Trial {
    released(Transport::Tcp, true, Tells::DeadPort)
}

#[test]
fn over_tls() -> Trial {
    if opensips_can_not("speak TLS: its module for it needs libraries that the tree was built without")? {
        return Ok(());
    }
    released(Transport::Tls, false, Tells::DeadPort)
}

#[test]
fn over_websocket() -> Trial {
    if opensips_can_not("speak WebSocket: its module for it is not in the tree")? {
        return Ok(());
    }
    released(Transport::WebSocket, false, Tells::Invalid)
}
