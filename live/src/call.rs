// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call under way: SIPp at both ends of a proxy.

use std::time::Duration;

use crate::host::{Host, Result};
use crate::loopback::{free_port, own_loopback_address};
use crate::message::Message;
use crate::process::wait_until;
use crate::scenario::{Answer, Script, Step, User};
use crate::sipp::{Load, Sipp};

/// Whom the proxy serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// The calling user.
    Calling,
    /// The called user.
    Called,
    /// Neither.
    Neither,
}

impl Serves {
    /// The word that the script gives to ims_release_track().
    pub fn word(self) -> &'static str {
        match self {
            Self::Calling => "orig",
            Self::Called => "term",
            Self::Neither => "neither",
        }
    }
}

impl Script {
    /// An ordinary call between two users of this proxy; both answer the BYE with 200.
    pub fn new(host: &dyn Host, serves: Serves) -> Result<Self> {
        let (calling, called) = (free_port(own_loopback_address())?, free_port(own_loopback_address())?);
        let user = |address: std::net::SocketAddr, name: &str, tag: &str| User {
            address,
            identity: format!("\"{name}\" <sip:{}@home1.net>;tag={tag}", name.to_lowercase()),
            contact: format!("<sip:{}@{address}>", name.to_lowercase()),
            hop: Some(format!("<sip:{address};lr;hop={}>", name.to_lowercase())),
            steps: vec![Step::Bye(Answer::Code(200))],
        };
        Ok(Self {
            proxy: host.address(),
            proxy_towards_called: host.address_towards_called(),
            passes: 1,
            application_server: None,
            route: format!("<sip:{};lr;role={}>", host.address(), serves.word()),
            to: "<sip:bob@home1.net>".to_owned(),
            cseq: 101,
            calling: user(calling, "Alice", "a-[call_number]"),
            // The same in all calls: SIPp numbers them as they come, and the proxy's workers let one INVITE overtake
            // another.
            called: user(called, "Bob", "b"),
            ringing: 0,
            acknowledge_after: 0,
        }
        .with_to_of_the_called_user())
    }

    /// The To value of the INVITE must be that of the 200 without its tag.
    fn with_to_of_the_called_user(mut self) -> Self {
        self.to = self.called.identity.replace(";tag=b", "");
        self
    }

    /// The URI parameter that tells the script of the proxy what to do with the BYE for this user.
    pub fn ask_the_proxy(user: &mut User, what: &str) {
        user.contact = user.contact.replace('>', &format!(";live={what}>"));
    }
}

/// The two SIPp of one call, or of many calls of one kind.
#[derive(Debug)]
pub struct Call {
    /// The script that both play.
    pub script: Script,
    /// The calling user.
    pub calling: Sipp,
    /// The called user.
    pub called: Sipp,
}

impl Call {
    /// Starts one call.
    pub fn start(host: &dyn Host, name: &str, script: Script) -> Result<Self> {
        // SIPp waits one period of its rate before the first call.
        Self::start_many(host, name, script, Load { calls: 1, rate: 50 }, None)
    }

    /// Starts calls; `call_id` as for SIPp's `-cid_str`.
    pub fn start_many(host: &dyn Host, name: &str, script: Script, load: Load, call_id: Option<&str>) -> Result<Self> {
        let start = |side: &str, xml: &str, address, remote, call_id| {
            Sipp::start(host.directory(), &format!("{name}-{side}"), xml, address, remote, call_id)
                .map_err(|error| format!("sipp: {error}"))
        };
        let called = start("called", &script.called_xml(), script.called.address, None, None)?;
        let address = script.called.address;
        if !wait_until(Duration::from_secs(5), || std::net::UdpSocket::bind(address).is_err()) {
            return Err(format!("SIPp of the called user does not listen: {}", called.complaints()));
        }
        let remote = Some((script.proxy, load));
        let calling = start("calling", &script.calling_xml(), script.calling.address, remote, call_id)?;
        Ok(Self { script, calling, called })
    }

    /// The Call-ID of the (first) call; empty before the INVITE was sent.
    pub fn call_id(&self) -> String {
        self.calling.sent().first().map(Message::call_id).unwrap_or_default()
    }

    /// Waits until both users did all that comes before the BYE.
    pub fn established(&self) -> Result<String> {
        let done = |sipp: &Sipp, steps: &[Step]| {
            let (sent, received) = (sipp.sent(), sipp.received());
            let wanted = steps.iter().filter(|step| match step {
                Step::Send { .. } => true,
                Step::SendInVain { method, .. } => *method != "BYE",
                _ => false,
            });
            let requests = sent
                .iter()
                .filter(|one| one.method().is_some_and(|method| !matches!(method.as_str(), "ACK" | "BYE")))
                .skip(usize::from(sent.first().is_some_and(|first| first.is("INVITE"))));
            let answered = requests
                .filter(|request| {
                    let end = |one: &&Message| one.status().is_some_and(|code| code >= 200);
                    received.iter().filter(end).any(|one| one.cseq() == request.cseq())
                })
                .count();
            answered >= wanted.count()
        };
        let acknowledgements = 1 + [&self.script.calling, &self.script.called]
            .iter()
            .flat_map(|user| &user.steps)
            .filter(|step| matches!(step, Step::Send { method: "INVITE", .. }))
            .count();
        let ready = wait_until(Duration::from_secs(15), || {
            let count = |sipp: &Sipp| sipp.received().iter().filter(|one| one.is("ACK")).count();
            count(&self.calling) + count(&self.called) >= acknowledgements
                && done(&self.calling, &self.script.calling.steps)
                && done(&self.called, &self.script.called.steps)
        });
        if ready {
            return Ok(self.call_id());
        }
        Err(format!(
            "the call was not set up\ncalling user: {}\ncalled user: {}\n{}",
            self.calling.complaints(),
            self.called.complaints(),
            self.transcript()
        ))
    }

    /// Waits until a BYE was received and finally answered, or given up, on both sides.
    pub fn both_byes(&self, limit: Duration) -> bool {
        wait_until(limit, || {
            [&self.calling, &self.called].iter().all(|sipp| sipp.sent().iter().any(|one| one.answers("BYE", 200)))
        })
    }

    /// The BYEs that the called user received, retransmissions included.
    pub fn byes_to_called(&self) -> Vec<Message> {
        self.called.received().into_iter().filter(|one| one.is("BYE")).collect()
    }

    /// The BYEs that the calling user received, retransmissions included.
    pub fn byes_to_calling(&self) -> Vec<Message> {
        self.calling.received().into_iter().filter(|one| one.is("BYE")).collect()
    }

    /// What both ends saw, first lines only, for the text of a failed test.
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for (name, sipp) in [("calling", &self.calling), ("called", &self.called)] {
            for one in sipp.messages() {
                let way = if one.sent { "->" } else { "<-" };
                text += &format!(
                    "{name:8}{way} {:.3} {} [{}]\n",
                    one.time,
                    one.message.start_line(),
                    one.message.header("CSeq")
                );
            }
        }
        text
    }
}
