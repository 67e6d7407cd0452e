// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proxy that hides the topology rewrites what it sends and what it receives, our BYEs included: each user must get one
//! that fits the dialog as that user knows it.

use std::fs;

use live::call::Serves;
use live::evidence::entries;
use live::host::{Host, Result};
use live::kamailio::{AROUND, Kamailio};
use live::message::{Message, uri_of};
use live::peer::{Peer, reply};
use live::trial::{PROMPT, Trial, check, log_of, release};

const SCRIPT: &str = "
modparam(\"ims_release\", \"store\", STORE)

request_route {
    if (is_ims_release()) xlog(\"L_INFO\", \"LIVE bye|call_id=$ci\\n\");
    if (has_totag()) {
        if (loose_route()) t_relay();
        exit;
    }
    if (is_method(\"INVITE\")) {
        record_route();
        ims_release_track(\"SIDE\");
    }
    t_relay();
}

event_route[ims-release:done] {
    xlog(\"L_INFO\", \"LIVE done|call_id=$ims_release(call_id)|outcome=$ims_release(outcome)|called=$ims_release(called_code)|calling=$ims_release(calling_code)\\n\");
}
";

/// A user agent that knows of the dialog what it was told, as any one does.
struct User {
    peer: Peer,
    name: &'static str,
    /// What its requests go by: the Contact and the route of the other side.
    target: String,
    route: Vec<String>,
    from: String,
    to: String,
    call_id: String,
}

impl User {
    fn new(name: &'static str) -> Result<Self> {
        let (target, from, to, call_id) = Default::default();
        Ok(Self { peer: Peer::new()?, name, target, route: Vec::new(), from, to, call_id })
    }

    fn contact(&self) -> String {
        format!("sip:{}@{}", self.name, self.peer.address())
    }

    /// Looks at a BYE, with the eyes of this user, and answers it.
    fn take_bye(&mut self, host: &dyn Host, highest: u64) -> Result<()> {
        let bye = self
            .peer
            .await_message(PROMPT, |one| one.is("BYE"))
            .map_err(|error| format!("{}: {error}\n{}", self.name, host.log()))?;
        let seen = [bye.request_uri().unwrap_or_default(), bye.header("From"), bye.header("To"), bye.call_id()];
        let wanted = [self.contact(), self.to.clone(), self.from.clone(), self.call_id.clone()];
        check(seen == wanted, || format!("{}: {seen:?} instead of {wanted:?}\n{}", self.name, bye.text()))?;
        check(bye.cseq().0 > highest, || format!("{}: CSeq\n{}", self.name, bye.text()))?;
        self.peer.send(host.address(), &reply(&bye, 200, None, &[]))
    }

    fn acknowledge(&mut self, proxy: std::net::SocketAddr) -> Result<()> {
        let here = self.peer.address();
        let route: String = self.route.iter().map(|one| format!("Route: {one}\r\n")).collect();
        let text = format!(
            "ACK {} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-ack\r\n{route}From: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: 101 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            self.target, self.from, self.to, self.call_id
        );
        self.peer.send(proxy, text.as_bytes())
    }
}

/// What a user must not be told of the other one.
fn hides(message: &Message, other: &User) -> Result<()> {
    let address = other.peer.address().to_string();
    let told = ["Via", "Contact", "Record-Route", "Route"].iter().flat_map(|name| message.headers(name));
    let told: Vec<String> = told.filter(|value| value.contains(&address)).collect();
    check(told.is_empty(), || format!("{address} is not hidden in {told:?}"))
}

/// A call that is set up through a proxy with these modules, and released.
fn released(modules: fn(&Kamailio) -> Result<String>, serves: Serves) -> Result<()> {
    let mut host = Kamailio::with_text("")?;
    host.rewrite(&format!("{AROUND}{}{}", modules(&host)?, SCRIPT.replace("SIDE", serves.word())))?;
    host.start()?;
    let (mut calling, mut called) = (User::new("alice")?, User::new("bob")?);
    let here = calling.peer.address();
    calling.call_id = format!("hidden-{}@{}", here.port(), here.ip());
    calling.from = "\"Alice\" <sip:alice@home1.net>;tag=a-1".to_owned();
    let invite = format!(
        "INVITE {} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-invite\r\nFrom: {}\r\nTo: <sip:bob@home1.net>\r\n\
         Call-ID: {}\r\nCSeq: 101 INVITE\r\nContact: <{}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        called.contact(),
        calling.from,
        calling.call_id,
        calling.contact()
    );
    calling.peer.send(host.address(), invite.as_bytes())?;
    let invite = called.peer.await_message(PROMPT, |one| one.is("INVITE"))?;
    hides(&invite, &calling).map_err(|error| format!("{error}\n{}", host.log()))?;
    called.from = format!("{};tag=b-1", invite.header("To"));
    called.to = invite.header("From");
    called.call_id = invite.call_id();
    let answer = reply(&invite, 200, Some(&called.from), &[format!("Contact: <{}>", called.contact())]);
    called.peer.send(host.address(), &answer)?;
    let answer = calling.peer.await_message(PROMPT, |one| one.answers("INVITE", 200))?;
    hides(&answer, &called)?;
    calling.to = answer.header("To");
    calling.target = uri_of(&answer.header("Contact")).to_owned();
    calling.route = entries(&answer.headers("Record-Route")).into_iter().rev().collect();
    calling.acknowledge(host.address())?;
    called.peer.await_message(PROMPT, |one| one.is("ACK"))?;

    release(&host, &calling.call_id)?;
    called.take_bye(&host, 101)?;
    calling.take_bye(&host, 0)?;
    let end = host.outcome(&calling.call_id, PROMPT)?;
    let codes = [end.get("outcome"), end.get("called"), end.get("calling")];
    check(codes == ["completed", "200", "200"], || format!("{codes:?}\n{}", log_of(&host, &calling.call_id)))
}

const TOPOH: &str = "
loadmodule \"topoh.so\"
modparam(\"topoh\", \"mask_key\", \"a key of the test\")
modparam(\"topoh\", \"mask_ip\", \"127.0.0.8\")
";

#[test]
fn masked_by_topoh() -> Trial {
    for serves in [Serves::Calling, Serves::Called, Serves::Neither] {
        released(|_| Ok(TOPOH.to_owned()), serves).map_err(|error| format!("{serves:?}: {error}"))?;
    }
    Ok(())
}

/// topos with its tables in text files, in the directory of the proxy.
fn topos(host: &Kamailio) -> Result<String> {
    let tables = host.directory().join("tables");
    fs::create_dir_all(&tables).map_err(|error| format!("{}: {error}", tables.display()))?;
    for name in ["version", "topos_d", "topos_t"] {
        let path = host.tables().join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        // topos leaves columns empty that the tables of db_text want filled.
        let text = text.replace("(string)", "(string,null)");
        fs::write(tables.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(format!(
        "loadmodule \"db_text.so\"\nloadmodule \"topos.so\"\nmodparam(\"topos\", \"storage\", \"db\")\n\
         modparam(\"topos\", \"db_url\", \"text://{}\")\n",
        tables.display()
    ))
}

#[test]
fn stripped_by_topos() -> Trial {
    for serves in [Serves::Calling, Serves::Called, Serves::Neither] {
        released(topos, serves).map_err(|error| format!("{serves:?}: {error}"))?;
    }
    Ok(())
}
