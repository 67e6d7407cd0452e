// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call between two users who are played by hand: each message when the test wants it, and none that it does not.

use std::net::SocketAddr;
use std::time::Duration;

use crate::call::Serves;
use crate::evidence::{Evidence, Leg};
use crate::host::{Host, Result};
use crate::message::Message;
use crate::peer::{Peer, reply};
use crate::trial::PROMPT;
use crate::verdict::Judge;

const TO_TAG: &str = "b-pair";
/// How the branches of both users begin.
const BRANCH: &str = "branch=z9hG4bK-pair-";

/// A call.
#[derive(Debug)]
pub struct Pair {
    /// Call-ID.
    pub call_id: String,
    proxy: SocketAddr,
    parameter: String,
    calling: Peer,
    called: Peer,
}

impl Pair {
    /// A call that was answered and acknowledged. `live` asks the script of the proxy for something, as the parameter
    /// of both contacts; empty for nothing.
    pub fn new(host: &dyn Host, serves: Serves, live: &str) -> Result<Self> {
        let mut pair = Self::answered(host, serves, live)?;
        pair.acknowledge()?;
        Ok(pair)
    }

    /// The same with further header lines on the INVITE.
    pub fn with_headers(host: &dyn Host, serves: Serves, headers: &[&str]) -> Result<Self> {
        let mut pair = Self::answered_to(host, serves.word(), "", headers)?;
        pair.acknowledge()?;
        Ok(pair)
    }

    /// The same as [`Pair::new`] without the ACK.
    pub fn answered(host: &dyn Host, serves: Serves, live: &str) -> Result<Self> {
        Self::answered_to(host, serves.word(), live, &[])
    }

    /// The same with a role that the script of the proxy knows, and further header lines on the INVITE.
    pub fn answered_to(host: &dyn Host, role: &str, live: &str, headers: &[&str]) -> Result<Self> {
        let (calling, called) = (Peer::new()?, Peer::new()?);
        let here = calling.address();
        let mut pair = Self {
            call_id: format!("pair-{}@{}", here.port(), here.ip()),
            proxy: host.address(),
            parameter: if live.is_empty() { String::new() } else { format!(";live={live}") },
            calling,
            called,
        };
        let invite = format!(
            "INVITE sip:bob@{} SIP/2.0\r\nVia: SIP/2.0/UDP {here};{BRANCH}invite\r\n\
             Route: <sip:{};lr;role={}>\r\nFrom: <sip:alice@home1.net>;tag=a-pair\r\nTo: <sip:bob@home1.net>\r\n\
             Call-ID: {}\r\nCSeq: 101 INVITE\r\nContact: <{}>\r\n{}Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            pair.called.address(),
            pair.proxy,
            role,
            pair.call_id,
            pair.contact(Leg::Calling),
            headers.iter().map(|line| format!("{line}\r\n")).collect::<String>()
        );
        pair.calling.send(pair.proxy, invite.as_bytes())?;
        let received = pair.called.await_message(PROMPT, |one| one.is("INVITE"))?;
        let (to, contact) = (pair.to(), format!("Contact: <{}>", pair.contact(Leg::Called)));
        pair.called.send(pair.proxy, &reply(&received, 200, Some(&to), &[contact]))?;
        pair.calling.await_message(PROMPT, |one| one.answers("INVITE", 200))?;
        Ok(pair)
    }

    /// The calling user acknowledges, and the called one sees it.
    pub fn acknowledge(&mut self) -> Result<()> {
        self.send(Leg::Calling, "ACK", 101)?;
        self.called.await_message(PROMPT, |one| one.is("ACK")).map(|_| ())
    }

    fn to(&self) -> String {
        format!("<sip:bob@home1.net>;tag={TO_TAG}")
    }

    fn contact(&self, leg: Leg) -> String {
        let (name, peer) = if leg == Leg::Calling { ("alice", &self.calling) } else { ("bob", &self.called) };
        format!("sip:{name}@{}{}", peer.address(), self.parameter)
    }

    /// One of the users.
    pub fn user(&mut self, leg: Leg) -> &mut Peer {
        if leg == Leg::Calling { &mut self.calling } else { &mut self.called }
    }

    /// A request of one of the users within the dialog. The same one has the same branch.
    pub fn request(&self, leg: Leg, method: &str, number: u32) -> Vec<u8> {
        let (peer, other) = match leg {
            Leg::Calling => (&self.calling, Leg::Called),
            Leg::Called => (&self.called, Leg::Calling),
        };
        let (alice, bob) = ("<sip:alice@home1.net>;tag=a-pair".to_owned(), self.to());
        let (from, to) = if leg == Leg::Calling { (alice, bob) } else { (bob, alice) };
        let contact = match method {
            "INVITE" | "UPDATE" => format!("Contact: <{}>\r\n", self.contact(leg)),
            _ => String::new(),
        };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};{BRANCH}{method}-{number}\r\n\
             Route: <sip:{proxy};lr>\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             {contact}Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            target = self.contact(other),
            here = peer.address(),
            proxy = self.proxy,
            call_id = self.call_id,
        )
        .into_bytes()
    }

    /// Sends a request.
    pub fn send(&mut self, leg: Leg, method: &str, number: u32) -> Result<()> {
        let (request, proxy) = (self.request(leg, method, number), self.proxy);
        self.user(leg).send(proxy, &request)
    }

    /// Waits for a BYE that is no retransmission of one that came before.
    pub fn bye(&mut self, leg: Leg, limit: Duration) -> Result<Message> {
        let user = self.user(leg);
        let known: Vec<String> = user.received().iter().filter(|one| one.is("BYE")).map(Message::branch).collect();
        user.await_message(limit, |one| one.is("BYE") && !known.contains(&one.branch()))
    }

    /// Answers a request; `lines` stand in the reply too.
    pub fn answer(&mut self, leg: Leg, request: &Message, code: u16, lines: &[String]) -> Result<()> {
        let (answer, proxy) = (reply(request, code, None, lines), self.proxy);
        self.user(leg).send(proxy, &answer)
    }

    /// Both users answer the BYE that comes within this time.
    pub fn answer_byes(&mut self, limit: Duration) -> Result<()> {
        for leg in [Leg::Called, Leg::Calling] {
            let bye = self.bye(leg, limit)?;
            self.answer(leg, &bye, 200, &[])?;
        }
        Ok(())
    }

    /// All that comes to a user in this time.
    pub fn listen(&mut self, leg: Leg, limit: Duration) -> Vec<Message> {
        let user = self.user(leg);
        let before = user.received().len();
        let _ = user.await_message(limit, |_| false);
        user.received()[before..].to_vec()
    }

    /// What both users saw, without the requests that the proxy refused: those do not count for a CSeq. A BYE that one
    /// of them has from the other is none of the proxy's.
    pub fn evidence(&self) -> Evidence {
        let counted = |peer: &Peer| {
            let refused: Vec<_> =
                peer.received().iter().filter(|one| one.status() == Some(481)).map(|one| one.cseq().0).collect();
            let counts = |one: &&Message| one.method().is_none() || !refused.contains(&one.cseq().0);
            peer.sent().iter().filter(counts).cloned().collect()
        };
        let of_a_user = |one: &Message| one.headers("Via").last().is_some_and(|via| via.contains(BRANCH));
        let received =
            |peer: &Peer| peer.received().iter().filter(|one| !(one.is("BYE") && of_a_user(one))).cloned().collect();
        Evidence {
            calling_sent: counted(&self.calling),
            calling_received: received(&self.calling),
            called_sent: counted(&self.called),
            called_received: received(&self.called),
        }
    }

    /// A judge of the release of this call.
    pub fn judge<'a>(&self, host: &'a dyn Host) -> Judge<'a> {
        Judge::of_a_fork(host, &self.call_id, &self.evidence(), TO_TAG)
    }
}
