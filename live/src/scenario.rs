// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call as both users play it, written as the two XML scenarios that SIPp runs.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// What a user does with the BYE that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Answers with this code.
    Code(u16),
    /// Never answers.
    Silence,
    /// Answers 200 after so many milliseconds.
    Late(u32),
}

/// What a user does inside the dialog, in order, before it waits for the BYE.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a request and waits for its 200; an INVITE is acknowledged.
    Send {
        /// Method.
        method: &'static str,
        /// CSeq number.
        cseq: u32,
        /// A new contact URI: a target refresh.
        contact: Option<String>,
        /// A further header line.
        header: Option<&'static str>,
    },
    /// Sends a request, with a new contact URI in an INVITE or UPDATE, and waits for a refusal.
    SendInVain {
        /// Method.
        method: &'static str,
        /// CSeq number.
        cseq: u32,
        /// The contact URI that must not count.
        contact: Option<String>,
        /// The code of the refusal.
        code: u16,
    },
    /// Waits for a request and refuses it.
    Refuse {
        /// Method.
        method: &'static str,
        /// The code.
        code: u16,
    },
    /// Sends an INFO that makes the proxy's script release the call; its 200 and the BYE come in any order.
    AskForRelease {
        /// CSeq number.
        cseq: u32,
        /// The header line that the script looks for.
        header: &'static str,
    },
    /// Waits for a request and answers 200; waits for the ACK after an INVITE.
    Take {
        /// Method.
        method: &'static str,
        /// A new contact URI in the 200.
        contact: Option<String>,
    },
    /// Takes a request and the BYE, whichever comes first, and answers 200 to both.
    TakeBesideBye {
        /// Method of the request.
        method: &'static str,
    },
    /// Does nothing for so many milliseconds.
    Pause(u32),
    /// Ends the call itself: sends a BYE and waits for its 200.
    HangUp {
        /// CSeq number.
        cseq: u32,
    },
    /// Waits for the BYE and treats it so.
    Bye(Answer),
}

impl Step {
    /// Of one that is an exchange with a step of the other user the Contact that counts from then on.
    fn contact(&self) -> Option<Option<&str>> {
        match self {
            Self::Send { contact, .. } | Self::Take { contact, .. } => Some(contact.as_deref()),
            Self::SendInVain { .. } | Self::Refuse { .. } => Some(None),
            _ => None,
        }
    }
}

/// Where a user is after so many exchanges.
fn target(user: &User, exchanges: usize) -> &str {
    let contacts = user.steps.iter().filter_map(Step::contact).take(exchanges).flatten();
    crate::message::uri_of(contacts.last().unwrap_or(&user.contact))
}

/// One user.
#[derive(Clone, Debug)]
pub struct User {
    /// Where SIPp is.
    pub address: SocketAddr,
    /// Whole From value of the calling user, whole To value of the called user in its 200.
    pub identity: String,
    /// Whole Contact value.
    pub contact: String,
    /// A Record-Route entry of the user's own outbound proxy (which SIPp plays too).
    pub hop: Option<String>,
    /// What it does after the ACK.
    pub steps: Vec<Step>,
}

/// A call through the proxy.
#[derive(Clone, Debug)]
pub struct Script {
    /// The proxy's socket for the calling user.
    pub proxy: SocketAddr,
    /// The proxy's socket for the called user.
    pub proxy_towards_called: SocketAddr,
    /// How often the call passes through the proxy: twice where it serves both users.
    pub passes: usize,
    /// An application server that the call goes to between two passes.
    pub application_server: Option<SocketAddr>,
    /// The Route of the INVITE; its first entry tells the proxy whom it serves.
    pub route: String,
    /// Whole To value of the INVITE.
    pub to: String,
    /// CSeq number of the INVITE.
    pub cseq: u32,
    /// The calling user.
    pub calling: User,
    /// The called user.
    pub called: User,
    /// Milliseconds between 180 and 200; no 180 when 0.
    pub ringing: u32,
    /// Milliseconds between 200 and ACK.
    pub acknowledge_after: u32,
}

const SDP: &str = "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio 6000 RTP/AVP 0\n";
/// The BYE may still be on its way when SIPp is done: it stays to answer retransmissions.
const LINGER: &str = "  <pause milliseconds=\"20000\"/>\n</scenario>\n";

fn head(name: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"{name}\">\n")
}

fn send(xml: &mut String, lines: &[String], body: bool) {
    let _ = writeln!(xml, "  <send><![CDATA[\n");
    for line in lines {
        let _ = writeln!(xml, "{line}");
    }
    if body {
        let _ = writeln!(xml, "Content-Type: application/sdp\nContent-Length: [len]\n\n{SDP}");
    } else {
        let _ = writeln!(xml, "Content-Length: 0\n\n");
    }
    let _ = writeln!(xml, "  ]]></send>");
}

fn recv_request(xml: &mut String, method: &str) {
    let _ = writeln!(xml, "  <recv request=\"{method}\"/>");
}

fn recv_ok(xml: &mut String) {
    for code in [100, 180] {
        let _ = writeln!(xml, "  <recv response=\"{code}\" optional=\"true\"/>");
    }
    let _ = writeln!(xml, "  <recv response=\"200\"/>");
}

fn pause(xml: &mut String, milliseconds: u32) {
    let _ = writeln!(xml, "  <pause milliseconds=\"{milliseconds}\"/>");
}

fn reply(code: u16) -> Vec<String> {
    let reason = match code {
        180 => "Ringing",
        200 => "OK",
        401 => "Unauthorized",
        403 => "Forbidden",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        488 => "Not Acceptable Here",
        481 => "Call/Transaction Does Not Exist",
        _ => "Answer",
    };
    let mut lines = vec![format!("SIP/2.0 {code} {reason}")];
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        lines.push(format!("[last_{name}:]"));
    }
    let challenge = match code {
        401 => Some("WWW-Authenticate"),
        407 => Some("Proxy-Authenticate"),
        _ => None,
    };
    lines.extend(challenge.map(|name| format!("{name}: Digest realm=\"home1.net\", nonce=\"1\", algorithm=MD5")));
    lines
}

/// The side of a dialog that a user is: what it writes into a request of its own.
struct Side<'a> {
    user: &'a User,
    from: &'a str,
    to: &'a str,
    target: &'a str,
    route: Vec<String>,
}

impl<'a> Side<'a> {
    fn request(&self, method: &str, cseq: u32, contact: Option<&str>, header: Option<&str>) -> Vec<String> {
        let mut lines = vec![
            format!("{method} {} SIP/2.0", self.target),
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]".to_owned(),
            format!("Route: {}", self.route.join(", ")),
            format!("From: {}", self.from),
            format!("To: {}", self.to),
            "Call-ID: [call_id]".to_owned(),
            format!("CSeq: {cseq} {method}"),
            "Max-Forwards: 70".to_owned(),
        ];
        if let Some(contact) = contact {
            lines.push(format!("Contact: {contact}"));
        }
        lines.extend(header.map(str::to_owned));
        lines
    }

    /// All steps; a request goes to the Contact that the other user has given last.
    fn steps(&mut self, xml: &mut String, other: &'a User) {
        let mut exchanges = 0;
        for step in &self.user.steps {
            self.target = target(other, exchanges);
            self.step(xml, step);
            exchanges += usize::from(step.contact().is_some());
        }
    }

    fn step(&self, xml: &mut String, step: &Step) {
        let bodied = |method: &str| method == "INVITE" || method == "UPDATE";
        let contact_for = |method: &str, new: &Option<String>| {
            bodied(method).then(|| new.clone().unwrap_or_else(|| self.user.contact.clone()))
        };
        match step {
            Step::Send { method, cseq, contact, header } => {
                pause(xml, 150);
                let contact = contact_for(method, contact);
                send(xml, &self.request(method, *cseq, contact.as_deref(), *header), bodied(method));
                recv_ok(xml);
                if *method == "INVITE" {
                    send(xml, &self.request("ACK", *cseq, None, None), false);
                }
            }
            Step::SendInVain { method, cseq, contact, code } => {
                pause(xml, 150);
                let contact = contact_for(method, contact);
                send(xml, &self.request(method, *cseq, contact.as_deref(), None), bodied(method));
                let _ = writeln!(xml, "  <recv response=\"100\" optional=\"true\"/>\n  <recv response=\"{code}\"/>");
                if *method == "INVITE" {
                    // The ACK to a refusal belongs to the transaction of the INVITE, three messages ago.
                    let ack = self.request("ACK", *cseq, None, None);
                    let ack: Vec<String> = ack.iter().map(|line| line.replace("[branch]", "[branch-3]")).collect();
                    send(xml, &ack, false);
                }
            }
            Step::Refuse { method, code } => {
                recv_request(xml, method);
                send(xml, &reply(*code), false);
                if *method == "INVITE" {
                    recv_request(xml, "ACK");
                }
            }
            Step::AskForRelease { cseq, header } => {
                pause(xml, 150);
                send(xml, &self.request("INFO", *cseq, None, Some(header)), false);
                let _ = writeln!(xml, "  <recv response=\"100\" optional=\"true\"/>");
                let _ = writeln!(xml, "  <recv response=\"200\" optional=\"true\"/>");
            }
            Step::Take { method, contact } => {
                recv_request(xml, method);
                let mut lines = reply(200);
                lines.extend(contact_for(method, contact).map(|contact| format!("Contact: {contact}")));
                send(xml, &lines, bodied(method));
                if *method == "INVITE" {
                    recv_request(xml, "ACK");
                }
            }
            Step::TakeBesideBye { method } => {
                let _ = writeln!(xml, "  <recv request=\"{method}\" optional=\"true\" next=\"1\"/>");
                recv_request(xml, "BYE");
                send(xml, &reply(200), false);
                recv_request(xml, method);
                let _ = writeln!(xml, "  <nop next=\"2\"/>\n  <label id=\"1\"/>");
                send(xml, &reply(200), false);
                recv_request(xml, "BYE");
                let _ = writeln!(xml, "  <label id=\"2\"/>");
                send(xml, &reply(200), false);
            }
            Step::Pause(milliseconds) => pause(xml, *milliseconds),
            Step::HangUp { cseq } => {
                pause(xml, 150);
                send(xml, &self.request("BYE", *cseq, None, None), false);
                recv_ok(xml);
            }
            Step::Bye(answer) => {
                recv_request(xml, "BYE");
                match answer {
                    Answer::Code(code) => send(xml, &reply(*code), false),
                    Answer::Silence => {}
                    Answer::Late(milliseconds) => {
                        pause(xml, *milliseconds);
                        send(xml, &reply(200), false);
                    }
                }
            }
        }
    }
}

impl Script {
    fn own_entries(&self) -> Vec<String> {
        if self.proxy == self.proxy_towards_called {
            let mut entries = vec![format!("<sip:{};lr>", self.proxy); self.passes];
            entries.splice(1..1, self.application_server.map(|server| format!("<sip:{server};lr>")));
            return entries;
        }
        vec![format!("<sip:{};r2=on;lr>", self.proxy), format!("<sip:{};r2=on;lr>", self.proxy_towards_called)]
    }

    /// What the calling user's SIPp runs.
    pub fn calling_xml(&self) -> String {
        let user = &self.calling;
        let mut xml = head("calling user");
        let mut invite = vec![
            format!("INVITE sip:bob@{} SIP/2.0", self.called.address),
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]".to_owned(),
            format!("Route: {}", self.route),
            format!("From: {}", user.identity),
            format!("To: {}", self.to),
            "Call-ID: [call_id]".to_owned(),
            format!("CSeq: {} INVITE", self.cseq),
            format!("Contact: {}", user.contact),
            "Max-Forwards: 70".to_owned(),
        ];
        invite.extend(user.hop.iter().map(|hop| format!("Record-Route: {hop}")));
        send(&mut xml, &invite, true);
        recv_ok(&mut xml);
        let mut route = self.own_entries();
        route.extend(self.called.hop.clone());
        let target = target(&self.called, 0);
        let mut side = Side { user, from: &user.identity, to: &self.called.identity, target, route };
        if self.acknowledge_after > 0 {
            pause(&mut xml, self.acknowledge_after);
        }
        send(&mut xml, &side.request("ACK", self.cseq, None, None), false);
        side.steps(&mut xml, &self.called);
        xml + LINGER
    }

    /// What the called user's SIPp runs.
    pub fn called_xml(&self) -> String {
        let user = &self.called;
        let mut xml = head("called user");
        recv_request(&mut xml, "INVITE");
        let with_dialog = |code: u16| {
            let mut lines: Vec<String> = reply(code)
                .into_iter()
                .map(|line| if line == "[last_To:]" { format!("To: {}", user.identity) } else { line })
                .collect();
            lines.push(format!("Contact: {}", user.contact));
            lines.extend(user.hop.iter().map(|hop| format!("Record-Route: {hop}")));
            lines.push("[last_Record-Route:]".to_owned());
            lines
        };
        if self.ringing > 0 {
            send(&mut xml, &with_dialog(180), false);
            pause(&mut xml, self.ringing);
        }
        send(&mut xml, &with_dialog(200), true);
        recv_request(&mut xml, "ACK");
        let mut route = self.own_entries();
        route.reverse();
        route.extend(self.calling.hop.clone());
        let target = target(&self.calling, 0);
        let mut side = Side { user, from: &user.identity, to: &self.calling.identity, target, route };
        side.steps(&mut xml, &self.calling);
        xml + LINGER
    }
}
